//! Several writers: in order, bounded, never two at one path, each with its own end.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::common::config::{WRITERS, depth};
use crate::common::gate::Gate;
use crate::common::segments::{segment, segment_at};
use crate::common::sinks::{Call, Recording, gated, panicking_on};
use crate::common::sync::{Condvar, Mutex};
use crate::common::threads::{must_end, spawn_asleep};
use segment_stream::{
    DiskSink, NoNext, SegmentSink, SegmentStream, SegmentStreamConfig, StreamStats, Submission,
    WriteErrorKind, sink,
};

#[test]
fn a_number_of_writers_that_cannot_work_is_a_clear_error() {
    for (writers, channel_depth, word) in [(0, 8, "writer"), (9, 8, "channel_depth"), (1, 0, "0")] {
        let made = AtomicUsize::new(0);
        let error = SegmentStream::with_writers(depth(channel_depth), writers, |_| {
            made.fetch_add(1, Ordering::Relaxed);
            DiskSink::new()
        })
        .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(made.into_inner(), 0, "no sink is made in vain");
    }
}

#[test]
fn each_writer_has_the_sink_of_its_number_and_is_named() {
    must_end(|| {
        let (numbers, made) = mpsc::channel();
        let gate = Gate::default();
        let (_stream, sender) = SegmentStream::with_writers(depth(4), 4, |number| {
            let (numbers, gate) = (numbers.clone(), gate.clone());
            sink::from_fn(move |_| {
                let name = thread::current().name().map(str::to_owned);
                numbers.send((number, name)).unwrap();
                gate.pass();
                Ok(())
            })
        })
        .unwrap();
        (0..4).for_each(|number| sender.send(segment(number)).unwrap());
        // All four at the same time, so each on its own thread.
        gate.wait_for_arrivals(4);
        let mut made: Vec<_> = made.iter().take(4).collect();
        made.sort();
        let expected = (0..4).map(|number| (number, Some(format!("seg-writer-{number}"))));
        assert_eq!(made, expected.collect::<Vec<_>>());
        gate.open();
    });
}

#[test]
fn the_bound_is_exact_and_no_more_are_written_at_once_than_there_are_writers() {
    for writers in WRITERS {
        must_end(move || {
            let gate = Gate::default();
            let (mut stream, sender) =
                SegmentStream::with_writers(depth(writers + 3), writers, |_| gated(&gate)).unwrap();
            let slots = writers as u64 + 3;
            (0..slots).for_each(|number| sender.try_send(segment(number)).unwrap());
            assert!(sender.try_send(segment(slots)).unwrap_err().is_full());
            gate.wait_for_arrivals(writers as u64);
            let stats = stream.stats();
            assert_eq!((stats.writing, stats.queued.segments), (writers as u64, 3));
            assert_eq!(stats.in_flight.segments, slots);
            assert_eq!(gate.arrivals(), writers as u64);

            // One that is written makes room only when it is yielded.
            gate.open();
            while stream.stats().queued.segments + stream.stats().writing > 0 {
                thread::yield_now();
            }
            assert!(sender.try_send(segment(slots)).unwrap_err().is_full());
            assert_eq!(stream.next().unwrap().unwrap(), segment(0));
            sender.try_send(segment(slots)).unwrap();
            assert!(sender.try_send(segment(0)).unwrap_err().is_full());
        });
    }
}

/// Waits in the write of the segments whose number has a gate.
fn held(gates: &[(u64, Gate)], begun: &mpsc::Sender<u64>) -> impl SegmentSink + use<> {
    let (gates, begun) = (gates.to_vec(), begun.clone());
    sink::from_fn(move |segment| {
        begun.send(segment.sequence).unwrap();
        let gate = gates.iter().find(|it| it.0 == segment.sequence);
        gate.iter().for_each(|(_, gate)| gate.pass());
        Ok(())
    })
}

