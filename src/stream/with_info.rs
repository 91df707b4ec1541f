//! The iterator that yields the information with each segment.

use std::iter::FusedIterator;
use std::time::Duration;

use super::SegmentStream;
use super::yielded::{NoNext, Yielded};
use crate::internal::deadline::Deadline;

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
    /// [`NoNext::NotYet`] once the time has passed, or [`NoNext::Ended`] if `next` would return
    /// `None`.
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
