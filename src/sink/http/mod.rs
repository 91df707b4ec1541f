//! The HTTP sink: objects below a URL.
//!
//! [`address`] makes a URL of a name, [`head`] and [`caching`] the head of a request, and
//! [`classify`] an error of a reply. A [`client`] sends requests. ureq frames requests and replies
//! and speaks TLS. The connections are the sink's own: [`resolve`] and [`connect`] make them,
//! [`socket`] holds them to the limits of the [`call`], and [`veil`] keeps secrets from ureq's log.

pub(in crate::sink) mod address;
pub(in crate::sink) mod caching;
pub(in crate::sink) mod call;
pub(in crate::sink) mod classify;
pub(in crate::sink) mod client;
mod connect;
pub(in crate::sink) mod head;
pub(in crate::sink) mod options;
mod resolve;
mod socket;
#[cfg(feature = "tls")]
mod tls;
mod veil;

pub use caching::HttpCaching;
pub use options::{HttpOptions, HttpRequest};

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use log::Level;

use self::address::Address;
use self::call::Wanted;
use self::client::{Client, Origin, Outgoing, Reply};
use self::options::{Deletion, Method};
use crate::error::SinkError;
use crate::internal::log::log;
use crate::segment::ProducedSegment;
use crate::sink::{ObjectKind, SegmentSink, WriteContext};

/// A sink that uploads each segment to an HTTP origin, under the URL and the path hint.
///
/// **Stored.** A write is `Ok` only if the server replied with a status from 200 to 299 after it
/// had the whole object. `Content-Length` is always sent; requests are never chunked. A redirect is
/// not followed.
///
/// **Never half.** An upload that is cut short leaves the old object or none if the server stores
/// whole requests only, as nginx and object stores do.
///
/// **Names.** A hint must be relative, without `..`, and is percent-encoded behind the path of the
/// URL; a query stays behind it. If the query of the URL ends in `=`, the name is appended to it as
/// it is. A segment without a hint has no destination, as in [`DiskSink`](crate::DiskSink).
///
/// **Errors.** The sink makes one attempt, and the stream retries as its
/// [`RetryPolicy`](crate::RetryPolicy) says:
///
/// | Reply | Meaning |
/// |---|---|
/// | 2xx | success |
/// | 408, 425, 429, 5xx (not 501, 505), a failed or garbled connection, a time-out | transient; `Retry-After` counts; the next attempt resolves the name again and has a new connection |
/// | 507 | transient: the disk of the server is full |
/// | 401, 403 | new headers [from the callback](HttpOptions::headers_from), once; then permanent |
/// | 413 | permanent: [`TooLarge`](crate::SinkErrorKind::TooLarge) |
/// | 404, 410 | to DELETE a success, to GET no object; otherwise permanent |
/// | 405, 415, 501 | permanent: [`Unsupported`](crate::SinkErrorKind::Unsupported). After one to DELETE, no further DELETE is sent |
/// | 3xx | permanent; the error names the target |
/// | any other, a refused certificate | permanent |
///
/// After the request began to be sent, a failed connection has an [unknown
/// outcome](SinkError::has_unknown_outcome), and so has a 408, 500, 502 or 504. A DELETE that
/// succeeds is no proof that the object is gone, as some servers accept and ignore it.
///
/// **Time.** Every call ends by its [deadline](WriteContext::deadline), and within
/// [`HttpOptions::timeout`] (30 s by default). A callback's own time is not limited. While the
/// stream shuts down, a call that has stalled is cut short ([`HttpOptions::shutdown_grace`]).
///
/// **Size.** At most 64 KiB of a reply are read, except for an object. [`read`](SegmentSink::read)
/// reads an object of up to [`WriteContext::read_limit`] bytes, and only if the reply says how long
/// it is.
///
/// **Secrets.** Errors, log lines and [`Debug`](fmt::Debug) have the scheme, host and port of the
/// URL, path hints and statuses. They never have the rest of the URL, the value of a header or text
/// of the server. This includes ureq's own log lines.
///
/// **Several writers** ([`with_writers`](crate::SegmentStream::with_writers)) take clones of one
/// sink. Each clone has one persistent connection of its own. The addresses of the origin are
/// shared, and so is the knowledge that it does not delete.
///
/// ```no_run
/// use segment_stream::{
///     HttpOptions, HttpSink, ProducedSegment, SegmentStream, SegmentStreamConfig,
/// };
///
/// # fn main() -> std::io::Result<()> {
/// let options = HttpOptions::default().basic("packager", "password");
/// let sink = HttpSink::with_options("http://origin.example/live/", options)?;
/// let config = SegmentStreamConfig::default();
/// let (stream, sender) = SegmentStream::with_writers(config, 4, |_| sink.clone())?;
/// sender.send(ProducedSegment::media(0, vec![0x47; 188], 2.0).with_path("00000.ts"))?;
/// stream.finish()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct HttpSink {
    shared: Arc<Shared>,
    client: Client,
}

