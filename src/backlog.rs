//! What was accepted and has not come out: bookkeeping only, nothing in here waits.
//!
//! Every segment gets an index when it is accepted, which is its place in the iteration. It is queued,
//! then in the hand of a writer, then done, and in flight until it is released. What is dropped to make
//! room is no longer in flight, and leaves a record.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::config::{SegmentStreamConfig, WhenFull};
use crate::losses::{Loss, Losses};
use crate::segment::ProducedSegment;
use crate::stats::Tally;

/// An accepted segment.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) index: u64,
    pub(crate) segment: ProducedSegment,
}

/// A segment that a writer has, without its payload.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) index: u64,
    pub(crate) segment: ProducedSegment,
    since: Instant,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Writing,
    /// Its write has ended, and its completion is with the consumer.
    Done,
}

impl Held {
    fn new(job: &Job, now: Instant) -> Self {
        Self {
            index: job.index,
            segment: without_payload(&job.segment),
            since: now,
            stage: Stage::Writing,
        }
    }

    /// The same as a new one, in the memory that the path of the last one had.
    fn renew(&mut self, job: &Job, now: Instant) {
        let mut path_hint = self.segment.path_hint.take();
        path_hint.clone_from(&job.segment.path_hint);
        *self = Self {
            index: job.index,
            segment: ProducedSegment {
                data: Vec::new(),
                path_hint,
                ..job.segment
            },
            since: now,
            stage: Stage::Writing,
        };
    }

    pub(crate) fn is_being_written(&self) -> bool {
        self.stage == Stage::Writing
    }
}

#[derive(Debug)]
struct InFlight {
    index: u64,
    bytes: usize,
    since: Instant,
}

/// How a segment can be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    None,
    /// After this many of the oldest queued media segments were dropped.
    ByDropping(usize),
}

/// There is room for that many segments from the start, so that no `send` has to move those that wait. A
/// larger depth may be one that is never used.
const MADE_ROOM_FOR: usize = 1024;

#[derive(Debug)]
pub(crate) struct Backlog {
    depth: usize,
    most_bytes: Option<usize>,
    when_full: WhenFull,
    next_index: u64,
    queued: VecDeque<Job>,
    queued_bytes: u64,
    /// What each writer has, or had last.
    hands: Vec<Option<Held>>,
    /// In the order of acceptance.
    in_flight: VecDeque<InFlight>,
    bytes: usize,
    losses: Losses,
}

impl Backlog {
    pub(crate) fn new(config: &SegmentStreamConfig, writers: usize) -> Self {
        let room = config.channel_depth.min(MADE_ROOM_FOR);
        Self {
            depth: config.channel_depth,
            most_bytes: config.channel_bytes,
            when_full: config.when_full,
            next_index: 0,
            queued: VecDeque::with_capacity(room),
            queued_bytes: 0,
            hands: (0..writers).map(|_| None).collect(),
            in_flight: VecDeque::with_capacity(room),
            bytes: 0,
            losses: Losses::default(),
        }
    }

    /// Whether and how a segment of this length can be let in now.
    pub(crate) fn room_for(&self, length: usize) -> Room {
        let (mut segments, mut bytes) = (self.in_flight.len(), self.bytes);
        if self.fits(segments, bytes, length) {
            return Room::ByDropping(0);
        }
        if self.when_full == WhenFull::DropOldest {
            for (count, job) in (1..).zip(self.droppable()) {
                segments -= 1;
                bytes -= job.segment.data.len();
                if self.fits(segments, bytes, length) {
                    return Room::ByDropping(count);
                }
            }
        }
        Room::None
    }

    /// A segment that is larger than the bound passes when it is alone.
    fn fits(&self, segments: usize, bytes: usize, length: usize) -> bool {
        let within = |most| bytes.checked_add(length).is_some_and(|sum| sum <= most);
        segments < self.depth && (segments == 0 || self.most_bytes.is_none_or(within))
    }

    fn droppable(&self) -> impl Iterator<Item = &Job> {
        self.queued.iter().filter(|job| !job.segment.is_init)
    }

