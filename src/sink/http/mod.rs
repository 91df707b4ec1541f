//! The HTTP sink: objects below a URL.
//!
//! [`address`] makes a URL of a name, [`head`] and [`caching`] the head of a request, and
//! [`classify`] an error of a reply. ureq frames requests and replies and speaks TLS. The
//! connections are the sink's own: [`resolve`] and [`connect`] make them, [`socket`] holds them to
//! the limits of the [`call`], and [`veil`] keeps secrets from ureq's log.

mod address;
mod caching;
mod call;
mod classify;
mod connect;
mod head;
mod options;
mod resolve;
mod socket;
#[cfg(feature = "tls")]
mod tls;
mod veil;

pub use caching::HttpCaching;
pub use options::{HttpOptions, HttpRequest};

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use log::Level;
use ureq::http::Request;
use ureq::unversioned::transport::Connector as _;
use ureq::{Agent, Body};

use self::address::Address;
use self::call::{Call, REPLY_LIMIT, Wanted};
use self::options::{Deletion, Method};
use self::resolve::{CachedResolver, Names};
use self::socket::SocketConnector;
use self::veil::VeilConnector;
use crate::error::SinkError;
use crate::internal::log::log;
use crate::segment::ProducedSegment;
use crate::sink::{ObjectKind, SegmentSink, WriteContext};

/// The time for which an idle connection is kept, below the 60 s or more of most servers.
const MAX_IDLE: Duration = Duration::from_secs(50);

/// The time for the rest of a reply whose status is known. A connection is kept only if the whole
/// reply was read.
const DRAIN: Duration = Duration::from_millis(250);

/// A sink that uploads each segment to an HTTP origin, under the URL and the path hint.
///
/// **Stored.** A write is `Ok` only if the server replied with a status from 200 to 299 after it had
/// the whole object. `Content-Length` is always sent; requests are never chunked. A redirect is not
/// followed.
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
/// | 408, 425, 429, 5xx, a failed or garbled connection, a time-out | transient; `Retry-After` counts; the next attempt resolves the name again and has a new connection |
/// | 507 | transient: the disk of the server is full |
/// | 401, 403 | new headers [from the callback](HttpOptions::headers_from), once; then permanent |
/// | 413 | permanent: [`TooLarge`](crate::SinkErrorKind::TooLarge) |
/// | 404, 410 | to DELETE a success, to GET no object; otherwise permanent |
/// | 405, 415, 501 | permanent: [`Unsupported`](crate::SinkErrorKind::Unsupported). After one to DELETE, no further DELETE is sent |
/// | 3xx | permanent; the error names the target |
/// | any other, a refused certificate | permanent |
///
/// After the request began to be sent, a failed connection has an
/// [unknown outcome](SinkError::has_unknown_outcome). A DELETE that succeeds is no proof that the
/// object is gone, as some servers accept and ignore it.
///
/// **Time.** Every call ends by its [deadline](WriteContext::deadline), and by
/// [`HttpOptions::timeout`] without one. While the stream shuts down, a call that has stalled is cut
/// short ([`HttpOptions::shutdown_grace`]).
///
/// **Size.** At most 64 KiB of a reply are read. [`read`](SegmentSink::read) reads an object of up to
/// [`WriteContext::read_limit`] bytes, and only if the reply says how long it is.
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
    call: Arc<Call>,
    /// With one connection.
    agent: Agent,
}

