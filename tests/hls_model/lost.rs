//! Losses, as a stream yields them.

use std::io;
use std::sync::{LazyLock, Mutex, PoisonError};

use segment_stream::{
    ProducedSegment, RetryPolicy, SegmentSender, SegmentStream, SegmentStreamConfig, WriteError,
    sink,
};

/// Not one for each thread: on Windows the drop of a thread's own stream would wait for ever.
static FULL_DISK: LazyLock<Mutex<(SegmentStream, SegmentSender)>> =
    LazyLock::new(|| Mutex::new(full_disk()));

fn full_disk() -> (SegmentStream, SegmentSender) {
    let sink = sink::from_fn(|_| Err(io::Error::from(io::ErrorKind::StorageFull)));
    let config = SegmentStreamConfig {
        retry: RetryPolicy::never(),
        ..Default::default()
    };
    SegmentStream::with_sink(config, sink).expect("a thread starts")
}

/// The segment as a stream yields it that could not write it.
pub(crate) fn lost(segment: ProducedSegment) -> Result<ProducedSegment, WriteError> {
    let mut disk = FULL_DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let (stream, sender) = &mut *disk;
    sender.send(segment).expect("the stream is open");
    stream.next().expect("one segment was sent")
}
