//! `finish_timeout` returns at its deadline, and reports how far each segment got.

mod common;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::again::{again, must_pass};
use common::config::{WRITERS, depth};
use common::gate::Gate;
use common::segments::{segment, segment_at};
use common::sinks::{Recording, gated};
use common::threads::{in_some_time, must_end};
use segment_stream::{
    FinishError, ProducedSegment, SegmentSender, SegmentSink, SegmentStream, SegmentStreamConfig,
    SinkError, Submission, WriteContext, sink,
};

const BRIEF: Duration = Duration::from_millis(20);

/// `count` segments sent, and every writer at the gate with one.
fn hanging(writers: usize, count: u64) -> (SegmentStream, SegmentSender, Gate) {
    let gate = Gate::default();
    let slots = usize::try_from(count).unwrap().max(writers);
    let (stream, sender) =
        SegmentStream::with_writers(depth(slots), writers, |_| gated(&gate)).unwrap();
    for number in 0..count {
        sender
            .send(segment_at(number, format!("{number}.ts")))
            .unwrap();
    }
    gate.wait_for_arrivals(count.min(writers as u64));
    (stream, sender, gate)
}

fn numbers(submissions: &[Submission]) -> Vec<u64> {
    submissions.iter().map(|it| it.segment.sequence).collect()
}

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// Is dropped as the thread ends, when the gate is open.
struct Held(Gate);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.pass();
    }
}

