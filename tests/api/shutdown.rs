//! Either half may be dropped at any time, in any order, on any thread, and no thread waits
//! forever.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::common::config::depth;
use crate::common::gate::Gate;
use crate::common::segments::segment;
use crate::common::sinks::gated;
use crate::common::sync::Mutex;
use crate::common::threads::{must_end, spawn_asleep};
use segment_stream::{
    NoNext, Pause, ProducedSegment, SegmentSender, SegmentSink, SegmentStream, SendError,
    SinkError, WriteContext, sink,
};

type Blocked = thread::JoinHandle<Result<(), SendError>>;

/// A full stream, and this many senders that wait for a slot.
fn full_with_blocked_senders(count: u64) -> (SegmentStream, SegmentSender, Vec<Blocked>) {
    let (stream, sender) = SegmentStream::new(depth(2)).unwrap();
    sender.send(segment(0)).unwrap();
    sender.send(segment(1)).unwrap();
    let blocked = block_senders(&sender, count);
    (stream, sender, blocked)
}

fn block_senders(sender: &SegmentSender, count: u64) -> Vec<Blocked> {
    (0..count)
        .map(|number| {
            let sender = sender.clone();
            spawn_asleep(move || match number % 2 {
                0 => sender.send(segment(100 + number)),
                _ => sender.send_timeout(segment(100 + number), Duration::MAX),
            })
        })
        .collect()
}

fn all_got_their_segments_back(blocked: Vec<Blocked>) {
    for (number, thread) in (100..).zip(blocked) {
        let error = thread.join().unwrap().unwrap_err();
        assert!(error.is_closed());
        assert_eq!(error.into_segment(), segment(number));
    }
}

#[test]
fn both_halves_may_be_dropped_in_any_order_in_one_scope() {
    must_end(|| {
        for queued in 0..=2 {
            let open = || {
                let (stream, sender) = SegmentStream::new(depth(2)).unwrap();
                (0..queued).for_each(|number| sender.send(segment(number)).unwrap());
                (stream, sender)
            };
            let (stream, sender) = open();
            drop(stream);
            assert!(sender.is_closed());
            drop(sender);

            let (stream, sender) = open();
            drop(sender);
            drop(stream);

            // The sender outlives the stream in the same scope, and the other way round.
            let (_stream, _sender) = open();
            let (_sender, _stream) = {
                let (stream, sender) = open();
                (sender, stream)
            };
        }
    });
}

#[test]
fn both_halves_may_be_dropped_at_once_on_different_threads() {
    must_end(|| {
        for _ in 0..500 {
            let (stream, sender) = SegmentStream::new(depth(2)).unwrap();
            let together = Arc::new(Barrier::new(3));
            let threads = [
                spawn_at(&together, move || drop(stream)),
                spawn_at(&together, {
                    let sender = sender.clone();
                    move || {
                        let _ = sender.send(segment(0));
                        let _ = sender.send(segment(1));
                    }
                }),
                spawn_at(&together, move || drop(sender)),
            ];
            threads.into_iter().for_each(|it| it.join().unwrap());
        }
    });
}

fn spawn_at(
    together: &Arc<Barrier>,
    act: impl FnOnce() + Send + 'static,
) -> thread::JoinHandle<()> {
    let together = Arc::clone(together);
    thread::spawn(move || {
        together.wait();
        act();
    })
}

#[test]
fn senders_that_wait_for_a_slot_are_woken_by_whatever_ends_the_stream() {
    must_end(|| {
        let (stream, _sender, blocked) = full_with_blocked_senders(20);
        drop(stream);
        all_got_their_segments_back(blocked);

        let (stream, _sender, blocked) = full_with_blocked_senders(20);
        stream.close();
        // The consumer sits idle, with the stream in hand.
        all_got_their_segments_back(blocked);
        assert_eq!(stream.count(), 2);

        let (stream, _sender, blocked) = full_with_blocked_senders(20);
        stream.handle().close();
        all_got_their_segments_back(blocked);

        let (stream, _sender, blocked) = full_with_blocked_senders(20);
        assert_eq!(stream.finish().unwrap().written.len(), 2);
        all_got_their_segments_back(blocked);

        let (mut stream, _sender, blocked) = full_with_blocked_senders(20);
        let report = stream.drain().unwrap();
        assert_eq!(report.written.len() + report.discarded.len(), 2);
        all_got_their_segments_back(blocked);
    });
}