/// What clones share.
struct Shared {
    origin: Arc<Origin>,
    options: HttpOptions,
    refuses_deletion: AtomicBool,
}

/// A request without its limits.
struct Ask<'a> {
    method: Method,
    hint: &'a Path,
    name: String,
    object: ObjectKind,
    /// The headers of the sink.
    headers: Vec<(&'static str, String)>,
    body: Option<&'a [u8]>,
}

impl HttpSink {
    /// A sink that uploads with PUT below `url`, which begins with `http://`, or with `https://`
    /// under feature `tls`.
    ///
    /// # Errors
    ///
    /// The URL cannot be used. The error is permanent, and its message has no part of the URL.
    pub fn new(url: &str) -> Result<Self, SinkError> {
        Self::with_options(url, HttpOptions::default())
    }

    /// A sink with options.
    ///
    /// # Errors
    ///
    /// The URL, a header, or a certificate cannot be used.
    pub fn with_options(url: &str, options: HttpOptions) -> Result<Self, SinkError> {
        let address = Address::parse(url)?;
        head::check_all(&options)?;
        Ok(Self::of(Arc::new(Shared {
            origin: Origin::new(address, &options)?,
            options,
            refuses_deletion: AtomicBool::new(false),
        })))
    }

    fn of(shared: Arc<Shared>) -> Self {
        let client = Client::new(Arc::clone(&shared.origin));
        Self { shared, client }
    }

    /// Sends the request, and once more with new headers if it is refused with 401 or 403.
    fn ask(&mut self, ask: &Ask<'_>, context: &WriteContext) -> Result<Reply, SinkError> {
        let options = &self.shared.options;
        self.client.begin(context, options);
        let reply = self.exchange(ask, None)?;
        if matches!(reply.status, 401 | 403) && options.headers_from.is_some() {
            let status = reply.status;
            self.client.drain(reply);
            return self.exchange(ask, Some(status));
        }
        Ok(reply)
    }

    /// Sends one request and reads the head of the reply.
    fn exchange(&self, ask: &Ask<'_>, refusal: Option<u16>) -> Result<Reply, SinkError> {
        let Shared {
            origin, options, ..
        } = &*self.shared;
        let target = origin
            .address
            .target(&ask.name)
            .map_err(|cause| self.failed(ask, SinkError::permanent(cause)))?;
        let request = HttpRequest {
            method: ask.method,
            name: &ask.name,
            object: ask.object,
            refusal,
        };
        let authority = &origin.address.authority;
        let head = head::head(options, authority, &target, &request, &ask.headers)
            .map_err(|error| self.failed(ask, error.with_known_outcome()))?;
        let wanted = match ask.method {
            Method::Get => Wanted::Object,
            Method::Put | Method::Post | Method::Delete | Method::Head => Wanted::No,
        };
        let outgoing = Outgoing {
            method: ask.method,
            head,
            body: ask.body,
            wanted,
        };
        self.client
            .send(outgoing)
            .map_err(|error| self.failed(ask, error))
    }

    /// The error of a reply without success.
    fn refused(&self, ask: &Ask<'_>, reply: Reply) -> SinkError {
        let detail = match (reply.status, reply.hidden("location")) {
            (300..400, Some(location)) => {
                let target = self.shared.origin.address.redirect(location);
                Some(format!("a redirect to {target}, which is not followed"))
            }
            _ => None,
        };
        let error = classify::of_status(reply.status, detail, reply.retry_after);
        if error.is_transient() {
            self.client.start_anew();
        } else {
            self.client.drain(reply);
        }
        self.failed(ask, error)
    }

