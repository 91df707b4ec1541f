//! A known race for `.ci/races`: if it is not found, no race would be.
#![cfg(tsan)]
#![allow(unsafe_code, reason = "without it there are no races")]

mod common;

use std::cell::UnsafeCell;
use std::sync::Arc;

use common::config::depth;
use common::gate::Gate;
use common::segments::segment;
use segment_stream::{SegmentStream, sink};

#[derive(Default)]
struct Unlocked(UnsafeCell<u64>);

// SAFETY: There is none: that is what this is for.
unsafe impl Sync for Unlocked {}

/// Two writers go on from the same gate, and nothing says which of them is first.
#[test]
fn a_race() {
    let gate = Gate::default();
    let shared = Arc::new(Unlocked::default());
    let (stream, sender) = SegmentStream::with_writers(depth(2), 2, |_| {
        let (gate, shared) = (gate.clone(), Arc::clone(&shared));
        sink::from_fn(move |segment| {
            gate.pass();
            // SAFETY: It lives; the rest is the race.
            unsafe { *shared.0.get() += segment.sequence };
            Ok(())
        })
    })
    .unwrap();
    (1..=2).for_each(|number| sender.send(segment(number)).unwrap());
    gate.wait_for_arrivals(2);
    gate.open();
    drop(sender);
    stream.finish().unwrap();
}
