//! The connection of one sink to an origin: sends a request, and reads the head of the reply.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ureq::http::{Request, Response};
use ureq::unversioned::transport::Connector as _;
use ureq::{Agent, Body};

use super::address::Address;
use super::call::{Call, REPLY_LIMIT, Wanted};
use super::classify;
use super::options::{HttpOptions, Method};
use super::resolve::{CachedResolver, Names};
use super::socket::SocketConnector;
use super::veil::VeilConnector;
use crate::error::SinkError;
use crate::sink::WriteContext;

/// The time for which an idle connection is kept, below the 60 s or more of most servers.
const MAX_IDLE: Duration = Duration::from_secs(50);

/// The time for the rest of a reply whose status is known. A connection is kept only if the whole
/// reply was read.
const DRAIN: Duration = Duration::from_millis(250);

/// What the connections to one origin have in common.
pub(in crate::sink) struct Origin {
    pub(in crate::sink) address: Address,
    names: Arc<Names>,
    connect_timeout: Duration,
    #[cfg(feature = "tls")]
    tls: ureq::tls::TlsConfig,
}

impl Origin {
    /// Fails if a certificate of the options cannot be used.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unnecessary_wraps, reason = "certificates are of `tls`")
    )]
    pub(in crate::sink) fn new(
        address: Address,
        options: &HttpOptions,
    ) -> Result<Arc<Self>, SinkError> {
        let lookup = Arc::clone(&options.lookup);
        let names = Arc::new(Names::new(&address.host, address.port, lookup));
        Ok(Arc::new(Self {
            #[cfg(feature = "tls")]
            tls: super::tls::config(&options.tls)?,
            address,
            names,
            connect_timeout: options.connect_timeout,
        }))
    }
}

/// One connection, for one call at a time. Errors have neither operation nor path.
pub(in crate::sink) struct Client {
    pub(in crate::sink) origin: Arc<Origin>,
    call: Arc<Call>,
    /// With one connection.
    agent: Agent,
}

/// A request as it is sent.
pub(in crate::sink) struct Outgoing<'a> {
    pub(in crate::sink) method: Method,
    pub(in crate::sink) head: Vec<u8>,
    pub(in crate::sink) body: Option<&'a [u8]>,
    pub(in crate::sink) wanted: Wanted,
}

/// A reply whose head was read.
pub(in crate::sink) struct Reply {
    pub(in crate::sink) status: u16,
    pub(in crate::sink) retry_after: Option<Duration>,
    pub(in crate::sink) length: Length,
    /// The headers that ureq does not get to see, by their names in lower case.
    hidden: Vec<(&'static str, String)>,
    body: Body,
}

/// How the end of a body is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum Length {
    Bytes(u64),
    Chunks,
    /// By the end of the connection, which may as well be an accident.
    Unsaid,
}

impl Reply {
    /// The value of a header, whose name is in lower case.
    pub(in crate::sink) fn hidden(&self, name: &str) -> Option<&str> {
        let mut hidden = self.hidden.iter();
        let (_, value) = hidden.find(|(known, _)| *known == name)?;
        Some(value)
    }
}

impl Client {
    pub(in crate::sink) fn new(origin: Arc<Origin>) -> Self {
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
        let config = config.tls_config(origin.tls.clone());
        let socket = SocketConnector {
            call: Arc::clone(&call),
            names: Arc::clone(&origin.names),
            timeout: origin.connect_timeout,
        };
        #[cfg(feature = "tls")]
        let socket = socket.chain(ureq::unversioned::transport::RustlsConnector::default());
        let connector = socket.chain(VeilConnector(Arc::clone(&call)));
        let resolver = CachedResolver::new(Arc::clone(&origin.names), Arc::clone(&call));
        let agent = Agent::with_parts(config.build(), connector, resolver);
        Self {
            origin,
            call,
            agent,
        }
    }