/// A library that a sink uses may have much to do as its thread ends, after everything else.
#[test]
fn a_thread_that_does_not_end_after_its_sink_keeps_nobody() {
    must_end(|| {
        let gate = Gate::default();
        let held = gate.clone();
        let sink = sink::from_fn(move |_| {
            HELD.set(Some(Held(held.clone())));
            Ok(())
        });
        let (stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        sender.send(segment(0)).unwrap();
        let report = stream.finish_timeout(Duration::from_secs(3600)).unwrap();
        assert_eq!(numbers(&report.written), [0]);
        gate.open();
    });
}

#[test]
fn a_sink_that_hangs_for_ever_keeps_nobody() {
    for writers in WRITERS {
        must_end(move || {
            let (stream, sender, gate) = hanging(writers, 20);
            let handle = stream.handle();
            let timeout = Duration::from_millis(200);
            let started = Instant::now();
            let error = stream.finish_timeout(timeout).unwrap_err();
            let took = started.elapsed();
            assert!(took >= timeout, "it gave up after {took:?}");
            assert!(took < timeout + Duration::from_secs(1), "it took {took:?}");

            assert!(error.is_timeout());
            let message = error.to_string();
            assert!(message.contains("in doubt"), "{message}");
            assert!(
                message.contains("it had not ended at the deadline"),
                "{message}"
            );
            let shown = format!("{error:?}");
            assert!(shown.starts_with("FinishError(Report {"), "{shown}");
            assert_eq!(error.report().sink_errors.len(), writers);
            let error = io::Error::from(error);
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            let report = error.downcast::<FinishError>().unwrap().into_report();
            assert_eq!(report.sink_errors.len(), writers);
            assert!(report.written.is_empty() && report.failed.is_empty());
            let in_hand: Vec<_> = (0..20).take(writers).collect();
            assert_eq!(numbers(&report.in_doubt), in_hand);
            for Submission { segment, .. } in &report.in_doubt {
                let path = format!("{}.ts", segment.sequence);
                assert_eq!(segment.path_hint, Some(path.into()));
                assert!(segment.data.is_empty());
            }
            let rest: Vec<_> = (0..20).skip(writers).collect();
            assert_eq!(numbers(&report.discarded), rest);
            for given_back in report.discarded.iter().map(|it| &it.segment) {
                assert_eq!(given_back.data, segment(given_back.sequence).data);
            }
            assert!(sender.send(segment(0)).unwrap_err().is_closed());
            // A segment in doubt keeps its slot until its write ends.
            assert_eq!(handle.stats().in_flight.segments, in_hand.len() as u64);
            assert_eq!(handle.stats().discarded.segments, rest.len() as u64);
            gate.open();
            while handle.stats().in_flight.segments > 0 {
                thread::yield_now();
            }
        });
    }
}

#[test]
fn a_zero_time_out_does_not_wait_at_all() {
    must_end(|| {
        let (stream, _sender, gate) = hanging(1, 3);
        let report = stream
            .finish_timeout(Duration::ZERO)
            .unwrap_err()
            .into_report();
        assert_eq!(numbers(&report.in_doubt), [0]);
        assert_eq!(numbers(&report.discarded), [1, 2]);
        gate.open();
    });
}

#[test]
fn in_time_it_is_the_same_as_finish() {
    for writers in WRITERS {
        must_end(move || {
            let (stream, sender) = SegmentStream::with_writers(depth(32), writers, |number| {
                let (mut sink, _) = Recording::new();
                sink.finish = (number == 0).then(|| io::Error::from_raw_os_error(5));
                sink
            })
            .unwrap();
            (0..32).for_each(|number| sender.send(segment(number)).unwrap());
            let error = stream.finish_timeout(Duration::MAX).unwrap_err();
            assert!(!error.is_timeout());
            let report = error.into_report();
            assert_eq!(numbers(&report.written), (0..32).collect::<Vec<_>>());
            assert!(report.discarded.is_empty() && report.in_doubt.is_empty());
            assert_eq!(report.sink_errors.len(), 1);
            assert_eq!(report.sink_errors[0].raw_os_error(), Some(5));
        });
    }
}

#[test]
fn what_landed_and_what_failed_before_the_time_was_over_is_told_as_such() {
    must_end(|| {
        let gate = Gate::default();
        let held = gate.clone();
        let sink = sink::from_fn(move |segment| match segment.sequence {
            0 => Ok(()),
            1 => Err(io::Error::from(io::ErrorKind::PermissionDenied)),
            _ => {
                held.pass();
                Ok(())
            }
        });
        let (stream, sender) = SegmentStream::with_sink(depth(8), sink).unwrap();
        (0..5).for_each(|number| sender.send(segment(number)).unwrap());
        gate.wait_for_arrivals(1);
        let report = stream.finish_timeout(BRIEF).unwrap_err().into_report();
        assert_eq!(numbers(&report.written), [0]);
        assert_eq!(report.failed[0].sequence(), 1);
        assert_eq!(numbers(&report.in_doubt), [2]);
        assert_eq!(numbers(&report.discarded), [3, 4]);
        gate.open();
    });
}

/// Two writers, of which one is held at segment 0.
fn held_at_the_first() -> (SegmentStream, SegmentSender, Gate) {
    let gate = Gate::default();
    let (stream, sender) = SegmentStream::with_writers(depth(8), 2, |_| {
        let gate = gate.clone();
        sink::from_fn(move |segment| {
            if segment.sequence == 0 {
                gate.pass();
            }
            Ok(())
        })
    })
    .unwrap();
    (stream, sender, gate)
}

#[test]
fn what_came_before_its_turn_is_not_forgotten() {
    must_end(|| {
        let (stream, sender, gate) = held_at_the_first();
        (0..6).for_each(|number| sender.send(segment(number)).unwrap());
        gate.wait_for_arrivals(1);
        while stream.stats().queued.segments + stream.stats().writing > 1 {
            thread::yield_now();
        }
        let report = stream.finish_timeout(BRIEF).unwrap_err().into_report();
        assert_eq!(numbers(&report.written), [1, 2, 3, 4, 5]);
        assert_eq!(numbers(&report.in_doubt), [0]);
        assert!(report.discarded.is_empty());
        gate.open();
    });
}

#[test]
fn what_waits_for_an_equal_path_was_never_begun() {
    in_some_time(BRIEF, |time| {
        must_end(move || {
            let (stream, sender, gate) = held_at_the_first();
            (0..5).for_each(|number| sender.send(segment_at(number, "same.ts")).unwrap());
            gate.wait_for_arrivals(1);
            let report = stream.finish_timeout(time).unwrap_err().into_report();
            assert_eq!(numbers(&report.in_doubt), [0]);
            assert_eq!(numbers(&report.discarded), [1, 2, 3, 4]);
            gate.open();
            // The writer that had nothing to do has ended in time, and well.
            report.sink_errors.len() == 1
        })
    });
}

#[test]
fn what_was_taken_out_of_the_queue_is_an_error_even_if_the_writer_ends_at_that_moment() {
    must_end(|| {
        // So much that the writer ends while the queue is being taken out.
        for _ in 0..5 {
            let (stream, sender) =
                SegmentStream::with_sink(depth(50_000), sink::from_fn(|_| Ok(()))).unwrap();
            (0..50_000).for_each(|number| sender.send(segment(number)).unwrap());
            match stream.finish_timeout(Duration::from_micros(100)) {
                Ok(report) => assert_eq!(report.written.len(), 50_000),
                Err(error) => {
                    assert!(error.is_timeout());
                    let report = error.into_report();
                    let all = [&report.written, &report.discarded, &report.in_doubt];
                    assert_eq!(all.map(Vec::len).iter().sum::<usize>(), 50_000);
                }
            }
        }
    });
}

#[test]
fn a_panic_of_the_sink_at_the_same_time_loses_nothing() {
    must_end(|| {
        for _ in 0..300 {
            let (stream, sender) = SegmentStream::with_sink(
                depth(500),
                sink::from_fn(|_| panic!("the sink was made to panic here")),
            )
            .unwrap();
            let accepted = (0..500)
                .take_while(|number| sender.send(segment(*number)).is_ok())
                .count();
            let error = stream.finish_timeout(Duration::ZERO).unwrap_err();
            let report = error.into_report();
            let told = report.failed.len() + report.discarded.len() + report.in_doubt.len();
            assert_eq!(told, accepted);
        }
    });
}

#[test]
fn the_error_of_a_sink_that_had_ended_is_not_forgotten() {
    in_some_time(BRIEF, |time| {
        must_end(move || {
            let gate = Gate::default();
            let (stream, _sender) = SegmentStream::with_writers(depth(2), 2, |number| {
                NeverEnding(Some(gate.clone()).filter(|_| number == 0))
            })
            .unwrap();
            let report = stream.finish_timeout(time).unwrap_err().into_report();
            gate.open();
            let codes = report.sink_errors.iter().map(SinkError::raw_os_error);
            codes.eq([Some(5), None])
        })
    });
}

/// Hangs in its `finish`, or fails there.
struct NeverEnding(Option<Gate>);

impl SegmentSink for NeverEnding {
    fn write(&mut self, _: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        match &self.0 {
            Some(gate) => gate.pass(),
            None => return Err(io::Error::from_raw_os_error(5).into()),
        }
        Ok(())
    }
}

#[test]
fn a_sink_that_hangs_in_its_own_finish_keeps_nobody_either() {
    must_end(|| {
        let gate = Gate::default();
        let config = SegmentStreamConfig::default();
        let (stream, sender) =
            SegmentStream::with_sink(config, NeverEnding(Some(gate.clone()))).unwrap();
        sender.send(segment(0)).unwrap();
        while stream.stats().queued.segments + stream.stats().writing > 0 {
            thread::yield_now();
        }
        let error = stream.finish_timeout(BRIEF).unwrap_err();
        assert!(error.is_timeout());
        let report = error.into_report();
        assert_eq!(numbers(&report.written), [0]);
        assert!(report.in_doubt.is_empty() && report.discarded.is_empty());
        gate.open();
    });
}

#[test]
fn inside_the_own_sink_it_does_not_wait() {
    must_end(|| {
        let (give, taken) = mpsc::channel::<SegmentStream>();
        let (tell, told) = mpsc::channel();
        let sink = sink::from_fn(move |_| {
            if let Ok(stream) = taken.try_recv() {
                let report = stream
                    .finish_timeout(Duration::MAX)
                    .unwrap_err()
                    .into_report();
                tell.send((numbers(&report.in_doubt), numbers(&report.discarded)))
                    .unwrap();
            }
            Ok(())
        });
        let (stream, sender) = SegmentStream::with_sink(depth(8), sink).unwrap();
        give.send(stream).unwrap();
        (0..3).for_each(|number| drop(sender.send(segment(number))));
        let (in_doubt, discarded) = told.recv().unwrap();
        assert_eq!(in_doubt, [0]);
        assert!(
            [&[][..], &[1], &[1, 2]].contains(&&discarded[..]),
            "{discarded:?}"
        );
    });
}

#[test]
fn at_whatever_moment_the_time_is_over_each_segment_is_told_once() {
    for writers in WRITERS {
        must_end(move || {
            for round in 0..300_u64 {
                let (stream, sender) = SegmentStream::with_writers(depth(64), writers, |_| {
                    sink::from_fn(move |segment| {
                        (0..(segment.sequence ^ round) % 5).for_each(|_| thread::yield_now());
                        Ok(())
                    })
                })
                .unwrap();
                (0..64).for_each(|number| sender.send(segment(number)).unwrap());
                let timeout = Duration::from_micros(round);
                let result = stream.finish_timeout(timeout);
                let report = result.unwrap_or_else(FinishError::into_report);
                assert!(report.failed.is_empty());
                assert!(report.in_doubt.len() <= writers);
                let mut all = BTreeSet::new();
                for list in [&report.written, &report.discarded, &report.in_doubt] {
                    assert!(list.is_sorted_by_key(|it| it.segment.sequence));
                    list.iter()
                        .for_each(|it| assert!(all.insert(it.segment.sequence), "twice"));
                }
                assert_eq!(all.len(), 64, "missing");
            }
        });
    }
}

#[test]
fn the_process_can_exit() {
    must_end(|| {
        let work = tempfile::tempdir().unwrap();
        must_pass(&mut again(&[], "gives_up_a_sink_that_hangs", work.path()));
    });
}

#[test]
#[ignore = "a part of the_process_can_exit"]
fn gives_up_a_sink_that_hangs() {
    let hanging = sink::from_fn(|_| {
        loop {
            thread::park();
        }
    });
    let (stream, sender) = SegmentStream::with_sink(depth(2), hanging).unwrap();
    sender.send(segment(0)).unwrap();
    assert!(stream.finish_timeout(BRIEF).unwrap_err().is_timeout());
}
