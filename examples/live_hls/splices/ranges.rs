//! EXT-X-DATERANGE: breaks as date ranges of the playlist, marks as lines of their segments.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use segment_stream::hls::{DateRange, DateRangeError, Scte35, date_text};
use segmenter::Splice;

use super::key::{Key, millis};
use super::time::seconds;

/// A range, or none before 1970, as no playlist can express it.
pub(super) type Made = Result<DateRange, DateRangeError>;

/// Date ranges on their way to the playlists, each with the number of the segment that it precedes.
#[derive(Clone, Default)]
pub(crate) struct Ranges(Arc<Mutex<VecDeque<(u64, DateRange)>>>);

impl Ranges {
    pub(super) fn send(&self, number: u64, range: Made) {
        if let Ok(range) = range {
            self.lock().push_back((number, range));
        }
    }

    /// Takes the next range that precedes this segment or one before it.
    pub(crate) fn take(&self, number: u64) -> Option<DateRange> {
        let mut ranges = self.lock();
        let is_next = ranges.front().is_some_and(|(its, _)| *its <= number);
        let range = if is_next { ranges.pop_front() } else { None };
        range.map(|(_, range)| range)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, DateRange)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A break that has not ended.
pub(super) struct Break {
    pub(super) key: Key,
    id: String,
    pub(super) start: SystemTime,
    /// When the program resumes by itself.
    pub(super) returns: Option<SystemTime>,
}

impl Break {
    pub(super) fn new(key: Key, start: SystemTime, returns: Option<SystemTime>) -> Self {
        Self {
            key,
            id: key.id(start),
            start,
            returns,
        }
    }

    /// The break of a range that another session listed. It is not known whether the program
    /// resumes by itself.
    pub(super) fn of(range: &DateRange) -> Option<Self> {
        Some(Self {
            key: Key::of(range.id())?,
            id: range.id().to_owned(),
            start: range.start(),
            returns: None,
        })
    }

    /// Its range, with the length that it is to have.
    pub(super) fn begun(&self, planned: Option<Duration>, splice: &Splice) -> Made {
        let range = DateRange::new(&self.id, self.start)?;
        let range = range.scte35(Scte35::Out, &*splice.section)?;
        match planned {
            Some(length) => range.planned_duration(length),
            None => Ok(range),
        }
    }

    /// Its range, with the duration.
    pub(super) fn ended(&self, at: SystemTime) -> Made {
        let length = at.duration_since(self.start).unwrap_or_default();
        DateRange::new(&self.id, self.start)?.duration(length)
    }

    /// Its range, with the duration and the splice that ends it.
    pub(super) fn resumed(&self, at: SystemTime, splice: &Splice) -> Made {
        self.ended(at)?.scte35(Scte35::In, &*splice.section)
    }
}

/// The line of a section that is no break.
pub(super) fn command(at: SystemTime, splice: &Splice) -> Option<String> {
    let checksum = splice.section.len().saturating_sub(4);
    let checksum = splice.section.get(checksum..).unwrap_or_default();
    let id = format!("splice-{}-{}", hexadecimal(checksum), millis(at));
    line(&id, at, None, "SCTE35-CMD", splice)
}

/// The line of a segmentation that is no break.
pub(super) fn mark(
    key: Key,
    at: SystemTime,
    planned: Option<Duration>,
    splice: &Splice,
) -> Option<String> {
    line(&key.id(at), at, planned, "SCTE35-CMD", splice)
}

/// The line of the end of a break that began before the first segment.
pub(super) fn end(key: Key, at: SystemTime, splice: &Splice) -> Option<String> {
    line(&key.id(at), at, None, "SCTE35-IN", splice)
}

/// A line with a section as the value of this attribute. None before 1970, as no playlist can
/// express it.
fn line(
    id: &str,
    at: SystemTime,
    planned: Option<Duration>,
    name: &str,
    splice: &Splice,
) -> Option<String> {
    let start = date_text(at)?;
    let section = hexadecimal(&splice.section);
    let planned = planned.map(|it| format!("PLANNED-DURATION={},", seconds(it)));
    let planned = planned.unwrap_or_default();
    Some(format!(
        "#EXT-X-DATERANGE:ID=\"{id}\",START-DATE=\"{start}\",{planned}{name}=0x{section}"
    ))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}
