//! The second iterator over a stream: with the information that travelled with each segment.

use std::fmt;
use std::iter::FusedIterator;
use std::time::Duration;

use super::iterator::Iteration;
use super::yielded::{NoNext, Yielded};
use crate::internal::deadline::Deadline;

/// The iterator of [`SegmentStream::with_info`](crate::SegmentStream::with_info).
#[must_use = "iterators are lazy"]
pub struct WithInfo<'a> {
    iteration: &'a mut Iteration,
}

impl<'a> WithInfo<'a> {
    pub(super) fn new(iteration: &'a mut Iteration) -> Self {
        Self { iteration }
    }

    /// The next segment if one is done; never blocks. As
    /// [`SegmentStream::try_next`](crate::SegmentStream::try_next).
    ///
    /// # Errors
    ///
    /// [`NoNext::NotYet`], or [`NoNext::Ended`] if `next` would return `None`.
    pub fn try_next(&mut self) -> Result<Yielded, NoNext> {
        self.iteration.next(Deadline::Now)
    }

    /// The next segment; blocks until it is done, but no longer than `timeout`. As
    /// [`SegmentStream::next_timeout`](crate::SegmentStream::next_timeout).
    ///
    /// # Errors
    ///
    /// [`NoNext::NotYet`] once the time has passed, or [`NoNext::Ended`] if `next` would return
    /// `None`.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Yielded, NoNext> {
        self.iteration.next(Deadline::after(timeout))
    }
}

impl Iterator for WithInfo<'_> {
    type Item = Yielded;

    /// Blocks until the next segment is done; `None` once there will be no more.
    fn next(&mut self) -> Option<Yielded> {
        self.iteration.next(Deadline::Never).ok()
    }
}

impl FusedIterator for WithInfo<'_> {}

impl fmt::Debug for WithInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithInfo").finish_non_exhaustive()
    }
}
