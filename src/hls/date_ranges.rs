//! The date ranges of a presentation, set and closed from any thread.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::format::Hls;
use crate::internal::sync::lock;
use crate::presentation::date_range::{DateRange, DateRangeError};
use crate::presentation::driver::inline::Shared;

/// The date ranges of a presentation (EXT-X-DATERANGE, RFC 8216 §4.3.2.7): a handle for any thread,
/// while the presentation runs. Clones are the same.
///
/// - All renditions list a range, in front of the number that settles next, with the same text. It
///   is published with the next version of each playlist.
/// - A range that gains attributes, or its end, is listed once more under its id, because a
///   playlist may only be appended to (draft-pantos-hls-rfc8216bis §6.2.1).
/// - A range stays listed while any of its dates maps to a listed segment (bis §6.2.1), and while
///   its end is not known. A range with [`Cue::Pre`](super::Cue::Pre) or
///   [`Cue::Post`](super::Cue::Post) stays for good. EVENT and VOD playlists keep all. Of the
///   ranges without an end and of those that stay for good there are at most 1,024.
/// - Ranges that were published are known again after a resume.
///
/// Ranges wait for the first segment with a date
/// ([`Notice::RangeNotListed`](super::Notice::RangeNotListed) if none comes). A line that
/// contradicts a range is an error of [`tag_next`](super::MediaPlaylistPublisher::tag_next). If it
/// came with a segment ([`event_line`](crate::SegmentInfo::event_line)), it is not listed
/// ([`Notice::LineRefused`](super::Notice::LineRefused)).
///
/// ```
/// use segment_stream::hls::{DateRange, MediaPlaylist, MediaPlaylistPublisher};
/// use segment_stream::{DiskSink, ProducedSegment};
/// use std::time::{Duration, SystemTime};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let root = std::env::temp_dir().join("segment-stream-date-ranges");
///     let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
///     let playlist = MediaPlaylist::live("live.m3u8", Duration::from_secs(30))
///         .target_duration(Duration::from_secs(4))
///         .program_date_time(start);
///     let mut publisher = MediaPlaylistPublisher::new(playlist, DiskSink::rooted(&root))?;
///     let ranges = publisher.date_ranges();
///
///     ranges.announce(&DateRange::new("match-7", start + Duration::from_secs(2))?)?;
///     for number in 0..3 {
///         let segment = ProducedSegment::media(number, vec![0x47; 188], 4.0);
///         publisher.push(&Ok(segment.with_path(format!("{number}.ts"))))?;
///     }
///     ranges.close("match-7", start + Duration::from_secs(11))?;
///     publisher.finish()?;
///
///     let text = std::fs::read_to_string(root.join("live.m3u8"))?;
///     assert_eq!(text.matches("ID=\"match-7\"").count(), 2);
///     assert_eq!(text.matches("END-DATE=").count(), 1);
/// #   std::fs::remove_dir_all(&root)?;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct DateRanges(Arc<Shared<Hls>>);

impl DateRanges {
    pub(super) fn of(shared: Arc<Shared<Hls>>) -> Self {
        Self(shared)
    }

    /// Lists a range. If its id is known, adds the attributes that are new. Returns whether
    /// anything was new, so several threads may announce the same range.
    ///
    /// # Errors
    ///
    /// - An attribute of the range of the same id would change, also one that a line of a listed
    ///   segment gives ([`Changed`](super::DateRangeErrorKind::Changed)).
    /// - The two contradict each other ([`End`](super::DateRangeErrorKind::End),
    ///   [`Cue`](super::DateRangeErrorKind::Cue)).
    /// - The range overlaps another one of a class whose ranges end on the next
    ///   ([`Overlap`](super::DateRangeErrorKind::Overlap)).
    /// - There are too many ranges that never leave, or that wait for a date
    ///   ([`TooMany`](super::DateRangeErrorKind::TooMany)).
    /// - The presentation has no dates ([`Undated`](super::DateRangeErrorKind::Undated)), or has
    ///   ended ([`Ended`](super::DateRangeErrorKind::Ended)).
    ///
    /// Nothing changes then.
    pub fn announce(&self, range: &DateRange) -> Result<bool, DateRangeError> {
        lock(&self.0.core).announce(range)
    }

    /// Ends the range of this id. Returns whether its end was not known before.
    ///
    /// # Errors
    ///
    /// - No range of this id is known ([`Unknown`](super::DateRangeErrorKind::Unknown)).
    /// - The date is before the start, or the range ends on the next one
    ///   ([`End`](super::DateRangeErrorKind::End)).
    /// - The date is before 1970 or after 9999 ([`Date`](super::DateRangeErrorKind::Date)).
    /// - The range has another end, or a line of a listed segment gives one
    ///   ([`Changed`](super::DateRangeErrorKind::Changed)).
    /// - The range would overlap another one of a class whose ranges end on the next
    ///   ([`Overlap`](super::DateRangeErrorKind::Overlap)).
    /// - The presentation has no dates ([`Undated`](super::DateRangeErrorKind::Undated)), or has
    ///   ended ([`Ended`](super::DateRangeErrorKind::Ended)).
    ///
    /// Nothing changes then.
    pub fn close(&self, id: &str, end: SystemTime) -> Result<bool, DateRangeError> {
        lock(&self.0.core).close_range(id, end)
    }

    /// The ranges that are listed, or will be with the next version, in the order of their starts.
    #[must_use]
    pub fn known(&self) -> Vec<DateRange> {
        lock(&self.0.core).common.ranges.iter().cloned().collect()
    }
}

impl fmt::Debug for DateRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.known()).finish()
    }
}
