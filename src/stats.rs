//! What a stream has done so far, in numbers.

use std::time::Duration;

use crate::segment::ProducedSegment;

/// A number of segments and of their payload bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many segments.
    pub segments: u64,
    /// How many payload bytes they hold together.
    pub bytes: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, segment: &ProducedSegment) {
        self.segments = self.segments.saturating_add(1);
        self.bytes = self.bytes.saturating_add(segment.data.len() as u64);
    }

    fn without(self, other: Self) -> Self {
        Self {
            segments: self.segments.saturating_sub(other.segments),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// What a stream has done so far, taken at one moment, so that
/// `accepted = yielded + failed + discarded + in_flight` holds for segments and for bytes.
///
/// A segment counts as yielded, failed or discarded when it comes out: of the iterator, or into the
/// [`Report`](crate::Report) of `finish` or `drain`. One that nobody takes any more, because the
/// stream was dropped, counts when its write ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStats {
    /// What `send` took: every call that returned `Ok`.
    pub accepted: Tally,
    /// What came out as `Ok`.
    pub yielded: Tally,
    /// What came out as `Err`.
    pub failed: Tally,
    /// What `drain` discarded without writing it.
    pub discarded: Tally,
    /// The part of `yielded` that the sink let pass because it had nowhere to put it: on the disk
    /// sink, the segments without a path hint.
    pub without_destination: Tally,
    /// What was accepted and has not come out: queued, being written, or waiting to be yielded.
    pub in_flight: Tally,
    /// The longest time that the sink took for one segment.
    pub longest_write: Duration,
    /// The mean time that the sink took for a segment, whatever came of it; zero before the first.
    pub mean_write: Duration,
}

/// The books behind [`StreamStats`].
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) accepted: Tally,
    pub(crate) yielded: Tally,
    pub(crate) failed: Tally,
    pub(crate) discarded: Tally,
    pub(crate) without_destination: Tally,
    writes: u64,
    time_in_writes: Duration,
    longest_write: Duration,
}

impl Ledger {
    pub(crate) fn record_write(&mut self, took: Duration) {
        self.writes += 1;
        self.time_in_writes = self.time_in_writes.saturating_add(took);
        self.longest_write = self.longest_write.max(took);
    }

    pub(crate) fn stats(&self) -> StreamStats {
        StreamStats {
            accepted: self.accepted,
            yielded: self.yielded,
            failed: self.failed,
            discarded: self.discarded,
            without_destination: self.without_destination,
            in_flight: self
                .accepted
                .without(self.yielded)
                .without(self.failed)
                .without(self.discarded),
            longest_write: self.longest_write,
            mean_write: self.mean_write(),
        }
    }

    fn mean_write(&self) -> Duration {
        let nanos = self.time_in_writes.as_nanos() / u128::from(self.writes.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
