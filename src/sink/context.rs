//! The context of a call to a sink.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::internal::cancel::Cancel;
use crate::segment::ProducedSegment;

/// The default of [`WriteContext::read_limit`].
const READ_LIMIT: u64 = 64 * 1024 * 1024;

/// The context of a call to a sink: the kind of the object, the attempt, the deadline, and the
/// state of the stream.
///
/// The stream creates one for each call. [`WriteContext::default`] is for a direct call: a first
/// attempt to write a media segment, without a deadline, and not during a shutdown. The setters
/// change that. A clone is cut short by the same shutdown.
///
/// ```
/// use segment_stream::{DiskSink, ObjectKind, ProducedSegment, SegmentSink, WriteContext};
///
/// # let directory = tempfile::tempdir().unwrap();
/// let mut sink = DiskSink::rooted(directory.path());
/// let context = WriteContext::default().for_object(ObjectKind::Manifest);
/// let manifest = ProducedSegment::media(0, b"#EXTM3U\n".to_vec(), 0.0).with_path("live.m3u8");
/// sink.write(&manifest, &context).unwrap();
/// ```
#[derive(Debug)]
pub struct WriteContext {
    object: ObjectKind,
    attempt: u32,
    deadline: Option<Instant>,
    read_limit: u64,
    cancel: Arc<Cancel>,
    // Atomic and not a `Cell`, so that a sink may share the context with threads of its own.
    no_destination: AtomicBool,
}

/// The kind of an object that a sink writes, reads or removes. A sink may choose content types,
/// caching or priorities by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectKind {
    /// An initialisation segment.
    InitialisationSegment,
    /// A media segment.
    #[default]
    MediaSegment,
    /// A manifest: a playlist or an MPD. It is replaced by each new version, and clients poll it.
    Manifest,
    /// The memory of a publisher across restarts. No client reads it.
    State,
}

impl ObjectKind {
    /// The kind of a segment, by its [`is_init`](ProducedSegment::is_init).
    #[must_use]
    pub fn of(segment: &ProducedSegment) -> Self {
        if segment.is_init {
            Self::InitialisationSegment
        } else {
            Self::MediaSegment
        }
    }
}

/// The result of a [`WriteContext::sleep`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use = "a sink that sleeps again after a shutdown has begun delays it"]
pub enum Pause {
    /// The time has passed.
    Elapsed,
    /// The stream is shutting down. The sink should not wait any longer.
    CutShort,
}

impl Default for WriteContext {
    fn default() -> Self {
        Self {
            object: ObjectKind::default(),
            attempt: 1,
            deadline: None,
            read_limit: READ_LIMIT,
            cancel: Arc::default(),
            no_destination: AtomicBool::new(false),
        }
    }
}

impl Clone for WriteContext {
    /// The clone has not said yet that there is [no destination](WriteContext::no_destination).
    fn clone(&self) -> Self {
        Self {
            object: self.object,
            attempt: self.attempt,
            deadline: self.deadline,
            read_limit: self.read_limit,
            cancel: Arc::clone(&self.cancel),
            no_destination: AtomicBool::new(false),
        }
    }
}

impl WriteContext {
    /// The context of an attempt of a stream.
    pub(crate) fn of_stream(
        object: ObjectKind,
        attempt: u32,
        deadline: Option<Instant>,
        cancel: Arc<Cancel>,
    ) -> Self {
        Self {
            object,
            attempt,
            deadline,
            cancel,
            ..Self::default()
        }
    }

    /// Sets the kind of the object; the default is [`ObjectKind::MediaSegment`].
    #[must_use]
    pub fn for_object(mut self, object: ObjectKind) -> Self {
        self.object = object;
        self
    }

    /// Sets the number of the attempt; the default is 1.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// Sets the deadline; by default there is none.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the largest number of bytes that a [`read`](crate::SegmentSink::read) may return; the
    /// default is 64 MiB.
    #[must_use]
    pub fn with_read_limit(mut self, bytes: u64) -> Self {
        self.read_limit = bytes;
        self
    }

    /// The context of a call during a shutdown, for tests of a sink. No stream is affected.
    #[must_use]
    pub fn during_shutdown(mut self) -> Self {
        self.cancel = Arc::default();
        self.cancel.raise();
        self
    }

    /// The kind of the object.
    #[must_use]
    pub fn object(&self) -> ObjectKind {
        self.object
    }

    /// The number of the attempt at this object, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The time after which the stream does not retry, if there is a limit. The
    /// [`RetryPolicy`](crate::RetryPolicy) sets it. A sink that waits for a server should give up
    /// by then, as the stream cannot interrupt it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The largest number of bytes that a [`read`](crate::SegmentSink::read) may return.
    #[must_use]
    pub fn read_limit(&self) -> u64 {
        self.read_limit
    }

    /// Whether the stream is shutting down: it was closed, finished, drained or dropped.
    ///
    /// The end of the last sender is no shutdown: the stream then takes its time for queued
    /// segments.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.cancel.is_raised()
    }

    /// Waits for `duration`, or until the stream
    /// [shuts down](WriteContext::is_shutting_down).
    pub fn sleep(&self, duration: Duration) -> Pause {
        if self.cancel.wait(duration) {
            Pause::CutShort
        } else {
            Pause::Elapsed
        }
    }

    /// Marks the segment as passed without a destination. The stream counts it apart
    /// ([`StreamStats::without_destination`](crate::StreamStats::without_destination)).
    pub fn no_destination(&self) {
        self.no_destination.store(true, Ordering::Relaxed);
    }

    pub(crate) fn had_no_destination(&self) -> bool {
        self.no_destination.load(Ordering::Relaxed)
    }
}
