//! A panicking sink stops its own stream only, and no segment is lost with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::common::config::depth;
use crate::common::gate::Gate;
use crate::common::segments::segment;
use crate::common::sinks::panicking_on;
use crate::common::threads::{must_end, spawn_asleep};
use segment_stream::{
    ProducedSegment, SegmentSink, SegmentStream, SinkError, WriteContext, WriteErrorKind,
};

#[test]
fn a_panic_on_any_segment_gives_every_segment_back_and_wakes_every_sender() {
    // On the first, one in the middle and the last, with twenty senders that wait for a slot.
    for panics_on in [0, 4, 7] {
        must_end(move || {
            let gate = Gate::default();
            let (mut stream, sender) =
                SegmentStream::with_sink(depth(8), panicking_on(panics_on, &gate)).unwrap();
            (0..8).for_each(|number| sender.send(segment(number)).unwrap());
            let waiting: Vec<_> = (0..20)
                .map(|number| {
                    let sender = sender.clone();
                    spawn_asleep(move || sender.send(segment(100 + number)))
                })
                .collect();
            gate.open();
            // The consumer has the stream in hand and does nothing yet.
            for (number, thread) in (100..).zip(waiting) {
                let error = thread.join().unwrap().unwrap_err();
                assert!(error.is_closed());
                assert_eq!(error.into_segment(), segment(number));
            }
            assert!(sender.is_closed());
            // Nothing is being written any more, and so nothing is stalled.
            while stream.stats().writing > 0 {
                thread::yield_now();
            }
            assert_eq!(stream.stats().stalled_for, Duration::ZERO);
            for number in 0..8 {
                let item = stream.next().unwrap();
                if number < panics_on {
                    assert_eq!(item.unwrap(), segment(number));
                    continue;
                }
                let error = item.unwrap_err();
                let (kind, attempts) = if number == panics_on {
                    (WriteErrorKind::Panicked, 1)
                } else {
                    (WriteErrorKind::Aborted, 0)
                };
                assert_eq!((error.kind(), error.attempts()), (kind, attempts));
                assert!(error.to_string().contains("panicked"), "{error}");
                assert_eq!(error.into_segment(), segment(number));
            }
            assert!(stream.next().is_none());
            // Though each failure was yielded, a sink that was never finished is no clean end.
            let mut report = stream.finish().unwrap_err().into_report();
            assert!(report.failed.is_empty() && report.written.is_empty());
            let sink_error = report.sink_errors.remove(0);
            assert_eq!(sink_error.operation(), Some("finish"));
        });
    }
}

#[test]
fn the_panics_own_message_is_in_the_error() {
    must_end(|| {
        let gate = Gate::default();
        gate.open();
        let (mut stream, sender) =
            SegmentStream::with_sink(depth(8), panicking_on(0, &gate)).unwrap();
        sender.send(segment(0)).unwrap();
        let error = stream.next().unwrap().unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("the sink was made to panic here"),
            "{message}"
        );
    });
}

#[test]
fn a_panic_in_the_report_of_finish_or_drain_is_a_failure() {
    must_end(|| {
        for drained in [true, false] {
            let gate = Gate::default();
            let (mut stream, sender) =
                SegmentStream::with_sink(depth(4), panicking_on(0, &gate)).unwrap();
            (0..4).for_each(|number| sender.send(segment(number)).unwrap());
            gate.wait_for_arrivals(1);
            let ending = spawn_asleep(move || {
                if drained {
                    stream.drain().unwrap_err()
                } else {
                    stream.finish().unwrap_err()
                }
            });
            gate.open();
            let report = ending.join().unwrap().into_report();
            let numbers: Vec<_> = report
                .failed
                .iter()
                .map(segment_stream::WriteError::sequence)
                .collect();
            let expected: &[u64] = if drained { &[0] } else { &[0, 1, 2, 3] };
            assert_eq!(numbers, expected);
            let discarded: Vec<_> = report
                .discarded
                .iter()
                .map(|it| it.segment.sequence)
                .collect();
            assert_eq!(discarded, [1, 2, 3][..4 - expected.len()]);
            assert_eq!(report.sink_errors.len(), 1);
        }
    });
}

