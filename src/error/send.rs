//! The error of a segment that was not accepted.

use std::error::Error;
use std::fmt;
use std::io;

use crate::segment::{ProducedSegment, Submission};

/// A segment that the stream did not accept.
///
/// The segment and its information are inside, unchanged. Nothing was queued.
///
/// ```
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, SendErrorKind};
///
/// # fn main() -> std::io::Result<()> {
/// let (stream, sender) = SegmentStream::new(SegmentStreamConfig::default())?;
/// stream.close();
/// let error = sender.send(ProducedSegment::media(3, vec![1, 2, 3], 2.0)).unwrap_err();
/// assert_eq!(error.kind(), SendErrorKind::Closed);
/// assert_eq!(error.into_segment().data, [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it holds the segment that was not accepted"]
pub struct SendError {
    submission: Box<Submission>,
    kind: SendErrorKind,
}

/// Why a segment was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// There was no room, or other senders wait for it
    /// ([`try_send`](crate::SegmentSender::try_send) only).
    Full,
    /// The stream is closed. Each further attempt fails.
    Closed,
    /// There was no room in time ([`send_timeout`](crate::SegmentSender::send_timeout) only).
    Timeout,
    /// The call came from inside the stream's own sink, where waiting for room could deadlock.
    OwnWriter,
}

impl SendError {
    pub(crate) fn new(submission: Submission, kind: SendErrorKind) -> Self {
        Self {
            submission: Box::new(submission),
            kind,
        }
    }

    /// Why the segment was not accepted.
    #[must_use]
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// Whether the kind is [`SendErrorKind::Full`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kind == SendErrorKind::Full
    }

    /// Whether the kind is [`SendErrorKind::Closed`].
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.kind == SendErrorKind::Closed
    }

    /// Whether the kind is [`SendErrorKind::Timeout`].
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == SendErrorKind::Timeout
    }

    /// Whether the kind is [`SendErrorKind::OwnWriter`].
    #[must_use]
    pub fn is_own_writer(&self) -> bool {
        self.kind == SendErrorKind::OwnWriter
    }

    /// The segment that was not accepted.
    #[must_use]
    pub fn segment(&self) -> &ProducedSegment {
        &self.submission.segment
    }

    /// Gives back the segment that was not accepted.
    #[must_use]
    pub fn into_segment(self) -> ProducedSegment {
        self.submission.segment
    }

    /// Gives back the segment and its information.
    #[must_use]
    pub fn into_submission(self) -> Submission {
        *self.submission
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.kind {
            SendErrorKind::Full => "the stream is full",
            SendErrorKind::Closed => "the stream is closed",
            SendErrorKind::Timeout => "the stream was full until the deadline",
            SendErrorKind::OwnWriter => "a sink cannot send into the stream that it serves",
        };
        let sequence = self.segment().sequence;
        write!(f, "segment {sequence} was not accepted: {reason}")
    }
}

impl Error for SendError {}

/// The whole error, with its segment, is inside the [`io::Error`].
impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        let kind = match error.kind {
            SendErrorKind::Full => io::ErrorKind::WouldBlock,
            SendErrorKind::Closed => io::ErrorKind::BrokenPipe,
            SendErrorKind::Timeout => io::ErrorKind::TimedOut,
            SendErrorKind::OwnWriter => io::ErrorKind::Deadlock,
        };
        io::Error::new(kind, error)
    }
}
