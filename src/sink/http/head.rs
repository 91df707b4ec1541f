//! The head of a request.

use std::fmt::Write as _;
use std::io;

use super::options::{HttpOptions, HttpRequest, Method, set};
use crate::error::SinkError;
use crate::internal::unwind::catch;

/// Headers that the sink sets itself.
const OWN: [&str; 6] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "trailer",
    "transfer-encoding",
];

/// The head as it is sent.
pub(in crate::sink) fn head(
    options: &HttpOptions,
    authority: &str,
    target: &str,
    request: &HttpRequest<'_>,
    own: &[(&str, String)],
) -> Result<Vec<u8>, SinkError> {
    let mut headers: Vec<(String, String)> = own
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    for (name, value) in &options.headers {
        set(&mut headers, name.clone(), value.clone());
    }
    if let Some(callback) = &options.headers_from {
        let fresh = catch(|| callback(request)).unwrap_or_else(|panic| {
            let message = format!("the callback for headers panicked: {panic}");
            Err(SinkError::permanent(message))
        })?;
        check(&fresh)?;
        for (name, value) in fresh {
            set(&mut headers, name, value);
        }
    }
    let mut head = format!(
        "{} {target} HTTP/1.1\r\nHost: {authority}\r\n",
        request.method()
    );
    for (name, value) in &headers {
        // Writing to a `String` cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    Ok(head.into_bytes())
}

/// Fails if a header or a content type of the options could not be sent as it is.
pub(in crate::sink) fn check_all(options: &HttpOptions) -> Result<(), SinkError> {
    check(&options.headers)?;
    let types = options.content_types.iter();
    let types: Vec<_> = types
        .map(|(_, value)| ("Content-Type".to_owned(), value.clone()))
        .collect();
    check(&types)
}

/// Fails if a header could not be sent as it is, or is the sink's own. The message has the name of
/// the header at most.
pub(super) fn check(headers: &[(String, String)]) -> Result<(), SinkError> {
    for (name, value) in headers {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let reason = if name.is_empty() || !name.bytes().all(is_token) {
            "a name of a header is malformed".to_owned()
        } else if value.chars().any(char::is_control) {
            format!("the value of the header {name} is malformed")
        } else if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            format!("the header {name} is set by the sink itself")
        } else {
            continue;
        };
        let cause = io::Error::new(io::ErrorKind::InvalidInput, reason);
        return Err(SinkError::permanent(cause).with_operation("use the options of the sink"));
    }
    Ok(())
}

/// The verb of an error message, which goes before the origin.
pub(in crate::sink) fn verb(method: Method) -> &'static str {
    match method {
        Method::Put | Method::Post => "upload to",
        Method::Get | Method::Head => "download from",
        Method::Delete => "delete from",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_cannot_add_another_one() {
        for (name, value) in [
            ("X", "a\r\nY: SECRET"),
            ("X", "a\nSECRET"),
            ("X\r\nY", "SECRET"),
            ("X: Y", "SECRET"),
            ("", "SECRET"),
            ("content-LENGTH", "SECRET"),
        ] {
            let error = check(&[(name.to_owned(), value.to_owned())]).unwrap_err();
            assert!(!format!("{error:?}").contains("SECRET"), "{error}");
        }
        assert!(check(&[("X-Key".to_owned(), "a b\u{e9}".to_owned())]).is_ok());
    }
}
