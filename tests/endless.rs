//! Ten million segments through one stream leave nothing behind: its memory is bounded.
//!
//! Half a million in an unoptimised build. The whole test, which prints its time:
//! `cargo test --release --test endless -- --nocapture`.

mod common;

#[path = "endless/memory.rs"]
mod memory;

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use common::again::{again, must_pass};
use common::config::depth;
use common::means::skip;
use common::threads::must_end;
use memory::resident_bytes;
use segment_stream::{
    ProducedSegment, SegmentSender, SegmentStream, SegmentStreamConfig, Tally, WhenFull,
    WriteErrorKind, sink,
};

/// The sends of the whole run; a tenth of them before the first look at the memory.
const SENDS: u64 = if cfg!(debug_assertions) {
    250_000
} else {
    10_000_000
};
const PART: u64 = SENDS / 10;
const LENGTH: usize = 64;
/// So that the threads seldom wait for one another: that is what takes the time here.
const DEPTH: usize = 64;

/// The segments that came out so far.
#[derive(Default)]
struct Seen {
    ok: u64,
    dropped: u64,
    errors: u64,
}

#[test]
fn ten_million_sends_that_wait_take_no_memory() {
    run("waits_ten_million_times");
}

#[test]
#[ignore = "a part of ten_million_sends_that_wait_take_no_memory"]
fn waits_ten_million_times() {
    let seen = memory_stays(WhenFull::Block);
    assert_eq!((seen.ok, seen.dropped), (SENDS, 0));
}

#[test]
fn ten_million_sends_that_drop_take_no_memory() {
    run("drops_ten_million_times");
}

#[test]
#[ignore = "a part of ten_million_sends_that_drop_take_no_memory"]
fn drops_ten_million_times() {
    let seen = memory_stays(WhenFull::DropOldest);
    assert_eq!(seen.ok + seen.dropped, SENDS);
}

/// In a separate process, so that its memory is not shared; one after the other, because the time
/// is printed.
fn run(test: &str) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let output = must_pass(&mut again(&[], test, ""));
    print!("{}", String::from_utf8_lossy(&output.stdout));
    // Where it says that it skips.
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
}

/// Sends them all, one tenth after the other, and looks at the memory after the first and after
/// the last.
fn memory_stays(when_full: WhenFull) -> Seen {
    let config = SegmentStreamConfig {
        when_full,
        ..depth(DEPTH)
    };
    let mut halves = SegmentStream::with_sink(config, sink::from_fn(|_| Ok(()))).unwrap();
    let mut seen = Seen::default();
    let mut resident = Vec::new();
    let start = Instant::now();
    for first in (0..SENDS).step_by(usize::try_from(PART).unwrap()) {
        // Each part by itself, as the watchdog has no patience for all of them.
        (halves, seen) = must_end(move || pass(halves, seen, first));
        resident.extend(resident_bytes());
    }
    let took = start.elapsed();

    let (stream, _sender) = halves;
    let stats = stream.stats();
    assert_eq!(stats.accepted, tally(SENDS));
    assert_eq!(stats.yielded, tally(seen.ok));
    assert_eq!(stats.dropped, tally(seen.dropped));
    assert_eq!(stats.in_flight, Tally::default());
    assert_eq!(stream.segments_received(), SENDS);
    let (Some(early), Some(late)) = (resident.first(), resident.last()) else {
        if cfg!(target_os = "linux") {
            skip(
                "endless",
                "the system does not say how much memory a process has",
            );
        }
        return seen;
    };
    println!(
        "{SENDS} sends with {when_full:?} in {took:.2?}: {early} bytes resident after {PART}, {late} after all; \
         {} yielded, {} dropped in {} errors",
        seen.ok, seen.dropped, seen.errors
    );
    let more = late.saturating_sub(*early);
    assert!(
        more <= (1 << 20).max(early / 20),
        "it grew: {resident:?} bytes"
    );
    seen
}

/// Sends the segments from `first` on, and takes all of them out again.
fn pass(
    (mut stream, sender): (SegmentStream, SegmentSender),
    mut seen: Seen,
    first: u64,
) -> ((SegmentStream, SegmentSender), Seen) {
    let source = thread::spawn(move || {
        for number in first..first + PART {
            let segment = ProducedSegment::media(number, vec![0x47; LENGTH], 0.04);
            sender.send(segment).unwrap();
        }
        sender
    });
    let mut next = first;
    while next < first + PART {
        match stream.next().unwrap() {
            Ok(segment) => {
                assert_eq!((segment.sequence, segment.byte_len()), (next, LENGTH));
                seen.ok += 1;
                next += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), WriteErrorKind::Dropped, "{error}");
                assert_eq!(error.sequence(), next);
                assert_eq!(error.byte_len(), error.segments() * LENGTH as u64);
                seen.errors += 1;
                seen.dropped += error.segments();
                next += error.segments();
            }
        }
    }
    assert_eq!(next, first + PART);
    ((stream, source.join().unwrap()), seen)
}

fn tally(segments: u64) -> Tally {
    Tally {
        segments,
        bytes: segments * LENGTH as u64,
    }
}
