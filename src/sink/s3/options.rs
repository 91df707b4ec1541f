//! The options of the S3 sink.

use std::io;

use super::integrity::S3Integrity;
use crate::error::SinkError;
use crate::sink::http::head;
use crate::sink::http::options::{HttpOptions, Method};

/// The least bytes of a part but the last.
const LEAST_PART: usize = 5 * 1024 * 1024;

/// The most bytes of one request.
const MOST_PART: u64 = 5 * 1024 * 1024 * 1024;

/// The options of an [`S3Sink`](crate::S3Sink). Values are checked by
/// [`S3Sink::with_options`](crate::S3Sink::with_options).
///
/// ```
/// use segment_stream::{HttpOptions, S3Integrity, S3Options};
/// use std::time::Duration;
///
/// let http = HttpOptions::default()
///     .header("x-amz-storage-class", "STANDARD_IA")
///     .timeout(Duration::from_secs(10));
/// let options = S3Options::default().http(http).integrity(S3Integrity::Crc32c);
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct S3Options {
    pub(super) http: HttpOptions,
    pub(super) integrity: S3Integrity,
    pub(super) part_size: usize,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            http: HttpOptions::default(),
            integrity: S3Integrity::default(),
            part_size: 64 * 1024 * 1024,
        }
    }
}

impl S3Options {
    /// Sets the options of the connection: time-outs, certificates, caching rules, content types,
    /// deletion. Its headers go with requests that make an object, and are signed. `timeout` is that
    /// of one request.
    ///
    /// The sink signs requests itself, so [`post`](HttpOptions::post),
    /// [`headers_from`](HttpOptions::headers_from) and a header `Authorization` are errors.
    pub fn http(mut self, options: HttpOptions) -> Self {
        self.http = options;
        self
    }

    /// Sets how the store finds out that an object was damaged on its way; the default is
    /// `Content-MD5`.
    pub fn integrity(mut self, integrity: S3Integrity) -> Self {
        self.integrity = integrity;
        self
    }

    /// Uploads larger objects in parts of this many bytes (multipart upload); the default is 64 MiB,
    /// and the least is 5 MiB. An object of more than 10,000 parts has larger ones.
    pub fn part_size(mut self, bytes: usize) -> Self {
        self.part_size = bytes;
        self
    }

    pub(super) fn check(&self) -> Result<(), SinkError> {
        let refuse = |reason: &str| {
            let cause = io::Error::new(io::ErrorKind::InvalidInput, reason);
            SinkError::permanent(cause).with_operation("use the options of the sink")
        };
        head::check_all(&self.http)?;
        if self.http.method == Method::Post {
            return Err(refuse("objects are uploaded with PUT only"));
        }
        if self.http.headers_from.is_some() {
            return Err(refuse(
                "the sink signs requests itself, without a callback for headers",
            ));
        }
        for (name, _) in &self.http.headers {
            let name = name.to_ascii_lowercase();
            let is_own = [
                "authorization",
                "content-md5",
                "x-amz-date",
                "x-amz-security-token",
            ]
            .contains(&name.as_str())
                || name.starts_with("x-amz-checksum-")
                || name.starts_with("x-amz-content-");
            if is_own {
                return Err(refuse(&format!(
                    "the header {name} is set by the sink itself"
                )));
            }
        }
        if self.part_size < LEAST_PART || self.part_size as u64 > MOST_PART {
            return Err(refuse("the size of a part is not from 5 MiB to 5 GiB"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_a_signature_cannot_have_are_refused() {
        let http = HttpOptions::default;
        S3Options::default().check().unwrap();
        for http in [
            http().post(),
            http().bearer("SECRET"),
            http().header("Content-MD5", "SECRET"),
            http().header("X-Amz-Checksum-CRC32", "SECRET"),
            http().header("x-a", "SECRET\r\n"),
            http().headers_from(|_| Ok(Vec::new())),
        ] {
            let error = S3Options::default().http(http).check().unwrap_err();
            assert!(!format!("{error:?}").contains("SECRET"), "{error}");
        }
        let part = |bytes| S3Options::default().part_size(bytes).check();
        part(LEAST_PART).unwrap();
        part(LEAST_PART - 1).unwrap_err();
    }
}
