//! Every request of the sinks that upload fails in every way, once and persistently, in a live
//! session with a playlist, deletions and a resume.
//!
//! The requests are counted in a session without faults. After each request, and at the end, every
//! promise is checked. Each fault hits some of the requests, and with `SEGMENT_STREAM_THOROUGH=1`
//! each of them.
#![cfg(all(feature = "hls", feature = "http"))]

mod common;

#[path = "requests/fault.rs"]
mod fault;
#[path = "requests/origin.rs"]
mod origin;
#[path = "requests/restarts.rs"]
mod restarts;
#[allow(dead_code, reason = "the tests of the sinks use the rest")]
#[path = "http/server.rs"]
mod server;
#[path = "requests/session.rs"]
mod session;
#[path = "requests/setup.rs"]
mod setup;
#[cfg(feature = "s3")]
#[allow(dead_code, reason = "the tests of the S3 sink use the rest")]
#[path = "s3/store.rs"]
mod store;

use std::sync::Mutex;
use std::thread;

use common::thorough::is_thorough;
use common::threads::must_end;

use fault::{At, Fault, Lasts};
use session::run;
use setup::Setup;

/// Most cases wait until a put of unknown outcome is settled, so many at a time.
const SIDE_BY_SIDE: usize = 16;

/// Runs each case. A case whose thread panics fails the test.
fn run_all(cases: Vec<(Setup, At)>) {
    let count = cases.len();
    let cases = Mutex::new(cases.into_iter());
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some((setup, at)) = next(&cases) {
                    must_end(move || run(setup, Some(at)));
                }
            });
        }
    });
    eprintln!("{count} cases");
}

fn next<T>(cases: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    cases.lock().unwrap().next()
}

/// Each fault at each request; or each of some faults at one request, another one for each fault.
fn cases(lasts: Lasts, one_of: usize) -> Vec<(Setup, At)> {
    let mut found = Vec::new();
    for setup in Setup::all() {
        let clean = setup.clone();
        let requests = must_end(move || run(clean, None));
        // Sessions with large objects take long.
        let one_of = one_of * if setup.own.is_some() { 9 } else { 1 };
        let own = setup.own.clone().unwrap_or(1..=requests);
        for (number, fault) in (0..).zip(Fault::all()) {
            let spread = own.clone().nth(number * 7 % own.clone().count());
            let positions: Vec<_> = if is_thorough() {
                own.clone().collect()
            } else if number % one_of == 0 {
                spread.into_iter().collect()
            } else {
                Vec::new()
            };
            found.extend(positions.into_iter().map(|position| {
                let at = At {
                    position,
                    fault,
                    lasts,
                };
                (setup.clone(), at)
            }));
        }
    }
    found
}

#[test]
fn a_request_that_fails_once_costs_no_more_than_its_object() {
    run_all(cases(Lasts::Once, 1));
}

#[test]
fn a_request_that_fails_until_the_session_is_resumed_leaves_nothing_false() {
    run_all(cases(Lasts::UntilTheResume, 5));
}
