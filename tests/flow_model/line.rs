//! The line of senders that wait: first come, first served, however large their segments.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use proptest::prelude::*;
use segment_stream::{
    ProducedSegment, SegmentSender, SegmentStream, StreamHandle, StreamStats, Tally, WhenFull,
};

use super::common::gate::Gate;
use super::common::sinks::gated;
use super::patience::{Checked, ensure, eventually};
use super::setup::{Parcel, Retries, Setup};

#[derive(Debug, Clone)]
pub(crate) struct Line {
    setup: Setup,
    /// The sizes of what is in the stream at first; as initialisation segments, so that nothing can
    /// be dropped.
    first: Vec<usize>,
    waiters: Vec<Waiter>,
    /// Those that come when the line stands already.
    late: Vec<Late>,
}

#[derive(Debug, Clone, Copy)]
struct Waiter {
    size: usize,
    is_init: bool,
    /// It leaves the line after a short while.
    leaves: bool,
}

#[derive(Debug, Clone, Copy)]
struct Late {
    size: usize,
    /// Does not stand in the line, and tries for as long as it takes.
    only_tries: bool,
}

/// From here on they are those that came late.
const LATE: u64 = 1000;

pub(crate) fn line() -> impl Strategy<Value = Line> {
    let size = || prop_oneof![1 => Just(0), 6 => (1..=3_usize).prop_map(|it| 10 * it), 3 => 40..=130_usize];
    let is_rare = || prop_oneof![3 => Just(false), 1 => Just(true)];
    let waiter = (size(), is_rare(), is_rare()).prop_map(|(size, is_init, leaves)| Waiter {
        size,
        is_init,
        leaves,
    });
    let late = (size(), any::<bool>()).prop_map(|(size, only_tries)| Late { size, only_tries });
    let bytes = prop_oneof![1 => Just(None), 6 => (2..=10_usize).prop_map(|it| Some(10 * it))];
    let when_full = prop_oneof![2 => Just(WhenFull::Block), 1 => Just(WhenFull::DropOldest)];
    (
        (when_full, 1..=6_usize, bytes, 1..=2_usize),
        proptest::collection::vec(size(), 1..8),
        proptest::collection::vec(waiter, 1..9),
        proptest::collection::vec(late, 0..3),
    )
        .prop_map(
            |((when_full, depth, bytes, writers), first, waiters, late)| Line {
                setup: Setup {
                    when_full,
                    depth: depth.max(writers),
                    bytes,
                    writers,
                    retries: Retries::Never,
                },
                first,
                waiters,
                late,
            },
        )
}

impl Setup {
    /// Without dropping anything.
    fn has_room(&self, in_flight: Tally, size: usize) -> bool {
        let within = |most: usize| in_flight.bytes + size as u64 <= most as u64;
        in_flight.segments < self.depth as u64
            && (in_flight.segments == 0 || self.bytes.is_none_or(within))
    }
}

fn segment(sequence: u64, size: usize, is_init: bool) -> ProducedSegment {
    let parcel = Parcel {
        size,
        is_init,
        hint: None,
        secs: 2.0,
    };
    parcel.segment(sequence)
}

/// How many of the sends that may wait have returned.
#[derive(Default)]
struct Returned {
    timed_out: AtomicU64,
    /// Of those that leave, accepted or not.
    leavers: AtomicU64,
}

fn wait(
    waiter: Waiter,
    sequence: u64,
    sender: SegmentSender,
    returned: Arc<Returned>,
) -> JoinHandle<bool> {
    thread::spawn(move || {
        let segment = segment(sequence, waiter.size, waiter.is_init);
        let result = if waiter.leaves {
            sender.send_timeout(segment, Duration::from_millis(3))
        } else {
            sender.send(segment)
        };
        drop(sender);
        let is_accepted = result.is_ok();
        let timed_out = u64::from(!is_accepted);
        returned.timed_out.fetch_add(timed_out, Ordering::SeqCst);
        let leavers = u64::from(waiter.leaves);
        returned.leavers.fetch_add(leavers, Ordering::SeqCst);
        is_accepted
    })
}

fn come_late(late: Late, sequence: u64, sender: SegmentSender) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut segment = segment(sequence, late.size, true);
        if !late.only_tries {
            sender.send(segment).unwrap();
            return;
        }
        while let Err(error) = sender.try_send(segment) {
            assert!(error.is_full(), "{error}");
            segment = error.into_segment();
            thread::yield_now();
        }
    })
}

