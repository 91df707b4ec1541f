//! An accepted segment that did not arrive.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use super::sink::SinkError;
use crate::losses::Loss;
use crate::segment::{ProducedSegment, usable};

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
    /// The sink was never called: the stream was full, and this one was dropped to make room for a newer
    /// one ([`WhenFull::DropOldest`](crate::WhenFull::DropOldest)). The payload is gone.
    Dropped,
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
    segment: ProducedSegment,
    kind: WriteErrorKind,
    cause: SinkError,
    attempts: u32,
    extent: Extent,
}

/// What did not arrive: one segment, or several that were dropped one after the other.
#[cfg_attr(
    not(feature = "hls"),
    expect(dead_code, reason = "playlists need all of it")
)]
struct Extent {
    segments: u64,
    bytes: u64,
    duration_secs: f64,
    longest_secs: f64,
    unusable: u64,
    last_sequence: u64,
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
            extent: Extent {
                segments: 1,
                bytes: segment.data.len() as u64,
                duration_secs: segment.duration_secs,
                longest_secs: usable(segment.duration_secs).unwrap_or_default(),
                unusable: u64::from(usable(segment.duration_secs).is_none()),
                last_sequence: segment.sequence,
            },
            segment,
            kind,
            cause,
            attempts,
        }))
    }

    pub(crate) fn dropped(loss: Loss) -> Self {
        let extent = Extent {
            segments: loss.segments(),
            bytes: loss.bytes,
            duration_secs: loss.duration_secs,
            longest_secs: loss.longest_secs,
            unusable: loss.unusable,
            last_sequence: loss.last_sequence,
        };
        let cause = SinkError::permanent("dropped from the full stream to make room");
        let mut error = Self::new(loss.first, WriteErrorKind::Dropped, cause, 0);
        error.0.extent = extent;
        error
    }

    /// In which way the write came to nothing.
    #[must_use]
    pub fn kind(&self) -> WriteErrorKind {
        self.0.kind
    }

    /// The segment that was not written; the first one, if this stands for several.
    #[must_use]
    pub fn segment(&self) -> &ProducedSegment {
        &self.0.segment
    }

    /// The segment that was not written, given back. Its payload is empty if it was dropped.
    #[must_use]
    pub fn into_segment(self) -> ProducedSegment {
        self.0.segment
    }

    /// The segment's sequence number; that of the first one, if this stands for several.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.0.segment.sequence
    }

    /// The sequence number of the last segment that this stands for.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.0.extent.last_sequence
    }

    /// How many segments this stands for: 1, or more if they were [dropped](WriteErrorKind::Dropped) one
    /// after the other in a long stall.
    #[must_use]
    pub fn segments(&self) -> u64 {
        self.0.extent.segments
    }

    /// How many payload bytes did not arrive, those that were dropped included.
    #[must_use]
    pub fn byte_len(&self) -> u64 {
        self.0.extent.bytes
    }

    /// How many seconds of media did not arrive: the duration of the one segment as it is, or the sum of
    /// several, where what cannot be a duration (NaN, negative, above an hour) counts as zero.
    #[must_use]
    pub fn duration_secs(&self) -> f64 {
        self.0.extent.duration_secs
    }

    /// The longest duration among them, of those that can be one.
    #[cfg(feature = "hls")]
    pub(crate) fn longest_secs(&self) -> f64 {
        self.0.extent.longest_secs
    }

    /// How many of them have what cannot be a duration.
    #[cfg(feature = "hls")]
    pub(crate) fn unusable_durations(&self) -> u64 {
        self.0.extent.unusable
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
            extent,
            ..
        } = &*self.0;
        if extent.segments > 1 {
            let count = extent.segments;
            let (first, last) = (segment.sequence, extent.last_sequence);
            return write!(f, "{count} segments, {first} to {last}: {}", cause.cause());
        }
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
            .field("segments", &self.0.extent.segments)
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