    fn failed(&self, ask: &Ask<'_>, error: SinkError) -> SinkError {
        let origin = self.shared.origin.address.origin();
        error
            .with_operation(format!("{} {origin}", head::verb(ask.method)))
            .with_path(ask.hint)
    }

    /// The name of an object, or the error of a hint that names none.
    fn name(hint: &Path) -> Result<String, SinkError> {
        address::name(hint).map_err(|cause| SinkError::during("use the path hint", hint, cause))
    }

    fn deletion_is_off(&self, ask: &Ask<'_>) -> SinkError {
        let message = "the origin does not delete";
        let cause = io::Error::new(io::ErrorKind::Unsupported, message);
        self.failed(ask, SinkError::permanent(cause))
    }

    /// No DELETE is sent any more. This is logged once, by the clone that has found out.
    fn give_up_deletion(&self, status: u16) {
        if !self.shared.refuses_deletion.swap(true, Ordering::Relaxed) {
            let origin = self.shared.origin.address.origin();
            log(
                Level::Warn,
                format_args!(
                    "{origin} replied {status} to DELETE: old objects stay there from now on"
                ),
            );
        }
    }
}

impl SegmentSink for HttpSink {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let Some(hint) = &segment.path_hint else {
            context.no_destination();
            return Ok(());
        };
        let name = Self::name(hint)?;
        let options = &self.shared.options;
        let content_type = caching::content_type(&name, &options.content_types).to_owned();
        let control = options.caching.control(context.object(), &segment.data);
        let ask = Ask {
            method: options.method,
            hint,
            name,
            object: context.object(),
            headers: vec![
                ("User-Agent", USER_AGENT.to_owned()),
                ("Content-Length", segment.data.len().to_string()),
                ("Content-Type", content_type),
                ("Cache-Control", control),
            ],
            body: Some(&segment.data),
        };
        let reply = self.ask(&ask, context)?;
        match reply.status {
            200..300 => {
                self.client.drain(reply);
                Ok(())
            }
            _ => Err(self.refused(&ask, reply)),
        }
    }

    /// Sends DELETE. A success says that the server accepted it.
    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        let ask = Ask {
            method: Method::Delete,
            hint: path,
            name: Self::name(path)?,
            object: context.object(),
            headers: vec![("User-Agent", USER_AGENT.to_owned())],
            body: None,
        };
        if self.shared.options.deletion == Deletion::Off
            || self.shared.refuses_deletion.load(Ordering::Relaxed)
        {
            return Err(self.deletion_is_off(&ask));
        }
        let reply = self.ask(&ask, context)?;
        match reply.status {
            200..300 | 404 | 410 => {
                self.client.drain(reply);
                Ok(())
            }
            status => {
                if matches!(status, 405 | 415 | 501) {
                    self.give_up_deletion(status);
                }
                Err(self.refused(&ask, reply))
            }
        }
    }

    fn read(&mut self, path: &Path, context: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        let ask = Ask {
            method: Method::Get,
            hint: path,
            name: Self::name(path)?,
            object: context.object(),
            headers: vec![
                ("User-Agent", USER_AGENT.to_owned()),
                // The object as it was stored, and not what a cache still has.
                ("Accept-Encoding", "identity".to_owned()),
                ("Cache-Control", "no-cache".to_owned()),
            ],
            body: None,
        };
        let reply = self.ask(&ask, context)?;
        match reply.status {
            200 => {
                let object = self.client.object(reply, context.read_limit());
                object.map(Some).map_err(|error| self.failed(&ask, error))
            }
            404 | 410 => {
                self.client.drain(reply);
                Ok(None)
            }
            _ => Err(self.refused(&ask, reply)),
        }
    }
}

/// The value of `User-Agent`.
pub(in crate::sink) const USER_AGENT: &str = concat!("segment-stream/", env!("CARGO_PKG_VERSION"));

impl Clone for HttpSink {
    /// The clone has a connection of its own.
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.shared))
    }
}

impl fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSink")
            .field("origin", &self.shared.origin.address.origin())
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}
