//! An HTTP origin of the test, which may answer otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::server::{Exchange, Server, Then};

pub(crate) const PLAYLIST: &str = "live.m3u8";

/// A put, from the moment when its head was read to the one before its reply.
#[derive(Clone)]
pub(crate) struct Put {
    pub(crate) name: String,
    pub(crate) body: Vec<u8>,
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    puts: Vec<Put>,
}

pub(crate) struct Origin {
    pub(crate) server: Server,
    state: Arc<Mutex<State>>,
}

/// The name of the object, which is in the path or at the end of the query.
pub(crate) fn name(line: &str) -> &str {
    line.rsplit(['/', '=']).next().unwrap()
}

impl Origin {
    /// `instead` may answer a request itself. It is called before anything else is done.
    pub(crate) fn start<F>(instead: F) -> Self
    where
        F: Fn(&mut Exchange<'_>) -> Option<Then> + Send + Sync + 'static,
    {
        let state = Arc::new(Mutex::new(State::default()));
        let server = Server::start({
            let state = Arc::clone(&state);
            move |exchange| {
                let begin = Instant::now();
                instead(exchange).unwrap_or_else(|| carry_out(&state, exchange, begin))
            }
        });
        Self { server, state }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.objects.keys().cloned().collect()
    }

    pub(crate) fn object(&self, name: &str) -> Option<Vec<u8>> {
        self.state.lock().unwrap().objects.get(name).cloned()
    }

    /// The puts so far, in order.
    pub(crate) fn puts(&self) -> Vec<Put> {
        self.state.lock().unwrap().puts.clone()
    }
}

fn carry_out(state: &Mutex<State>, exchange: &mut Exchange<'_>, begin: Instant) -> Then {
    let body = exchange.body();
    let line = exchange.request.line.clone();
    let (method, name) = (line.split(' ').next().unwrap(), name(&line).to_owned());
    let mut state = state.lock().unwrap();
    let status = match method {
        "PUT" => {
            state.objects.insert(name.clone(), body.clone());
            let end = Instant::now();
            state.puts.push(Put {
                name,
                body,
                begin,
                end,
            });
            201
        }
        "DELETE" => match state.objects.remove(&name) {
            Some(_) => 200,
            None => 404,
        },
        _ => panic!("{line}"),
    };
    drop(state);
    exchange.reply_only(status)
}
