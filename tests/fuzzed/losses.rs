//! Losses, as a stream yields them.

use std::io;
use std::sync::{LazyLock, Mutex, PoisonError, mpsc};
use std::thread;

use segment_stream::{
    ProducedSegment, RetryPolicy, SegmentSender, SegmentStream, SegmentStreamConfig, WhenFull,
    WriteError, sink,
};

pub(crate) type Item = Result<ProducedSegment, WriteError>;

static FULL_DISK: LazyLock<Mutex<(SegmentStream, SegmentSender)>> =
    LazyLock::new(|| Mutex::new(full_disk()));

fn full_disk() -> (SegmentStream, SegmentSender) {
    let sink = sink::from_fn(|_| Err(io::Error::from(io::ErrorKind::StorageFull)));
    let config = SegmentStreamConfig {
        retry: RetryPolicy::never(),
        ..Default::default()
    };
    SegmentStream::with_sink(config, sink).unwrap()
}

/// The segment as a stream yields it that could not write it.
pub(crate) fn lost(segment: ProducedSegment) -> Item {
    let mut disk = FULL_DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let (stream, sender) = &mut *disk;
    sender.send(segment).unwrap();
    stream.next().unwrap()
}

/// The items that a stream yields for these segments after a stall in which it had room for the
/// last one only: one error for each, up to a limit, and then one for many.
pub(crate) fn dropped(segments: Vec<ProducedSegment>) -> Vec<Item> {
    let (release, stalled) = mpsc::channel::<()>();
    let sink = sink::from_fn(move |_| {
        // It goes on for good once the other end is gone.
        let _ = stalled.recv();
        Ok(())
    });
    let config = SegmentStreamConfig {
        channel_depth: 2,
        when_full: WhenFull::DropOldest,
        ..Default::default()
    };
    let (stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
    sender.send(ProducedSegment::init(Vec::new())).unwrap();
    while stream.stats().writing == 0 {
        thread::yield_now();
    }
    for segment in segments {
        sender.send(segment).unwrap();
    }
    drop((sender, release));
    stream.skip(1).collect()
}
