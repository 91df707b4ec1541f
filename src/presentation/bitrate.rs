//! The bit rates of the stored segments of a rendition.

use std::collections::VecDeque;
use std::time::Duration;

/// Neighbours that are both shorter than this part of the target duration count as one segment, so
/// that the memory and the time of a push are bounded.
const GRAINS: u32 = 256;

/// Measures the peak and the average bit rate of a rendition from its stored segments, as RFC 8216
/// §4.1 defines them.
///
/// The peak is the largest bit rate of any contiguous set of segments that lasts between 0.5 and
/// 1.5 target durations. The bit rate of a set is the sum of its sizes, divided by the sum of its
/// durations. It includes the overhead of the container.
///
/// ```
/// use segment_stream::hls::Bitrate;
/// use std::time::Duration;
///
/// let mut bitrate = Bitrate::new(Duration::from_secs(4));
/// bitrate.push(500_000, Duration::from_secs(4));
/// bitrate.push(250_000, Duration::from_secs(4));
/// assert_eq!(bitrate.peak(), Some(1_000_000));
/// assert_eq!(bitrate.average(), Some(750_000));
/// ```
#[derive(Debug, Clone)]
pub struct Bitrate {
    target: Duration,
    /// The last segments in a row that last at most 1.5 target durations together.
    recent: VecDeque<Amount>,
    /// The whole run since the last gap.
    run: Amount,
    total: Amount,
    peak: Option<Amount>,
    /// The largest bit rate of a run too short for a set.
    short_peak: Option<Amount>,
}

/// Bytes, and the time in nanoseconds that they last.
#[derive(Debug, Clone, Copy, Default)]
struct Amount {
    bytes: u128,
    nanos: u128,
}

impl Amount {
    fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.nanos = self.nanos.saturating_add(other.nanos);
    }

    /// Bits per second, rounded up, since a bound must not be too low.
    fn rate(self) -> Option<u64> {
        let bits = self.bytes.saturating_mul(8 * 1_000_000_000);
        let rate = (self.nanos > 0).then(|| bits.div_ceil(self.nanos))?;
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    fn is_above(self, other: Option<Self>) -> bool {
        other.is_none_or(|other| {
            self.bytes.saturating_mul(other.nanos) > other.bytes.saturating_mul(self.nanos)
        })
    }
}

impl Bitrate {
    /// No segment yet, in a rendition of this target duration.
    #[must_use]
    pub fn new(target_duration: Duration) -> Self {
        Self {
            target: target_duration,
            recent: VecDeque::new(),
            run: Amount::default(),
            total: Amount::default(),
            peak: None,
            short_peak: None,
        }
    }

    /// Adds the next stored media segment, with the duration that the manifest lists.
    ///
    /// Neighbours that are both shorter than 1/256 of the target duration count as one segment.
    /// The cost does not depend on the number of segments so far.
    pub fn push(&mut self, byte_len: u64, duration: Duration) {
        let amount = Amount {
            bytes: byte_len.into(),
            nanos: duration.as_nanos(),
        };
        self.run.add(amount);
        self.total.add(amount);
        let grain = (self.target / GRAINS).as_nanos();
        match self.recent.back_mut() {
            Some(last) if last.nanos < grain && amount.nanos < grain => last.add(amount),
            _ => self.recent.push_back(amount),
        }
        self.look_at_sets();
    }

    /// Marks missing media: a segment before it and one after it are not contiguous.
    pub fn gap(&mut self) {
        if self.run.rate().is_some() && self.run.is_above(self.short_peak) {
            self.short_peak = Some(self.run);
        }
        self.run = Amount::default();
        self.recent.clear();
    }

    /// The peak so far, in bits per second, rounded up. `None` before the first segment that lasts.
    ///
    /// While no set lasts half a target duration, it is the largest bit rate of segments in a row.
    #[must_use]
    pub fn peak(&self) -> Option<u64> {
        let short = || {
            let run = self.run.rate().into_iter();
            run.chain(self.short_peak.and_then(Amount::rate)).max()
        };
        self.peak.and_then(Amount::rate).or_else(short)
    }

    /// The average bit rate so far, in bits per second, rounded up. `None` before the first segment
    /// that lasts.
    #[must_use]
    pub fn average(&self) -> Option<u64> {
        self.total.rate()
    }

