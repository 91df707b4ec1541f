//! The ring of slots: everything that was accepted and has not come out, in the order of
//! acceptance. Pure: no lock, no clock, no thread.
//!
//! A segment enters as [`Slot::Queued`], is [`Slot::Writing`] while a writer has it, waits as
//! [`Slot::Done`] for the iterator, and leaves from the front. A segment that was dropped to make
//! room, or that the producer gave up, is a [`Slot::Lost`] in its place: it holds no slot and no
//! bytes of the bounds.
//!
//! Functions return what is to be dropped or logged, so that neither happens under the lock.

#[cfg(test)]
mod model;

use std::collections::VecDeque;
use std::path::{Component, Path};
use std::time::{Duration, Instant};

use super::config::{SegmentStreamConfig, WhenFull};
use super::stats::{StreamStats, Tally};
use super::yielded::Yielded;
use crate::error::{Loss, SinkError, WriteError, WriteErrorKind};
use crate::internal::paths;
use crate::segment::{ProducedSegment, SegmentInfo, Submission};

/// Up to this many losses have a record each. Beyond it, neighbours share one: so there are never
/// more than these and one for each segment in flight.
#[cfg(not(test))]
const SEPARATE_LOSSES: usize = 64;
/// Few enough for the model to meet them.
#[cfg(test)]
const SEPARATE_LOSSES: usize = 3;

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

    /// Records a loss of the producer in its place. It was never accepted.
    pub(super) fn lose(&mut self, loss: Loss, now: Instant) {
        self.totals.given_up.add_loss(&loss);
        self.push(
            SegmentInfo::new(),
            Slot::Lost(WriteErrorKind::GivenUp, loss),
            now,
        );
        self.losses += 1;
        self.merge_losses_at(self.ring.len() - 1);
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

    /// Takes the payload of the oldest queued media segment away.
    fn drop_oldest(&mut self) -> Option<Vec<u8>> {
        let passed_over = self
            .passed_over
            .iter()
            .filter_map(|index| self.position(*index));
        let fresh = self.fresh..self.ring.len();
        let at = passed_over.chain(fresh).find(|at| self.is_droppable(*at))?;
        let entry = self.ring.get_mut(at)?;
        let info = std::mem::take(&mut entry.info);
        let Slot::Queued(segment) = &mut entry.slot else {
            return None;
        };
        let payload = std::mem::take(&mut segment.data);
        let first = ProducedSegment {
            data: Vec::new(),
            path_hint: segment.path_hint.take(),
            ..*segment
        };
        let (index, info_bytes) = (entry.index, info.byte_len());
        entry.slot = Slot::Lost(
            WriteErrorKind::Dropped,
            Loss::of(first, info, payload.len()),
        );
        self.passed_over.retain(|it| *it != index);
        self.in_flight.subtract(payload.len());
        self.info_bytes -= info_bytes as u64;
        self.queued.subtract(payload.len());
        self.droppable.subtract(payload.len() + info_bytes);
        self.totals.dropped.add(payload.len());
        self.losses += 1;
        self.merge_losses_at(at);
        Some(payload)
    }

    fn is_droppable(&self, at: usize) -> bool {
        self.visit();
        matches!(&self.ring[at].slot, Slot::Queued(segment) if !segment.is_init)
    }

    /// Has the loss at this position share a record with its neighbours, if there are too many
    /// records.
    fn merge_losses_at(&mut self, at: usize) {
        let mut at = at;
        if at > 0 && self.merge_with_next(at - 1) {
            at -= 1;
        }
        self.merge_with_next(at);
    }

    fn merge_with_next(&mut self, at: usize) -> bool {
        let is_loss = |at| matches!(self.ring.get(at).map(|it| &it.slot), Some(Slot::Lost(..)));
        if self.losses <= SEPARATE_LOSSES || !is_loss(at) || !is_loss(at + 1) {
            return false;
        }
        let next = self.ring.remove(at + 1);
        if let (Some(Slot::Lost(_, next)), Some(Slot::Lost(_, loss))) = (
            next.map(|it| it.slot),
            self.ring.get_mut(at).map(|it| &mut it.slot),
        ) {
            loss.merge(&next);
        }
        self.losses -= 1;
        if self.fresh > at + 1 {
            self.fresh -= 1;
        }
        true
    }

    /// The oldest queued segment whose path no writer has: equal paths are written one after the
    /// other, in the order of acceptance. Paths that some file system takes for one count as equal.
    pub(super) fn take(&mut self, now: Instant) -> Option<Job> {
        let at = self.take_passed_over().or_else(|| self.take_fresh())?;
        let entry = self.ring.get_mut(at)?;
        let Slot::Queued(segment) = &mut entry.slot else {
            return None;
        };
        let writing = Writing {
            meta: ProducedSegment {
                data: Vec::new(),
                path_hint: segment.path_hint.clone(),
                ..*segment
            },
            bytes: segment.data.len(),
            since: now,
        };
        let (index, info_bytes) = (entry.index, entry.info.byte_len());
        self.queued.subtract(writing.bytes);
        if !writing.meta.is_init {
            self.droppable.subtract(writing.bytes + info_bytes);
        }
        self.writing.push(index);
        match std::mem::replace(&mut entry.slot, Slot::Writing(writing)) {
            Slot::Queued(segment) => Some(Job { index, segment }),
            _ => None,
        }
    }

    fn take_passed_over(&mut self) -> Option<usize> {
        let free = self
            .passed_over
            .iter()
            .enumerate()
            .find_map(|(place, index)| {
                let at = self.position(*index)?;
                self.is_free(at).then_some((place, at))
            });
        let (place, at) = free?;
        self.passed_over.remove(place);
        Some(at)
    }

    fn take_fresh(&mut self) -> Option<usize> {
        while self.fresh < self.ring.len() {
            let at = self.fresh;
            self.fresh += 1;
            if !matches!(self.ring[at].slot, Slot::Queued(_)) {
                self.visit();
                continue;
            }
            if self.is_free(at) {
                return Some(at);
            }
            self.passed_over.push(self.ring[at].index);
        }
        None
    }

    /// Whether no writer has the path of this queued entry.
    fn is_free(&self, at: usize) -> bool {
        self.visit();
        let path = |at: usize| match &self.ring.get(at)?.slot {
            Slot::Queued(segment) => segment.path_hint.as_deref(),
            Slot::Writing(writing) => writing.meta.path_hint.as_deref(),
            _ => None,
        };
        let Some(own) = path(at) else { return true };
        let mut others = self.writing.iter();
        !others.any(|it| {
            let other = self.position(*it).and_then(path);
            other.is_some_and(|other| may_be_same(other, own))
        })
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

    /// Takes out what has come to its end, wherever it stands.
    pub(super) fn take_finished(&mut self) -> Vec<Yielded> {
        let mut finished = Vec::new();
        let mut at = 0;
        while let Some(entry) = self.ring.get(at) {
            if matches!(entry.slot, Slot::Queued(_) | Slot::Writing(_)) {
                at += 1;
            } else {
                finished.extend(self.remove(at));
            }
        }
        finished
    }

    /// Nobody takes what comes out any more.
    pub(super) fn abandon(&mut self) -> Vec<Yielded> {
        self.consumer = Consumer::Gone;
        self.take_finished()
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

    /// Takes out what no writer has begun.
    pub(super) fn discard_queued(&mut self) -> Vec<Submission> {
        let mut discarded = Vec::new();
        let mut kept = VecDeque::with_capacity(self.ring.len());
        for entry in std::mem::take(&mut self.ring) {
            match entry.slot {
                Slot::Queued(segment) => {
                    let bytes = segment.data.len();
                    self.release(bytes, &entry.info);
                    self.totals.discarded.add(bytes);
                    discarded.push(Submission::from((segment, entry.info)));
                }
                _ => kept.push_back(entry),
            }
        }
        self.ring = kept;
        self.nothing_is_queued();
        discarded
    }

    /// What is queued fails in its place, without having been begun. Returns how many that are and,
    /// if nobody will take them, themselves.
    pub(super) fn abort_queued(&mut self) -> (u64, Vec<Yielded>) {
        let count = self.queued.segments;
        for entry in &mut self.ring {
            if let Slot::Queued(segment) = &mut entry.slot {
                let segment = ProducedSegment {
                    data: std::mem::take(&mut segment.data),
                    path_hint: segment.path_hint.take(),
                    ..*segment
                };
                let cause = SinkError::permanent("the sink panicked on an earlier segment");
                let error = WriteError::new(segment, WriteErrorKind::Aborted, cause, 0);
                entry.slot = Slot::Done(Err(error));
            }
        }
        self.nothing_is_queued();
        let untaken = match self.consumer {
            Consumer::There => Vec::new(),
            Consumer::Gone => self.take_finished(),
        };
        (count, untaken)
    }

    fn nothing_is_queued(&mut self) {
        self.queued = Tally::default();
        self.droppable = Tally::default();
        self.passed_over.clear();
        self.fresh = self.ring.len();
    }

    /// What writers have, without its payload, in the order of acceptance.
    pub(super) fn in_doubt(&self) -> Vec<Submission> {
        let mut indices = self.writing.clone();
        indices.sort_unstable();
        let entries = indices
            .iter()
            .filter_map(|it| self.ring.get(self.position(*it)?));
        entries
            .filter_map(|entry| match &entry.slot {
                Slot::Writing(it) => Some(Submission::from((it.meta.clone(), entry.info.clone()))),
                _ => None,
            })
            .collect()
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

    /// The segment that a writer has had for the longest time: its number, and for how long.
    pub(super) fn longest_writing(&self, now: Instant) -> Option<(u64, Duration)> {
        let entries = self
            .writing
            .iter()
            .filter_map(|it| self.ring.get(self.position(*it)?));
        let writing = entries.filter_map(|entry| match &entry.slot {
            Slot::Writing(it) => Some(it),
            _ => None,
        });
        let longest = writing.min_by_key(|it| it.since)?;
        let age = now.saturating_duration_since(longest.since);
        Some((longest.meta.sequence, age))
    }

    pub(super) fn in_flight(&self) -> Tally {
        self.in_flight
    }

    pub(super) fn dropped(&self) -> Tally {
        self.totals.dropped
    }

    /// Segments that came out, as `Ok` or as `Err`.
    pub(super) fn segments_received(&self) -> u64 {
        let Totals {
            yielded,
            failed,
            yielded_losses,
            ..
        } = &self.totals;
        yielded.segments + failed.segments + yielded_losses
    }

    /// What the ring knows of the statistics.
    pub(super) fn stats(&self, now: Instant) -> StreamStats {
        let is_in_flight = |entry: &&Entry| !matches!(entry.slot, Slot::Lost(..));
        let oldest = self.ring.iter().find(is_in_flight);
        StreamStats {
            accepted: self.totals.accepted,
            yielded: self.totals.yielded,
            failed: self.totals.failed,
            discarded: self.totals.discarded,
            dropped: self.totals.dropped,
            given_up: self.totals.given_up,
            without_destination: self.totals.without_destination,
            in_flight: self.in_flight,
            queued: self.queued,
            writing: self.writing.len() as u64,
            oldest_age: oldest.map(|it| now.saturating_duration_since(it.accepted)),
            stalled_for: self.longest_writing(now).map_or(Duration::ZERO, |it| it.1),
            ..StreamStats::default()
        }
    }
}

/// Whether both may be paths of one file. File names differ most, so the comparison begins there.
fn may_be_same(one: &Path, other: &Path) -> bool {
    // A leading `.` is the only one that `Path` does not ignore.
    let names = |path| {
        Path::components(path)
            .rev()
            .filter(|it| *it != Component::CurDir)
    };
    let (mut one, mut other) = (names(one), names(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if paths::may_be_same(one.as_os_str(), other.as_os_str()) => {}
            _ => return false,
        }
    }
}