#[test]
fn a_stream_that_is_dropped_survives_the_panic_of_its_sink() {
    must_end(|| {
        let gate = Gate::default();
        let (stream, sender) = SegmentStream::with_sink(depth(4), panicking_on(1, &gate)).unwrap();
        let handle = stream.handle();
        (0..4).for_each(|number| sender.send(segment(number)).unwrap());
        gate.open();
        drop(stream);
        let stats = handle.stats();
        assert_eq!((stats.yielded.segments, stats.failed.segments), (1, 3));
    });
}

/// Panics wherever it is told to, and tells whether `finish` was called.
struct Explosive {
    in_write: bool,
    in_finish: bool,
    in_drop: bool,
    finished: Arc<AtomicBool>,
}

impl SegmentSink for Explosive {
    fn write(&mut self, _: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        assert!(!self.in_write, "made to panic in write");
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.finished.store(true, Ordering::Relaxed);
        assert!(!self.in_finish, "made to panic in finish");
        Ok(())
    }
}

impl Drop for Explosive {
    fn drop(&mut self) {
        assert!(!self.in_drop, "made to panic in drop");
    }
}

#[test]
fn a_panic_in_the_sinks_finish_or_drop_is_reported() {
    must_end(|| {
        for choice in 0..8 {
            let finished = Arc::new(AtomicBool::new(false));
            let sink = Explosive {
                in_write: choice & 1 != 0,
                in_finish: choice & 2 != 0,
                in_drop: choice & 4 != 0,
                finished: Arc::clone(&finished),
            };
            let in_write = sink.in_write;
            let (mut stream, sender) = SegmentStream::with_sink(depth(4), sink).unwrap();
            sender.send(segment(0)).unwrap();
            assert_eq!(stream.next().unwrap().is_err(), in_write);
            drop(sender);
            assert!(stream.next().is_none());
            assert_eq!(finished.load(Ordering::Relaxed), !in_write);
            match stream.finish() {
                Ok(_) => assert_eq!(choice, 0),
                Err(error) => {
                    assert_ne!(choice, 0);
                    assert!(error.to_string().contains("panicked"), "{error}");
                }
            }
        }
    });
}

/// A payload of a panic that panics in turn when it is dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("made to panic in the drop of a panic's payload");
    }
}

#[test]
fn a_payload_that_panics_as_it_is_dropped_is_contained() {
    must_end(|| {
        let sink = segment_stream::sink::from_fn(|_| std::panic::panic_any(Grenade));
        let (mut stream, sender) = SegmentStream::with_sink(depth(4), sink).unwrap();
        sender.send(segment(0)).unwrap();
        let error = stream.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), WriteErrorKind::Panicked);
        assert!(stream.next().is_none());
        assert!(sender.is_closed());
    });
}

#[test]
fn whoever_sees_the_panic_finds_the_stream_closed() {
    must_end(|| {
        for _ in 0..300 {
            let gate = Gate::default();
            gate.open();
            let (mut stream, sender) =
                SegmentStream::with_sink(depth(8), panicking_on(0, &gate)).unwrap();
            sender.send(segment(0)).unwrap();
            assert!(stream.next().unwrap().is_err());
            assert!(sender.is_closed() && stream.is_closed() && stream.handle().is_closed());
        }
    });
}

/// An error that cannot even say what it is.
#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Err(std::fmt::Error)
    }
}

impl std::error::Error for Unspeakable {}

#[test]
fn an_error_that_cannot_be_displayed_loses_no_segment() {
    must_end(|| {
        let sink = segment_stream::sink::from_fn(|_| Err(std::io::Error::other(Unspeakable)));
        let (stream, sender) = SegmentStream::with_sink(depth(3), sink).unwrap();
        let handle = stream.handle();
        (0..3).for_each(|number| sender.send(segment(number)).unwrap());
        let report = stream.finish().unwrap_err().into_report();
        assert!(
            report
                .failed
                .iter()
                .map(segment_stream::WriteError::sequence)
                .eq(0..3)
        );
        assert!(report.sink_errors.is_empty());
        assert_eq!(handle.stats().in_flight.segments, 0);
    });
}

