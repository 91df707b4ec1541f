//! Flow control under random sends, writes, failures and endings: after each step an independent
//! model of what the documentation promises is compared with a real stream, to the segment and to
//! the byte.
//!
//! Each case starts threads, so there are a few hundred. (`src/stream/slots/model.rs` has 10,000
//! without threads.) With `SEGMENT_STREAM_THOROUGH=1` there are 10,000 here as well.

mod common;

#[path = "flow_model/case.rs"]
mod case;
#[path = "flow_model/crowd.rs"]
mod crowd;
#[path = "flow_model/gated.rs"]
mod gated;
#[path = "flow_model/line.rs"]
mod line;
#[path = "flow_model/model.rs"]
mod model;
#[path = "flow_model/patience.rs"]
mod patience;
#[path = "flow_model/setup.rs"]
mod setup;
#[path = "flow_model/steps.rs"]
mod steps;

use std::cell::Cell;
use std::env;
use std::fmt::Debug;
use std::time::Duration;

use common::segments::segment;
use common::thorough::{self, is_thorough};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed, TestRunner};
use segment_stream::sink::from_fn;
use segment_stream::{FinishError, SegmentStream, SegmentStreamConfig, WhenFull};

use model::Met;
use patience::{Checked, equal, unless_stuck};

/// How many cases a check runs.
#[derive(Clone, Copy)]
struct Cases {
    usually: u32,
    thoroughly: u32,
}

/// As many cases as `PROPTEST_CASES` says, else so many. They are the same on every run, so that
/// what fails is what was changed; `PROPTEST_RNG_SEED` chooses others.
fn config(cases: Cases) -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        max_shrink_time: 60_000,
        rng_algorithm: RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = thorough::cases(cases.usually, cases.thoroughly);
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(2190);
    }
    config
}

/// Runs the cases and says how many there were.
fn check<S: Strategy>(cases: Cases, of: S, case: impl Fn(&S::Value) -> Checked)
where
    S::Value: Debug,
{
    let run = Cell::new(0);
    let result = TestRunner::new(config(cases)).run(&of, |value| {
        run.set(run.get() + 1);
        case(&value).map_err(TestCaseError::fail)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    println!("{} cases", run.get());
}

fn check_against_model(when_full: WhenFull) {
    let met = Cell::new(Met::default());
    let cases = Cases {
        usually: 300,
        thoroughly: 10_000,
    };
    check(cases, steps::script(when_full), |script| {
        met.set(met.get().and(case::run(script)?));
        Ok(())
    });
    let met = met.get();
    println!("{met:#?}");
    // The cases are worth what they come to. A few of them may well miss something.
    let are_few = !is_thorough() || env::var_os("PROPTEST_CASES").is_some();
    assert!(are_few || met.is_everything(when_full), "{met:#?}");
}

#[test]
fn a_stream_that_blocks_does_what_the_model_does() {
    check_against_model(WhenFull::Block);
}

#[test]
fn a_stream_that_drops_the_oldest_does_what_the_model_does() {
    check_against_model(WhenFull::DropOldest);
}

const CROWDS: Cases = Cases {
    usually: 60,
    thoroughly: 600,
};

#[test]
fn a_crowd_of_producers_loses_nothing_and_keeps_the_bounds() {
    check(CROWDS, crowd::crowd(), |crowd| {
        let crowd = crowd.clone();
        unless_stuck(move || crowd::run(&crowd))
    });
}

#[test]
fn those_that_wait_are_let_in_in_the_order_in_which_they_came() {
    check(CROWDS, line::line(), |line| {
        let line = line.clone();
        unless_stuck(move || line::run(&line))
    });
}

/// The moment between the end of a write and the news of it is so short that cases hardly ever meet
/// it.
#[test]
fn what_has_been_written_is_never_in_doubt() {
    let cases = Cases {
        usually: 400,
        thoroughly: 4_000,
    };
    check(cases, 1..4_u64, |&count| {
        unless_stuck(move || written(count))
    });
}

fn written(count: u64) -> Checked {
    let (stream, sender) =
        SegmentStream::with_sink(SegmentStreamConfig::default(), from_fn(|_| Ok(()))).unwrap();
    for number in 0..count {
        sender.send(segment(number)).unwrap();
    }
    loop {
        let stats = stream.stats();
        if stats.queued.segments + stats.writing == 0 {
            break;
        }
        std::hint::spin_loop();
    }
    let result = stream.finish_timeout(Duration::ZERO);
    let report = result.unwrap_or_else(FinishError::into_report);
    equal("written", &(report.written.len() as u64), &count)
}
