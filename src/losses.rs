//! What was dropped to make room and has not been yielded yet.

use std::collections::VecDeque;

use crate::segment::{ProducedSegment, usable};

/// How many records there are before those that follow one another are merged.
const RECORDS: usize = 64;

/// One dropped segment, or several that were accepted one after the other.
#[derive(Debug)]
pub(crate) struct Loss {
    /// The index of the first of them, and the one after the last.
    pub(crate) index: u64,
    pub(crate) end: u64,
    /// The first of them, without its payload.
    pub(crate) first: ProducedSegment,
    pub(crate) last_sequence: u64,
    /// Payload bytes of all of them.
    pub(crate) bytes: u64,
    /// Of the first, as it is; or of all of them, without those that cannot be durations.
    pub(crate) duration_secs: f64,
    /// The longest of them that can be a duration.
    pub(crate) longest_secs: f64,
    /// How many cannot be a duration.
    pub(crate) unusable: u64,
}

impl Loss {
    /// Of a segment whose payload, of this length, is taken away already.
    pub(crate) fn of(index: u64, segment: ProducedSegment, bytes: u64) -> Self {
        Self {
            index,
            end: index + 1,
            last_sequence: segment.sequence,
            bytes,
            duration_secs: segment.duration_secs,
            longest_secs: usable(segment.duration_secs).unwrap_or_default(),
            unusable: u64::from(usable(segment.duration_secs).is_none()),
            first: segment,
        }
    }

    pub(crate) fn segments(&self) -> u64 {
        self.end - self.index
    }

    fn merge(&mut self, next: &Self) {
        self.end = next.end;
        self.last_sequence = next.last_sequence;
        self.bytes = self.bytes.saturating_add(next.bytes);
        let of = |loss: &Self| usable(loss.duration_secs).unwrap_or_default();
        self.duration_secs = if self.segments() == 2 {
            of(self) + of(next)
        } else {
            self.duration_secs + of(next)
        };
        self.longest_secs = self.longest_secs.max(next.longest_secs);
        self.unusable += next.unusable;
    }
}

/// The records, in the order of acceptance. However many segments are dropped, there are never more of
/// them than [`RECORDS`] and the segments in flight together: two that cannot be merged have one between
/// them that is still to be yielded.
#[derive(Debug, Default)]
pub(crate) struct Losses(VecDeque<Loss>);

impl Losses {
    /// Of a segment that was accepted after all that were lost before it.
    pub(crate) fn add(&mut self, loss: Loss) {
        if self.0.len() >= RECORDS
            && let Some(last) = self.0.back_mut()
            && last.end == loss.index
        {
            last.merge(&loss);
        } else {
            self.0.push_back(loss);
        }
    }

    /// The first that was lost, if that was before this index.
    pub(crate) fn take_first(&mut self, before: u64) -> Option<Loss> {
        let is_before = self.0.front().is_some_and(|loss| loss.index < before);
        is_before.then(|| self.0.pop_front()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(index: u64, secs: f64) -> Loss {
        let segment = ProducedSegment::media(100 + index, Vec::new(), secs);
        Loss::of(index, segment, 10)
    }

    #[test]
    fn each_is_recorded_by_itself_up_to_the_limit_and_the_rest_are_merged() {
        let mut losses = Losses::default();
        (0..1_000_000).for_each(|index| losses.add(lost(index, 2.0)));
        for index in 0..63 {
            assert!(losses.take_first(index).is_none());
            assert_eq!(losses.take_first(index + 1).unwrap().segments(), 1);
        }
        let rest = losses.take_first(64).unwrap();
        assert_eq!((rest.segments(), rest.end), (999_937, 1_000_000));
        assert_eq!((rest.first.sequence, rest.last_sequence), (163, 1_000_099));
        assert_eq!(rest.bytes, 9_999_370);
        assert!((rest.duration_secs - 1_999_874.0).abs() < 1e-6);
        assert!(losses.0.is_empty());
    }

    #[test]
    fn what_does_not_follow_directly_is_not_merged() {
        let mut losses = Losses::default();
        (0..70).for_each(|index| losses.add(lost(2 * index, 2.0)));
        for index in 0..70 {
            assert!(losses.take_first(2 * index).is_none());
            assert_eq!(losses.take_first(2 * index + 1).unwrap().segments(), 1);
        }
    }

    #[test]
    fn unusable_durations_do_not_spoil_the_sum() {
        let mut losses = Losses::default();
        (0..63).for_each(|index| losses.add(lost(index, 2.0)));
        let found = [f64::NAN, 2.0, -3.0, f64::INFINITY, 1e300, 3600.1, 0.0, 1.5];
        for (index, secs) in (63..).zip(found) {
            losses.add(lost(index, secs));
        }
        (0..63).for_each(|_| drop(losses.take_first(63)));
        let rest = losses.take_first(64).unwrap();
        assert_eq!(
            (rest.unusable, rest.longest_secs.to_bits()),
            (5, 2.0_f64.to_bits())
        );
        assert_eq!(
            (rest.segments(), rest.duration_secs.to_bits()),
            (8, 3.5_f64.to_bits())
        );
    }
}
