//! What came out at the end without having been yielded.

use std::error::Error;
use std::fmt;
use std::io;

use crate::error::{SinkError, WriteError};
use crate::segment::ProducedSegment;

/// What `finish` and `drain` found: all that had been accepted and was not yielded, and how the
/// sink ended. Each list is in the order of acceptance.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The segments that are at their destination, or that the sink let pass because it had nowhere to
    /// put them.
    pub written: Vec<ProducedSegment>,
    /// The segments that are not, with the reason.
    pub failed: Vec<WriteError>,
    /// The segments that `drain` discarded without writing them.
    pub discarded: Vec<ProducedSegment>,
    /// Why the sink did not end well: the error of its own `finish`, or that it panicked.
    pub sink_error: Option<SinkError>,
}

impl Report {
    pub(crate) fn into_result(self) -> Result<Self, FinishError> {
        if self.failed.is_empty() && self.sink_error.is_none() {
            Ok(self)
        } else {
            Err(FinishError(Box::new(self)))
        }
    }
}

/// Something that was not yielded has failed, or the sink did not end well.
///
/// The whole [`Report`] is inside: what landed, what failed, and the segments of both.
#[must_use = "it holds the segments that were not written"]
pub struct FinishError(Box<Report>);

impl FinishError {
    /// What `finish` or `drain` found.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.0
    }

    /// What `finish` or `drain` found, with its segments.
    #[must_use]
    pub fn into_report(self) -> Report {
        *self.0
    }

    fn io_kind(&self) -> io::ErrorKind {
        let of_sink = self.0.sink_error.as_ref().map(SinkError::io_kind);
        let of_write = || self.0.failed.first().map(WriteError::io_kind);
        of_sink.or_else(of_write).unwrap_or(io::ErrorKind::Other)
    }
}

impl fmt::Display for FinishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report {
            failed, sink_error, ..
        } = &*self.0;
        if let Some(first) = failed.first() {
            let count = failed.len();
            let noun = if count == 1 { "segment" } else { "segments" };
            write!(f, "{count} {noun} not written, the first: {first}")?;
        }
        match (sink_error, failed.is_empty()) {
            (Some(error), true) => write!(f, "the sink did not end well: {error}"),
            (Some(error), false) => write!(f, "; and the sink did not end well: {error}"),
            (None, _) => Ok(()),
        }
    }
}

impl fmt::Debug for FinishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FinishError").field(&self.0).finish()
    }
}

impl Error for FinishError {
    /// The error of the sink's end, else the first failed write.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let of_sink = self.0.sink_error.as_ref().map(|error| error as _);
        of_sink.or_else(|| self.0.failed.first().map(|error| error as _))
    }
}

/// Keeps the whole error, segments included, as the inner error of the [`io::Error`].
impl From<FinishError> for io::Error {
    fn from(error: FinishError) -> Self {
        io::Error::new(error.io_kind(), error)
    }
}
