//! The error of an accepted segment that was not written.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use super::loss::Loss;
use super::sink::SinkError;
use crate::segment::{ProducedSegment, SegmentInfo, Submission};

/// Why a segment was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteErrorKind {
    /// The sink returned an error.
    Failed,
    /// The sink panicked on this segment. The stream is closed.
    Panicked,
    /// The sink was not called, as it had panicked on an earlier segment.
    Aborted,
    /// The sink was not called: the stream was full, and the segment was dropped to make room for
    /// a newer one ([`WhenFull::DropOldest`](crate::WhenFull::DropOldest)). The payload is gone.
    Dropped,
    /// The producer gave the segment up
    /// ([`SegmentSender::give_up`](crate::SegmentSender::give_up),
    /// [`SegmentSender::lost`](crate::SegmentSender::lost)). It was never accepted.
    GivenUp,
}

/// A segment that was accepted, or given up, and did not arrive at its destination.
///
/// The error takes the segment's place in the iteration, which goes on. The segment is inside with
/// its payload, so that it can be sent again or stored elsewhere. (A segment that was
/// [dropped](WriteErrorKind::Dropped) has no payload, and one error may stand for several such
/// segments.)
///
/// The message is one line: segment, operation, path and cause. [`source`](Error::source) returns
/// the cause of the cause, so that a reporter that prints the chain of sources prints nothing
/// twice.
///
/// ```
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, sink};
/// use std::io;
///
/// # fn main() -> io::Result<()> {
/// let locked = sink::from_fn(|_| Err(io::Error::from(io::ErrorKind::PermissionDenied)));
/// let (mut stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), locked)?;
/// sender.send(ProducedSegment::media(7, vec![1, 2, 3], 2.0).with_path("00007.ts"))?;
///
/// let error = stream.next().expect("one segment was sent").unwrap_err();
/// assert_eq!(error.to_string(), "segment 7: cannot write \"00007.ts\": permission denied");
/// assert_eq!(error.io_kind(), io::ErrorKind::PermissionDenied);
/// assert_eq!(error.into_segment().data, [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
#[must_use = "it holds the segment that was not written"]
pub struct WriteError(Box<Inner>);

struct Inner {
    loss: Loss,
    kind: WriteErrorKind,
    cause: SinkError,
    attempts: u32,
}

impl WriteError {
    /// `cause` gets the operation and the path hint, unless the sink has set them.
    pub(crate) fn new(
        segment: ProducedSegment,
        kind: WriteErrorKind,
        cause: SinkError,
        attempts: u32,
    ) -> Self {
        let cause = cause.or_during("write", segment.path_hint.as_deref());
        let bytes = segment.data.len();
        Self(Box::new(Inner {
            loss: Loss::of(segment, SegmentInfo::new(), bytes),
            kind,
            cause,
            attempts,
        }))
    }

    /// The error for segments that never reached a sink.
    pub(crate) fn lost(kind: WriteErrorKind, loss: Loss) -> Self {
        let cause = SinkError::permanent(match kind {
            WriteErrorKind::GivenUp => "given up by the producer",
            _ => "dropped from the full stream to make room",
        });
        let mut error = Self::new(loss.first.clone(), kind, cause, 0);
        error.0.loss = loss;
        error
    }

    pub(crate) fn set_info(&mut self, info: SegmentInfo) {
        self.0.loss.info = info;
    }

    /// Why the segment was not written.
    #[must_use]
    pub fn kind(&self) -> WriteErrorKind {
        self.0.kind
    }

    /// The segment that was not written, or the first of several.
    #[must_use]
    pub fn segment(&self) -> &ProducedSegment {
        &self.0.loss.first
    }

    /// The segment that was not written, given back. Its payload is empty if it was dropped.
    #[must_use]
    pub fn into_segment(self) -> ProducedSegment {
        self.0.loss.first
    }

    /// The information of the segment. Of several segments, the information that still holds after
    /// them: the last state, all discontinuities, and at most 64 KiB of event lines.
    pub fn info(&self) -> &SegmentInfo {
        &self.0.loss.info
    }

    /// The segment and its information, given back. The payload is empty if it was dropped.
    #[must_use]
    pub fn into_submission(self) -> Submission {
        let Loss { first, info, .. } = self.0.loss;
        Submission::from((first, info))
    }

    /// The sequence number of the segment, or of the first of several.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.0.loss.first.sequence
    }

    /// The sequence number of the segment, or of the last of several.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.0.loss.last_sequence
    }

    /// The number of segments that the error stands for: 1, or more if they were
    /// [dropped](WriteErrorKind::Dropped) or [given up](WriteErrorKind::GivenUp) in a row.
    #[must_use]
    pub fn segments(&self) -> u64 {
        self.0.loss.segments
    }

    /// The number of payload bytes that were not written, including dropped ones.
    #[must_use]
    pub fn byte_len(&self) -> u64 {
        self.0.loss.bytes
    }

    /// The duration in seconds: of one segment as it is, or the sum of several. In a sum, a value
    /// that cannot be a duration (NaN, negative, above an hour) counts as zero. A loss that the
    /// producer has [told](crate::SegmentSender::lost) may last a week.
    #[must_use]
    pub fn duration_secs(&self) -> f64 {
        self.0.loss.duration_secs
    }

    /// The longest of the valid durations.
    #[cfg(feature = "hls")]
    pub(crate) fn longest_secs(&self) -> f64 {
        self.0.loss.longest_secs
    }

    /// The number of segments whose duration is not valid.
    #[cfg(feature = "hls")]
    pub(crate) fn unusable_durations(&self) -> u64 {
        self.0.loss.unusable
    }

    /// The operation that failed; `"write"` unless the sink has set it.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.0.cause.operation().unwrap_or("write")
    }

    /// The path that the sink has set, or else the segment's path hint.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.cause.path()
    }

    /// How often the sink was called for this segment.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The error of the sink.
    #[must_use]
    pub fn sink_error(&self) -> &SinkError {
        &self.0.cause
    }

    /// The kind of the [`io::Error`] in the chain of causes, or [`Other`](io::ErrorKind::Other).
    #[must_use]
    pub fn io_kind(&self) -> io::ErrorKind {
        self.0.cause.io_kind()
    }

    /// The code of the operating system (`errno`) in the chain of causes.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.0.cause.raw_os_error()
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            loss,
            cause,
            attempts,
            ..
        } = &*self.0;
        let sequence = loss.first.sequence;
        if loss.segments > 1 {
            let (count, last) = (loss.segments, loss.last_sequence);
            return write!(
                f,
                "{count} segments, {sequence} to {last}: {}",
                cause.cause()
            );
        }
        let what = if loss.first.is_init {
            "initialisation segment"
        } else {
            "segment"
        };
        write!(f, "{what} {sequence}: {cause}")?;
        if *attempts > 1 {
            write!(f, " (after {attempts} attempts)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteError")
            .field("segment", self.segment())
            .field("kind", &self.0.kind)
            .field("cause", &self.0.cause)
            .field("attempts", &self.0.attempts)
            .field("segments", &self.segments())
            .finish()
    }
}

impl Error for WriteError {
    /// The cause of the sink error's [cause](SinkError::cause): the message contains the cause
    /// itself.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.source()
    }
}

/// The whole error, with its segment, is inside the [`io::Error`].
impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        io::Error::new(error.io_kind(), error)
    }
}