    /// Begins a call, whose requests share its limits.
    pub(in crate::sink) fn begin(&self, context: &WriteContext, options: &HttpOptions) {
        self.call
            .begin(context, options.timeout, options.shutdown_grace);
    }

    /// Sends one request and reads the head of the reply.
    pub(in crate::sink) fn send(&self, outgoing: Outgoing<'_>) -> Result<Reply, SinkError> {
        self.call.request(outgoing.head, outgoing.wanted);
        let sent = self.call.check().map_err(ureq::Error::Io);
        // The head that ureq makes is exchanged on its way, so this URL is all that ureq knows.
        let request = Request::builder()
            .method(outgoing.method.name())
            .uri(format!("{}/", self.origin.address.origin()));
        let sent = sent.and_then(|()| match outgoing.body {
            Some(body) => self.agent.run(request.body(body)?),
            None => self.agent.run(request.body(())?),
        });
        match sent {
            Ok(response) => self.reply(response),
            Err(error) => {
                self.start_anew();
                Err(classify::of_failure(error, self.call.stage()))
            }
        }
    }

    fn reply(&self, response: Response<Body>) -> Result<Reply, SinkError> {
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        if self.call.has_early_reply() && parts.status.is_success() {
            self.start_anew();
            let message = format!("the server replied {status} before it had the whole object");
            return Err(SinkError::transient(message).with_unknown_outcome());
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
            hidden: self.call.take_hidden(),
            length,
            body,
        })
    }

    /// Reads the rest of a short reply, so that the connection can be used again. The result of the
    /// call does not depend on it.
    pub(in crate::sink) fn drain(&self, mut reply: Reply) {
        if let Length::Bytes(length) = reply.length
            && (1..=REPLY_LIMIT).contains(&length)
        {
            let mut rest = reply.body.as_reader();
            let _ = self
                .call
                .within(DRAIN, || io::copy(&mut rest, &mut io::sink()));
        }
    }

    /// The text of a reply whose text was [wanted](Wanted::Text), and the failure that cut it short.
    #[cfg(feature = "s3")]
    pub(in crate::sink) fn text(&self, mut reply: Reply) -> (String, Option<SinkError>) {
        // A reply of this length has ended already, and ureq reads no more of it.
        let read = match reply.length {
            Length::Bytes(0) => Ok(0),
            _ => io::copy(&mut reply.body.as_reader(), &mut io::sink()),
        };
        let failure = read.err().map(|cause| {
            self.start_anew();
            SinkError::transient(cause).with_unknown_outcome()
        });
        let text = String::from_utf8_lossy(&self.call.take_text()).into_owned();
        (text, failure)
    }

    /// The object of a GET, of up to `limit` bytes. `Ok` is all of it.
    pub(in crate::sink) fn object(
        &self,
        mut reply: Reply,
        limit: u64,
    ) -> Result<Vec<u8>, SinkError> {
        let too_large = || {
            let message = format!("it is larger than the limit of {limit} bytes");
            SinkError::permanent(io::Error::new(io::ErrorKind::FileTooLarge, message))
        };
        let capacity = match reply.length {
            Length::Bytes(length) if length > limit => return Err(too_large()),
            Length::Bytes(length) => usize::try_from(length).unwrap_or_default(),
            Length::Chunks => 0,
            Length::Unsaid => {
                let message = "the reply does not say how long the object is";
                return Err(SinkError::permanent(message));
            }
        };
        let mut data = Vec::with_capacity(capacity.min(1024 * 1024));
        let reader = reply.body.as_reader();
        let read = reader.take(limit.saturating_add(1)).read_to_end(&mut data);
        if let Err(cause) = read {
            self.start_anew();
            return Err(SinkError::transient(cause).with_known_outcome());
        }
        if data.len() as u64 > limit {
            return Err(too_large());
        }
        Ok(data)
    }

    /// Has the next request resolve the name again and use a new connection.
    pub(in crate::sink) fn start_anew(&self) {
        self.call.renew();
        self.origin.names.expire();
    }
}