/// What clones share.
struct Shared {
    address: Address,
    options: HttpOptions,
    names: Arc<Names>,
    refuses_deletion: AtomicBool,
    #[cfg(feature = "tls")]
    tls: ureq::tls::TlsConfig,
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

/// A reply whose head was read.
struct Reply {
    status: u16,
    retry_after: Option<Duration>,
    location: Option<String>,
    length: Length,
    body: Body,
}

/// How the end of a body is known.
#[derive(Clone, Copy)]
enum Length {
    Bytes(u64),
    Chunks,
    /// By the end of the connection, which may as well be an accident.
    Unsaid,
}

impl HttpSink {
    /// A sink that uploads with PUT below `url`, which begins with `http://`, or with `https://`
    /// under feature `tls`.
    ///
    /// # Errors
    ///
    /// The URL cannot be used. The message has no part of it.
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
        head::check(&options.headers)?;
        let types = options.content_types.iter();
        let types: Vec<_> = types
            .map(|(_, value)| ("Content-Type".to_owned(), value.clone()))
            .collect();
        head::check(&types)?;
        let lookup = Arc::clone(&options.lookup);
        let names = Arc::new(Names::new(&address.host, address.port, lookup));
        Ok(Self::of(Arc::new(Shared {
            #[cfg(feature = "tls")]
            tls: tls::config(&options.tls)?,
            address,
            options,
            names,
            refuses_deletion: AtomicBool::new(false),
        })))
    }

    fn of(shared: Arc<Shared>) -> Self {
        let call = Arc::new(Call::new());
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .max_idle_connections(1)
            .max_idle_connections_per_host(1)
            .max_idle_age(MAX_IDLE);
        #[cfg(feature = "tls")]
        let config = config.tls_config(shared.tls.clone());
        let socket = SocketConnector {
            call: Arc::clone(&call),
            names: Arc::clone(&shared.names),
            timeout: shared.options.connect_timeout,
        };
        #[cfg(feature = "tls")]
        let socket = socket.chain(ureq::unversioned::transport::RustlsConnector::default());
        let connector = socket.chain(VeilConnector(Arc::clone(&call)));
        let resolver = CachedResolver::new(Arc::clone(&shared.names), Arc::clone(&call));
        let agent = Agent::with_parts(config.build(), connector, resolver);
        Self {
            shared,
            call,
            agent,
        }
    }

    /// Sends the request, and once more with new headers if it is refused with 401 or 403.
    fn ask(&mut self, ask: &Ask<'_>, context: &WriteContext) -> Result<Reply, SinkError> {
        let options = &self.shared.options;
        self.call
            .begin(context, options.timeout, options.shutdown_grace);
        let reply = self.exchange(ask, None)?;
        if matches!(reply.status, 401 | 403) && options.headers_from.is_some() {
            let status = reply.status;
            self.drain(reply);
            return self.exchange(ask, Some(status));
        }
        Ok(reply)
    }

    /// Sends one request and reads the head of the reply.
    fn exchange(&self, ask: &Ask<'_>, refusal: Option<u16>) -> Result<Reply, SinkError> {
        let Shared {
            address, options, ..
        } = &*self.shared;
        let target = address
            .target(&ask.name)
            .map_err(|cause| self.failed(ask, SinkError::permanent(cause)))?;
        let request = HttpRequest {
            method: ask.method,
            name: &ask.name,
            object: ask.object,
            refusal,
        };
        let head = head::head(options, &address.authority, &target, &request, &ask.headers)
            .map_err(|error| self.failed(ask, error.with_known_outcome()))?;
        let wanted = match ask.method {
            Method::Get => Wanted::Object,
            Method::Put | Method::Post | Method::Delete => Wanted::No,
        };
        self.call.request(head, wanted);
        let sent = self.call.check().map_err(ureq::Error::Io);
        // The head that ureq makes is exchanged on its way, so this URL is all that ureq knows.
        let request = Request::builder()
            .method(ask.method.name())
            .uri(format!("{}/", address.origin()));
        let sent = sent.and_then(|()| match ask.body {
            Some(body) => self.agent.run(request.body(body)?),
            None => self.agent.run(request.body(())?),
        });
        match sent {
            Ok(response) => self.reply(ask, response),
            Err(error) => {
                self.start_anew();
                Err(self.failed(ask, classify::of_failure(error, self.call.stage())))
            }
        }
    }

