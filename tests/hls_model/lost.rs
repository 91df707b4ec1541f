//! Losses, as a stream yields them.

use std::io;
use std::sync::{LazyLock, Mutex, PoisonError};

use segment_stream::{
    ProducedSegment, RetryPolicy, SegmentSender, SegmentStream, SegmentStreamConfig, Submission,
    WriteError, Yielded, sink,
};

/// Not one for each thread: on Windows the drop of a thread's own stream would wait for ever.
static FULL_DISK: LazyLock<Mutex<(SegmentStream, SegmentSender)>> =
    LazyLock::new(|| Mutex::new(full_disk()));

static FINE: LazyLock<Mutex<(SegmentStream, SegmentSender)>> = LazyLock::new(|| {
    let sink = sink::from_fn(|_| Ok(()));
    let config = SegmentStreamConfig::default();
    Mutex::new(SegmentStream::with_sink(config, sink).expect("a thread starts"))
});

fn full_disk() -> (SegmentStream, SegmentSender) {
    let sink = sink::from_fn(|_| Err(io::Error::from(io::ErrorKind::StorageFull)));
    let config = SegmentStreamConfig {
        retry: RetryPolicy::never(),
        ..Default::default()
    };
    SegmentStream::with_sink(config, sink).expect("a thread starts")
}

/// The segment as a stream yields it that could not write it.
#[allow(dead_code, reason = "only some of the tests need it")]
pub(crate) fn lost(segment: impl Into<Submission>) -> Result<ProducedSegment, WriteError> {
    let mut disk = FULL_DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let (stream, sender) = &mut *disk;
    sender.send(segment).expect("the stream is open");
    stream.next().expect("one segment was sent")
}

/// The segment and its information as a stream yields them that has written it.
#[allow(dead_code, reason = "only some of the tests need it")]
pub(crate) fn stored(submission: impl Into<Submission>) -> Yielded {
    yielded_by(&FINE, submission)
}

/// The same of a stream that could not write it.
#[allow(dead_code, reason = "only some of the tests need it")]
pub(crate) fn lost_with_info(submission: impl Into<Submission>) -> Yielded {
    yielded_by(&FULL_DISK, submission)
}

fn yielded_by(
    stream: &Mutex<(SegmentStream, SegmentSender)>,
    submission: impl Into<Submission>,
) -> Yielded {
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    let (stream, sender) = &mut *stream;
    sender.send(submission).expect("the stream is open");
    stream.with_info().next().expect("one segment was sent")
}
