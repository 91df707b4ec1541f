//! What was dropped to make room and has not been yielded yet.

use std::collections::VecDeque;

use crate::segment::ProducedSegment;

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
    /// Of all of them; what is no duration counts as zero, unless it is alone.
    pub(crate) duration_secs: f64,
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
        self.duration_secs = usable(self.duration_secs) + usable(next.duration_secs);
    }
}

fn usable(secs: f64) -> f64 {
    if secs.is_finite() { secs.max(0.0) } else { 0.0 }
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

    /// What was lost at this index, if it was.
    pub(crate) fn take_at(&mut self, index: u64) -> Option<Loss> {
        let is_next = self.0.front().is_some_and(|loss| loss.index == index);
        is_next.then(|| self.0.pop_front()).flatten()
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
            assert_eq!(losses.take_at(index).unwrap().segments(), 1);
        }
        assert!(losses.take_at(64).is_none());
        let rest = losses.take_at(63).unwrap();
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
            assert!(losses.take_at(2 * index + 1).is_none());
            assert_eq!(losses.take_at(2 * index).unwrap().segments(), 1);
        }
    }

    #[test]
    fn unusable_durations_do_not_spoil_the_sum() {
        let mut losses = Losses::default();
        (0..63).for_each(|index| losses.add(lost(index, 2.0)));
        for (index, secs) in (63..).zip([f64::NAN, 2.0, -3.0, f64::INFINITY, 1.5]) {
            losses.add(lost(index, secs));
        }
        (0..63).for_each(|index| drop(losses.take_at(index)));
        let rest = losses.take_at(63).unwrap();
        assert_eq!(
            (rest.segments(), rest.duration_secs.to_bits()),
            (5, 3.5_f64.to_bits())
        );
    }
}
