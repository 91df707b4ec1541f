//! A finished segment, and the information that travels with it.

mod info;
mod submission;

pub use info::{LineError, LineErrorKind, MediaTime, SegmentInfo};
pub use submission::Submission;

use std::fmt;
use std::path::PathBuf;

/// A finished segment, whole in memory, on its way to its destination.
///
/// A media segment carries media; an initialisation segment carries what a player needs before it
/// can decode any (RFC 8216 §3.3 and §4.3.2.5). [`is_init`] alone tells
/// them apart.
///
/// It is a plain struct that a literal can build. [`Debug`](fmt::Debug) prints the length of the
/// payload and never the payload.
///
/// [`is_init`]: ProducedSegment::is_init
///
/// ```
/// use segment_stream::ProducedSegment;
///
/// let segment = ProducedSegment::media(7, vec![0x47; 188], 2.0).with_path("live/00007.ts");
/// assert_eq!(segment.byte_len(), 188);
///
/// let literal = ProducedSegment {
///     sequence: 7,
///     data: vec![0x47; 188],
///     duration_secs: 2.0,
///     is_init: false,
///     path_hint: Some("live/00007.ts".into()),
/// };
/// assert_eq!(literal, segment);
/// ```
#[derive(Clone, PartialEq)]
pub struct ProducedSegment {
    /// The number that the packager gave it; for a media segment, what becomes its media sequence
    /// number (RFC 8216 §3). The stream carries it and never looks at it: order is that of
    /// acceptance.
    pub sequence: u64,
    /// The payload. It is moved from the sender to the iterator, never copied.
    pub data: Vec<u8>,
    /// The presentation duration in seconds; 0 for an initialisation segment. The stream carries it
    /// as it is, NaN included.
    pub duration_secs: f64,
    /// Whether this is an initialisation segment.
    pub is_init: bool,
    /// Where the sink is to put it, as far as the packager has an opinion. The disk sink takes it
    /// as the path of the file, and passes a segment that has none.
    pub path_hint: Option<PathBuf>,
}

impl ProducedSegment {
    /// A media segment of `duration_secs` seconds, without a path hint.
    #[must_use]
    pub fn media(sequence: u64, data: Vec<u8>, duration_secs: f64) -> Self {
        Self {
            sequence,
            data,
            duration_secs,
            is_init: false,
            path_hint: None,
        }
    }

    /// An initialisation segment: sequence 0, 0 seconds, without a path hint.
    #[must_use]
    pub fn init(data: Vec<u8>) -> Self {
        Self {
            sequence: 0,
            data,
            duration_secs: 0.0,
            is_init: true,
            path_hint: None,
        }
    }

    /// The same segment with this path hint.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path_hint = Some(path.into());
        self
    }

    /// The length of the payload in bytes.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.data.len()
    }
}

impl fmt::Debug for ProducedSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducedSegment")
            .field("sequence", &self.sequence)
            .field("byte_len", &self.byte_len())
            .field("duration_secs", &self.duration_secs)
            .field("is_init", &self.is_init)
            .field("path_hint", &self.path_hint)
            .finish_non_exhaustive()
    }
}

/// What no media segment exceeds. A duration beyond it is a mistake and not a measurement.
pub(crate) const LONGEST_SECS: f64 = 3600.0;

/// The longest loss that a producer can record: a week. More is a mistake, and as gaps of a second
/// it would be a manifest of millions.
pub(crate) const LONGEST_LOSS_SECS: f64 = 604_800.0;

/// The duration of a segment in seconds, if it can be that of one.
pub(crate) fn usable(duration_secs: f64) -> Option<f64> {
    // NaN fails both comparisons.
    (0.0..=LONGEST_SECS)
        .contains(&duration_secs)
        .then_some(duration_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_segment_lasts_is_not_usable() {
        for duration in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -1.0,
            -1e-9,
            1e300,
            3601.0,
        ] {
            assert_eq!(usable(duration), None);
        }
        for duration in [0.0, -0.0, 1e-300, 2.0, 3600.0] {
            assert!(usable(duration).is_some());
        }
    }
}