#[test]
fn a_slow_write_holds_up_the_iteration_and_not_the_other_writes() {
    must_end(|| {
        let slow = Gate::default();
        let (begun, written) = mpsc::channel();
        let (mut stream, sender) =
            SegmentStream::with_writers(depth(8), 2, |_| held(&[(0, slow.clone())], &begun))
                .unwrap();
        (0..8).for_each(|number| sender.send(segment(number)).unwrap());
        slow.wait_for_arrivals(1);
        let mut others: Vec<_> = written.iter().take(8).collect();
        others.sort_unstable();
        assert_eq!(others, [0, 1, 2, 3, 4, 5, 6, 7]);
        while stream.stats().writing > 1 {
            thread::yield_now();
        }
        assert_eq!(stream.try_next().unwrap_err(), NoNext::NotYet);
        assert!(sender.try_send(segment(8)).unwrap_err().is_full());
        slow.open();
        drop(sender);
        let order: Vec<_> = stream.map(|item| item.unwrap().sequence).collect();
        assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7]);
    });
}

#[test]
fn equal_paths_are_written_one_after_the_other_and_hold_nothing_else_up() {
    must_end(|| {
        let gates: Vec<_> = [0, 1, 3].map(|number| (number, Gate::default())).into();
        let (begun, started) = mpsc::channel();
        let (stream, sender) =
            SegmentStream::with_writers(depth(16), 4, |_| held(&gates, &begun)).unwrap();
        // The same path, told in three ways; another; and none at all, which is no path.
        for (number, path) in [
            (0, "a/b.ts"),
            (1, "a//b.ts"),
            (2, "c.ts"),
            (3, "./a/./b.ts"),
        ] {
            sender.send(segment_at(number, path)).unwrap();
        }
        sender.send(segment(4)).unwrap();
        sender.send(segment(5)).unwrap();
        let mut first: Vec<_> = started.iter().take(4).collect();
        first.sort_unstable();
        assert_eq!(first, [0, 2, 4, 5], "1 and 3 wait for 0");
        gates[0].1.open();
        assert_eq!(started.recv(), Ok(1));
        assert_eq!(started.try_recv(), Err(mpsc::TryRecvError::Empty));
        gates[1].1.open();
        assert_eq!(started.recv(), Ok(3));
        gates[2].1.open();
        drop(sender);
        let order: Vec<_> = stream.map(|item| item.unwrap().sequence).collect();
        assert_eq!(order, [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn what_waits_for_an_equal_path_is_written_after_the_stream_is_closed_too() {
    must_end(|| {
        let gates = [(0, Gate::default())];
        let (begun, started) = mpsc::channel();
        let (mut stream, sender) =
            SegmentStream::with_writers(depth(16), 4, |_| held(&gates, &begun)).unwrap();
        (0..5).for_each(|number| sender.send(segment_at(number, "same.ts")).unwrap());
        gates[0].1.wait_for_arrivals(1);
        stream.close();
        gates[0].1.open();
        let order: Vec<_> = stream.by_ref().map(|item| item.unwrap().sequence).collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
        assert_eq!(started.iter().take(5).collect::<Vec<_>>(), order);
        stream.finish().unwrap();
    });
}

#[test]
fn many_equal_paths_of_many_producers_never_overlap() {
    for writers in WRITERS {
        must_end(move || {
            let busy: Arc<(Mutex<Vec<PathBuf>>, Condvar)> = Arc::default();
            // Before, the test would prove nothing: writers take turns on a busy machine.
            let have_overlapped = Arc::new(AtomicBool::new(writers == 1));
            let (stream, sender) = SegmentStream::with_writers(depth(32), writers, |_| {
                let (busy, have_overlapped) = (Arc::clone(&busy), Arc::clone(&have_overlapped));
                sink::from_fn(move |segment| {
                    let path = segment.path_hint.clone().unwrap();
                    let (busy, changed) = &*busy;
                    let mut at_it = busy.lock().unwrap();
                    assert!(!at_it.contains(&path), "two writers at {path:?}");
                    at_it.push(path.clone());
                    if at_it.len() > 1 {
                        have_overlapped.store(true, Ordering::Relaxed);
                    }
                    changed.notify_all();
                    // The first write waits for a second one, at one of the other paths.
                    while !have_overlapped.load(Ordering::Relaxed) {
                        at_it = changed.wait(at_it).unwrap();
                    }
                    drop(at_it);
                    thread::yield_now();
                    busy.lock().unwrap().retain(|it| *it != path);
                    Ok(())
                })
            })
            .unwrap();
            let producers: Vec<_> = (0..4)
                .map(|producer| {
                    let sender = sender.clone();
                    thread::spawn(move || {
                        for number in 0..500_u64 {
                            let path = format!("{}.ts", (number * 7 + producer) % 5);
                            sender.send(segment_at(number, path)).unwrap();
                        }
                    })
                })
                .collect();
            drop(sender);
            assert_eq!(stream.map(Result::unwrap).count(), 2_000);
            producers.into_iter().for_each(|it| it.join().unwrap());
        });
    }
}

#[test]
fn every_sink_is_finished_once_and_dropped_before_the_iteration_ends() {
    for writers in WRITERS {
        must_end(move || {
            let mut all_calls = Vec::new();
            let (stream, sender) = SegmentStream::with_writers(depth(32), writers, |_| {
                let (sink, calls) = Recording::new();
                all_calls.push(calls);
                sink
            })
            .unwrap();
            (0..32).for_each(|number| sender.send(segment(number)).unwrap());
            drop(sender);
            assert_eq!(stream.map(Result::unwrap).count(), 32);
            let mut written = Vec::new();
            for calls in all_calls {
                let calls = calls.lock().unwrap().clone();
                let (end, writes) = (&calls[calls.len() - 2..], &calls[..calls.len() - 2]);
                assert_eq!(end, [Call::Finish, Call::Drop]);
                for call in writes {
                    let Call::Write(number) = call else {
                        panic!("{call:?} among the writes")
                    };
                    written.push(*number);
                }
            }
            written.sort_unstable();
            assert_eq!(written, (0..32).collect::<Vec<_>>());
        });
    }
}

#[test]
fn the_errors_of_all_sinks_ends_are_reported() {
    must_end(|| {
        let (stream, sender) = SegmentStream::with_writers(depth(4), 4, |number| {
            let (mut sink, _) = Recording::new();
            sink.finish = (number % 2 == 1).then(|| io::Error::other(format!("of {number}")));
            sink
        })
        .unwrap();
        drop(sender);
        let report = stream.finish().unwrap_err().into_report();
        let mut messages: Vec<_> = report.sink_errors.iter().map(ToString::to_string).collect();
        messages.sort();
        assert_eq!(messages, ["cannot finish: of 1", "cannot finish: of 3"]);
    });
}

#[test]
fn a_panic_of_one_sink_closes_the_stream_and_the_others_end_as_usual() {
    for writers in [2, 4, 16] {
        must_end(move || {
            let gate = Gate::default();
            let (mut stream, sender) =
                SegmentStream::with_writers(depth(writers + 4), writers, |_| {
                    panicking_on(0, &gate)
                })
                .unwrap();
            let slots = writers as u64 + 4;
            (0..slots).for_each(|number| sender.send(segment(number)).unwrap());
            gate.wait_for_arrivals(writers as u64);
            let waiting = spawn_asleep({
                let sender = sender.clone();
                move || sender.send(segment(99))
            });
            // One of those that are held is the one that panics; whichever is let through, those
            // that are queued are either written before it or come back.
            gate.open();
            let error = waiting.join().unwrap().unwrap_err();
            assert!(error.is_closed());
            assert_eq!(error.into_segment(), segment(99));
            for number in 0..slots {
                let item = stream.next().unwrap();
                if number == 0 {
                    assert_eq!(item.unwrap_err().kind(), WriteErrorKind::Panicked);
                } else if number < writers as u64 {
                    assert_eq!(item.unwrap(), segment(number));
                } else if let Err(error) = item {
                    assert_eq!(error.kind(), WriteErrorKind::Aborted);
                    assert_eq!(error.into_segment(), segment(number));
                }
            }
            assert!(stream.next().is_none());
            let report = stream.finish().unwrap_err().into_report();
            assert_eq!(report.sink_errors.len(), 1, "{:?}", report.sink_errors);
        });
    }
}

#[test]
fn a_stream_may_be_dropped_inside_any_of_its_sinks() {
    for writers in WRITERS {
        must_end(move || {
            let held: Arc<Mutex<Option<SegmentStream>>> = Arc::default();
            let all = Arc::new(AtomicUsize::new(0));
            let (gone, is_gone) = mpsc::channel::<()>();
            let (stream, sender) = SegmentStream::with_writers(depth(32), writers, |_| {
                let (held, all, gone) = (Arc::clone(&held), Arc::clone(&all), gone.clone());
                sink::from_fn(move |_| {
                    let _until_dropped = &gone;
                    drop(held.lock().unwrap().take());
                    all.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                })
            })
            .unwrap();
            drop(gone);
            let handle = stream.handle();
            let mut holding = held.lock().unwrap();
            (0..32).for_each(|number| sender.send(segment(number)).unwrap());
            *holding = Some(stream);
            drop(holding);
            // The writers go on by themselves, and drop their sinks when they are done.
            assert!(is_gone.recv().is_err());
            assert_eq!(all.load(Ordering::Relaxed), 32);
            assert!(sender.send(segment(0)).unwrap_err().is_closed());
            let stats = handle.stats();
            assert_eq!(stats.accepted.segments, 32);
            assert_eq!(stats.in_flight.segments, 0, "{stats:?}");
        });
    }
}

#[test]
fn a_drain_inside_a_sink_reports_what_nobody_began() {
    for writers in [1, 2] {
        must_end(move || {
            let gate = Gate::default();
            let held: Arc<Mutex<Option<SegmentStream>>> = Arc::default();
            let (tell, told) = mpsc::channel();
            let (stream, sender) = SegmentStream::with_writers(depth(8), writers, |_| {
                let (gate, held, tell) = (gate.clone(), Arc::clone(&held), tell.clone());
                sink::from_fn(move |_| {
                    gate.pass();
                    if let Some(mut stream) = held.lock().unwrap().take() {
                        let report = stream.drain().unwrap_err().into_report();
                        tell.send(report.discarded.len()).unwrap();
                    }
                    Ok(())
                })
            })
            .unwrap();
            let handle = stream.handle();
            (0..8).for_each(|number| sender.send(segment(number)).unwrap());
            gate.wait_for_arrivals(writers as u64);
            *held.lock().unwrap() = Some(stream);
            gate.open();
            // The other writer may have taken one more before.
            let discarded = told.recv().unwrap();
            assert!(
                (8 - 2 * writers..=8 - writers).contains(&discarded),
                "{discarded}"
            );
            while handle.stats().in_flight.segments > 0 {
                thread::yield_now();
            }
            let stats = handle.stats();
            assert_eq!(stats.discarded.segments, discarded as u64);
            assert_eq!(stats.yielded.segments, 8 - discarded as u64);
        });
    }
}

#[test]
fn a_rooted_sink_of_any_writer_stays_in_its_root() {
    for writers in WRITERS {
        must_end(move || {
            let folder = tempfile::tempdir().unwrap();
            let sink = DiskSink::rooted(folder.path().join("root"));
            let (stream, sender) =
                SegmentStream::with_writers(depth(32), writers, |_| sink.clone()).unwrap();
            for number in 0..32 {
                let path = if number % 2 == 0 {
                    "../out.ts"
                } else {
                    "in.ts"
                };
                sender.send(segment_at(number, path)).unwrap();
            }
            drop(sender);
            for (number, item) in (0..).zip(stream) {
                assert_eq!(item.is_ok(), number % 2 == 1);
            }
            assert_eq!(
                crate::common::folder::entries(folder.path()).len(),
                2,
                "root and root/in.ts"
            );
        });
    }
}

#[test]
fn writers_that_make_the_same_folders_at_the_same_time_do_not_disturb_one_another() {
    must_end(|| {
        for round in 0..30 {
            let folder = tempfile::tempdir().unwrap();
            let durability = if round % 2 == 0 || cfg!(not(unix)) {
                segment_stream::Durability::None
            } else {
                segment_stream::Durability::Full
            };
            let sink = DiskSink::rooted(folder.path()).durability(durability);
            let (stream, sender) =
                SegmentStream::with_writers(depth(16), 8, |_| sink.clone()).unwrap();
            for number in 0..16 {
                let path = format!("a/b/c/{}/{number}.ts", number % 3);
                sender.send(segment_at(number, path)).unwrap();
            }
            drop(sender);
            stream.for_each(|item| drop(item.unwrap()));
        }
    });
}

#[test]
fn what_passes_without_a_destination_is_counted_for_every_writer() {
    must_end(|| {
        let (stream, sender) =
            SegmentStream::with_writers(depth(8), 4, |_| DiskSink::new()).unwrap();
        (0..8).for_each(|number| sender.send(segment(number)).unwrap());
        let handle = stream.handle();
        stream.finish().unwrap();
        assert_eq!(handle.stats().without_destination.segments, 8);
    });
}

#[test]
fn next_timeout_waits_for_the_order_too() {
    must_end(|| {
        let slow = Gate::default();
        let (begun, started) = mpsc::channel();
        let config = SegmentStreamConfig::default();
        let (mut stream, sender) =
            SegmentStream::with_writers(config, 2, |_| held(&[(0, slow.clone())], &begun)).unwrap();
        (0..2).for_each(|number| sender.send(segment(number)).unwrap());
        slow.wait_for_arrivals(1);
        started.iter().find(|number| *number == 1).unwrap();
        let brief = Duration::from_millis(1);
        assert_eq!(stream.next_timeout(brief).unwrap_err(), NoNext::NotYet);
        slow.open();
        assert_eq!(
            stream.next_timeout(Duration::MAX).unwrap().unwrap(),
            segment(0)
        );
        assert_eq!(
            stream.next_timeout(Duration::MAX).unwrap().unwrap(),
            segment(1)
        );
    });
}

#[test]
fn what_came_before_its_turn_is_in_the_report_where_nobody_can_wait() {
    must_end(|| {
        let (give, taken) = mpsc::channel::<SegmentStream>();
        let (tell, told) = mpsc::channel();
        let first = Arc::new(Mutex::new(Some((taken, tell))));
        let (stream, sender) = SegmentStream::with_writers(depth(4), 2, |_| {
            let first = Arc::clone(&first);
            sink::from_fn(move |segment| {
                if segment.sequence == 0
                    && let Some((taken, tell)) = first.lock().unwrap().take()
                {
                    let stream = taken.recv().unwrap();
                    let is_alone = |it: StreamStats| it.writing == 1 && it.queued.segments == 0;
                    while !is_alone(stream.stats()) {
                        thread::yield_now();
                    }
                    let report = stream.finish().unwrap_err().into_report();
                    tell.send(report.written).unwrap();
                }
                Ok(())
            })
        })
        .unwrap();
        (0..3).for_each(|number| sender.send(segment(number)).unwrap());
        give.send(stream).unwrap();
        let written: Vec<_> = told.recv().unwrap();
        assert_eq!(written, [segment(1), segment(2)].map(Submission::from));
    });
}
