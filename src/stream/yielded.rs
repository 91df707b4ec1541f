//! What the iterator yields, and why there may be nothing to yield.

use std::fmt;

use crate::error::WriteError;
use crate::segment::{ProducedSegment, SegmentInfo, Submission};

/// The item of [`SegmentStream::with_info`](crate::SegmentStream::with_info): what became of a
/// segment, and the information that travelled with it.
///
/// It converts into a [`Submission`], so that a chained stream keeps the information.
#[derive(Debug)]
#[non_exhaustive]
pub struct Yielded {
    /// The segment, or why it did not arrive.
    pub result: Result<ProducedSegment, WriteError>,
    /// The information that travelled with it.
    pub info: SegmentInfo,
}

/// An `Err` gives its segment back, as [`WriteError::into_submission`] does. A chained stream
/// should look at the result first: a dropped or given-up segment has no payload, and
/// [`SegmentSender::lost`](crate::SegmentSender::lost) passes its loss on.
impl From<Yielded> for Submission {
    fn from(yielded: Yielded) -> Self {
        match yielded.result {
            Ok(segment) => Self::from((segment, yielded.info)),
            Err(error) => error.into_submission(),
        }
    }
}

/// Why there is no next segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoNext {
    /// None has come to its end yet.
    NotYet,
    /// The iteration has ended: there will be none.
    Ended,
}

impl fmt::Display for NoNext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotYet => "no segment is done yet",
            Self::Ended => "the stream has ended",
        })
    }
}

impl std::error::Error for NoNext {}
