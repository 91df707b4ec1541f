//! What the log is told agrees with the books, whoever comes first.

use segment_stream::{ProducedSegment, SegmentStream, SinkError};
use shuttle::thread;

use crate::books::{depth, dropping, segment};
use crate::gate::Gate;
use crate::logged;

/// A drop against the end of the stream, which tells what was held back.
pub(crate) fn every_drop_is_told() {
    logged::start();
    let gate = Gate::default();
    let held = gate.clone();
    let sink = segment_stream::sink::from_fn(move |_| {
        held.pass();
        Ok(())
    });
    let (stream, sender) = SegmentStream::with_sink(dropping(2), sink).unwrap();
    let handle = stream.handle();
    sender.send(segment(0)).unwrap();
    gate.wait_for_arrivals(1);
    // The second of these is dropped by the third, and that is told at once.
    (1..3).for_each(|number| sender.send(segment(number)).unwrap());
    // What this one drops is held back, unless the stream is closed before.
    let producer = thread::spawn(move || drop(sender.send(segment(3))));
    gate.open();
    drop(stream.finish());
    producer.join().unwrap();
    // Each of these makes room by one segment.
    let at_once = logged::told("queued segments were dropped so far");
    let at_once: u64 = at_once.iter().map(|it| 1 + it.held_back).sum();
    let at_end = logged::told("more times segments were dropped");
    let at_end: u64 = at_end.iter().map(|it| leading_number(&it.text)).sum();
    assert_eq!(at_once + at_end, handle.stats().dropped.segments);
}

fn leading_number(text: &str) -> u64 {
    let number = text.split(' ').next().expect("there is a first word");
    number.parse().expect("it is a number")
}

/// Two writers succeed at the same moment, after one that failed.
pub(crate) fn a_recovery_is_told_once() {
    logged::start();
    let sink = |_| {
        segment_stream::sink::from_fn(|segment: &ProducedSegment| match segment.sequence {
            0 => Err(SinkError::permanent("it was made to fail").into()),
            _ => Ok(()),
        })
    };
    let (stream, sender) = SegmentStream::with_writers(depth(4), 2, sink).unwrap();
    (0..4).for_each(|number| sender.send(segment(number)).unwrap());
    drop(sender);
    assert_eq!(stream.count(), 4);
    // One that came before the failure tells nothing.
    let recoveries = logged::told("after");
    let held_back: u64 = recoveries.iter().map(|it| it.held_back).sum();
    assert!(recoveries.len() <= 1 && held_back == 0, "{recoveries:?}");
    assert!(logged::told("after 0 that failed").is_empty());
    assert!(logged::told("written after some that failed").is_empty());
}
