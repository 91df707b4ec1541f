//! Losses, as a stream yields them.

use std::cell::RefCell;
use std::io;

use segment_stream::{
    ProducedSegment, RetryPolicy, SegmentSender, SegmentStream, SegmentStreamConfig, WriteError,
    sink,
};

thread_local! {
    static FULL_DISK: RefCell<(SegmentStream, SegmentSender)> = RefCell::new(full_disk());
}

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
    FULL_DISK.with_borrow_mut(|(stream, sender)| {
        sender.send(segment).expect("the stream is open");
        stream.next().expect("one segment was sent")
    })
}
