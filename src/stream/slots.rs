//! The ring of slots: everything that was accepted and has not come out, in the order of
//! acceptance. Pure: no lock, no clock, no thread.
//!
//! A segment enters as [`Slot::Queued`], is [`Slot::Writing`] while a writer has it, waits as
//! [`Slot::Done`] for the iterator, and leaves from the front. A segment that was dropped to make
//! room, or that the producer gave up, is a [`Slot::Lost`] in its place: it holds no slot and no
//! bytes of the bounds.
//!
//! Functions return what is to be dropped or logged, so that neither happens under the lock.

mod end;
mod losses;
#[cfg(test)]
mod model;
mod stats;
mod take;

use std::collections::VecDeque;
use std::time::Instant;

use super::config::{SegmentStreamConfig, WhenFull};
use super::stats::Tally;
use super::yielded::Yielded;
use crate::error::{Loss, WriteError, WriteErrorKind};
use crate::segment::{ProducedSegment, SegmentInfo, Submission};

/// The ring has memory for this many entries from the start, so that a `send` does not move it. A
/// larger depth may never be used, and losses beyond the depth are rare.
const RESERVED: usize = 1024;

/// How a write ended: the only name for it from the sink to the iterator.
pub(super) type Outcome = Result<(ProducedSegment, Destination), WriteError>;

/// Where a segment went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    Stored,
    /// The sink had nowhere to put it.
    None,
}

/// A segment on its way to a writer.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) index: u64,
    pub(super) segment: ProducedSegment,
}

#[derive(Debug)]
struct Entry {
    /// Rises along the ring; never reused. One may be missing where losses share a record.
    index: u64,
    accepted: Instant,
    info: SegmentInfo,
    slot: Slot,
}

#[derive(Debug)]
enum Slot {
    Queued(ProducedSegment),
    Writing(Writing),
    Done(Outcome),
    /// Its information is in the loss.
    Lost(WriteErrorKind, Loss),
}

#[derive(Debug)]
struct Writing {
    /// The segment without its payload, which the writer has.
    meta: ProducedSegment,
    bytes: usize,
    since: Instant,
}

/// What came in and went out, in all.
#[derive(Debug, Default)]
struct Totals {
    accepted: Tally,
    yielded: Tally,
    failed: Tally,
    discarded: Tally,
    dropped: Tally,
    given_up: Tally,
    without_destination: Tally,
    /// Losses that came out, in segments.
    yielded_losses: u64,
}

#[derive(Debug)]
pub(super) struct Slots {
    depth: u64,
    most_bytes: Option<u64>,
    when_full: WhenFull,
    next_index: u64,
    ring: VecDeque<Entry>,
    /// The position from which on every entry is `Queued` or `Lost`. Before it, only those in
    /// `passed_over` are `Queued`.
    fresh: usize,
    /// Indices of queued entries that were not taken in their turn, as their path was being
    /// written.
    passed_over: Vec<u64>,
    /// Indices of the entries that writers have: at most one for each.
    writing: Vec<u64>,
    /// Of the entries that are queued, being written or done.
    in_flight: Tally,
    /// Their information, which counts against the bound but is no payload.
    info_bytes: u64,
    queued: Tally,
    /// The part of `queued` that may be dropped, information included.
    droppable: Tally,
    losses: usize,
    totals: Totals,
    consumer: Consumer,
    #[cfg(test)]
    visited: std::cell::Cell<u64>,
}

/// Whether somebody takes what comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consumer {
    There,
    /// Nobody ever will: what is done leaves the ring at once.
    Gone,
}

impl Slots {
    pub(super) fn new(config: &SegmentStreamConfig) -> Self {
        Self {
            depth: config.channel_depth as u64,
            most_bytes: config.channel_bytes.map(|most| most as u64),
            when_full: config.when_full,
            next_index: 0,
            ring: VecDeque::with_capacity(config.channel_depth.min(RESERVED)),
            fresh: 0,
            passed_over: Vec::new(),
            writing: Vec::new(),
            in_flight: Tally::default(),
            info_bytes: 0,
            queued: Tally::default(),
            droppable: Tally::default(),
            losses: 0,
            totals: Totals::default(),
            consumer: Consumer::There,
            #[cfg(test)]
            visited: std::cell::Cell::default(),
        }
    }

