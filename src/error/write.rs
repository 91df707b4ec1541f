//! An accepted segment that did not arrive.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use super::sink::SinkError;
use crate::segment::ProducedSegment;

/// In which way a write came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteErrorKind {
    /// The sink returned an error.
    Failed,
    /// The sink panicked while it had this segment. The stream has closed itself.
    Panicked,
    /// The sink was never called: it had panicked on an earlier segment.
    Aborted,
    /// The sink was never called: the stream was drained, from inside the sink, and iterated over
    /// afterwards.
    Discarded,
}

/// A segment that was accepted and did not arrive at its destination.
///
/// It takes the segment's place in the iteration, which goes on. The segment is inside, payload
/// included, so that it can be sent again or put somewhere else.
///
/// Its message is one line that says which segment, what was being done, to which path, and why.
///
/// ```
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, sink};
/// use std::io;
///
/// # fn main() -> io::Result<()> {
/// let full_disk = sink::from_fn(|_| Err(io::Error::from(io::ErrorKind::StorageFull)));
/// let (mut stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), full_disk)?;
/// sender.send(ProducedSegment::media(7, vec![1, 2, 3], 2.0).with_path("00007.ts"))?;
///
/// let error = stream.next().expect("one segment was sent").unwrap_err();
/// assert_eq!(error.to_string(), "segment 7: cannot write \"00007.ts\": no storage space");
/// assert_eq!(error.io_kind(), io::ErrorKind::StorageFull);
/// assert_eq!(error.into_segment().data, [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
#[must_use = "it holds the segment that was not written"]
pub struct WriteError(Box<Inner>);

struct Inner {
    segment: ProducedSegment,
    kind: WriteErrorKind,
    cause: SinkError,
    attempts: u32,
}

impl WriteError {
    /// `cause` gets the operation and the segment's path hint wherever the sink named none.
    pub(crate) fn new(
        segment: ProducedSegment,
        kind: WriteErrorKind,
        mut cause: SinkError,
        attempts: u32,
    ) -> Self {
        if cause.operation().is_none() {
            cause = cause.with_operation("write");
        }
        if let (None, Some(hint)) = (cause.path(), &segment.path_hint) {
            cause = cause.with_path(hint);
        }
        Self(Box::new(Inner {
            segment,
            kind,
            cause,
            attempts,
        }))
    }

    /// In which way the write came to nothing.
    #[must_use]
    pub fn kind(&self) -> WriteErrorKind {
        self.0.kind
    }

    /// The segment that was not written.
    #[must_use]
    pub fn segment(&self) -> &ProducedSegment {
        &self.0.segment
    }

    /// The segment that was not written, given back.
    #[must_use]
    pub fn into_segment(self) -> ProducedSegment {
        self.0.segment
    }

    /// The segment's sequence number.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.0.segment.sequence
    }

    /// What the sink was doing: its own word for it, else `"write"`.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.0.cause.operation().unwrap_or("write")
    }

    /// The path that the sink was working on: its own word for it, else the segment's path hint.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.cause.path()
    }

    /// How often the sink was called for this segment; 0 where it never was.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// What the sink said.
    #[must_use]
    pub fn sink_error(&self) -> &SinkError {
        &self.0.cause
    }

    /// The kind of the [`io::Error`] behind this, [`Other`](io::ErrorKind::Other) where there is none.
    #[must_use]
    pub fn io_kind(&self) -> io::ErrorKind {
        self.0.cause.io_kind()
    }

    /// The operating system's code (`errno`), where there is one.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.0.cause.raw_os_error()
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            segment,
            cause,
            attempts,
            ..
        } = &*self.0;
        let what = if segment.is_init {
            "initialisation segment"
        } else {
            "segment"
        };
        write!(f, "{what} {}: {cause}", segment.sequence)?;
        if *attempts > 1 {
            write!(f, " (after {attempts} attempts)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteError")
            .field("segment", &self.0.segment)
            .field("kind", &self.0.kind)
            .field("cause", &self.0.cause)
            .field("attempts", &self.0.attempts)
            .finish()
    }
}

impl Error for WriteError {
    /// What the sink's error was made of: the [`io::Error`], where there is one.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.cause.cause())
    }
}

/// Keeps the whole error, segment included, as the inner error of the [`io::Error`].
impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        io::Error::new(error.io_kind(), error)
    }
}
