//! What a status or a failed connection means.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ureq::http::StatusCode;

use super::call::Stage;
use crate::error::SinkError;

/// A status that is no success. The text of the server is left out, as it may repeat a secret.
#[derive(Debug)]
struct Refused {
    status: u16,
    detail: Option<String>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server replied {}", self.status)?;
        let status = StatusCode::from_u16(self.status).ok();
        if let Some(reason) = status.and_then(|status| status.canonical_reason()) {
            write!(f, " {reason}")?;
        }
        match &self.detail {
            Some(detail) => write!(f, ", {detail}"),
            None => Ok(()),
        }
    }
}

impl Error for Refused {}

/// Whether the same request may succeed later.
pub(in crate::sink) fn is_transient(status: u16) -> bool {
    match status {
        408 | 425 | 429 => true,
        501 | 505 => false,
        status => (500..600).contains(&status),
    }
}

/// The cause of an error: a status, and what is known about it.
pub(in crate::sink) fn cause(kind: ErrorKind, status: u16, detail: Option<String>) -> io::Error {
    io::Error::new(kind, Refused { status, detail })
}

/// The error of a reply whose status is no success.
pub(in crate::sink) fn of_status(
    status: u16,
    detail: Option<String>,
    retry_after: Option<Duration>,
) -> SinkError {
    let kind = match status {
        401 | 403 => ErrorKind::PermissionDenied,
        404 | 410 => ErrorKind::NotFound,
        405 | 415 | 501 => ErrorKind::Unsupported,
        413 => ErrorKind::FileTooLarge,
        507 => ErrorKind::StorageFull,
        _ => ErrorKind::Other,
    };
    let cause = cause(kind, status, detail);
    if !is_transient(status) {
        return SinkError::permanent(cause).with_known_outcome();
    }
    let error = SinkError::transient(cause);
    let error = match status {
        // The server stopped on its way, or a gateway did not hear from the server behind it.
        408 | 500 | 502 | 504 => error.with_unknown_outcome(),
        _ => error.with_known_outcome(),
    };
    match retry_after {
        Some(time) => error.with_retry_after(time),
        None => error,
    }
}

/// The error of a request without a usable reply.
pub(super) fn of_failure(error: ureq::Error, stage: Stage) -> SinkError {
    let garbage = |text: &'static str| io::Error::new(ErrorKind::InvalidData, text);
    let cause = match error {
        ureq::Error::Io(error) => {
            if is_refused_handshake(&error) {
                return SinkError::permanent(error).with_known_outcome();
            }
            error
        }
        // The text may repeat parts of the reply.
        ureq::Error::Protocol(_) => garbage("the reply is not HTTP"),
        ureq::Error::LargeResponseHeader(..) => garbage("the head of the reply is too long"),
        error => io::Error::other(error),
    };
    let error = SinkError::transient(cause);
    if stage < Stage::Send {
        error.with_known_outcome()
    } else {
        error.with_unknown_outcome()
    }
}

/// Whether one side refuses the certificate of the other, or they have no version in common.
/// Another attempt does not change that, and the server has not taken the request.
#[cfg(feature = "tls")]
fn is_refused_handshake(error: &io::Error) -> bool {
    use rustls::{AlertDescription as Alert, Error};

    match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(Error::InvalidCertificate(_) | Error::PeerIncompatible(_)) => true,
        Some(Error::AlertReceived(alert)) => matches!(
            alert,
            Alert::AccessDenied
                | Alert::BadCertificate
                | Alert::CertificateExpired
                | Alert::CertificateRequired
                | Alert::CertificateRevoked
                | Alert::CertificateUnknown
                | Alert::HandshakeFailure
                | Alert::ProtocolVersion
                | Alert::UnknownCA
                | Alert::UnsupportedCertificate
        ),
        _ => false,
    }
}

#[cfg(not(feature = "tls"))]
fn is_refused_handshake(_: &io::Error) -> bool {
    false
}

/// The time of `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let date = UNIX_EPOCH.checked_add(Duration::from_secs(seconds_of(value)?))?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// The Unix time of an IMF-fixdate, as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(in crate::sink) fn seconds_of(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, date) = date.split_once(", ")?;
    let mut parts = date.split(' ');
    let day: u64 = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let month = 1 + MONTHS.iter().position(|month| *month == name)? as u64;
    let year: u64 = parts.next()?.parse().ok()?;
    let mut time = parts.next()?.split(':').map(|part| part.parse().ok());
    let mut next = || time.next().flatten();
    let (hours, minutes, seconds): (u64, u64, u64) = (next()?, next()?, next()?);
    let is_date = (1970..=9999).contains(&year) && (1..=31).contains(&day);
    if !is_date || hours > 23 || minutes > 59 || seconds > 60 || parts.next() != Some("GMT") {
        return None;
    }
    // Days since the epoch, in years that begin with March, so that leap days come last.
    let years = if month <= 2 { year - 1 } else { year };
    let months = (month + 9) % 12;
    let days = years * 365 + years / 4 - years / 100 + years / 400 + (months * 153 + 2) / 5 + day;
    Some(((days - 719_469) * 24 + hours) * 3600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SinkErrorKind;

    #[test]
    fn a_status_decides_about_the_next_attempt() {
        for (statuses, expected) in [
            (
                &[408, 425, 429, 500, 502, 503, 504, 507, 599][..],
                SinkErrorKind::Transient,
            ),
            (&[405, 415, 501], SinkErrorKind::Unsupported),
            (&[413], SinkErrorKind::TooLarge),
            (
                &[301, 307, 400, 401, 403, 404, 409, 410, 451, 505],
                SinkErrorKind::Permanent,
            ),
        ] {
            for status in statuses {
                assert_eq!(of_status(*status, None, None).kind(), expected, "{status}");
            }
        }
        let full = of_status(507, None, None);
        assert_eq!(full.io_kind(), ErrorKind::StorageFull);
    }

    #[test]
    fn a_gateway_may_have_passed_the_object_on() {
        for status in [408, 500, 502, 504] {
            assert!(of_status(status, None, None).has_unknown_outcome());
        }
        for status in [307, 403, 404, 429, 501, 503, 507] {
            assert!(
                !of_status(status, None, None).has_unknown_outcome(),
                "{status}"
            );
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777 - 60);
        for (value, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(60)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            (
                "Fri, 01 Mar 2024 00:00:00 GMT",
                Some(1_709_251_200 - 784_111_717),
            ),
            (
                "Thu, 29 Feb 2024 23:59:59 GMT",
                Some(1_709_251_199 - 784_111_717),
            ),
            ("-1", None),
            ("soon", None),
            ("99999999999999999999999", None),
            ("Sun, 06 Nov 1994", None),
        ] {
            let found = retry_after(value, now).map(|time| time.as_secs());
            assert_eq!(found, expected, "{value}");
        }
    }
}
