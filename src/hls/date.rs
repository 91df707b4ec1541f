//! Dates as EXT-X-PROGRAM-DATE-TIME prints them (RFC 8216 §4.3.2.6, ISO 8601).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quick_m3u8::date::DateTime;

use crate::presentation::calendar::civil;
use crate::presentation::time::is_expressible;

/// The text of a date for tags of the application: ISO 8601 and RFC 3339, in UTC, with
/// milliseconds, rounded down. `None` before 1970 and after 9999.
///
/// ```
/// use segment_stream::hls::date_text;
/// use std::time::{Duration, SystemTime};
///
/// let date = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_366_800_250);
/// assert_eq!(date_text(date).as_deref(), Some("2026-11-22T17:00:00.250Z"));
/// ```
#[must_use]
pub fn date_text(date: SystemTime) -> Option<String> {
    (date >= UNIX_EPOCH && is_expressible(date)).then(|| print(date))
}

/// The date of a text that [`print`] wrote; `None` for any other text.
pub(super) fn read(text: &str) -> Option<SystemTime> {
    let date = parse(&quick_m3u8::date::parse(text).ok()?);
    (print(date) == text).then_some(date)
}

/// A date in UTC with milliseconds, `2026-11-22T17:00:00.000Z`; a time before 1970 prints as 1970.
pub(crate) fn print(time: SystemTime) -> String {
    let since = since_1970(time);
    let (day, of_day) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(day);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60,
        since.subsec_millis()
    )
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A date that [`print`] printed, as a time. Any other date, such as one that is not in UTC,
/// prints differently again.
pub(crate) fn parse(date: &DateTime) -> SystemTime {
    let days = (0..u64::from(date.date_fullyear.saturating_sub(1970)))
        .map(|year| if is_leap(year + 1970) { 366 } else { 365 })
        .sum::<u64>();
    let months = (1..u64::from(date.date_month))
        .map(|month| days_in(month, u64::from(date.date_fullyear)))
        .sum::<u64>();
    let day = days + months + u64::from(date.date_mday.saturating_sub(1));
    let seconds =
        day * 86_400 + u64::from(date.time_hour) * 3600 + u64::from(date.time_minute) * 60;
    let fraction = Duration::try_from_secs_f64(date.time_second).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(seconds) + fraction
}

fn is_leap(year: u64) -> bool {
    (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
}

fn days_in(month: u64, year: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presentation::time::end_of_dates;

    #[test]
    fn dates_are_those_of_the_calendar_and_come_back() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_164_800, "2024-02-29T00:00:00.000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000Z"),
            (1_795_366_800, "2026-11-22T17:00:00.000Z"),
            (4_102_444_800, "2100-01-01T00:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(print(time), expected);
            let date = quick_m3u8::date::parse(expected).unwrap();
            assert_eq!(parse(&date), time);
        }
        let time = UNIX_EPOCH + Duration::from_millis(1_795_366_800_500);
        let printed = print(time);
        assert_eq!(printed, "2026-11-22T17:00:00.500Z");
        let date = quick_m3u8::date::parse(&printed).unwrap();
        assert_eq!(parse(&date), time);
        assert_eq!(
            print(UNIX_EPOCH - Duration::from_secs(9)),
            "1970-01-01T00:00:00.000Z"
        );
        assert_eq!(date_text(UNIX_EPOCH - Duration::from_nanos(100)), None);
        assert_eq!(date_text(end_of_dates()), None);
        assert_eq!(date_text(time).as_deref(), Some("2026-11-22T17:00:00.500Z"));
        // The unit of a Windows time.
        let last = end_of_dates() - Duration::from_nanos(100);
        assert_eq!(date_text(last).as_deref(), Some("9999-12-31T23:59:59.999Z"));
    }
}