#[test]
fn a_leaked_sender_keeps_nobody_waiting() {
    must_end(|| {
        let (stream, sender) = SegmentStream::new(depth(2)).unwrap();
        sender.send(segment(0)).unwrap();
        std::mem::forget(sender);
        drop(stream);

        let (stream, sender) = SegmentStream::new(depth(2)).unwrap();
        sender.send(segment(0)).unwrap();
        std::mem::forget(sender.clone());
        assert_eq!(stream.finish().unwrap().written.len(), 1);

        let (mut stream, sender) = SegmentStream::new(depth(2)).unwrap();
        std::mem::forget(sender);
        stream.drain().unwrap();
        assert!(stream.next().is_none());
    });
}

#[test]
fn a_leaked_stream_keeps_no_sender_from_an_answer() {
    must_end(|| {
        let (stream, sender) = SegmentStream::new(depth(1)).unwrap();
        let handle = stream.handle();
        std::mem::forget(stream);
        sender.send(segment(0)).unwrap();
        assert!(sender.try_send(segment(1)).unwrap_err().is_full());
        let blocked = block_senders(&sender, 2);
        handle.close();
        all_got_their_segments_back(blocked);
    });
}

#[test]
fn a_handle_closes_while_another_thread_iterates() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(2)).unwrap();
        let handle = stream.handle();
        let iterating = spawn_asleep(move || {
            let count = stream.by_ref().count();
            (stream, count)
        });
        handle.close();
        let (stream, count) = iterating.join().unwrap();
        assert_eq!(count, 0);
        assert!(sender.send(segment(0)).unwrap_err().is_closed());
        // The handle answers for as long as anybody has it.
        drop((stream, sender));
        handle.close();
        assert_eq!(handle.stats().accepted.segments, 0);
    });
}

#[test]
fn what_was_accepted_before_a_close_is_still_yielded() {
    must_end(|| {
        let gate = Gate::default();
        let (mut stream, sender) = SegmentStream::with_sink(depth(4), gated(&gate)).unwrap();
        (0..4).for_each(|number| sender.send(segment(number)).unwrap());
        stream.close();
        stream.close();
        gate.open();
        for number in 0..4 {
            assert_eq!(stream.next().unwrap().unwrap().sequence, number);
        }
        assert!(stream.next().is_none());
    });
}

#[test]
fn the_last_sender_ends_the_iteration_and_not_an_earlier_one() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(2)).unwrap();
        let clones: Vec<_> = (0..3).map(|_| sender.clone()).collect();
        drop(sender);
        for clone in clones {
            assert!(!clone.is_closed());
            clone.send(segment(0)).unwrap();
            assert!(stream.next().unwrap().is_ok());
        }
        assert!(stream.next().is_none());
    });
}

#[test]
fn finish_waits_for_a_full_queue() {
    must_end(|| {
        let gate = Gate::default();
        let (stream, sender) = SegmentStream::with_sink(depth(8), gated(&gate)).unwrap();
        (0..8).for_each(|number| sender.send(segment(number)).unwrap());
        let blocked = block_senders(&sender, 3);
        let finishing = spawn_asleep(move || stream.finish().unwrap());
        all_got_their_segments_back(blocked);
        gate.open();
        let report = finishing.join().unwrap();
        assert!(report.written.iter().map(|it| it.segment.sequence).eq(0..8));
    });
}

#[test]
fn finish_works_after_the_iteration_has_ended() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(2)).unwrap();
        sender.send(segment(0)).unwrap();
        drop(sender);
        assert_eq!(stream.by_ref().count(), 1);
        assert!(stream.next().is_none());
        let report = stream.finish().unwrap();
        assert!(report.written.is_empty());
    });
}

#[test]
fn the_consumers_panic_may_unwind_through_the_stream() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(2)).unwrap();
        let handle = stream.handle();
        sender.send(segment(0)).unwrap();
        sender.send(segment(1)).unwrap();
        let blocked = block_senders(&sender, 1);
        let consumer = thread::spawn(move || {
            let _ = stream.next();
            let _ = stream.next();
            panic!("the consumer was made to panic here");
        });
        assert!(consumer.join().is_err());
        // It may have found a slot before the panic closed the stream, or not.
        for thread in blocked {
            assert!(
                thread
                    .join()
                    .unwrap()
                    .err()
                    .is_none_or(|error| error.is_closed())
            );
        }
        assert!(sender.send(segment(2)).unwrap_err().is_closed());
        let stats = handle.stats();
        assert_eq!(stats.accepted, stats.yielded);
    });
}

