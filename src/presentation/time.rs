//! Points and lengths on the media timeline: exact inside, whole microseconds in a manifest.

use std::num::NonZeroU32;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds: six decimals of a second.
pub(crate) type Micros = u64;

pub(crate) const SECOND: Micros = 1_000_000;

const ATTOSECONDS: i128 = 1_000_000_000_000_000_000;
const ATTOSECONDS_OF_A_MICROSECOND: i128 = ATTOSECONDS / 1_000_000;

/// The end of the year 9999, since 1970. A year has four digits unless both sides agree on more
/// (ISO 8601).
const END_OF_DATES: Duration = Duration::from_secs(253_402_300_800);

/// A point on the media timeline, or a length, in attoseconds. Sums of it do not drift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(i128);

impl Time {
    pub(crate) const ZERO: Self = Self(0);

    /// The exact value of a duration that is usable, or of a sum of such durations.
    pub(crate) fn from_secs(secs: f64) -> Self {
        let bits = secs.to_bits();
        let exponent = i32::from(u16::try_from(bits >> 52 & 0x7ff).unwrap_or_default());
        let fraction = i128::from(bits & ((1 << 52) - 1));
        let mantissa = if exponent == 0 {
            fraction
        } else {
            fraction | 1 << 52
        };
        let scaled = mantissa * ATTOSECONDS;
        // The value is `mantissa * 2^shift`.
        let shift = exponent.max(1) - 1075;
        let magnitude = match u32::try_from(shift) {
            Ok(left) if left <= scaled.leading_zeros().saturating_sub(1) => scaled << left,
            Ok(_) => i128::MAX / 4,
            Err(_) => scaled.checked_shr(shift.unsigned_abs()).unwrap_or_default(),
        };
        Self(if secs.is_sign_negative() {
            -magnitude
        } else {
            magnitude
        })
    }

    pub(crate) fn from_micros(micros: Micros) -> Self {
        Self(i128::from(micros) * ATTOSECONDS_OF_A_MICROSECOND)
    }

    pub(crate) fn from_ticks(ticks: i128, timescale: NonZeroU32) -> Self {
        let timescale = i128::from(timescale.get());
        let (whole, rest) = (ticks.div_euclid(timescale), ticks.rem_euclid(timescale));
        Self(whole * ATTOSECONDS + rest * ATTOSECONDS / timescale)
    }

    /// Whole microseconds since the start of the timeline, rounded.
    pub(crate) fn micros(self) -> Micros {
        let half = ATTOSECONDS_OF_A_MICROSECOND / 2;
        let micros = (self.0 + half).div_euclid(ATTOSECONDS_OF_A_MICROSECOND);
        Micros::try_from(micros.max(0)).unwrap_or(Micros::MAX)
    }

    pub(crate) fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// An equal share of this.
    pub(crate) fn share(self, of: u64) -> Self {
        Self(self.0 / i128::from(of.max(1)))
    }

    pub(crate) fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(i128::from(count)))
    }
}

impl Add for Time {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Time {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
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

/// Whether a manifest can express this date.
pub(crate) fn is_expressible(date: SystemTime) -> bool {
    date.duration_since(UNIX_EPOCH).unwrap_or_default() < END_OF_DATES
}

/// The first date that no manifest can express.
pub(crate) fn end_of_dates() -> SystemTime {
    UNIX_EPOCH + END_OF_DATES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_the_rounded_durations_does_not_drift() {
        for duration in [
            1.0 / 3.0,
            2.002_002_002,
            1_001.0 / 30_000.0,
            0.1,
            5.999_999_6,
            0.0,
        ] {
            let mut end = Time::ZERO;
            let mut listed: Micros = 0;
            for _ in 0..100_000 {
                let start = end;
                end = end + Time::from_secs(duration);
                listed += end.micros() - start.micros();
            }
            let error = secs(listed) - duration * 100_000.0;
            assert!(error.abs() < 2e-6, "{duration}: {error}");
        }
    }

    #[test]
    fn seconds_are_taken_exactly() {
        for (secs, micros) in [
            (0.0, 0),
            (-0.0, 0),
            (1e-300, 0),
            (f64::MIN_POSITIVE / 2.0, 0),
            (0.1 + 0.2, 300_000),
            (2.0, 2_000_000),
            (3600.0, 3_600_000_000),
            (3_600_000_001e-6, 3_600_000_001),
            (9e12, 9_000_000_000_000_000_000),
        ] {
            assert_eq!(Time::from_secs(secs).micros(), micros, "{secs}");
        }
        assert_eq!(Time::from_secs(1e300).micros(), Micros::MAX);
        assert_eq!(Time::from_secs(-2.5), Time::ZERO - Time::from_secs(2.5));
    }

    /// 30,000/1,001 frames a second, in ticks of 90 kHz: 3,003 a frame, without any error.
    #[test]
    fn ticks_have_no_error_however_many_there_are() {
        let timescale = NonZeroU32::new(90_000).unwrap();
        let hour = Time::from_ticks(3600 * 90_000, timescale);
        assert_eq!(hour.micros(), 3_600_000_000);
        let frame = Time::from_ticks(3_003, timescale);
        assert_eq!(frame.micros(), 33_367);
        let thirds = NonZeroU32::new(3).unwrap();
        assert_eq!(
            Time::from_ticks(3_000_000_001, thirds).micros(),
            1_000_000_000_333_333
        );
    }

    #[test]
    fn dates_end_with_the_year_9999() {
        // The unit of the dates of Windows.
        assert!(is_expressible(end_of_dates() - Duration::from_nanos(100)));
        assert!(!is_expressible(end_of_dates()));
        assert!(is_expressible(UNIX_EPOCH - Duration::from_secs(9)));
    }
}
