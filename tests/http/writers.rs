//! Several writers. Time is counted in round trips: the server holds every reply until as many
//! requests wait as there are writers.

use std::sync::{Arc, Condvar, Mutex};

use segment_stream::{HttpOptions, SegmentStream, SegmentStreamConfig};

use super::common::segments::segment_at;
use super::server::Server;

const SEGMENTS: u64 = 64;

#[derive(Default)]
struct Rounds {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: u64,
    seen: u64,
    rounds: u64,
    over: bool,
}

/// Ends the rounds with the test, also with one that fails.
struct End(Arc<Rounds>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().over = true;
        self.0.changed.notify_all();
    }
}

impl Rounds {
    /// Waits until the replies of this round are due: `writers` requests wait, or all that are left.
    fn wait(&self, writers: u64) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        state.seen += 1;
        let round = state.rounds;
        if state.waiting == writers || state.seen == SEGMENTS {
            state.waiting = 0;
            state.rounds += 1;
            self.changed.notify_all();
        }
        while state.rounds == round && !state.over {
            state = self.changed.wait(state).unwrap();
        }
    }
}

/// The round trips of a stream with so many writers, and the connections.
fn round_trips(writers: u64) -> (u64, usize) {
    let rounds = Arc::new(Rounds::default());
    let server = Server::start({
        let rounds = Arc::clone(&rounds);
        move |exchange| {
            exchange.body();
            rounds.wait(writers);
            exchange.reply_only(201)
        }
    });
    // Dropped before the server, which waits for its threads.
    let _end = End(Arc::clone(&rounds));
    let config = SegmentStreamConfig {
        channel_depth: 16,
        ..Default::default()
    };
    let sink = server.sink_with(HttpOptions::default());
    let count = usize::try_from(writers).unwrap();
    let (stream, sender) = SegmentStream::with_writers(config, count, |_| sink.clone()).unwrap();
    let sending = std::thread::spawn(move || {
        for number in 0..SEGMENTS {
            sender
                .send(segment_at(number, format!("{number:05}.ts")))
                .unwrap();
        }
    });
    let numbers: Vec<u64> = stream.map(|item| item.unwrap().sequence).collect();
    sending.join().unwrap();
    assert!(numbers.into_iter().eq(0..SEGMENTS));
    let rounds = rounds.state.lock().unwrap().rounds;
    (rounds, server.connections())
}

#[test]
fn eight_writers_wait_for_an_eighth_of_the_round_trips() {
    let (alone, one) = round_trips(1);
    assert_eq!((alone, one), (SEGMENTS, 1));
    let (together, eight) = round_trips(8);
    assert!(alone >= 7 * together, "{alone} and {together} round trips");
    assert!(eight <= 9, "{eight} connections");
}
