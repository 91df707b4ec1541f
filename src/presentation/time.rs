//! Durations as a playlist prints them.

use std::time::Duration;

use crate::segment::LONGEST_SECS;

/// Microseconds: six decimals of a second, which is what EXTINF prints here.
pub(crate) type Micros = u64;

pub(crate) const SECOND: Micros = 1_000_000;

/// Whole microseconds of a duration that is usable.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a usable duration, or a sum of fewer than 2^53 / 3600 of them in microseconds"
)]
pub(crate) fn micros(secs: f64) -> Micros {
    (secs * 1e6).round() as Micros
}

/// Rounds durations so that their sum is the rounded sum, however many there are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rounding {
    /// The excess of the durations so far over their printed values, in seconds; within ± 0.5 µs.
    carry_secs: f64,
}

impl Rounding {
    /// The next duration as it is to be printed.
    pub(crate) fn next(&mut self, duration_secs: f64) -> Micros {
        let exact = duration_secs + self.carry_secs;
        // The carry makes no duration longer than the parser accepts.
        let most = duration_secs.max(LONGEST_SECS);
        let printed = micros(exact.clamp(0.0, most));
        self.carry_secs = exact - secs(printed);
        printed
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 µs, 285 years")]
pub(crate) fn secs(micros: Micros) -> f64 {
    micros as f64 / 1e6
}

pub(crate) fn to_duration(micros: Micros) -> Duration {
    Duration::from_micros(micros)
}

pub(crate) fn from_duration(duration: Duration) -> Micros {
    Micros::try_from(duration.as_micros()).unwrap_or(Micros::MAX)
}

/// Whole seconds, rounded up.
pub(crate) fn whole_seconds_above(micros: Micros) -> u64 {
    micros.div_ceil(SECOND)
}

/// The longest printed duration that a target duration allows. "The EXTINF duration of each Media
/// Segment in the Playlist file, when rounded to the nearest integer, MUST be less than or equal
/// to the target duration" (RFC 8216 §4.3.3.1). Below version 6 the duration itself must not
/// exceed it (§7).
pub(crate) fn longest_within(target_secs: u64, version: u64) -> Micros {
    let whole = target_secs.saturating_mul(SECOND);
    if version < 6 {
        whole
    } else {
        whole.saturating_add(SECOND / 2 - 1)
    }
}

/// `2.000000`
pub(crate) fn print(micros: Micros) -> String {
    format!("{}.{:06}", micros / SECOND, micros % SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_what_is_printed_does_not_drift() {
        for duration in [
            1.0 / 3.0,
            2.002_002_002,
            1_001.0 / 30_000.0,
            0.1,
            5.999_999_6,
            0.0,
        ] {
            let mut rounding = Rounding::default();
            let printed: Micros = (0..100_000).map(|_| rounding.next(duration)).sum();
            let error = secs(printed) - duration * 100_000.0;
            assert!(error.abs() < 2e-6, "{duration}: {error}");
        }
    }

    #[test]
    fn six_decimals_and_no_more() {
        assert_eq!(print(0), "0.000000");
        assert_eq!(print(Rounding::default().next(0.1 + 0.2)), "0.300000");
        assert_eq!(print(Rounding::default().next(2.0)), "2.000000");
        assert_eq!(print(3_600_000_001), "3600.000001");
    }

    #[test]
    fn the_longest_duration_depends_on_the_version() {
        assert_eq!(longest_within(2, 3), 2_000_000);
        assert_eq!(longest_within(2, 6), 2_499_999);
        assert_eq!(longest_within(u64::MAX, 6), u64::MAX);
    }
}
