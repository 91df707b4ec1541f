//! Dates and durations as XML Schema writes them (`xs:dateTime`, `xs:duration`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::presentation::calendar::{civil, days};
use crate::presentation::time::{Micros, SECOND, from_duration, is_expressible, to_duration};

/// A date in UTC, `2026-11-22T17:00:00.250000Z`; a time before 1970 prints as 1970.
pub(crate) fn print(time: SystemTime) -> String {
    let since = micros_since_1970(time);
    let (secs, micros) = (since / SECOND, since % SECOND);
    let (year, month, day) = civil(secs / 86_400);
    let of_day = secs % 86_400;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{micros:06}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60,
    )
}

/// The whole microseconds of a date.
pub(crate) fn micros_since_1970(time: SystemTime) -> Micros {
    from_duration(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The date so many microseconds after 1970 began.
pub(crate) fn at(micros: Micros) -> SystemTime {
    UNIX_EPOCH + to_duration(micros)
}

/// The date that [`print`] printed; `None` for any other text.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let number = |at: usize, length: usize| {
        let part = text.get(at..at + length)?;
        part.parse::<u64>().ok()
    };
    let days = days(number(0, 4)?, number(5, 2)?, number(8, 2)?)?;
    let of_day = number(11, 2)? * 3600 + number(14, 2)? * 60 + number(17, 2)?;
    let since = Duration::from_secs(days * 86_400 + of_day);
    let date = UNIX_EPOCH + since + Duration::from_micros(number(20, 6)?);
    (is_expressible(date) && print(date) == text).then_some(date)
}

/// `PT2S`, `PT3600.5S`
pub(crate) fn print_duration(micros: Micros) -> String {
    let (secs, rest) = (micros / SECOND, micros % SECOND);
    if rest == 0 {
        return format!("PT{secs}S");
    }
    let fraction = format!("{rest:06}");
    format!("PT{secs}.{}S", fraction.trim_end_matches('0'))
}

/// The duration that [`print_duration`] printed; `None` for any other text.
pub(crate) fn parse_duration(text: &str) -> Option<Micros> {
    let number = text.strip_prefix("PT")?.strip_suffix('S')?;
    let (secs, rest) = number.split_once('.').unwrap_or((number, "0"));
    let secs = secs.parse::<u64>().ok()?;
    let micros = format!("{rest:0<6}").parse::<u64>().ok()?;
    let duration = secs.checked_mul(SECOND)?.checked_add(micros)?;
    (print_duration(duration) == text).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_back_to_the_microsecond() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (1_795_366_800_250_000, "2026-11-22T17:00:00.250000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(print(at(micros)), text);
            assert_eq!(parse(text), Some(at(micros)));
        }
        for text in [
            "",
            "2026-11-22T17:00:00Z",
            "2026-11-31T17:00:00.250000Z",
            "2026-11-22T17:00:00.250000+",
            "2026-11-22 17:00:00.250000Z",
            "+026-11-22T17:00:00.250000Z",
            "2026-11-22T24:00:00.000000Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_come_back_to_the_microsecond() {
        for (micros, text) in [
            (0, "PT0S"),
            (2_000_000, "PT2S"),
            (2_500_000, "PT2.5S"),
            (3_600_000_001, "PT3600.000001S"),
        ] {
            assert_eq!(print_duration(micros), text);
            assert_eq!(parse_duration(text), Some(micros));
        }
        for text in ["", "PTS", "PT1H", "PT2.50S", "PT.5S", "PT2.0000001S", "2S"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(
            parse_duration(&print_duration(Micros::MAX)),
            Some(Micros::MAX)
        );
    }
}
