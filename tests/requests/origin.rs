//! A server whose replies and connections have the fault of a case.

use std::collections::BTreeSet;
use std::sync::Arc;

use segment_stream::SegmentSink;

use crate::common::listing::Listing;
use crate::common::sync::Mutex;
use crate::fault::{At, End, Fault, Lasts, Stage};
use crate::server::{Exchange, Server, Then};
use crate::setup::{self, Setup};

pub(crate) const PLAYLIST: &str = "live.m3u8";

/// What a server holds. The objects are named as their path hints are.
pub(crate) trait Store: Send {
    /// Carries a request out. Returns the whole reply.
    fn answer(&mut self, exchange: &Exchange<'_>, body: Vec<u8>) -> Vec<u8>;
    fn names(&self) -> Vec<String>;
    fn object(&self, name: &str) -> Option<&[u8]>;
    /// The uploads that are neither completed nor aborted.
    fn unfinished(&self) -> usize;
}

/// The name of an object in the first line of a request.
pub(crate) fn name(line: &str) -> String {
    let target = line.split(' ').nth(1).unwrap();
    let path = target.split('?').next().unwrap();
    let name = path.split_once("/live/").map(|(_, name)| name);
    name.unwrap_or_default().to_owned()
}

/// A first line without its signature.
fn shown(line: &str) -> &str {
    line.split("X-Amz-").next().unwrap_or_default()
}

pub(crate) struct Origin {
    server: Server,
    world: Arc<Mutex<World>>,
    setup: Setup,
    is_slow: bool,
}

struct World {
    store: Box<dyn Store>,
    at: Option<At>,
    /// The first lines of the requests that the fault has hit.
    hit: Vec<String>,
    /// The objects that a whole reply with success was about, other than one to a deletion.
    acknowledged: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Origin {
    pub(crate) fn start(setup: Setup, at: Option<At>) -> Self {
        let world = Arc::new(Mutex::new(World {
            store: (setup.store)(),
            at,
            hit: Vec::new(),
            acknowledged: BTreeSet::new(),
            wrong: Vec::new(),
        }));
        let server = Server::start({
            let world = Arc::clone(&world);
            move |exchange| serve(&world, exchange)
        });
        Self {
            server,
            world,
            setup,
            is_slow: at.is_some_and(|at| at.fault.is_slow()),
        }
    }

    pub(crate) fn sink(&self) -> Box<dyn SegmentSink> {
        (self.setup.sink)(&self.server, setup::options(self.is_slow))
    }

    pub(crate) fn heal(&self) {
        let mut world = self.world.lock().unwrap();
        world.at = world.at.filter(|at| at.lasts == Lasts::Once);
    }

    /// The first lines of the requests, without signatures.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.server.lines().into_iter();
        lines.map(|line| shown(&line).to_owned()).collect()
    }

    pub(crate) fn requests(&self) -> usize {
        self.server.requests().len()
    }

    pub(crate) fn hit(&self) -> Vec<String> {
        self.world.lock().unwrap().hit.clone()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.world.lock().unwrap().store.names()
    }

    pub(crate) fn object(&self, name: &str) -> Option<Vec<u8>> {
        let world = self.world.lock().unwrap();
        world.store.object(name).map(<[u8]>::to_vec)
    }

    /// Whether a whole reply said that the object is stored.
    pub(crate) fn has_acknowledged(&self, name: &str) -> bool {
        self.world.lock().unwrap().acknowledged.contains(name)
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.world.lock().unwrap().store.unfinished()
    }

    /// What a reader of the playlist might have missed at any moment.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.world.lock().unwrap().wrong.clone()
    }
}

impl World {
    /// The fault of this request.
    fn fault(&mut self, exchange: &Exchange<'_>) -> Option<Fault> {
        let At {
            position,
            fault,
            lasts,
        } = self.at?;
        let line = &exchange.request.line;
        let is_hit = match lasts {
            Lasts::Once => exchange.number == position,
            Lasts::UntilTheResume => exchange.number >= position,
        };
        // No program can know that the object is there.
        let is_a_lie = fault.says_gone() && line.starts_with("GET ");
        if !is_hit || is_a_lie {
            return None;
        }
        self.hit.push(shown(line).to_owned());
        Some(fault)
    }

    /// Carries a request out, and looks at the playlist afterwards.
    fn answer(&mut self, exchange: &Exchange<'_>, body: Vec<u8>) -> Vec<u8> {
        let reply = self.store.answer(exchange, body);
        if let Some(text) = self.store.object(PLAYLIST) {
            for name in Listing::of(text).files() {
                if self.store.object(name).is_none() {
                    let line = shown(&exchange.request.line);
                    self.wrong.push(format!("{name} is listed after {line}"));
                }
            }
        }
        reply
    }

    /// Notes that the whole reply was sent.
    fn acknowledge(&mut self, exchange: &Exchange<'_>, reply: &[u8]) {
        let line = &exchange.request.line;
        let is_part = line.contains("partNumber=") || line.contains("uploads=");
        let is_about_an_object = ["PUT ", "POST ", "HEAD "]
            .iter()
            .any(|method| line.starts_with(method));
        if reply.starts_with(b"HTTP/1.1 2") && is_about_an_object && !is_part {
            self.acknowledged.insert(name(line));
        }
    }
}

