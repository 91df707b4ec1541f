//! A segment that was not accepted.

use std::error::Error;
use std::fmt;
use std::io;

use crate::segment::ProducedSegment;

/// A segment that the stream did not accept, with the reason.
///
/// The segment is inside, as it was: nothing of it was queued.
///
/// ```
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig};
///
/// # fn main() -> std::io::Result<()> {
/// let (stream, sender) = SegmentStream::new(SegmentStreamConfig::default())?;
/// stream.close();
/// let error = sender.send(ProducedSegment::media(3, vec![1, 2, 3], 2.0)).unwrap_err();
/// assert!(error.is_closed());
/// assert_eq!(error.into_segment().data, [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it holds the segment that was not accepted"]
pub struct SendError {
    segment: ProducedSegment,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Full,
    Closed,
    Timeout,
    OwnWriter,
}

impl SendError {
    pub(crate) fn full(segment: ProducedSegment) -> Self {
        Self::new(segment, Reason::Full)
    }

    pub(crate) fn closed(segment: ProducedSegment) -> Self {
        Self::new(segment, Reason::Closed)
    }

    pub(crate) fn timeout(segment: ProducedSegment) -> Self {
        Self::new(segment, Reason::Timeout)
    }

    pub(crate) fn own_writer(segment: ProducedSegment) -> Self {
        Self::new(segment, Reason::OwnWriter)
    }

    fn new(segment: ProducedSegment, reason: Reason) -> Self {
        Self { segment, reason }
    }

    /// Whether there was no room, or others waited for it: [`try_send`](crate::SegmentSender::try_send) only.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.reason == Reason::Full
    }

    /// Whether the stream is closed, so that no later attempt can succeed either.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.reason == Reason::Closed
    }

    /// Whether there was no room in time:
    /// [`send_timeout`](crate::SegmentSender::send_timeout) only.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.reason == Reason::Timeout
    }

    /// Whether the call came from the stream's own writer thread, that is, from inside its sink,
    /// where waiting for room would be waiting for oneself.
    #[must_use]
    pub fn is_own_writer(&self) -> bool {
        self.reason == Reason::OwnWriter
    }

    /// The segment that was not accepted.
    #[must_use]
    pub fn segment(&self) -> &ProducedSegment {
        &self.segment
    }

    /// The segment that was not accepted, given back.
    #[must_use]
    pub fn into_segment(self) -> ProducedSegment {
        self.segment
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            Reason::Full => "the stream is full",
            Reason::Closed => "the stream is closed",
            Reason::Timeout => "the stream was full until the time was over",
            Reason::OwnWriter => "a sink cannot send into the stream that it serves",
        };
        write!(
            f,
            "segment {} was not accepted: {reason}",
            self.segment.sequence
        )
    }
}

impl Error for SendError {}

/// Keeps the whole error, segment included, as the inner error of the [`io::Error`].
impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        let kind = match error.reason {
            Reason::Full => io::ErrorKind::WouldBlock,
            Reason::Closed => io::ErrorKind::BrokenPipe,
            Reason::Timeout => io::ErrorKind::TimedOut,
            Reason::OwnWriter => io::ErrorKind::Deadlock,
        };
        io::Error::new(kind, error)
    }
}