/// A sink that gets hold of something only once its stream exists.
fn sink_that<T: Send + 'static>(
    mut act: impl FnMut(&mut Option<T>, &ProducedSegment) -> io::Result<()> + Send + 'static,
) -> (impl SegmentSink, impl FnOnce(T)) {
    let slot = Arc::new(Mutex::new(None));
    let sink = sink::from_fn({
        let slot = Arc::clone(&slot);
        move |segment| act(&mut slot.lock().unwrap(), segment)
    });
    (sink, move |value| *slot.lock().unwrap() = Some(value))
}

#[test]
fn the_stream_may_be_dropped_on_its_own_writer_thread() {
    must_end(|| {
        let (sink, give) = sink_that(|stream: &mut Option<SegmentStream>, _| {
            drop(stream.take());
            Ok(())
        });
        let (stream, sender) = SegmentStream::with_sink(depth(4), sink).unwrap();
        let handle = stream.handle();
        give(stream);
        sender.send(segment(0)).unwrap();
        // Some of these may still be accepted; all that are get written.
        let more = (1..4)
            .filter(|number| sender.send(segment(*number)).is_ok())
            .count() as u64;
        while handle.stats().in_flight.segments > 0 {
            thread::yield_now();
        }
        assert!(sender.is_closed());
        assert_eq!(handle.stats().yielded.segments, 1 + more);
    });
}

#[test]
fn finish_and_drain_inside_the_own_sink_are_errors_and_no_deadlock() {
    must_end(|| {
        let (tell, told) = mpsc::channel();
        let (sink, give) = sink_that(move |stream: &mut Option<SegmentStream>, _| {
            if let Some(mut stream) = stream.take() {
                let drained = stream.drain().unwrap_err();
                let finished = stream.finish().unwrap_err();
                tell.send((drained, finished)).unwrap();
            }
            Ok(())
        });
        let (stream, sender) = SegmentStream::with_sink(depth(4), sink).unwrap();
        give(stream);
        sender.send(segment(0)).unwrap();
        let (drained, finished) = told.recv().unwrap();
        for error in [drained, finished] {
            let cause = error.into_report().sink_errors.remove(0);
            assert_eq!(cause.io_kind(), io::ErrorKind::Deadlock);
        }
        assert!(sender.send(segment(1)).unwrap_err().is_closed());
    });
}

#[test]
fn a_send_inside_the_own_sink_is_an_error_and_no_deadlock() {
    must_end(|| {
        let (tell, told) = mpsc::channel();
        let (sink, give) = sink_that(move |sender: &mut Option<SegmentSender>, segment| {
            if let Some(sender) = sender.take() {
                let brief = Duration::from_millis(1);
                tell.send(sender.send(segment.clone()).unwrap_err())
                    .unwrap();
                tell.send(sender.try_send(segment.clone()).unwrap_err())
                    .unwrap();
                tell.send(sender.send_timeout(segment.clone(), brief).unwrap_err())
                    .unwrap();
            }
            Ok(())
        });
        let (mut stream, sender) = SegmentStream::with_sink(depth(1), sink).unwrap();
        give(sender.clone());
        sender.send(segment(7)).unwrap();
        for _ in 0..3 {
            let error = told.recv().unwrap();
            assert!(error.is_own_writer() && !error.is_closed() && !error.is_full());
            assert_eq!(error.into_segment(), segment(7));
        }
        assert!(stream.next().unwrap().is_ok());
        drop(sender);
        assert!(stream.next().is_none());
    });
}

