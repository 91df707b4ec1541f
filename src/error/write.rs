//! An accepted segment that did not arrive.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use super::loss::Loss;
use super::sink::SinkError;
use crate::segment::{ProducedSegment, SegmentInfo, Submission};

/// Why a segment did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteErrorKind {
    /// The sink returned an error.
    Failed,
    /// The sink panicked while it had this segment. The stream has closed itself.
    Panicked,
    /// The sink was never called: it had panicked on an earlier segment.
    Aborted,
    /// The sink was never called: the stream was full, and this segment was dropped to make room for a newer
    /// one ([`WhenFull::DropOldest`](crate::WhenFull::DropOldest)). The payload is gone.
    Dropped,
    /// The producer gave the segment up ([`SegmentSender::give_up`](crate::SegmentSender::give_up),
    /// [`SegmentSender::lost`](crate::SegmentSender::lost)): it was never accepted.
    GivenUp,
}

/// A segment that was accepted and did not arrive at its destination.
///
/// It takes the segment's place in the iteration, which goes on. The segment is inside, payload
/// included, so that it can be sent again or put somewhere else. (One that was
/// [dropped](WriteErrorKind::Dropped) to make room has no payload any more, and may stand for several.)
///
/// Its message is one line that says which segment, what was being done, to which path, and why.
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
        let bytes = segment.data.len();
        Self(Box::new(Inner {
            loss: Loss::of(segment, SegmentInfo::new(), bytes),
            kind,
            cause,
            attempts,
        }))
    }

    /// Of segments that never reached a sink.
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

    /// Why the segment did not arrive.
    #[must_use]
    pub fn kind(&self) -> WriteErrorKind {
        self.0.kind
    }

    /// The segment that was not written; the first one, if this stands for several.
    #[must_use]
    pub fn segment(&self) -> &ProducedSegment {
        &self.0.loss.first
    }

    /// The segment that was not written, given back. Its payload is empty if it was dropped.
    #[must_use]
    pub fn into_segment(self) -> ProducedSegment {
        self.0.loss.first
    }

    /// The information that travelled with the segment; if this stands for several, what of theirs still
    /// holds after them: the last state, all discontinuities, and at most 64 KiB of event lines.
    pub fn info(&self) -> &SegmentInfo {
        &self.0.loss.info
    }

    /// The segment and its information, given back. The payload is empty if it was dropped.
    #[must_use]
    pub fn into_submission(self) -> Submission {
        let Loss { first, info, .. } = self.0.loss;
        Submission::from((first, info))
    }

    /// The segment's sequence number; that of the first one, if this stands for several.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.0.loss.first.sequence
    }

    /// The sequence number of the last segment that this stands for.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.0.loss.last_sequence
    }

    /// How many segments this stands for: 1, or more if they were [dropped](WriteErrorKind::Dropped) one
    /// after the other in a long stall.
    #[must_use]
    pub fn segments(&self) -> u64 {
        self.0.loss.segments
    }

    /// How many payload bytes did not arrive, those that were dropped included.
    #[must_use]
    pub fn byte_len(&self) -> u64 {
        self.0.loss.bytes
    }

    /// How many seconds of media did not arrive: the duration of the one segment as it is, or the sum of
    /// several, where what cannot be a duration (NaN, negative, above an hour) counts as zero.
    #[must_use]
    pub fn duration_secs(&self) -> f64 {
        self.0.loss.duration_secs
    }

    /// The longest duration among them, of those that can be one.
    #[cfg(feature = "hls")]
    pub(crate) fn longest_secs(&self) -> f64 {
        self.0.loss.longest_secs
    }

    /// How many of them have what cannot be a duration.
    #[cfg(feature = "hls")]
    pub(crate) fn unusable_durations(&self) -> u64 {
        self.0.loss.unusable
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