    /// All sets that end with the last segment.
    fn look_at_sets(&mut self) {
        let target = self.target.as_nanos();
        let mut set = Amount::default();
        let mut kept = 0;
        for amount in self.recent.iter().rev() {
            set.add(*amount);
            if set.nanos.saturating_mul(2) > target.saturating_mul(3) {
                break;
            }
            kept += 1;
            if set.nanos.saturating_mul(2) >= target && set.nanos > 0 && set.is_above(self.peak) {
                self.peak = Some(set);
            }
        }
        // A set that begins earlier is too long, whatever follows.
        self.recent.drain(..self.recent.len() - kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secs(secs: f64) -> Duration {
        Duration::from_secs_f64(secs)
    }

    fn measured(target: f64, segments: &[(u64, f64)]) -> Bitrate {
        let mut bitrate = Bitrate::new(secs(target));
        for (bytes, duration) in segments {
            bitrate.push(*bytes, secs(*duration));
        }
        bitrate
    }

    #[test]
    fn the_peak_is_that_of_a_set_and_not_of_a_short_segment() {
        // 0.5 s of 8 Mbit/s beside 4 s of 1 Mbit/s: the segment alone is no set.
        let bitrate = measured(4.0, &[(500_000, 4.0), (500_000, 0.5), (500_000, 4.0)]);
        assert_eq!(bitrate.peak(), Some(1_777_778));
        assert_eq!(bitrate.average(), Some(1_411_765));
    }

    #[test]
    fn a_set_lasts_from_half_to_one_and_a_half_target_durations() {
        assert_eq!(
            measured(4.0, &[(1_000, 4.0), (250_000, 2.0)]).peak(),
            Some(1_000_000)
        );
        assert_eq!(
            measured(4.0, &[(250_000, 2.0), (1_000, 4.0)]).peak(),
            Some(1_000_000)
        );
        // 1.99 s are no set; with the 4 s beside it they are one of 5.99 s.
        let joined = measured(4.0, &[(1_000_000, 1.99), (1_000, 4.0)]);
        assert_eq!(joined.peak(), Some(1_336_895));
        // 6 s are one, 6.01 s are none, and the rest is the only set.
        let bitrate = measured(4.0, &[(1_000_000, 1.0), (1_000, 3.0), (1_000, 2.0)]);
        assert_eq!(bitrate.peak(), Some(2_002_000));
    }

    #[test]
    fn segments_around_a_gap_are_not_contiguous() {
        let mut bitrate = Bitrate::new(secs(4.0));
        bitrate.push(900_000, secs(1.0));
        bitrate.gap();
        bitrate.push(500_000, secs(4.0));
        assert_eq!(bitrate.peak(), Some(1_000_000));
        assert_eq!(bitrate.average(), Some(2_240_000));
    }

    #[test]
    fn a_rendition_too_short_for_a_set_has_the_rate_of_its_rows() {
        assert_eq!(Bitrate::new(secs(4.0)).peak(), None);
        assert_eq!(measured(4.0, &[(1_000, 0.0)]).peak(), None);
        assert_eq!(measured(4.0, &[(1_000, 0.0)]).average(), None);
        let mut bitrate = measured(4.0, &[(125_000, 1.0)]);
        assert_eq!(bitrate.peak(), Some(1_000_000));
        bitrate.gap();
        assert_eq!(bitrate.peak(), Some(1_000_000));
        bitrate.push(250_000, secs(1.0));
        assert_eq!(bitrate.peak(), Some(2_000_000));
        bitrate.push(0, secs(3.0));
        assert_eq!(bitrate.peak(), Some(500_000));
    }

    /// Nothing overflows, and nothing is kept of segments that do not last.
    #[test]
    fn extreme_segments_do_no_harm() {
        let mut bitrate = Bitrate::new(Duration::MAX);
        bitrate.push(u64::MAX, Duration::MAX);
        bitrate.push(u64::MAX, Duration::from_nanos(1));
        assert!(bitrate.peak().is_some());
        let mut bitrate = Bitrate::new(secs(4.0));
        for number in 0..100_000 {
            bitrate.push(1, Duration::from_nanos(number % 3));
        }
        assert!(bitrate.recent.len() <= 1);
        let mut bitrate = Bitrate::new(Duration::ZERO);
        bitrate.push(1, secs(1.0));
        assert_eq!(bitrate.peak(), Some(8));
    }

    /// By the definition, over all sets.
    fn peak_by_definition(target: f64, segments: &[Option<(u64, u64)>]) -> Option<u64> {
        let mut peak = None;
        for row in segments.split(Option::is_none) {
            let row: Vec<_> = row.iter().flatten().collect();
            for from in 0..row.len() {
                for to in from..row.len() {
                    let bytes: u64 = row[from..=to].iter().map(|it| it.0).sum();
                    let millis: u64 = row[from..=to].iter().map(|it| it.1).sum();
                    let secs = Duration::from_millis(millis).as_secs_f64();
                    if millis > 0 && secs >= target / 2.0 && secs <= target * 1.5 {
                        peak = peak.max(Some((bytes * 8_000).div_ceil(millis)));
                    }
                }
            }
        }
        peak
    }

    proptest! {
        #[test]
        fn the_peak_is_that_of_the_definition(
            segments in prop::collection::vec(
                prop::option::weighted(0.9, (0..1_000_000_u64, prop_oneof![Just(0_u64), 16..4_000_u64])),
                0..30,
            ),
        ) {
            let mut bitrate = Bitrate::new(secs(4.0));
            let mut sum = (0, 0);
            for segment in &segments {
                match segment {
                    Some((bytes, millis)) => {
                        bitrate.push(*bytes, Duration::from_millis(*millis));
                        sum = (sum.0 + bytes, sum.1 + millis);
                    }
                    None => bitrate.gap(),
                }
            }
            if let Some(expected) = peak_by_definition(4.0, &segments) {
                prop_assert_eq!(bitrate.peak(), Some(expected));
            }
            let average = (sum.1 > 0).then(|| (sum.0 * 8_000).div_ceil(sum.1));
            prop_assert_eq!(bitrate.average(), average);
            prop_assert!(bitrate.recent.len() <= 2 * 385);
        }
    }
}