    /// Whether a submission of this many bytes can be let in, if need be by dropping queued ones.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        self.fits(Tally::default(), bytes)
            || (self.when_full == WhenFull::DropOldest && self.fits(self.droppable, bytes))
    }

    /// Whether there are a free slot and free bytes, without dropping anything.
    pub(super) fn has_spare_room(&self) -> bool {
        let has_bytes = |most| self.held_bytes() < most;
        self.in_flight.segments < self.depth && self.most_bytes.is_none_or(has_bytes)
    }

    /// Whether one of this size fits in once these are gone. A submission that is larger than the
    /// bound passes when it is alone.
    fn fits(&self, gone: Tally, bytes: usize) -> bool {
        let segments = self.in_flight.segments - gone.segments;
        let held = self.held_bytes() - gone.bytes;
        let within = |most| {
            held.checked_add(bytes as u64)
                .is_some_and(|sum| sum <= most)
        };
        segments < self.depth && (segments == 0 || self.most_bytes.is_none_or(within))
    }

    fn held_bytes(&self) -> u64 {
        self.in_flight.bytes.saturating_add(self.info_bytes)
    }

    /// Lets a submission in for which [there is room](Self::has_room_for). Returns the payloads
    /// that were dropped for it.
    pub(super) fn admit(&mut self, submission: Submission, now: Instant) -> Vec<Vec<u8>> {
        let mut dropped = Vec::new();
        while !self.fits(Tally::default(), submission.byte_len()) {
            let Some(payload) = self.drop_oldest() else {
                break;
            };
            dropped.push(payload);
        }
        let Submission { segment, info } = submission;
        let bytes = segment.data.len();
        self.totals.accepted.add(bytes);
        self.in_flight.add(bytes);
        self.info_bytes += info.byte_len() as u64;
        self.queued.add(bytes);
        if !segment.is_init {
            self.droppable.add(bytes + info.byte_len());
        }
        self.push(info, Slot::Queued(segment), now);
        dropped
    }

    fn push(&mut self, info: SegmentInfo, slot: Slot, now: Instant) {
        self.ring.push_back(Entry {
            index: self.next_index,
            accepted: now,
            info,
            slot,
        });
        self.next_index += 1;
    }

    /// Enters how a write ended. If nobody will take that, it counts now and comes back, to be
    /// dropped.
    pub(super) fn complete(&mut self, index: u64, outcome: Outcome) -> Option<Yielded> {
        self.writing.retain(|it| *it != index);
        let Some(at) = self.position(index) else {
            // It may hold a caller's error, whose end is not for the lock.
            let (result, info) = (outcome.map(|it| it.0), SegmentInfo::new());
            return Some(Yielded { result, info });
        };
        self.ring[at].slot = Slot::Done(outcome);
        match self.consumer {
            Consumer::There => None,
            Consumer::Gone => self.remove(at),
        }
    }

    /// Whether [`pop`](Self::pop) would return something.
    pub(super) fn is_front_ready(&self) -> bool {
        let front = self.ring.front().map(|it| &it.slot);
        matches!(front, Some(Slot::Done(_) | Slot::Lost(..)))
    }

    /// The next one in the order of acceptance, if it has come to its end. Its slot and its bytes
    /// are free.
    pub(super) fn pop(&mut self) -> Option<Yielded> {
        if !self.is_front_ready() {
            return None;
        }
        self.remove(0)
    }

    /// Removes an entry that has come to its end, and counts it.
    fn remove(&mut self, at: usize) -> Option<Yielded> {
        let Entry { info, slot, .. } = if at == 0 {
            self.ring.pop_front()
        } else {
            self.ring.remove(at)
        }?;
        if self.fresh > at {
            self.fresh -= 1;
        }
        match slot {
            Slot::Lost(kind, loss) => {
                self.losses -= 1;
                self.totals.yielded_losses += loss.segments;
                let info = loss.info.clone();
                let result = Err(WriteError::lost(kind, loss));
                Some(Yielded { result, info })
            }
            Slot::Done(Ok((segment, destination))) => {
                let bytes = segment.data.len();
                self.release(bytes, &info);
                self.totals.yielded.add(bytes);
                if destination == Destination::None {
                    self.totals.without_destination.add(bytes);
                }
                let result = Ok(segment);
                Some(Yielded { result, info })
            }
            Slot::Done(Err(mut error)) => {
                let bytes = error.segment().data.len();
                self.release(bytes, &info);
                self.totals.failed.add(bytes);
                error.set_info(info.clone());
                let result = Err(error);
                Some(Yielded { result, info })
            }
            // No caller asks for these.
            Slot::Queued(_) | Slot::Writing(_) => None,
        }
    }

    fn release(&mut self, bytes: usize, info: &SegmentInfo) {
        self.in_flight.subtract(bytes);
        self.info_bytes -= info.byte_len() as u64;
    }

    fn position(&self, index: u64) -> Option<usize> {
        // Only losses that share a record leave indices out, so it nearly always stands where it
        // would without them.
        let first = self.ring.front()?.index;
        let expected = usize::try_from(index.checked_sub(first)?).ok()?;
        if self.ring.get(expected).is_some_and(|it| it.index == index) {
            return Some(expected);
        }
        self.ring
            .binary_search_by(|entry| {
                self.visit();
                entry.index.cmp(&index)
            })
            .ok()
    }

    /// Counts the entries that are looked at, for the test that bounds them.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "only tests count"))]
    fn visit(&self) {
        #[cfg(test)]
        self.visited.set(self.visited.get() + 1);
    }
}
