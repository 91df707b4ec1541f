//! The record of one lost segment, or of several in a row that share one error.

use crate::segment::{LONGEST_LOSS_SECS, ProducedSegment, SegmentInfo, usable};

/// The first of a row of lost segments, and sums over all of them.
#[derive(Debug, Clone)]
pub(crate) struct Loss {
    pub(crate) first: ProducedSegment,
    /// The information that still holds after all of them.
    pub(crate) info: SegmentInfo,
    pub(crate) segments: u64,
    pub(crate) last_sequence: u64,
    /// Payload bytes of all of them.
    pub(crate) bytes: u64,
    /// The duration of a single segment as it is, or the sum of the valid durations of several.
    pub(crate) duration_secs: f64,
    /// The longest of the valid durations.
    pub(crate) longest_secs: f64,
    /// The number of segments whose duration is not valid.
    pub(crate) unusable: u64,
}

impl Loss {
    /// The loss of one segment with a payload of `bytes`. The payload may have been taken out of
    /// it already.
    pub(crate) fn of(first: ProducedSegment, info: SegmentInfo, bytes: usize) -> Self {
        let duration = usable(first.duration_secs);
        Self {
            info,
            segments: 1,
            last_sequence: first.sequence,
            bytes: bytes as u64,
            duration_secs: first.duration_secs,
            longest_secs: duration.unwrap_or_default(),
            unusable: u64::from(duration.is_none()),
            first,
        }
    }

    /// The loss of media of this duration, as the producer tells it. It may be longer than a
    /// segment.
    pub(crate) fn told(first: ProducedSegment, info: SegmentInfo, bytes: usize) -> Self {
        let is_usable = (0.0..=LONGEST_LOSS_SECS).contains(&first.duration_secs);
        Self {
            unusable: u64::from(!is_usable),
            ..Self::of(first, info, bytes)
        }
    }

    /// Adds the loss that follows.
    pub(crate) fn merge(&mut self, next: &Self) {
        self.duration_secs = self.usable_secs() + next.usable_secs();
        self.segments = self.segments.saturating_add(next.segments);
        self.last_sequence = next.last_sequence;
        self.bytes = self.bytes.saturating_add(next.bytes);
        self.longest_secs = self.longest_secs.max(next.longest_secs);
        self.unusable = self.unusable.saturating_add(next.unusable);
        self.info.absorb(&next.info);
    }

    /// A sum is valid even if it is longer than a segment may be.
    fn usable_secs(&self) -> f64 {
        if self.segments == 1 && self.unusable > 0 {
            0.0
        } else {
            self.duration_secs
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_durations_do_not_spoil_the_sum() {
        let found = [f64::NAN, 2.0, -3.0, f64::INFINITY, 1e300, 3600.1, 0.0, 1.5];
        let mut losses = (100..).zip(found).map(|(sequence, secs)| {
            Loss::of(
                ProducedSegment::media(sequence, Vec::new(), secs),
                SegmentInfo::new(),
                10,
            )
        });
        let mut all = losses.next().unwrap();
        losses.for_each(|loss| all.merge(&loss));
        assert_eq!((all.segments, all.bytes, all.unusable), (8, 80, 5));
        assert_eq!((all.first.sequence, all.last_sequence), (100, 107));
        assert_eq!(all.longest_secs.to_bits(), 2.0_f64.to_bits());
        assert_eq!(all.duration_secs.to_bits(), 3.5_f64.to_bits());
    }

    #[test]
    fn a_told_loss_may_be_longer_than_a_segment() {
        let told = |secs| {
            let first = ProducedSegment::media(0, Vec::new(), secs);
            Loss::told(first, SegmentInfo::new(), 0)
        };
        let mut all = told(7_200.0);
        all.merge(&told(604_800.5));
        all.merge(&told(604_800.0));
        assert_eq!(all.duration_secs.to_bits(), 612_000.0_f64.to_bits());
        assert_eq!((all.segments, all.unusable), (3, 1));
    }

    #[test]
    fn sums_are_not_taken_for_durations() {
        let hour = || {
            Loss::of(
                ProducedSegment::media(0, Vec::new(), 3600.0),
                SegmentInfo::new(),
                0,
            )
        };
        let mut all = hour();
        (1..100).for_each(|_| all.merge(&hour()));
        let mut more = hour();
        more.merge(&all);
        assert_eq!(more.duration_secs.to_bits(), 363_600.0_f64.to_bits());
    }
}
