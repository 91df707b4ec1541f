//! The result of the end of a stream: what was not yielded, and how the sink ended.

use std::error::Error;
use std::fmt;
use std::io;

use super::yielded::Yielded;
use crate::error::{SinkError, WriteError};
use crate::segment::Submission;

/// The result of `finish`, `finish_timeout` and `drain`: every segment that was accepted and not
/// yielded, and how the sink ended. Each list is in the order of acceptance.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The segments at their destination, and those that the sink passed without a destination.
    pub written: Vec<Submission>,
    /// The errors of segments that were not written, including those that were dropped to make
    /// room.
    pub failed: Vec<WriteError>,
    /// The segments whose write never began, with their payload: discarded by `drain`, or still
    /// queued at the deadline of `finish_timeout`.
    pub discarded: Vec<Submission>,
    /// The segments whose write was under way at the deadline of `finish_timeout`, without their
    /// payload, which the sink still has. There is at most one for each writer. Each may still
    /// arrive, so its name must not be used again.
    pub in_doubt: Vec<Submission>,
    /// The errors of sinks: of their `finish`, of a panic, of a missed deadline, or of a wait
    /// inside the sink itself.
    pub sink_errors: Vec<SinkError>,
}

impl Report {
    pub(super) fn add(&mut self, yielded: Yielded) {
        match yielded.result {
            Ok(segment) => self.written.push((segment, yielded.info).into()),
            Err(error) => self.failed.push(error),
        }
    }

    pub(super) fn into_result(self) -> Result<Self, FinishError> {
        if self.failed.is_empty() && self.sink_errors.is_empty() {
            Ok(self)
        } else {
            Err(FinishError(Box::new(self)))
        }
    }
}

/// The error of `finish`, `finish_timeout` and `drain`: a segment was not written, or a sink did
/// not end well or in time.
///
/// The whole [`Report`] is inside, with the segments that were written and those that were not.
///
/// The message is one line with the first failed segment and the first error of a sink.
/// [`source`](Error::source) returns the cause of the latter's cause, or else of the former's, so
/// that a reporter that prints the chain of sources prints nothing twice.
#[must_use = "it holds the segments that were not written"]
pub struct FinishError(Box<Report>);

/// The kind of a [`FinishError`]. If several apply, the first in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FinishErrorKind {
    /// A sink had not ended at the deadline of
    /// [`finish_timeout`](crate::SegmentStream::finish_timeout).
    Timeout,
    /// A sink did not end well.
    Sink,
    /// A segment was not written. All sinks ended well.
    Write,
}

impl FinishError {
    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> FinishErrorKind {
        if self.is_timeout() {
            FinishErrorKind::Timeout
        } else if self.0.sink_errors.is_empty() {
            FinishErrorKind::Write
        } else {
            FinishErrorKind::Sink
        }
    }

    /// The result of `finish`, `finish_timeout` or `drain`.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.0
    }

    /// Gives back the result of `finish`, `finish_timeout` or `drain`, with its segments.
    #[must_use]
    pub fn into_report(self) -> Report {
        *self.0
    }

    /// Whether the kind is [`FinishErrorKind::Timeout`].
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.0.sink_errors.iter().any(|error| {
            let cause = error.cause().downcast_ref::<io::Error>();
            cause
                .and_then(io::Error::get_ref)
                .is_some_and(<dyn Error + Send + Sync>::is::<TimedOut>)
        })
    }

    fn io_kind(&self) -> io::ErrorKind {
        let of_sink = self.0.sink_errors.first().map(SinkError::io_kind);
        let of_write = || self.0.failed.first().map(WriteError::io_kind);
        of_sink.or_else(of_write).unwrap_or(io::ErrorKind::Other)
    }
}

/// A writer had not ended at the deadline.
#[derive(Debug)]
struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it had not ended at the deadline")
    }
}

impl Error for TimedOut {}

pub(super) fn timed_out() -> SinkError {
    let cause = io::Error::new(io::ErrorKind::TimedOut, TimedOut);
    SinkError::permanent(cause).with_operation("finish")
}

impl fmt::Display for FinishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &*self.0;
        let mut separator = "";
        if let Some(first) = report.failed.first() {
            let count = report.failed.iter().map(WriteError::segments).sum();
            write!(f, "{} not written, the first: {first}", segments(count))?;
            separator = "; and ";
        }
        if let Some(error) = report.sink_errors.first() {
            write!(f, "{separator}the sink did not end well: {error}")?;
            for (count, what) in [
                (report.in_doubt.len(), "in doubt"),
                (report.discarded.len(), "not begun"),
            ] {
                if count > 0 {
                    write!(f, "; {} {what}", segments(count as u64))?;
                }
            }
        }
        Ok(())
    }
}

fn segments(count: u64) -> String {
    let noun = if count == 1 { "segment" } else { "segments" };
    format!("{count} {noun}")
}

impl fmt::Debug for FinishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FinishError").field(&self.0).finish()
    }
}

impl Error for FinishError {
    /// The cause of the cause of the first sink error, or else of the first failed write.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let of_sink = self.0.sink_errors.first().and_then(Error::source);
        of_sink.or_else(|| self.0.failed.first().and_then(Error::source))
    }
}

/// The whole error, with its segments, is inside the [`io::Error`].
impl From<FinishError> for io::Error {
    fn from(error: FinishError) -> Self {
        io::Error::new(error.io_kind(), error)
    }
}
