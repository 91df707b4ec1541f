//! The times of splices.

use std::time::{Duration, SystemTime};

use segmenter::{Segment, Splice};

/// The ticks of splice information in a second.
pub(super) const CLOCK: u32 = 90_000;

/// The date of a splice that came with a segment, which begins at this date.
pub(super) fn date_of(splice: &Splice, segment: &Segment, date: SystemTime) -> SystemTime {
    let start = i64::try_from(segment.start).unwrap_or(i64::MAX);
    let ahead = splice.at.saturating_sub(start);
    let distance = duration(ahead.unsigned_abs(), segment.timescale);
    let moved = if ahead < 0 {
        date.checked_sub(distance)
    } else {
        date.checked_add(distance)
    };
    moved.unwrap_or(date)
}

/// So many ticks, rounded down to a nanosecond.
pub(super) fn duration(ticks: u64, timescale: u32) -> Duration {
    let rate = u64::from(timescale.max(1));
    // Less than 2^32 times less than 2^30.
    let nanoseconds = ticks % rate * 1_000_000_000 / rate;
    Duration::from_secs(ticks / rate) + Duration::from_nanos(nanoseconds)
}

/// As playlists have it.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{}.{:03}", duration.as_secs(), duration.subsec_millis())
}