    /// Takes the payloads of the oldest queued media segments away, and keeps a record of each.
    pub(crate) fn drop_oldest(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        let mut at = 0;
        while payloads.len() < count
            && let Some(job) = self.queued.get(at)
        {
            if job.segment.is_init {
                at += 1;
                continue;
            }
            let Some(Job { index, mut segment }) = self.queued.remove(at) else {
                break;
            };
            let payload = std::mem::take(&mut segment.data);
            self.queued_bytes -= payload.len() as u64;
            self.release(index);
            self.losses
                .add(Loss::of(index, segment, payload.len() as u64));
            payloads.push(payload);
        }
        payloads
    }

    pub(crate) fn admit(&mut self, segment: ProducedSegment, now: Instant) {
        let (index, bytes) = (self.next_index, segment.data.len());
        self.next_index += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.queued_bytes += bytes as u64;
        self.in_flight.push_back(InFlight {
            index,
            bytes,
            since: now,
        });
        self.queued.push_back(Job { index, segment });
    }

    /// The oldest queued segment whose path is in no other writer's hand: equal paths are written one
    /// after the other, in the order of acceptance.
    pub(crate) fn take(&mut self, writer: usize, now: Instant) -> Option<Job> {
        let at = if self.hands.len() == 1 {
            0
        } else {
            let is_free = |job: &Job| {
                let path = job.segment.path_hint.as_deref();
                path.is_none_or(|path| !self.is_in_hand(path))
            };
            self.queued.iter().position(is_free)?
        };
        let job = self.queued.remove(at)?;
        self.queued_bytes -= job.segment.data.len() as u64;
        match &mut self.hands[writer] {
            Some(held) => held.renew(&job, now),
            hand => *hand = Some(Held::new(&job, now)),
        }
        Some(job)
    }

    fn is_in_hand(&self, path: &Path) -> bool {
        self.being_written()
            .filter_map(|held| held.segment.path_hint.as_deref())
            .any(|held| plain(held) == plain(path))
    }

    fn being_written(&self) -> impl Iterator<Item = &Held> {
        let held = self.hands.iter().flatten();
        held.filter(|held| held.is_being_written())
    }

    /// The writer has done with what it had.
    pub(crate) fn put_down(&mut self, writer: usize) {
        if let Some(held) = &mut self.hands[writer] {
            held.stage = Stage::Done;
        }
    }

    /// Everything that no writer has begun.
    pub(crate) fn take_queued(&mut self) -> VecDeque<Job> {
        self.queued_bytes = 0;
        std::mem::take(&mut self.queued)
    }

    /// What the writers have, or had last.
    pub(crate) fn hands(&self) -> Vec<Held> {
        self.hands.iter().flatten().cloned().collect()
    }

    /// Its slot and its bytes are free again.
    pub(crate) fn release(&mut self, index: u64) {
        // Nearly always the first one, as what comes out comes out in order.
        let place = match self.in_flight.front() {
            Some(first) if first.index == index => Ok(0),
            _ => self.in_flight.binary_search_by_key(&index, |it| it.index),
        };
        if let Ok(at) = place
            && let Some(released) = self.in_flight.remove(at)
        {
            self.bytes = self.bytes.saturating_sub(released.bytes);
        }
        // Whoever had it may not have come to put it down.
        for held in self.hands.iter_mut().flatten() {
            if held.index == index {
                held.stage = Stage::Done;
            }
        }
    }

    pub(crate) fn take_loss(&mut self, before: u64) -> Option<Loss> {
        self.losses.take_first(before)
    }

    pub(crate) fn queued(&self) -> Tally {
        Tally {
            segments: self.queued.len() as u64,
            bytes: self.queued_bytes,
        }
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.len() as u64
    }

    pub(crate) fn oldest_age(&self, now: Instant) -> Option<Duration> {
        let oldest = self.in_flight.front()?;
        Some(now.saturating_duration_since(oldest.since))
    }

    /// The segment that a writer has had for the longest time, and for how long.
    pub(crate) fn longest_held(&self, now: Instant) -> Option<(&ProducedSegment, Duration)> {
        let longest = self.being_written().min_by_key(|held| held.since)?;
        let age = now.saturating_duration_since(longest.since);
        Some((&longest.segment, age))
    }

    pub(crate) fn writing(&self) -> u64 {
        self.being_written().count() as u64
    }
}

/// A `.` in front is the only one that [`Path`] does not ignore when it compares.
fn plain(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

fn without_payload(segment: &ProducedSegment) -> ProducedSegment {
    ProducedSegment {
        data: Vec::new(),
        path_hint: segment.path_hint.clone(),
        ..*segment
    }
}