/// Panics as it is dropped.
#[derive(Debug)]
struct DropPanics;

impl std::fmt::Display for DropPanics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a cause that panics when it is dropped")
    }
}

impl std::error::Error for DropPanics {}

impl Drop for DropPanics {
    fn drop(&mut self) {
        assert!(thread::panicking(), "the cause was made to panic here");
    }
}

/// Fails the first attempt at each segment, or all, with it.
struct FailsWithIt {
    heals: bool,
}

impl SegmentSink for FailsWithIt {
    fn write(&mut self, _: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        match (self.heals, context.attempt()) {
            (true, 1) => Err(SinkError::transient(DropPanics)),
            (true, _) => Ok(()),
            (false, _) => Err(SinkError::permanent(DropPanics)),
        }
    }
}

#[test]
fn a_cause_that_panics_as_it_is_dropped_loses_no_segment() {
    must_end(|| {
        let (stream, sender) =
            SegmentStream::with_sink(depth(4), FailsWithIt { heals: true }).unwrap();
        (0..4).for_each(|number| sender.send(segment(number)).unwrap());
        drop(sender);
        let out: Vec<_> = stream.map(|item| item.unwrap().sequence).collect();
        assert_eq!(out, [0, 1, 2, 3]);

        // Nor does it end who drops the stream.
        let (stream, sender) =
            SegmentStream::with_sink(depth(4), FailsWithIt { heals: false }).unwrap();
        (0..4).for_each(|number| sender.send(segment(number)).unwrap());
        let handle = stream.handle();
        drop(stream);
        assert_eq!(handle.stats().failed.segments, 4);
    });
}

/// Says of itself that it caused itself.
#[derive(Debug)]
struct Circular;

impl std::fmt::Display for Circular {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a cause of itself")
    }
}

impl std::error::Error for Circular {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self)
    }
}

#[test]
fn a_cause_of_itself_keeps_nobody() {
    must_end(|| {
        let sink = segment_stream::sink::from_fn(|_| Err(std::io::Error::other(Circular)));
        let (mut stream, sender) = SegmentStream::with_sink(depth(4), sink).unwrap();
        sender.send(segment(0)).unwrap();
        let error = stream.next().unwrap().unwrap_err();
        assert_eq!(error.raw_os_error(), None);
    });
}

/// Drops the stream that it serves, on the first segment, and then panics.
struct DropsAndPanics {
    stream: std::sync::mpsc::Receiver<SegmentStream>,
    gone: Option<std::sync::mpsc::Sender<()>>,
}

impl segment_stream::SegmentSink for DropsAndPanics {
    fn write(
        &mut self,
        _: &segment_stream::ProducedSegment,
        _: &segment_stream::WriteContext,
    ) -> Result<(), segment_stream::SinkError> {
        drop(self.stream.recv().unwrap());
        panic!("the sink was made to panic here");
    }
}

impl Drop for DropsAndPanics {
    fn drop(&mut self) {
        self.gone.take().unwrap().send(()).unwrap();
    }
}

#[test]
fn what_is_aborted_counts_also_if_nobody_takes_it() {
    must_end(|| {
        let (give, stream) = std::sync::mpsc::channel();
        let (gone, is_gone) = std::sync::mpsc::channel();
        let sink = DropsAndPanics {
            stream,
            gone: Some(gone),
        };
        let (stream, sender) = SegmentStream::with_sink(depth(4), sink).unwrap();
        let handle = stream.handle();
        (0..3).for_each(|number| sender.send(segment(number)).unwrap());
        give.send(stream).unwrap();
        is_gone.recv().unwrap();
        let stats = handle.stats();
        assert_eq!(stats.failed.segments, 3, "{stats:?}");
        assert_eq!(stats.in_flight.segments, 0, "{stats:?}");
    });
}
