//! Everything that came out at the end without having been yielded.

use std::error::Error;
use std::fmt;
use std::io;

use super::yielded::Yielded;
use crate::error::{SinkError, WriteError};
use crate::segment::Submission;

/// The result of `finish`, `finish_timeout` and `drain`: every accepted segment that was not yielded, and how the sinks
/// ended. Each list is in the order of acceptance.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The segments that are at their destination, or that the sink let pass because it had nowhere to put them.
    pub written: Vec<Submission>,
    /// The segments that did not arrive, with the reason. Dropped and given-up segments are among them.
    pub failed: Vec<WriteError>,
    /// The segments that were never begun, payload included: discarded by `drain`, or left at the deadline of
    /// `finish_timeout`.
    pub discarded: Vec<Submission>,
    /// The segments whose write was under way at the deadline of `finish_timeout`, at most one for each writer. They
    /// may still arrive, so their names are not to be used again. The payload is with the sink.
    pub in_doubt: Vec<Submission>,
    /// Errors of the ends of sinks: the error of `finish`, a panic, a sink that had not ended at the deadline, or one
    /// that cannot wait for its own end.
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

/// A segment that was not yielded has failed, or a sink did not end well, or not in time.
///
/// The whole [`Report`] is inside, with all segments.
#[must_use = "it holds the segments that were not written"]
pub struct FinishError(Box<Report>);

impl FinishError {
    /// The report.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.0
    }

    /// The report, with its segments.
    #[must_use]
    pub fn into_report(self) -> Report {
        *self.0
    }

    /// Whether a sink had not ended at the deadline of
    /// [`finish_timeout`](crate::SegmentStream::finish_timeout).
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
    /// The error of the sink's end, else the first failed write.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let of_sink = self.0.sink_errors.first().map(|error| error as _);
        of_sink.or_else(|| self.0.failed.first().map(|error| error as _))
    }
}

/// Keeps the whole error, segments included, as the inner error of the [`io::Error`].
impl From<FinishError> for io::Error {
    fn from(error: FinishError) -> Self {
        io::Error::new(error.io_kind(), error)
    }
}
