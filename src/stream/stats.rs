//! What a stream has done so far, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::Loss;

/// A number of segments and of their payload bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many segments.
    pub segments: u64,
    /// How many payload bytes they hold together.
    pub bytes: u64,
}

impl Tally {
    /// One more segment, of this many bytes.
    pub(super) fn add(&mut self, bytes: usize) {
        self.segments = self.segments.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// One segment less, of this many bytes.
    pub(super) fn subtract(&mut self, bytes: usize) {
        self.segments -= 1;
        self.bytes -= bytes as u64;
    }

    pub(super) fn add_loss(&mut self, loss: &Loss) {
        self.segments = self.segments.saturating_add(loss.segments);
        self.bytes = self.bytes.saturating_add(loss.bytes);
    }
}

/// How a stream is doing and what it has done so far, taken at one moment, so that
/// `accepted = yielded + failed + discarded + dropped + in_flight` holds for segments and for bytes.
///
/// A segment counts as yielded, failed or discarded when it comes out: of the iterator, or into the
/// [`Report`](crate::Report) of `finish`, `finish_timeout` or `drain`. One that nobody takes any more,
/// because the stream was dropped, counts when its write ends. A dropped one counts at once.
///
/// Three numbers tell most: `in_flight` against the bounds says how far the sink is behind,
/// `oldest_age` by how much time, and `stalled_for` whether it is moving at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStats {
    /// What `send` took: every call that returned `Ok`.
    pub accepted: Tally,
    /// What came out as `Ok`.
    pub yielded: Tally,
    /// What the sink could not write, and came out as `Err`.
    pub failed: Tally,
    /// What `drain` or `finish_timeout` gave back without a write.
    pub discarded: Tally,
    /// What was dropped to make room ([`WhenFull::DropOldest`](crate::WhenFull::DropOldest)).
    pub dropped: Tally,
    /// What the producer gave up ([`give_up`](crate::SegmentSender::give_up),
    /// [`lost`](crate::SegmentSender::lost)). It was never accepted, and is part of no other number.
    pub given_up: Tally,
    /// The part of `yielded` that the sink let pass because it had nowhere to put it: on the disk
    /// sink, the segments without a path hint.
    pub without_destination: Tally,
    /// What was accepted and has not come out: queued, being written, or waiting to be yielded.
    /// This is what the bounds hold for.
    pub in_flight: Tally,
    /// The part of `in_flight` that no writer has begun.
    pub queued: Tally,
    /// How many segments are being written: the writers that have something to do.
    pub writing: u64,
    /// How many calls of `send` and `send_timeout` wait for room.
    pub waiting_senders: u64,
    /// How long ago the oldest segment in flight was accepted.
    pub oldest_age: Option<Duration>,
    /// For how long the sink has been at the segment that it has been at longest, with every attempt
    /// and every pause between them; zero while nothing is being written.
    pub stalled_for: Duration,
    /// How often a failed write was tried again.
    pub retries: u64,
    /// The longest time that the sink took for one attempt.
    pub longest_write: Duration,
    /// The mean time that the sink took for an attempt, whatever came of it; zero before the first.
    pub mean_write: Duration,
}

/// What the writers' attempts have taken, apart from the other books: it is entered without a lock, after
/// every attempt.
#[derive(Debug, Default)]
pub(super) struct Meter {
    attempts: AtomicU64,
    retries: AtomicU64,
    /// In nanoseconds.
    time_in_writes: AtomicU64,
    /// In nanoseconds.
    longest_write: AtomicU64,
}

impl Meter {
    /// `attempt` is counted from 1 for each segment.
    pub(super) fn record_attempt(&self, attempt: u32, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // Whoever sees the attempt sees the time that it took.
        self.time_in_writes.fetch_add(nanos, Ordering::Relaxed);
        self.longest_write.fetch_max(nanos, Ordering::Relaxed);
        if attempt > 1 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
        self.attempts.fetch_add(1, Ordering::Release);
    }

    /// Enters what it says into the statistics.
    pub(super) fn read(&self, stats: &mut StreamStats) {
        let attempts = self.attempts.load(Ordering::Acquire);
        let time_in_writes = self.time_in_writes.load(Ordering::Relaxed);
        stats.retries = self.retries.load(Ordering::Relaxed);
        stats.longest_write = Duration::from_nanos(self.longest_write.load(Ordering::Relaxed));
        stats.mean_write = Duration::from_nanos(time_in_writes / attempts.max(1));
    }
}
