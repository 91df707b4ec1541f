//! The options of the HTTP sink.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::caching::HttpCaching;
use super::resolve::{Lookup, system_lookup};
use crate::error::SinkError;
use crate::sink::ObjectKind;

/// The options of an [`HttpSink`](crate::HttpSink). Values are checked by
/// [`HttpSink::with_options`](crate::HttpSink::with_options).
///
/// [`Debug`](fmt::Debug) prints no credentials and no values of headers.
///
/// ```no_run
/// use segment_stream::{HttpOptions, HttpSink};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), segment_stream::SinkError> {
/// let options = HttpOptions::default()
///     .bearer("a token")
///     .header("X-Channel", "7")
///     .timeout(Duration::from_secs(10));
/// let sink = HttpSink::with_options("http://origin.example/live/", options)?;
/// # let _ = sink;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct HttpOptions {
    pub(in crate::sink) method: Method,
    pub(in crate::sink) headers: Vec<(String, String)>,
    pub(in crate::sink) headers_from: Option<Arc<HeadersFrom>>,
    pub(in crate::sink) content_types: Vec<(String, String)>,
    pub(in crate::sink) caching: HttpCaching,
    pub(in crate::sink) deletion: Deletion,
    pub(in crate::sink) timeout: Duration,
    pub(in crate::sink) connect_timeout: Duration,
    pub(in crate::sink) shutdown_grace: Duration,
    pub(in crate::sink) lookup: Arc<Lookup>,
    #[cfg(feature = "tls")]
    pub(in crate::sink) tls: Tls,
}

pub(in crate::sink) type HeadersFrom =
    dyn Fn(&HttpRequest<'_>) -> Result<Vec<(String, String)>, SinkError> + Send + Sync;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum Method {
    Put,
    Post,
    Get,
    Delete,
    #[cfg_attr(not(feature = "s3"), allow(dead_code, reason = "for the S3 sink"))]
    Head,
}

impl Method {
    pub(in crate::sink) fn name(self) -> &'static str {
        match self {
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Get => "GET",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum Deletion {
    On,
    Off,
}

/// Certificates as PEM text.
#[cfg(feature = "tls")]
#[derive(Clone, Default)]
pub(in crate::sink) struct Tls {
    pub(in crate::sink) roots: Option<Vec<u8>>,
    pub(in crate::sink) client: Option<(Vec<u8>, Vec<u8>)>,
}

/// A request that is about to be sent, for the callback of [`HttpOptions::headers_from`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct HttpRequest<'a> {
    pub(in crate::sink) method: Method,
    pub(in crate::sink) name: &'a str,
    pub(in crate::sink) object: ObjectKind,
    pub(in crate::sink) refusal: Option<u16>,
}

impl HttpRequest<'_> {
    /// The method: `PUT`, `POST`, `GET` or `DELETE`.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method.name()
    }

    /// The name of the object, as its path hint has it, with `/` between its parts.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// The kind of the object.
    #[must_use]
    pub fn object(&self) -> ObjectKind {
        self.object
    }

    /// The status 401 or 403, if the server has refused this request with the last headers. New
    /// credentials are due: there is no third request.
    #[must_use]
    pub fn refusal(&self) -> Option<u16> {
        self.refusal
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            method: Method::Put,
            headers: Vec::new(),
            headers_from: None,
            content_types: Vec::new(),
            caching: HttpCaching::default(),
            deletion: Deletion::On,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            shutdown_grace: Duration::from_secs(3),
            lookup: Arc::new(system_lookup),
            #[cfg(feature = "tls")]
            tls: Tls::default(),
        }
    }
}

impl HttpOptions {
    /// Uploads with POST; the default is PUT.
    pub fn post(mut self) -> Self {
        self.method = Method::Post;
        self
    }

