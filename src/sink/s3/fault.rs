//! What a reply without success means.

use std::io::ErrorKind;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::bucket::Place;
use super::xml;
use crate::error::SinkError;
use crate::sink::http::classify;
use crate::sink::http::client::Reply;

/// The difference of two clocks from which it is named as a reason. Signatures hold for 15 minutes.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// Why a request had no success.
pub(super) struct Fault {
    /// 0 without a reply.
    pub(super) status: u16,
    /// The code of the store, if the reply has one.
    pub(super) code: Option<String>,
    pub(super) error: SinkError,
}

impl From<SinkError> for Fault {
    fn from(error: SinkError) -> Self {
        Self {
            status: 0,
            code: None,
            error,
        }
    }
}

/// The head of a reply, as far as it says why.
pub(super) struct Head {
    pub(super) status: u16,
    retry_after: Option<Duration>,
    region: Option<String>,
    location: Option<String>,
    /// In seconds since the epoch.
    date: Option<u64>,
}

impl Head {
    pub(super) fn of(reply: &Reply) -> Self {
        let owned = |name| reply.hidden(name).map(str::to_owned);
        Self {
            status: reply.status,
            retry_after: reply.retry_after,
            region: owned("x-amz-bucket-region"),
            location: owned("location"),
            date: reply.hidden("date").and_then(classify::seconds_of),
        }
    }
}

impl Fault {
    /// The meaning of a reply with this text.
    pub(super) fn of(head: &Head, text: &str, place: &Place, now: SystemTime) -> Self {
        let code = code(text);
        let reason = reason(head, code.as_deref(), text, place, now);
        let detail = match (&code, reason) {
            (Some(code), Some(reason)) => Some(format!("{code}: {reason}")),
            (Some(code), None) => Some(code.clone()),
            (None, reason) => reason,
        };
        let code_is = |codes: &[&str]| code.as_deref().is_some_and(|code| codes.contains(&code));
        let error = if code_is(&TRANSIENT) && !classify::is_transient(head.status) {
            let cause = classify::cause(ErrorKind::Other, head.status, detail);
            let error = SinkError::transient(cause).with_known_outcome();
            match head.retry_after {
                Some(time) => error.with_retry_after(time),
                None => error,
            }
        } else if code_is(&ENDED) {
            let cause = classify::cause(ErrorKind::PermissionDenied, head.status, detail);
            SinkError::permanent(cause).with_known_outcome()
        } else if code_is(&["EntityTooLarge"]) {
            let cause = classify::cause(ErrorKind::FileTooLarge, head.status, detail);
            SinkError::permanent(cause).with_known_outcome()
        } else {
            classify::of_status(head.status, detail, head.retry_after)
        };
        Self {
            status: head.status,
            code,
            error,
        }
    }

    pub(super) fn has_code(&self, codes: &[&str]) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| codes.contains(&code))
    }

    /// Whether other keys may help.
    pub(super) fn is_about_keys(&self) -> bool {
        matches!(self.status, 401 | 403) || self.has_code(&ENDED)
    }
}

/// Codes of statuses that are permanent otherwise.
const TRANSIENT: [&str; 6] = [
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "TooManyRequests",
];

/// Codes of a status 400 that are about the session token.
const ENDED: [&str; 3] = ["ExpiredToken", "InvalidToken", "TokenRefreshRequired"];

/// The code of the store. Other text may repeat a secret, so a code is one word of letters.
fn code(text: &str) -> Option<String> {
    let error = xml::elements(text, "Error").next()?;
    let code = xml::text(error, "Code")?;
    let is_code = code.starts_with(|first: char| first.is_ascii_uppercase())
        && code.len() <= 48
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then_some(code)
}

fn reason(
    head: &Head,
    code: Option<&str>,
    text: &str,
    place: &Place,
    now: SystemTime,
) -> Option<String> {
    if let Some(region) = region(head, text)
        && region != place.bucket.region()
    {
        let own = place.bucket.region();
        return Some(format!(
            "the bucket is in the region {region} and not in {own}"
        ));
    }
    if (300..400).contains(&head.status) {
        let location = head.location.clone();
        let target = location.or_else(|| xml::text(text, "Endpoint"))?;
        let target = place.address.redirect(&target);
        return Some(format!("a redirect to {target}, which is not followed"));
    }
    let reason = match code {
        Some("InvalidAccessKeyId") => "the access key is not known",
        Some("NoSuchBucket") => "the bucket does not exist",
        Some("ExpiredToken" | "TokenRefreshRequired") => "the session token has expired",
        Some("InvalidToken") => "the session token is not valid",
        Some("BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch") => {
            "the object was damaged on its way"
        }
        Some("NotImplemented") => "the store does not know the request or one of its headers",
        // A clock that is wrong has any of the other codes.
        Some(_) | None if matches!(head.status, 400 | 401 | 403) => {
            return skew(head.date, now).or_else(|| {
                let reason = match code? {
                    "SignatureDoesNotMatch" => "the secret key is not that of the access key",
                    "AccessDenied" => "the keys have no permission",
                    "RequestTimeTooSkewed" => "the clock of this machine is wrong",
                    _ => return None,
                };
                Some(reason.to_owned())
            });
        }
        _ => return None,
    };
    Some(reason.to_owned())
}

