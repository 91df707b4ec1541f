//! One signed request and its reply.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use rusty_s3::Method as Verb;
use rusty_s3::signing::sign;

use super::bucket::Place;
use super::credentials::{KeyRing, S3Credentials, S3Keys};
use super::fault::{Fault, Head};
use super::options::S3Options;
use crate::error::SinkError;
use crate::sink::WriteContext;
use crate::sink::http::USER_AGENT;
use crate::sink::http::call::Wanted;
use crate::sink::http::client::{Client, Origin, Outgoing, Reply};
use crate::sink::http::options::Method;

/// The seconds for which a signature holds. It is used at once, so this is how wrong a clock may be.
const VALIDITY: u64 = 15 * 60;

/// What clones share.
pub(super) struct Shared {
    pub(super) place: Place,
    pub(super) origin: Arc<Origin>,
    pub(super) credentials: S3Credentials,
    pub(super) options: S3Options,
}

/// The connection of one writer, and its keys.
pub(super) struct Exchange {
    pub(super) shared: Arc<Shared>,
    client: Client,
    keys: KeyRing,
}

/// A request before it is signed.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// Empty for the bucket itself.
    pub(super) key: &'a str,
    pub(super) query: Vec<(&'static str, String)>,
    /// With names in lower case. All are signed.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<&'a [u8]>,
    pub(super) wanted: Wanted,
}

impl<'a> Ask<'a> {
    /// A request without query, headers and body.
    pub(super) fn new(method: Method, key: &'a str) -> Self {
        Self {
            method,
            key,
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            wanted: Wanted::Text,
        }
    }
}

impl Exchange {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let client = Client::new(Arc::clone(&shared.origin));
        Self {
            shared,
            client,
            keys: KeyRing::default(),
        }
    }

    /// Sends the request, and once more with other keys if the store refuses these ones. `Ok` is a
    /// reply with a status from 200 to 299. A fault has neither operation nor path.
    pub(super) fn send(&mut self, ask: &Ask<'_>, context: &WriteContext) -> Result<Reply, Fault> {
        let shared = Arc::clone(&self.shared);
        let known = SinkError::with_known_outcome;
        let keys = self.keys.keys(&shared.credentials).map_err(known)?;
        match self.attempt(ask, &keys, context) {
            Err(fault) if fault.is_about_keys() => {
                let renewed = self.keys.renew(&shared.credentials, &keys).map_err(known)?;
                match renewed {
                    Some(keys) => self.attempt(ask, &keys, context),
                    None => Err(fault),
                }
            }
            result => result,
        }
    }

    fn attempt(
        &self,
        ask: &Ask<'_>,
        keys: &S3Keys,
        context: &WriteContext,
    ) -> Result<Reply, Fault> {
        let shared = &self.shared;
        self.client.begin(context, &shared.options.http);
        let outgoing = Outgoing {
            method: ask.method,
            head: head(&shared.place, ask, keys),
            body: ask.body,
            wanted: ask.wanted,
        };
        let reply = self.client.send(outgoing)?;
        if (200..300).contains(&reply.status) {
            return Ok(reply);
        }
        let head = Head::of(&reply);
        // Half a text may not say why, and the status is known.
        let text = match ask.method {
            Method::Head => String::new(),
            _ => self.client.text(reply).0,
        };
        let fault = Fault::of(&head, &text, &shared.place, SystemTime::now());
        if fault.error.is_transient() {
            self.client.start_anew();
        }
        Err(fault)
    }

    /// The text of a reply with success. All of it, or an error.
    pub(super) fn text(&self, reply: Reply) -> Result<String, Fault> {
        match self.client.text(reply) {
            (text, None) => Ok(text),
            (_, Some(error)) => Err(error.into()),
        }
    }

    /// The meaning of a text that came with a status of success.
    pub(super) fn fault_in(&self, head: &Head, text: &str) -> Fault {
        Fault::of(head, text, &self.shared.place, SystemTime::now())
    }

    pub(super) fn drain(&self, reply: Reply) {
        self.client.drain(reply);
    }

    pub(super) fn object(&self, reply: Reply, limit: u64) -> Result<Vec<u8>, SinkError> {
        self.client.object(reply, limit)
    }
}

/// The head as it is sent, with the signature in the query of its target.
fn head(place: &Place, ask: &Ask<'_>, keys: &S3Keys) -> Vec<u8> {
    let mut query = ask.query.clone();
    query.sort();
    let mut headers = ask.headers.clone();
    headers.sort();
    let credentials = &keys.credentials;
    let url = sign(
        &Timestamp::now(),
        verb(ask.method),
        place.bucket.object_url(ask.key),
        credentials.key(),
        credentials.secret(),
        credentials.token(),
        place.bucket.region(),
        VALIDITY,
        query.iter().map(|(name, value)| (*name, value.as_str())),
        headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let mut head = format!(
        "{} {}?{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {USER_AGENT}\r\n",
        ask.method.name(),
        url.path(),
        url.query().unwrap_or_default(),
        place.address.authority,
    );
    // Writing to a `String` cannot fail.
    for (name, value) in &headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if let Some(body) = ask.body {
        let _ = write!(head, "content-length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    head.into_bytes()
}

fn verb(method: Method) -> Verb {
    match method {
        Method::Put => Verb::Put,
        Method::Post => Verb::Post,
        Method::Get => Verb::Get,
        Method::Delete => Verb::Delete,
        Method::Head => Verb::Head,
    }
}