    /// Sends this header with every request. A header of the same name is replaced.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        set(&mut self.headers, name.into(), value.into());
        self
    }

    /// Authenticates with a user name, which must not contain a colon, and a password.
    pub fn basic(self, user: &str, password: &str) -> Self {
        if user.contains(':') {
            // Refused with the other headers that are malformed.
            return self.header("Authorization", "\0");
        }
        let credentials = base64(format!("{user}:{password}").as_bytes());
        self.header("Authorization", format!("Basic {credentials}"))
    }

    /// Authenticates with a bearer token (RFC 6750).
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Sends the headers that `callback` returns, for tokens that expire. It is called before each
    /// request, on the writer's thread, and its time is not limited. Its headers replace
    /// [static](HttpOptions::header) ones of the same name.
    ///
    /// After a 401 or 403 it is called again, with the [refusal](HttpRequest::refusal), and the
    /// request is sent once more. If the callback returns an error, the request fails with it; the
    /// message must not contain a secret.
    pub fn headers_from<F>(mut self, callback: F) -> Self
    where
        F: Fn(&HttpRequest<'_>) -> Result<Vec<(String, String)>, SinkError> + Send + Sync + 'static,
    {
        self.headers_from = Some(Arc::new(callback));
        self
    }

    /// Sets the content type of names that end in `.extension`. By default the usual types of HLS
    /// and DASH are known, and any other name is `application/octet-stream`.
    pub fn content_type(
        mut self,
        extension: impl Into<String>,
        content_type: impl Into<String>,
    ) -> Self {
        self.content_types
            .insert(0, (extension.into(), content_type.into()));
        self
    }

    /// Sets the caching rules.
    pub fn caching(mut self, caching: HttpCaching) -> Self {
        self.caching = caching;
        self
    }

    /// Never sends DELETE: [`remove`](crate::SegmentSink::remove) is
    /// [`Unsupported`](crate::SinkErrorKind::Unsupported). For origins that delete by themselves.
    pub fn without_deletion(mut self) -> Self {
        self.deletion = Deletion::Off;
        self
    }

    /// Sets the longest time of a call, from the resolution of the name to the end of the reply;
    /// the default is 30 s. The [deadline](crate::WriteContext::deadline) of the call counts if it
    /// is sooner.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the longest time of a TCP connect to one address; the default is 5 s. The next address
    /// is tried after 250 ms, beside the first.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the time without a byte sent or received after which a call is cut short while the
    /// stream shuts down; the default is 3 s. Segments that are queued at the shutdown are still
    /// uploaded, as long as the server takes them.
    pub fn shutdown_grace(mut self, time: Duration) -> Self {
        self.shutdown_grace = time;
        self
    }

    /// Resolves the host and the port of the origin with `lookup` instead of the system's
    /// resolver. It is called on a thread of its own, one call at a time.
    pub fn resolve_with<F>(mut self, lookup: F) -> Self
    where
        F: Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    {
        self.lookup = Arc::new(lookup);
        self
    }

    /// Trusts the certificates in this PEM text and no others. By default Mozilla's list, as of the
    /// build, is trusted.
    #[cfg(feature = "tls")]
    pub fn private_ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.roots = Some(pem.into());
        self
    }

    /// Authenticates with a client certificate: its chain and its private key, as PEM text.
    #[cfg(feature = "tls")]
    pub fn client_certificate(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.tls.client = Some((chain.into(), key.into()));
        self
    }
}

/// Replaces the header of this name, or adds it.
pub(in crate::sink) fn set(headers: &mut Vec<(String, String)>, name: String, value: String) {
    headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
    headers.push((name, value));
}

/// Base64 with padding (RFC 4648 §4).
pub(in crate::sink) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            let is_padding = place > group.len();
            text.push(if is_padding {
                '='
            } else {
                char::from(ALPHABET[index as usize])
            });
        }
    }
    text
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |headers: &[(String, String)]| {
            headers
                .iter()
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };
        f.debug_struct("HttpOptions")
            .field("method", &self.method.name())
            .field("headers", &names(&self.headers))
            .field("content_types", &self.content_types)
            .field("caching", &self.caching)
            .field("deletion", &self.deletion)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("shutdown_grace", &self.shutdown_grace)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
    }

    #[test]
    fn debug_prints_no_secret() {
        let options = HttpOptions::default()
            .basic("me", "SECRET")
            .header("X-Key", "SECRET")
            .headers_from(|_| Ok(vec![("X".to_owned(), "SECRET".to_owned())]));
        let text = format!("{options:?}");
        assert!(text.contains("X-Key") && !text.contains("SECRET"), "{text}");
    }
}
