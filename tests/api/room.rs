//! Deadlines that move on for as long as the stream has room.
//!
//! The pauses last for ages where a test needs them to be ended by somebody.

#![cfg(target_os = "linux")]

use std::io::{self, ErrorKind};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use segment_stream::{
    FinishError, RetryPolicy, SegmentSender, SegmentSink, SegmentStream, SegmentStreamConfig,
    SinkError, WhenFull, WriteContext, WriteError, WriteErrorKind,
};

use crate::common::config::depth;
use crate::common::gate::Gate;
use crate::common::linux::{thread_number, wait_until_asleep};
use crate::common::segments::segment;
use crate::common::threads::{must_end, spawn_asleep};

/// Each segment is worth this long, and the pauses are this long, or up to a half shorter.
fn policy(budget: Duration, pause: Duration) -> RetryPolicy {
    RetryPolicy {
        least: budget,
        most: budget,
        fallback: budget,
        first_pause: pause,
        longest_pause: pause,
        ..RetryPolicy::default()
    }
    .while_there_is_room()
}

const BUDGET: Duration = Duration::from_secs(1_000);
const AGES: Duration = Duration::from_secs(1_000_000);

fn pausing_for_ages() -> RetryPolicy {
    policy(BUDGET, AGES)
}

/// An attempt at segment 0 that failed.
struct Attempt {
    deadline: Instant,
    ended: Instant,
    thread: String,
}

impl Attempt {
    /// Waits until its writer pauses: its deadline has moved on then.
    fn wait_for_pause(&self) {
        wait_until_asleep(&self.thread);
    }
}

/// Fails segment 0 in every attempt for which `fails` says so, and tells of it.
fn failing(
    mut fails: impl FnMut(&WriteContext) -> bool + Send,
) -> (impl SegmentSink, Receiver<Attempt>) {
    let (tell, told) = mpsc::channel();
    let sink = move |segment: &segment_stream::ProducedSegment, context: &WriteContext| {
        if segment.sequence != 0 || !fails(context) {
            return Ok(());
        }
        let attempt = Attempt {
            deadline: context.deadline().expect("there is one"),
            ended: Instant::now(),
            thread: thread_number(),
        };
        // The test may have seen enough.
        let _ = tell.send(attempt);
        Err(SinkError::from(io::Error::from(ErrorKind::TimedOut)))
    };
    (With(sink), told)
}

/// A closure that is told the context.
struct With<F>(F);

impl<F> SegmentSink for With<F>
where
    F: FnMut(&segment_stream::ProducedSegment, &WriteContext) -> Result<(), SinkError> + Send,
{
    fn write(
        &mut self,
        segment: &segment_stream::ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        (self.0)(segment, context)
    }
}