#[test]
fn a_sink_may_send_into_another_stream() {
    must_end(|| {
        let (second, into_second) = SegmentStream::new(depth(4)).unwrap();
        let sink = sink::from_fn(move |segment| Ok(into_second.send(segment.clone())?));
        let (first, sender) = SegmentStream::with_sink(depth(4), sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert_eq!(first.finish().unwrap().written.len(), 1);
        assert_eq!(second.finish().unwrap().written.len(), 1);
    });
}

/// Pauses in its write, and says how the pause ended.
struct Pausing {
    entered: Gate,
    left: Gate,
    pause: Duration,
    ended: mpsc::Sender<Pause>,
}

impl SegmentSink for Pausing {
    fn write(&mut self, _: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        assert_eq!(context.attempt(), 1);
        assert!(context.deadline().is_some());
        self.entered.pass();
        self.ended.send(context.sleep(self.pause)).unwrap();
        self.left.pass();
        Ok(())
    }
}

#[test]
fn a_shutdown_cuts_a_sinks_pause_short() {
    must_end(|| {
        let endings: [fn(SegmentStream); 4] = [
            drop,
            |stream| stream.handle().close(),
            |stream| drop(stream.finish().unwrap()),
            |mut stream| drop(stream.drain().unwrap()),
        ];
        for end in endings {
            let entered = Gate::default();
            let (ended, pause) = mpsc::channel();
            let sink = Pausing {
                entered: entered.clone(),
                left: entered.clone(),
                pause: Duration::MAX,
                ended,
            };
            let (stream, sender) = SegmentStream::with_sink(depth(2), sink).unwrap();
            sender.send(segment(0)).unwrap();
            entered.open();
            entered.wait_for_arrivals(1);
            end(stream);
            assert_eq!(pause.recv().unwrap(), Pause::CutShort);
        }
    });
}

#[test]
fn that_the_last_sender_is_gone_cuts_no_pause_short() {
    must_end(|| {
        let (entered, left) = (Gate::default(), Gate::default());
        let (ended, pause) = mpsc::channel();
        let sink = Pausing {
            entered: entered.clone(),
            left: left.clone(),
            pause: Duration::from_millis(1),
            ended,
        };
        let (stream, sender) = SegmentStream::with_sink(depth(2), sink).unwrap();
        sender.send(segment(0)).unwrap();
        entered.wait_for_arrivals(1);
        drop(sender);
        entered.open();
        assert_eq!(pause.recv().unwrap(), Pause::Elapsed);
        left.open();
        stream.finish().unwrap();
    });
}

#[test]
fn the_sink_is_gone_before_the_iteration_ends() {
    /// Waits at the gate as it is dropped.
    struct Lingering(Gate);
    impl SegmentSink for Lingering {
        fn write(&mut self, _: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
            Ok(())
        }
    }
    impl Drop for Lingering {
        fn drop(&mut self) {
            self.0.pass();
        }
    }
    must_end(|| {
        let gate = Gate::default();
        let (mut stream, sender) =
            SegmentStream::with_sink(depth(2), Lingering(gate.clone())).unwrap();
        drop(sender);
        gate.wait_for_arrivals(1);
        assert_eq!(stream.try_next().unwrap_err(), NoNext::NotYet);
        gate.open();
        assert!(stream.next().is_none());
    });
}

#[test]
fn a_pause_outside_any_stream_lasts_its_time() {
    must_end(|| {
        let context = WriteContext::default();
        assert_eq!(context.sleep(Duration::from_millis(1)), Pause::Elapsed);
    });
}

#[test]
fn two_chained_streams_pass_everything_on() {
    must_end(|| {
        let (first, sender) = SegmentStream::new(depth(2)).unwrap();
        let (second, into_second) = SegmentStream::new(depth(2)).unwrap();
        let link = thread::spawn(move || {
            for item in first {
                into_second.send(item.unwrap()).unwrap();
            }
        });
        let producer = thread::spawn(move || {
            (0..500).for_each(|number| sender.send(segment(number)).unwrap());
        });
        assert!(second.map(|item| item.unwrap().sequence).eq(0..500));
        link.join().unwrap();
        producer.join().unwrap();
    });
}

thread_local! {
    static LEFT_BEHIND: RefCell<Option<LeftBehind>> = const { RefCell::new(None) };
}

/// A thread-local value of a sink, which is dropped when its thread ends.
struct LeftBehind {
    gate: Gate,
    is_gone: Arc<AtomicBool>,
}

impl Drop for LeftBehind {
    fn drop(&mut self) {
        self.gate.pass();
        self.is_gone.store(true, Ordering::SeqCst);
    }
}

#[test]
fn finish_and_the_drop_wait_for_the_thread_itself() {
    let ends: [fn(SegmentStream); 2] = [|stream| drop(stream.finish()), drop];
    for end in ends {
        must_end(move || {
            let (gate, is_gone) = (Gate::default(), Arc::new(AtomicBool::new(false)));
            let left = LeftBehind {
                gate: gate.clone(),
                is_gone: Arc::clone(&is_gone),
            };
            let mut left = Some(left);
            let leaving = sink::from_fn(move |_| {
                LEFT_BEHIND.set(left.take());
                Ok(())
            });
            let (stream, sender) = SegmentStream::with_sink(depth(1), leaving).unwrap();
            sender.send(segment(0)).unwrap();
            let ender = thread::spawn(move || {
                end(stream);
                assert!(
                    is_gone.load(Ordering::SeqCst),
                    "the thread was not waited for"
                );
            });
            // The sink is finished and gone, and its thread about to be.
            gate.wait_for_arrivals(1);
            thread::yield_now();
            gate.open();
            ender.join().unwrap();
        });
    }
}