/// The region in which the store says the bucket is.
fn region(head: &Head, text: &str) -> Option<String> {
    let error = xml::elements(text, "Error").next().unwrap_or_default();
    let region = xml::text(error, "Region").or_else(|| head.region.clone())?;
    let is_region = (1..=32).contains(&region.len())
        && region
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    is_region.then_some(region)
}

/// The difference of the clocks, if it is a reason for a refusal.
fn skew(date: Option<u64>, now: SystemTime) -> Option<String> {
    let server = UNIX_EPOCH.checked_add(Duration::from_secs(date?))?;
    let (difference, side) = match now.duration_since(server) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let minutes = difference.as_secs() / 60;
    (difference >= SKEW)
        .then(|| format!("the clock of this machine is {minutes} minutes {side} that of the store"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SinkErrorKind;
    use crate::sink::s3::bucket::S3Bucket;

    fn head(status: u16) -> Head {
        Head {
            status,
            retry_after: None,
            region: None,
            location: None,
            date: None,
        }
    }

    fn fault(head: &Head, inside: &str) -> Fault {
        let bucket = S3Bucket::new("http://s3.example", "eu-west-1", "media");
        let text = format!("<?xml version=\"1.0\"?>\n<Error>{inside}</Error>");
        let now = UNIX_EPOCH + Duration::from_secs(10_000);
        Fault::of(head, &text, &bucket.place().unwrap(), now)
    }

    #[test]
    fn a_code_decides_together_with_the_status() {
        for (status, code, kind, unknown) in [
            (400, "RequestTimeout", SinkErrorKind::Transient, false),
            (409, "OperationAborted", SinkErrorKind::Transient, false),
            (200, "InternalError", SinkErrorKind::Transient, false),
            (503, "SlowDown", SinkErrorKind::Transient, false),
            (500, "InternalError", SinkErrorKind::Transient, true),
            (400, "ExpiredToken", SinkErrorKind::Permanent, false),
            (400, "BadDigest", SinkErrorKind::Permanent, false),
            (400, "EntityTooLarge", SinkErrorKind::TooLarge, false),
            (403, "AccessDenied", SinkErrorKind::Permanent, false),
            (501, "NotImplemented", SinkErrorKind::Unsupported, false),
        ] {
            let fault = fault(&head(status), &format!("<Code>{code}</Code>"));
            assert_eq!(fault.error.kind(), kind, "{status} {code}");
            assert_eq!(
                fault.error.has_unknown_outcome(),
                unknown,
                "{status} {code}"
            );
            assert!(fault.error.to_string().contains(code), "{}", fault.error);
        }
    }

    #[test]
    fn text_of_the_server_is_not_repeated() {
        for inside in [
            "<Code>SECRET+</Code><Message>SECRET</Message>",
            "<Code>secret</Code><StringToSign>SECRET</StringToSign>",
            "<Code>AccessDenied</Code><Region>SECRET</Region><Endpoint>SECRET</Endpoint>",
            "SECRET",
        ] {
            let fault = fault(&head(403), inside);
            let text = format!("{} {:?} {:?}", fault.error, fault.error, fault.code);
            assert!(
                !text.contains("SECRET") && !text.contains("secret"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_wrong_clock_is_named() {
        for (date, expected) in [
            (10_000 - 299, None),
            (10_000 + 299, None),
            (10_000 - 1200, Some("20 minutes ahead of that of the store")),
            (10_000 + 1200, Some("20 minutes behind that of the store")),
        ] {
            let head = Head {
                date: Some(date),
                ..head(403)
            };
            for code in ["AccessDenied", "RequestTimeTooSkewed"] {
                let text = fault(&head, &format!("<Code>{code}</Code>"))
                    .error
                    .to_string();
                match expected {
                    Some(expected) => assert!(text.contains(expected), "{text}"),
                    None => assert!(!text.contains("minutes"), "{text}"),
                }
            }
        }
    }

    #[test]
    fn another_region_or_endpoint_is_named() {
        let inside = "<Code>AuthorizationHeaderMalformed</Code><Region>us-west-2</Region>";
        let text = fault(&head(400), inside).error.to_string();
        let expected = "the bucket is in the region us-west-2 and not in eu-west-1";
        assert!(text.contains(expected), "{text}");
        let inside = "<Code>TemporaryRedirect</Code><Endpoint>media.s3.other</Endpoint>";
        let text = fault(&head(307), inside).error.to_string();
        assert!(text.contains("a redirect to media.s3.other,"), "{text}");
    }
}