/// Leaves nobody waiting.
struct Opener<'a>(&'a Gate, &'a StreamHandle);

impl Drop for Opener<'_> {
    fn drop(&mut self) {
        self.0.open();
        self.1.close();
    }
}

pub(crate) fn run(line: &Line) -> Checked {
    let gate = Gate::default();
    let setup = &line.setup;
    let (stream, sender) =
        SegmentStream::with_writers(setup.config(), setup.writers, |_| gated(&gate)).unwrap();
    let handle = stream.handle();
    // Dropped before the stream, which waits for its sinks.
    let _opener = Opener(&gate, &handle);
    let first = fill(line, &sender, &handle)?;
    let returned = Arc::new(Returned::default());
    let waiting = stand_in_line(line, &sender, &handle, &returned, first)?;
    wait_for_leavers(line, &handle, &returned)?;
    let late: Vec<_> = (LATE..)
        .zip(&line.late)
        .map(|(sequence, late)| come_late(*late, sequence, sender.clone()))
        .collect();
    drop(sender);
    gate.open();
    let came: Vec<u64> = stream
        .map(|item| item.map_or_else(|error| error.sequence(), |segment| segment.sequence))
        .collect();
    late.into_iter().for_each(|it| it.join().unwrap());
    let accepted = waiting.into_iter().map(|it| it.join().unwrap());
    let in_line = (first..).zip(accepted).filter(|(_, accepted)| *accepted);
    let expected: Vec<u64> = (0..first)
        .chain(in_line.map(|(number, _)| number))
        .collect();
    let (in_order, behind) = came.split_at(expected.len().min(came.len()));
    ensure(in_order == expected, || {
        format!("came out {came:?}, expected {expected:?} first")
    })?;
    let mut behind = behind.to_vec();
    behind.sort_unstable();
    let all: Vec<u64> = (LATE..).take(line.late.len()).collect();
    ensure(behind == all, || format!("came out behind: {behind:?}"))
}

/// Puts as much of it in as there is room for; returns how many were accepted.
fn fill(line: &Line, sender: &SegmentSender, handle: &StreamHandle) -> Checked<u64> {
    let mut accepted = 0;
    for size in &line.first {
        let has_room = line.setup.has_room(handle.stats().in_flight, *size);
        let is_accepted = sender.try_send(segment(accepted, *size, true)).is_ok();
        ensure(is_accepted == has_room, || {
            format!("{size} bytes: accepted {is_accepted:?}, {handle:?}")
        })?;
        accepted += u64::from(is_accepted);
    }
    Ok(accepted)
}

/// One comes after the other.
fn stand_in_line(
    line: &Line,
    sender: &SegmentSender,
    handle: &StreamHandle,
    returned: &Arc<Returned>,
    first: u64,
) -> Checked<Vec<JoinHandle<bool>>> {
    let mut waiting = Vec::new();
    for (number, waiter) in (first..).zip(&line.waiters) {
        waiting.push(wait(*waiter, number, sender.clone(), Arc::clone(returned)));
        let started = waiting.len() as u64;
        eventually(
            || {
                // Read first, so that nobody is counted as gone and as in the line.
                let gone = returned.timed_out.load(Ordering::SeqCst);
                (gone, handle.stats())
            },
            |(gone, stats)| {
                let let_in = stats.accepted.segments - first;
                stats.waiting_senders + let_in + gone == started
            },
            |found| format!("{started} have come: {found:?}"),
        )?;
    }
    Ok(waiting)
}

/// When they have left, nobody is first in the line who would have room.
fn wait_for_leavers(line: &Line, handle: &StreamHandle, returned: &Returned) -> Checked {
    let patient: Vec<&Waiter> = line.waiters.iter().filter(|it| !it.leaves).collect();
    let leavers = line.waiters.len() - patient.len();
    let has_left = || returned.leavers.load(Ordering::SeqCst) == leavers as u64;
    let is_stuck = |stats: &StreamStats| {
        let waiting = usize::try_from(stats.waiting_senders).expect("there are few");
        // Those that were let in are the first of them.
        let let_in = patient.len().checked_sub(waiting);
        let first = let_in.and_then(|let_in| patient.get(let_in));
        first.is_some_and(|first| line.setup.has_room(stats.in_flight, first.size))
    };
    eventually(
        || (has_left(), handle.stats()),
        |(has_left, stats)| *has_left && !is_stuck(stats),
        |found| format!("{leavers} should have left, and room is wasted: {found:?}"),
    )
    .map(drop)
}
