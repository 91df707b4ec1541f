//! Losses, as a stream yields them.

use std::cell::RefCell;
use std::io;

use segment_stream::{
    ProducedSegment, RetryPolicy, SegmentSender, SegmentStream, SegmentStreamConfig, Submission,
    WriteError, Yielded, sink,
};

thread_local! {
    static FULL_DISK: RefCell<(SegmentStream, SegmentSender)> = RefCell::new(full_disk());
}

thread_local! {
    static FINE: RefCell<(SegmentStream, SegmentSender)> = RefCell::new({
        let sink = sink::from_fn(|_| Ok(()));
        SegmentStream::with_sink(SegmentStreamConfig::default(), sink).expect("a thread starts")
    });
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
#[allow(dead_code, reason = "only some of the tests need it")]
pub(crate) fn lost(segment: impl Into<Submission>) -> Result<ProducedSegment, WriteError> {
    FULL_DISK.with_borrow_mut(|(stream, sender)| {
        sender.send(segment).expect("the stream is open");
        stream.next().expect("one segment was sent")
    })
}

/// The segment and its information as a stream yields them that has written it.
#[allow(dead_code, reason = "only some of the tests need it")]
pub(crate) fn stored(submission: impl Into<Submission>) -> Yielded {
    FINE.with_borrow_mut(|(stream, sender)| {
        sender.send(submission).expect("the stream is open");
        stream.with_info().next().expect("one segment was sent")
    })
}

/// The same of a stream that could not write it.
#[allow(dead_code, reason = "only some of the tests need it")]
pub(crate) fn lost_with_info(submission: impl Into<Submission>) -> Yielded {
    FULL_DISK.with_borrow_mut(|(stream, sender)| {
        sender.send(submission).expect("the stream is open");
        stream.with_info().next().expect("one segment was sent")
    })
}
