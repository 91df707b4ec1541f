//! Where objects go: a bucket, and the prefix of their names.

use std::io;
use std::path::Path;

use rusty_s3::{Bucket, UrlStyle};

use crate::error::SinkError;
use crate::sink::http::address::{self, Address};

/// The most bytes of a name.
const KEY_LIMIT: usize = 1024;

/// A bucket of an object store. Values are checked by [`S3Sink::new`](crate::S3Sink::new).
///
/// ```
/// use segment_stream::S3Bucket;
///
/// // Objects are `https://s3.eu-central-1.amazonaws.com/media/live/7/00000.ts` and so on.
/// let bucket = S3Bucket::new("https://s3.eu-central-1.amazonaws.com", "eu-central-1", "media")
///     .prefix("live/7");
/// # let _ = bucket;
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct S3Bucket {
    endpoint: String,
    region: String,
    name: String,
    prefix: String,
    style: Style,
}

#[derive(Debug, Clone, Copy)]
enum Style {
    Path,
    VirtualHost,
}

impl S3Bucket {
    /// A bucket by the URL of the store, the region (of some stores `auto` or any), and its name.
    /// `https://` needs the feature `tls`.
    pub fn new(
        endpoint: impl Into<String>,
        region: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            endpoint: endpoint.into(),
            region: region.into(),
            name: name.into(),
            prefix: String::new(),
            style: Style::Path,
        }
    }

    /// Puts all objects below `prefix`. A `/` between them is added.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Uses `https://bucket.endpoint/` instead of `https://endpoint/bucket/`.
    pub fn virtual_host(mut self) -> Self {
        self.style = Style::VirtualHost;
        self
    }

    pub(super) fn place(&self) -> Result<Place, SinkError> {
        Address::parse(&self.endpoint)?;
        if self.endpoint.contains('?') {
            return Err(refuse("the endpoint has a query"));
        }
        let is_label = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.name.is_empty() || !self.name.bytes().all(is_label) {
            return Err(refuse("the name of the bucket is malformed"));
        }
        if self.region.is_empty() || !self.region.bytes().all(is_label) {
            return Err(refuse("the region is malformed"));
        }
        let style = match self.style {
            Style::Path => UrlStyle::Path,
            Style::VirtualHost => UrlStyle::VirtualHost,
        };
        let endpoint = self.endpoint.parse();
        let endpoint = endpoint.map_err(|_| refuse("the endpoint is not a URL"))?;
        let bucket = Bucket::new(endpoint, style, self.name.clone(), self.region.clone())
            .map_err(|_| refuse("the name of the bucket cannot be part of a host"))?;
        let prefix = self.prefix.trim_end_matches('/');
        let prefix = match prefix {
            "" if self.prefix.is_empty() => String::new(),
            prefix => address::name(Path::new(prefix))
                .map(|name| format!("{name}/"))
                .map_err(|cause| refuse(&format!("the prefix of the bucket: {cause}")))?,
        };
        Ok(Place {
            // The host with the bucket in it, if it is there, and without a port that is the usual.
            address: Address::parse(bucket.base_url().as_str())?,
            bucket,
            prefix,
        })
    }
}

/// A bucket that was checked.
pub(super) struct Place {
    pub(super) bucket: Bucket,
    pub(super) address: Address,
    /// Empty, or with a `/` at its end.
    pub(super) prefix: String,
}

impl Place {
    /// The key of an object by its path hint.
    pub(super) fn key(&self, hint: &Path) -> Result<String, SinkError> {
        let refuse = |cause| SinkError::during("use the path hint", hint, cause);
        let key = format!("{}{}", self.prefix, address::name(hint).map_err(refuse)?);
        if key.len() > KEY_LIMIT {
            let message = format!("with the prefix it is longer than {KEY_LIMIT} bytes");
            let cause = io::Error::new(io::ErrorKind::InvalidFilename, message);
            return Err(refuse(cause));
        }
        Ok(key)
    }
}

fn refuse(reason: &str) -> SinkError {
    let cause = io::Error::new(io::ErrorKind::InvalidInput, reason);
    SinkError::permanent(cause).with_operation("use the bucket of the sink")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(bucket: &S3Bucket) -> Place {
        bucket.place().unwrap()
    }

    #[test]
    fn the_bucket_is_in_the_path_or_in_the_host() {
        let bucket = S3Bucket::new("http://s3.example:9000/store", "auto", "media");
        let url = |bucket: &S3Bucket| place(bucket).bucket.object_url("a b/1.ts").to_string();
        assert_eq!(
            url(&bucket),
            "http://s3.example:9000/store/media/a%20b/1.ts"
        );
        let bucket = bucket.virtual_host();
        assert_eq!(
            url(&bucket),
            "http://media.s3.example:9000/store/a%20b/1.ts"
        );
        assert_eq!(place(&bucket).address.authority, "media.s3.example:9000");
        let bucket = S3Bucket::new("http://s3.example:80", "auto", "media");
        assert_eq!(place(&bucket).address.authority, "s3.example");
    }

    #[test]
    fn a_key_is_below_the_prefix() {
        let bucket = S3Bucket::new("http://s3.example", "auto", "media");
        for (prefix, expected) in [
            ("", "a/1.ts"),
            ("live", "live/a/1.ts"),
            ("live/7/", "live/7/a/1.ts"),
        ] {
            let place = place(&bucket.clone().prefix(prefix));
            assert_eq!(place.key(Path::new("./a/1.ts")).unwrap(), expected);
        }
        let place = place(&bucket.clone().prefix("p".repeat(1000)));
        place.key(Path::new(&"n".repeat(23))).unwrap();
        for hint in ["n".repeat(24).as_str(), "../a", "/a", "a/", ""] {
            place.key(Path::new(hint)).unwrap_err();
        }
    }

    #[test]
    fn a_bucket_that_cannot_be_used_is_refused_without_its_url() {
        for (endpoint, region, name, prefix) in [
            ("ftp://SECRET", "r", "b", ""),
            ("http://me:SECRET@o", "r", "b", ""),
            ("http://o/?SECRET", "r", "b", ""),
            ("http://o", "", "b", ""),
            ("http://o", "r/s", "b", ""),
            ("http://o", "r", "", ""),
            ("http://o", "r", "b/c", ""),
            ("http://o", "r", "b", "../x"),
            ("http://o", "r", "b", "/"),
        ] {
            let bucket = S3Bucket::new(endpoint, region, name).prefix(prefix);
            let Err(error) = bucket.place() else {
                panic!("{bucket:?} was accepted");
            };
            assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
        }
    }
}