/// A stream whose writer pauses for ages after its first attempt at segment 0, its deadline moved
/// on.
fn paused(
    config: SegmentStreamConfig,
) -> (SegmentStream, SegmentSender, Attempt, Receiver<Attempt>) {
    let (sink, attempts) = failing(|_| true);
    let config = config.retry(pausing_for_ages());
    let (stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
    sender.send(segment(0)).unwrap();
    let first = attempts.recv().unwrap();
    first.wait_for_pause();
    (stream, sender, first, attempts)
}

/// The first one failed after so many attempts, and these others were written.
fn check_ends(stream: SegmentStream, attempts: u32, others: &[u64]) {
    let mut written = Vec::new();
    for (place, item) in stream.enumerate() {
        match item {
            Ok(segment) => written.push(segment.sequence),
            Err(error) if place == 0 => {
                assert_eq!(error.kind(), WriteErrorKind::Failed);
                assert_eq!((error.sequence(), error.attempts()), (0, attempts));
                assert_eq!(error.into_segment(), segment(0), "it comes back whole");
            }
            Err(error) => assert_eq!(error.kind(), WriteErrorKind::Dropped),
        }
    }
    assert_eq!(written, others);
}

#[test]
fn a_sink_that_fails_for_three_budgets_loses_nothing_with_slots_free() {
    must_end(|| {
        let budget = Duration::from_millis(30);
        let mut heals = None;
        let (sink, attempts) = failing(move |context| {
            let first = || context.deadline().unwrap() + 2 * budget;
            Instant::now() < *heals.get_or_insert_with(first)
        });
        let config = depth(8).retry(policy(budget, budget / 6));
        let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert_eq!(stream.next().unwrap().unwrap(), segment(0));
        let deadlines: Vec<_> = attempts.try_iter().map(|it| it.deadline).collect();
        assert!(deadlines.is_sorted());
        let stats = stream.stats();
        assert_eq!((stats.yielded.segments, stats.failed.segments), (1, 0));
        drop(sender);
    });
}

#[test]
fn without_it_the_same_sink_loses_the_segment() {
    must_end(|| {
        let (sink, _attempts) = failing(|_| true);
        let give_up = RetryPolicy {
            at_deadline: segment_stream::AtDeadline::GiveUp,
            ..pausing_for_ages()
        };
        let (stream, sender) = SegmentStream::with_sink(depth(8).retry(give_up), sink).unwrap();
        sender.send(segment(0)).unwrap();
        drop(sender);
        check_ends(stream, 1, &[]);
    });
}

#[test]
fn the_next_attempt_is_told_a_deadline_that_is_later_by_the_first_budget() {
    must_end(|| {
        let (stream, _sender, first, attempts) = paused(depth(8));
        stream.close();
        // By the first budget, as often as it takes to come after the pause.
        let moved_by = attempts.recv().unwrap().deadline - first.deadline;
        assert!(moved_by > AGES / 2);
        assert_eq!(moved_by.as_nanos() % BUDGET.as_nanos(), 0);
        check_ends(stream, 2, &[]);
    });
}

#[test]
fn a_deadline_that_had_passed_moves_on_from_now() {
    must_end(|| {
        let budget = Duration::from_millis(10);
        let (sink, attempts) = failing(move |context| {
            let over = context.deadline().unwrap() + 3 * budget;
            while context.attempt() == 1 && Instant::now() < over {
                thread::yield_now();
            }
            context.attempt() <= 2
        });
        let config = depth(8).retry(policy(budget, Duration::ZERO));
        let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert_eq!(stream.next().unwrap().unwrap(), segment(0));
        let (first, second) = (attempts.recv().unwrap(), attempts.recv().unwrap());
        assert!(first.ended > first.deadline);
        assert!(second.deadline >= first.ended + budget);
    });
}

#[test]
fn a_sender_that_begins_to_wait_ends_it_at_once() {
    for time in [Duration::from_secs(900), Duration::MAX] {
        must_end(move || {
            let (stream, sender, ..) = paused(depth(2));
            sender.send(segment(1)).unwrap();
            // It is refused, and has not waited.
            assert!(sender.try_send(segment(2)).unwrap_err().is_full());
            assert_eq!(stream.stats().retries, 0);
            let waiting = thread::spawn(move || sender.send_timeout(segment(2), time));
            check_ends(stream, 2, &[1, 2]);
            waiting.join().unwrap().unwrap();
        });
    }
}

#[test]
fn while_a_sender_waits_no_deadline_moves_on() {
    must_end(|| {
        let gate = Gate::default();
        let held = gate.clone();
        let (sink, _attempts) = failing(move |_| {
            held.pass();
            true
        });
        let config = depth(2).retry(pausing_for_ages());
        let (stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        sender.send(segment(0)).unwrap();
        gate.wait_for_arrivals(1);
        sender.send(segment(1)).unwrap();
        let waiting = spawn_asleep(move || sender.send(segment(2)));
        gate.open();
        check_ends(stream, 1, &[1, 2]);
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn a_drop_ends_it_at_once() {
    must_end(|| {
        let (stream, sender, ..) = paused(depth(2).when_full(WhenFull::DropOldest));
        sender.send(segment(1)).unwrap();
        assert_eq!(stream.stats().retries, 0);
        sender.send(segment(2)).unwrap();
        while stream.stats().retries == 0 {
            thread::yield_now();
        }
        assert_eq!(stream.stats().dropped.segments, 1);
        drop(sender);
        check_ends(stream, 2, &[2]);
    });
}

#[test]
fn a_loss_of_the_producer_ends_nothing() {
    must_end(|| {
        let (stream, sender, ..) = paused(depth(2));
        let info = segment_stream::SegmentInfo::new();
        sender.lost(1, Duration::from_secs(2), info).unwrap();
        sender.send(segment(2)).unwrap();
        assert_eq!(stream.stats().retries, 0);
        stream.close();
        let kinds: Vec<_> = stream
            .map(|item| item.map(|it| it.sequence).map_err(|error| error.kind()))
            .collect();
        let expected = [
            Err(WriteErrorKind::Failed),
            Err(WriteErrorKind::GivenUp),
            Ok(2),
        ];
        assert_eq!(kinds, expected);
    });
}

#[test]
fn every_writer_is_hurried() {
    must_end(|| {
        let (tell, told) = mpsc::channel();
        let config = depth(3).retry(pausing_for_ages());
        let (stream, sender) = SegmentStream::with_writers(config, 2, |_| {
            let tell = tell.clone();
            With(
                move |segment: &segment_stream::ProducedSegment, _: &WriteContext| {
                    if segment.sequence > 1 {
                        return Ok(());
                    }
                    let _ = tell.send(thread_number());
                    Err(SinkError::transient("it was made to fail"))
                },
            )
        })
        .unwrap();
        for number in 0..2 {
            sender.send(segment(number)).unwrap();
            wait_until_asleep(&told.recv().unwrap());
        }
        sender.send(segment(2)).unwrap();
        let waiting = thread::spawn(move || sender.send(segment(3)));
        let items: Vec<_> = stream.collect();
        let attempts = items.iter().filter_map(|it| it.as_ref().err());
        let attempts: Vec<_> = attempts.map(WriteError::attempts).collect();
        assert_eq!((items.len(), attempts), (4, vec![2, 2]));
        waiting.join().unwrap().unwrap();
    });
}

#[derive(Debug, Clone, Copy)]
enum End {
    Close,
    Finish,
    FinishInTime,
    Drain,
    Drop,
}

#[test]
fn a_shutdown_ends_it_and_one_attempt_follows() {
    for end in [
        End::Close,
        End::Finish,
        End::FinishInTime,
        End::Drain,
        End::Drop,
    ] {
        must_end(move || {
            let (mut stream, _sender, ..) = paused(depth(8));
            let handle = stream.handle();
            let attempts = |result: Result<segment_stream::Report, FinishError>| {
                let report = result.unwrap_or_else(FinishError::into_report);
                assert_eq!(report.failed.len(), 1);
                assert_eq!(report.failed[0].attempts(), 2, "{end:?}");
            };
            match end {
                End::Close => {
                    handle.close();
                    check_ends(stream, 2, &[]);
                }
                End::Finish => attempts(stream.finish()),
                End::FinishInTime => attempts(stream.finish_timeout(Duration::MAX)),
                End::Drain => attempts(stream.drain()),
                End::Drop => drop(stream),
            }
            assert_eq!(handle.stats().retries, 1, "{end:?}");
        });
    }
}

/// Nothing says how long a stream may still take that nobody can close any more.
#[test]
fn once_the_last_sender_is_gone_no_deadline_moves_on() {
    must_end(|| {
        let gate = Gate::default();
        let held = gate.clone();
        let (sink, _attempts) = failing(move |_| {
            held.pass();
            true
        });
        let config = depth(8).retry(pausing_for_ages());
        let (stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        sender.send(segment(0)).unwrap();
        gate.wait_for_arrivals(1);
        drop(sender);
        gate.open();
        check_ends(stream, 1, &[]);
    });
}

/// The segment that is being written takes a slot and its bytes itself.
#[test]
fn a_segment_that_fills_the_stream_leaves_no_room() {
    for config in [
        depth(1),
        depth(8).channel_bytes(64),
        depth(8).channel_bytes(0),
    ] {
        must_end(move || {
            let (sink, _attempts) = failing(|_| true);
            let config = config.retry(pausing_for_ages());
            let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
            sender.send(segment(0)).unwrap();
            assert_eq!(stream.next().unwrap().unwrap_err().attempts(), 1);
        });
    }
    must_end(|| {
        let (stream, sender, ..) = paused(depth(8).channel_bytes(65));
        sender.send(segment_of_one_byte()).unwrap();
        stream.close();
        check_ends(stream, 2, &[1]);
    });
}

fn segment_of_one_byte() -> segment_stream::ProducedSegment {
    segment_stream::ProducedSegment::media(1, vec![7], 2.0)
}
