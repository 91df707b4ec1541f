//! What the iterator yields, and why there may be nothing to yield.

use std::fmt;
use std::iter::FusedIterator;
use std::time::Duration;

use super::SegmentStream;
use crate::error::WriteError;
use crate::internal::deadline::Deadline;
use crate::segment::{ProducedSegment, SegmentInfo, Submission};

/// The item of [`SegmentStream::with_info`](crate::SegmentStream::with_info): what became of a segment, and the
/// information that travelled with it.
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

/// An `Err` gives its segment back, as [`WriteError::into_submission`] does.
impl From<Yielded> for Submission {
    fn from(yielded: Yielded) -> Self {
        match yielded.result {
            Ok(segment) => Self::from((segment, yielded.info)),
            Err(error) => error.into_submission(),
        }
    }
}

/// The iterator of [`SegmentStream::with_info`].
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct WithInfo<'a> {
    stream: &'a mut SegmentStream,
}

impl<'a> WithInfo<'a> {
    pub(super) fn new(stream: &'a mut SegmentStream) -> Self {
        Self { stream }
    }

    /// The next segment if one is done; never blocks. As [`SegmentStream::try_next`].
    ///
    /// # Errors
    ///
    /// [`NoNext::NotYet`], or [`NoNext::Ended`] if `next` would return `None`.
    pub fn try_next(&mut self) -> Result<Yielded, NoNext> {
        self.stream.next_yielded(Deadline::Now)
    }

    /// The next segment; blocks until it is done, but no longer than `timeout`. As
    /// [`SegmentStream::next_timeout`].
    ///
    /// # Errors
    ///
    /// [`NoNext::NotYet`] once the time has passed, or [`NoNext::Ended`] if `next` would return `None`.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Yielded, NoNext> {
        self.stream.next_yielded(Deadline::after(timeout))
    }
}

impl Iterator for WithInfo<'_> {
    type Item = Yielded;

    /// Blocks until the next segment is done; `None` once there will be no more.
    fn next(&mut self) -> Option<Yielded> {
        self.stream.next_yielded(Deadline::Never).ok()
    }
}

impl FusedIterator for WithInfo<'_> {}

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