    fn reply(
        &self,
        ask: &Ask<'_>,
        response: ureq::http::Response<Body>,
    ) -> Result<Reply, SinkError> {
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        if self.call.has_early_reply() && parts.status.is_success() {
            self.start_anew();
            let message = format!("the server replied {status} before it had the whole object");
            let error = SinkError::transient(message).with_unknown_outcome();
            return Err(self.failed(ask, error));
        }
        let text = |name: &str| parts.headers.get(name)?.to_str().ok();
        let length = match (text("transfer-encoding"), text("content-length")) {
            (Some(_), _) => Length::Chunks,
            (None, Some(length)) => length.trim().parse().map_or(Length::Unsaid, Length::Bytes),
            (None, None) => Length::Unsaid,
        };
        Ok(Reply {
            status,
            retry_after: text("retry-after")
                .and_then(|value| classify::retry_after(value, SystemTime::now())),
            location: self.call.take_location(),
            length,
            body,
        })
    }

    /// Reads the rest of a short reply, so that the connection can be used again. The result of the
    /// call does not depend on it.
    fn drain(&self, mut reply: Reply) {
        if let Length::Bytes(length) = reply.length
            && (1..=REPLY_LIMIT).contains(&length)
        {
            let mut rest = reply.body.as_reader();
            let _ = self
                .call
                .within(DRAIN, || io::copy(&mut rest, &mut io::sink()));
        }
    }

    /// The error of a reply without success.
    fn refused(&self, ask: &Ask<'_>, reply: Reply) -> SinkError {
        let detail = match (reply.status, &reply.location) {
            (300..400, Some(location)) => {
                let target = self.shared.address.redirect(location);
                Some(format!("a redirect to {target}, which is not followed"))
            }
            _ => None,
        };
        let error = classify::of_status(reply.status, detail, reply.retry_after);
        if error.is_transient() {
            self.start_anew();
        } else {
            self.drain(reply);
        }
        self.failed(ask, error)
    }

    /// Has the next request resolve the name again and use a new connection.
    fn start_anew(&self) {
        self.call.renew();
        self.shared.names.expire();
    }

    fn failed(&self, ask: &Ask<'_>, error: SinkError) -> SinkError {
        let origin = self.shared.address.origin();
        error
            .with_operation(format!("{} {origin}", head::verb(ask.method)))
            .with_path(ask.hint)
    }

    /// The object of a GET. `Ok` is all of it.
    fn object(&self, ask: &Ask<'_>, mut reply: Reply, limit: u64) -> Result<Vec<u8>, SinkError> {
        let too_large = || {
            let message = format!("it is larger than the limit of {limit} bytes");
            let cause = io::Error::new(io::ErrorKind::FileTooLarge, message);
            self.failed(ask, SinkError::permanent(cause))
        };
        let capacity = match reply.length {
            Length::Bytes(length) if length > limit => return Err(too_large()),
            Length::Bytes(length) => usize::try_from(length).unwrap_or_default(),
            Length::Chunks => 0,
            Length::Unsaid => {
                let message = "the reply does not say how long the object is";
                return Err(self.failed(ask, SinkError::permanent(message)));
            }
        };
        let mut data = Vec::with_capacity(capacity.min(1024 * 1024));
        let reader = reply.body.as_reader();
        let read = reader.take(limit.saturating_add(1)).read_to_end(&mut data);
        if let Err(cause) = read {
            self.start_anew();
            let error = SinkError::transient(cause).with_known_outcome();
            return Err(self.failed(ask, error));
        }
        if data.len() as u64 > limit {
            return Err(too_large());
        }
        Ok(data)
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
            let origin = self.shared.address.origin();
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
                self.drain(reply);
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
                self.drain(reply);
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
            200 => self.object(&ask, reply, context.read_limit()).map(Some),
            404 | 410 => {
                self.drain(reply);
                Ok(None)
            }
            _ => Err(self.refused(&ask, reply)),
        }
    }
}

/// The value of `User-Agent`.
const USER_AGENT: &str = concat!("segment-stream/", env!("CARGO_PKG_VERSION"));

impl Clone for HttpSink {
    /// The clone has a connection of its own.
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.shared))
    }
}

impl fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSink")
            .field("origin", &self.shared.address.origin())
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}
