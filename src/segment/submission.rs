//! A segment together with its information, as it goes in and as it comes out.

use super::{ProducedSegment, SegmentInfo};

/// A segment and the [information](SegmentInfo) that travels with it: what
/// [`SegmentSender::send`](crate::SegmentSender::send) takes.
///
/// A [`ProducedSegment`] alone converts into one without information.
///
/// ```
/// use segment_stream::{ProducedSegment, SegmentInfo, Submission};
///
/// let segment = ProducedSegment::media(7, vec![0x47; 188], 2.0);
/// let submission = Submission::from((segment, SegmentInfo::new().discontinuity()));
/// assert_eq!(submission.segment.sequence, 7);
/// assert_eq!(submission.info.discontinuities(), 1);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Submission {
    /// The segment.
    pub segment: ProducedSegment,
    /// Its information.
    pub info: SegmentInfo,
}

impl Submission {
    /// The bytes that count against [`channel_bytes`](crate::SegmentStreamConfig::channel_bytes):
    /// the payload and the lines of the information.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.segment.byte_len().saturating_add(self.info.byte_len())
    }
}

impl From<ProducedSegment> for Submission {
    fn from(segment: ProducedSegment) -> Self {
        Self {
            segment,
            info: SegmentInfo::new(),
        }
    }
}

impl From<(ProducedSegment, SegmentInfo)> for Submission {
    fn from((segment, info): (ProducedSegment, SegmentInfo)) -> Self {
        Self { segment, info }
    }
}
