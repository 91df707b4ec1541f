//! What the ring knows of the statistics.

use std::time::{Duration, Instant};

use super::super::stats::{StreamStats, Tally};
use super::{Entry, Slot, Slots, Totals};

impl Slots {
    /// The segment that a writer has had for the longest time: its number, and for how long.
    pub(in super::super) fn longest_writing(&self, now: Instant) -> Option<(u64, Duration)> {
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

    pub(in super::super) fn in_flight(&self) -> Tally {
        self.in_flight
    }

    pub(in super::super) fn dropped(&self) -> Tally {
        self.totals.dropped
    }

    /// Segments that came out, as `Ok` or as `Err`.
    pub(in super::super) fn segments_received(&self) -> u64 {
        let Totals {
            yielded,
            failed,
            yielded_losses,
            ..
        } = &self.totals;
        yielded.segments + failed.segments + yielded_losses
    }

    /// What the ring knows of the statistics.
    pub(in super::super) fn stats(&self, now: Instant) -> StreamStats {
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
