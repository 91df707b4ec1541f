//! The state of a stream in numbers.

use std::fmt;
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

/// The state of a stream and its totals, taken at one moment: `accepted = yielded + failed +
/// discarded + dropped + in_flight` holds for segments and for bytes.
///
/// A segment counts as yielded, failed or discarded when it comes out: of the iterator, or into the
/// [`Report`](crate::Report) of `finish`, `finish_timeout` or `drain`. A segment that nobody takes
/// any more, because the stream was dropped, counts when its write ends. A dropped segment counts
/// at once.
///
/// Three numbers matter most: `in_flight` against the bounds says how far the sink is behind,
/// `oldest_age` by how much time, and `stalled_for` whether it is moving at all. `Display` is one
/// line with all that is not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStats {
    /// Every `send` that returned `Ok`.
    pub accepted: Tally,
    /// The segments that came out as `Ok`.
    pub yielded: Tally,
    /// The segments that the sink could not write, and that came out as `Err`.
    pub failed: Tally,
    /// The segments that `drain` or `finish_timeout` gave back without a write.
    pub discarded: Tally,
    /// The segments that were dropped to make room
    /// ([`WhenFull::DropOldest`](crate::WhenFull::DropOldest)).
    pub dropped: Tally,
    /// The segments that the producer gave up ([`give_up`](crate::SegmentSender::give_up),
    /// [`lost`](crate::SegmentSender::lost)). They were never accepted, and are part of no other
    /// number.
    pub given_up: Tally,
    /// The part of `yielded` that the sink let pass because it had nowhere to put it: on the disk
    /// sink, the segments without a path hint.
    pub without_destination: Tally,
    /// The segments that were accepted and have not come out: queued, being written, or waiting to
    /// be yielded. The bounds hold for these.
    pub in_flight: Tally,
    /// The part of `in_flight` that no writer has begun.
    pub queued: Tally,
    /// The segments that are being written: the number of busy writers.
    pub writing: u64,
    /// The calls of `send` and `send_timeout` that wait for room.
    pub waiting_senders: u64,
    /// The time since the oldest segment in flight was accepted.
    pub oldest_age: Option<Duration>,
    /// The longest time that a segment has been with its sink, with all attempts and the pauses
    /// between them; zero while nothing is being written.
    pub stalled_for: Duration,
    /// How often a failed write was retried.
    pub retries: u64,
    /// The longest time that a sink took for one attempt.
    pub longest_write: Duration,
    /// The mean time that a sink took for an attempt, failed ones included; zero before the first.
    pub mean_write: Duration,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.segments, self.bytes)
    }
}

/// `accepted 5 (500 bytes), yielded 3 (300 bytes), in flight 2 (200 bytes), writing 1, …`
impl fmt::Display for StreamStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "accepted {}, yielded {}", self.accepted, self.yielded)?;
        for (name, tally) in [
            ("failed", self.failed),
            ("discarded", self.discarded),
            ("dropped", self.dropped),
            ("given up", self.given_up),
            ("without destination", self.without_destination),
            ("in flight", self.in_flight),
            ("queued", self.queued),
        ] {
            if tally.segments > 0 {
                write!(f, ", {name} {tally}")?;
            }
        }
        for (name, count) in [
            ("writing", self.writing),
            ("waiting senders", self.waiting_senders),
            ("retries", self.retries),
        ] {
            if count > 0 {
                write!(f, ", {name} {count}")?;
            }
        }
        for (name, time) in [
            ("oldest age", self.oldest_age.unwrap_or_default()),
            ("stalled for", self.stalled_for),
            ("longest write", self.longest_write),
            ("mean write", self.mean_write),
        ] {
            if !time.is_zero() {
                write!(f, ", {name} {time:.1?}")?;
            }
        }
        Ok(())
    }
}

/// The writers' attempts and their times. Counted without the lock, after every attempt.
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
        // A reader that sees the attempt sees its time as well.
        self.time_in_writes.fetch_add(nanos, Ordering::Relaxed);
        self.longest_write.fetch_max(nanos, Ordering::Relaxed);
        if attempt > 1 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
        self.attempts.fetch_add(1, Ordering::Release);
    }

    /// Enters its numbers into the statistics.
    pub(super) fn read(&self, stats: &mut StreamStats) {
        let attempts = self.attempts.load(Ordering::Acquire);
        let time_in_writes = self.time_in_writes.load(Ordering::Relaxed);
        stats.retries = self.retries.load(Ordering::Relaxed);
        stats.longest_write = Duration::from_nanos(self.longest_write.load(Ordering::Relaxed));
        stats.mean_write = Duration::from_nanos(time_in_writes / attempts.max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_all_that_is_not_zero() {
        let tally = |segments| Tally {
            segments,
            bytes: segments * 100,
        };
        let mut stats = StreamStats {
            accepted: tally(5),
            yielded: tally(3),
            ..StreamStats::default()
        };
        assert_eq!(
            stats.to_string(),
            "accepted 5 (500 bytes), yielded 3 (300 bytes)"
        );
        stats.in_flight = tally(2);
        stats.given_up = tally(1);
        stats.writing = 1;
        stats.stalled_for = Duration::from_millis(1500);
        assert_eq!(
            stats.to_string(),
            "accepted 5 (500 bytes), yielded 3 (300 bytes), given up 1 (100 bytes), \
             in flight 2 (200 bytes), writing 1, stalled for 1.5s"
        );
    }
}