fn serve(world: &Mutex<World>, exchange: &mut Exchange<'_>) -> Then {
    let fault = world.lock().unwrap().fault(exchange);
    match fault {
        None => deliver(world, exchange, |reply| reply, Then::Keep),
        Some(Fault::Refused(status, code)) => {
            if exchange.whole_body().is_none() {
                return Then::Close;
            }
            if matches!(status, 404 | 410) {
                // Then it is gone.
                world.lock().unwrap().answer_to_deletion(exchange);
            }
            exchange.write(refusal(status, code)).unwrap_or_default();
            Then::Keep
        }
        Some(Fault::Early(status)) => {
            exchange.write(refusal(status, "")).unwrap_or_default();
            Then::Close
        }
        Some(Fault::Failed(status)) => {
            let Some(body) = exchange.whole_body() else {
                return Then::Close;
            };
            world.lock().unwrap().answer(exchange, body);
            exchange.write(refusal(status, "")).unwrap_or_default();
            Then::Keep
        }
        Some(Fault::Closed(stage)) => {
            let length = exchange.request.length();
            match stage {
                Stage::Head => {}
                Stage::Body => drop(exchange.part(length / 2)),
                Stage::All => drop(exchange.body()),
            }
            Then::Close
        }
        Some(Fault::Cut(end)) => cut(world, exchange, end),
        Some(Fault::Garbled) => {
            let reply = |_| b"SSH-2.0-server\r\n\r\n".to_vec();
            deliver(world, exchange, reply, Then::Close)
        }
        Some(Fault::Silent) => {
            if let Some(body) = exchange.whole_body() {
                world.lock().unwrap().answer(exchange, body);
                exchange.until_the_client_goes();
            }
            Then::Close
        }
        Some(Fault::Abandoned) => {
            if let Some(body) = exchange.whole_body() {
                exchange.until_the_client_goes();
                world.lock().unwrap().answer(exchange, body);
            }
            Then::Close
        }
        Some(Fault::LastOfItsConnection) => deliver(world, exchange, |reply| reply, Then::Close),
        Some(Fault::SaidToBeTheLast) => {
            let said = |reply: Vec<u8>| {
                let line = reply.windows(2).position(|it| it == b"\r\n").unwrap() + 2;
                let (line, rest) = reply.split_at(line);
                [line, b"Connection: close\r\n", rest].concat()
            };
            deliver(world, exchange, said, Then::Close)
        }
        Some(Fault::Interim) => {
            let interim = |reply: Vec<u8>| {
                let two = b"HTTP/1.1 102 X\r\n\r\nHTTP/1.1 103 X\r\nLink: </>\r\n\r\n";
                [two.as_slice(), &reply].concat()
            };
            deliver(world, exchange, interim, Then::Keep)
        }
    }
}

impl World {
    fn answer_to_deletion(&mut self, exchange: &Exchange<'_>) {
        if exchange.request.line.starts_with("DELETE ") {
            self.answer(exchange, Vec::new());
        }
    }
}

/// Carries the request out, and replies as `change` makes of the reply.
fn deliver(
    world: &Mutex<World>,
    exchange: &mut Exchange<'_>,
    change: impl FnOnce(Vec<u8>) -> Vec<u8>,
    then: Then,
) -> Then {
    let Some(body) = exchange.whole_body() else {
        return Then::Close;
    };
    let mut locked = world.lock().unwrap();
    let reply = locked.answer(exchange, body);
    let original = reply.clone();
    let changed = change(reply);
    if changed.ends_with(&original) || !changed.starts_with(b"SSH") {
        // Before the client can know.
        locked.acknowledge(exchange, &original);
    }
    drop(locked);
    exchange.write(changed).unwrap_or_default();
    then
}

/// Carries the request out, and closes the connection in the middle of the reply.
fn cut(world: &Mutex<World>, exchange: &mut Exchange<'_>, end: End) -> Then {
    let Some(body) = exchange.whole_body() else {
        return Then::Close;
    };
    let mut locked = world.lock().unwrap();
    let reply = locked.answer(exchange, body);
    let head = reply.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    let length = match end {
        End::Nothing => 0,
        End::Status => b"HTTP/1.1 20".len(),
        End::Head => head - 2,
        End::Body => head + (reply.len() - head) / 2,
    };
    if length == reply.len() {
        locked.acknowledge(exchange, &reply);
    }
    drop(locked);
    exchange.write(&reply[..length]).unwrap_or_default();
    Then::Close
}

fn refusal(status: u16, code: &str) -> String {
    let text = match code {
        "" => String::new(),
        code => format!("<Error><Code>{code}</Code></Error>"),
    };
    let length = text.len();
    let target = if (300..400).contains(&status) {
        "Location: http://127.0.0.1:1/elsewhere\r\n"
    } else {
        ""
    };
    format!("HTTP/1.1 {status} X\r\n{target}Content-Length: {length}\r\n\r\n{text}")
}
