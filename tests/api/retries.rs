//! Transient errors are retried for as long as the segment lasts.

use std::io::{self, ErrorKind};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use crate::common::gate::Gate;
use crate::common::segments::segment;
use crate::common::sync::Mutex;
use crate::common::threads::{must_end, spawn_asleep};
use segment_stream::{
    ProducedSegment, Recovery, RetryPolicy, SegmentSink, SegmentStream, SegmentStreamConfig,
    SinkError, WriteContext, WriteErrorKind, sink,
};

fn retrying(retry: RetryPolicy) -> SegmentStreamConfig {
    SegmentStreamConfig {
        retry,
        ..Default::default()
    }
}

/// Tries again at once, and does not give up.
fn at_once() -> RetryPolicy {
    RetryPolicy {
        least: Duration::MAX,
        most: Duration::MAX,
        fallback: Duration::MAX,
        first_pause: Duration::ZERO,
        longest_pause: Duration::ZERO,
        ..RetryPolicy::default()
    }
}

/// Pauses forever.
fn after_ages() -> RetryPolicy {
    RetryPolicy {
        first_pause: Duration::from_secs(1_000_000),
        longest_pause: Duration::from_secs(1_000_000),
        ..at_once()
    }
}

type Seen = Arc<Mutex<Vec<(u64, u32, Option<Instant>)>>>;

/// Fails each segment this often, with what `fail` makes, and remembers how it was called.
struct Failing<F> {
    times: u32,
    fail: F,
    seen: Seen,
}

impl<F: FnMut() -> SinkError + Send> SegmentSink for Failing<F> {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let (attempt, deadline) = (context.attempt(), context.deadline());
        self.seen
            .lock()
            .unwrap()
            .push((segment.sequence, attempt, deadline));
        if attempt <= self.times {
            return Err((self.fail)());
        }
        Ok(())
    }
}

fn failing<F>(times: u32, fail: F) -> (Failing<F>, Seen) {
    let seen = Seen::default();
    let sink = Failing {
        times,
        fail,
        seen: Arc::clone(&seen),
    };
    (sink, seen)
}

fn reset() -> SinkError {
    io::Error::from(ErrorKind::ConnectionReset).into()
}

#[test]
fn a_write_that_may_heal_is_tried_until_it_succeeds() {
    must_end(|| {
        let (sink, seen) = failing(3, reset);
        let (mut stream, sender) = SegmentStream::with_sink(retrying(at_once()), sink).unwrap();
        for number in 0..2 {
            sender.send(segment(number)).unwrap();
            assert_eq!(stream.next().unwrap().unwrap(), segment(number));
        }
        let calls: Vec<_> = seen.lock().unwrap().iter().map(|it| (it.0, it.1)).collect();
        let expected = [0, 1].map(|number| [1, 2, 3, 4].map(|attempt| (number, attempt)));
        assert_eq!(calls, expected.concat());
        assert_eq!(stream.stats().retries, 6);
    });
}

#[test]
fn every_attempt_is_told_the_same_deadline_which_is_the_segments_own() {
    must_end(|| {
        let policy = RetryPolicy {
            least: Duration::from_secs(500),
            most: Duration::from_secs(2000),
            fallback: Duration::from_secs(700),
            ..at_once()
        };
        let (sink, seen) = failing(2, reset);
        let (mut stream, sender) = SegmentStream::with_sink(retrying(policy), sink).unwrap();
        for (secs, is_init, expected) in [
            (1000.0, false, 1000),
            (1000.0, true, 700),
            (0.04, false, 500),
            (1e9, false, 2000),
            (f64::NAN, false, 700),
            (0.0, false, 700),
        ] {
            let before = Instant::now();
            let segment = ProducedSegment {
                is_init,
                ..ProducedSegment::media(0, vec![1], secs)
            };
            sender.send(segment).unwrap();
            stream.next().unwrap().unwrap();
            let calls = std::mem::take(&mut *seen.lock().unwrap());
            let deadlines: Vec<_> = calls.iter().map(|it| it.2.unwrap()).collect();
            assert_eq!(deadlines.len(), 3);
            assert!(deadlines.iter().all(|it| *it == deadlines[0]));
            let expected = Duration::from_secs(expected);
            assert!(deadlines[0] >= before + expected);
            assert!(deadlines[0] <= Instant::now() + expected);
        }
    });
}

#[test]
fn what_will_not_heal_is_tried_once() {
    must_end(|| {
        let kinds = [
            ErrorKind::PermissionDenied,
            ErrorKind::ReadOnlyFilesystem,
            ErrorKind::InvalidInput,
            ErrorKind::NotFound,
            ErrorKind::AlreadyExists,
            ErrorKind::Other,
        ];
        let mut causes: Vec<Box<dyn FnMut() -> SinkError + Send>> = vec![
            Box::new(|| SinkError::permanent(io::Error::from(ErrorKind::TimedOut))),
            Box::new(|| SinkError::permanent("it will not")),
        ];
        for kind in kinds {
            causes.push(Box::new(move || io::Error::from(kind).into()));
        }
        for fail in causes {
            let (sink, seen) = failing(u32::MAX, fail);
            let (mut stream, sender) = SegmentStream::with_sink(retrying(at_once()), sink).unwrap();
            sender.send(segment(0)).unwrap();
            let error = stream.next().unwrap().unwrap_err();
            assert_eq!(
                (error.kind(), error.attempts()),
                (WriteErrorKind::Failed, 1)
            );
            assert!(!error.sink_error().is_transient());
            assert_eq!(seen.lock().unwrap().len(), 1);
            assert_eq!(stream.stats().retries, 0);
        }
    });
}

#[test]
fn what_a_sink_says_goes_before_the_table() {
    let timed_out = || io::Error::from(ErrorKind::TimedOut);
    let refused = || io::Error::from(ErrorKind::PermissionDenied);
    assert!(SinkError::from(timed_out()).is_transient());
    assert!(!SinkError::permanent(timed_out()).is_transient());
    assert!(!SinkError::from(refused()).is_transient());
    assert!(SinkError::transient(refused()).is_transient());
    assert_eq!(SinkError::from(refused()).recovery(), Recovery::Unknown);
    // Said about a cause inside: by the first `io::Error` on the way.
    assert!(SinkError::transient("a text").is_transient());
    assert!(!SinkError::from(io::Error::other("a text")).is_transient());
}

/// Each kind that the lists of [`Recovery`] name, and the codes by their numbers.
#[test]
fn errors_are_sorted_as_the_documentation_says() {
    let text = include_str!("../../src/error/recovery.rs");
    let (_, lists) = text.split_once("**Transient, and retried:**").unwrap();
    let (transient, permanent) = lists.split_once("**Permanent, and tried once:**").unwrap();
    let (permanent, _) = permanent.split_once("///\n/// A full disk").unwrap();
    let named = |list: &str| -> Vec<String> {
        let names = list.split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect()
    };
    let (heals, does_not) = (named(transient), named(permanent));
    let all = [
        ErrorKind::ConnectionRefused,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::NotConnected,
        ErrorKind::BrokenPipe,
        ErrorKind::UnexpectedEof,
        ErrorKind::HostUnreachable,
        ErrorKind::NetworkUnreachable,
        ErrorKind::NetworkDown,
        ErrorKind::AddrNotAvailable,
        ErrorKind::TimedOut,
        ErrorKind::WouldBlock,
        ErrorKind::Interrupted,
        ErrorKind::ResourceBusy,
        ErrorKind::ExecutableFileBusy,
        ErrorKind::StaleNetworkFileHandle,
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::OutOfMemory,
        ErrorKind::WriteZero,
        ErrorKind::PermissionDenied,
        ErrorKind::ReadOnlyFilesystem,
        ErrorKind::Unsupported,
        ErrorKind::InvalidInput,
        ErrorKind::InvalidFilename,
        ErrorKind::AlreadyExists,
        ErrorKind::NotFound,
        ErrorKind::IsADirectory,
        ErrorKind::NotADirectory,
        ErrorKind::CrossesDevices,
        ErrorKind::InvalidData,
        ErrorKind::FileTooLarge,
        // In no list by its name.
        ErrorKind::AddrInUse,
        ErrorKind::NotSeekable,
        ErrorKind::DirectoryNotEmpty,
        ErrorKind::Deadlock,
        ErrorKind::TooManyLinks,
        ErrorKind::ArgumentListTooLong,
    ];
    let mut found = 0;
    for kind in all {
        let name = format!("{kind:?}");
        let may_heal = SinkError::from(io::Error::from(kind)).is_transient();
        assert_eq!(may_heal, heals.contains(&name), "{name}");
        found += usize::from(heals.contains(&name)) + usize::from(does_not.contains(&name));
    }
    // Each name of the lists was tried; `Other` and `io::Error` stand at their end for the rest.
    assert_eq!(
        found,
        heals.len() + does_not.len() - 2,
        "{heals:?} {does_not:?}"
    );
    #[cfg(unix)]
    for (code, expected) in [
        (5, true),
        (23, true),
        (24, true),
        (28, true),
        (13, false),
        (1, false),
    ] {
        let error = SinkError::from(io::Error::from_raw_os_error(code));
        assert_eq!(error.is_transient(), expected, "{code}");
    }
}

#[test]
fn a_chained_stream_that_is_full_may_heal_and_a_closed_one_will_not() {
    must_end(|| {
        let config = SegmentStreamConfig {
            channel_depth: 1,
            ..Default::default()
        };
        let (stream, sender) = SegmentStream::new(config).unwrap();
        sender.send(segment(0)).unwrap();
        let full = || sender.try_send(segment(1)).unwrap_err();
        assert!(SinkError::from(full()).is_transient());
        assert!(SinkError::from(io::Error::from(full())).is_transient());
        let timed_out = sender.send_timeout(segment(1), Duration::ZERO).unwrap_err();
        assert!(SinkError::from(timed_out).is_transient());
        stream.close();
        let closed = || sender.try_send(segment(1)).unwrap_err();
        assert!(!SinkError::from(closed()).is_transient());
        assert!(!SinkError::from(io::Error::from(closed())).is_transient());
    });
}

#[test]
fn at_the_deadline_the_last_error_is_final() {
    must_end(|| {
        let policy = RetryPolicy {
            least: Duration::from_secs(1),
            most: Duration::from_secs(1),
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(200),
            ..RetryPolicy::default()
        };
        let (begun, attempts) = mpsc::channel();
        let (sink, seen) = failing(u32::MAX, move || {
            begun.send(Instant::now()).unwrap();
            reset()
        });
        let (mut stream, sender) = SegmentStream::with_sink(retrying(policy), sink).unwrap();
        sender.send(segment(7)).unwrap();
        let error = stream.next().unwrap().unwrap_err();
        let ended = Instant::now();
        let count = error.attempts();
        assert!(count > 2);
        assert_eq!(u64::from(count - 1), stream.stats().retries);
        assert!(
            error
                .to_string()
                .ends_with(&format!("(after {count} attempts)"))
        );
        assert_eq!(error.into_segment(), segment(7));
        // It gave up when the next pause, 200 ms at the most, would not have ended in time:
        // neither long before the deadline nor with an attempt after it.
        let deadline = seen.lock().unwrap()[0].2.unwrap();
        assert!(ended + policy.longest_pause >= deadline);
        let last = attempts.try_iter().last().unwrap();
        assert!(
            last <= deadline + Duration::from_millis(500),
            "that is no delay of the machine"
        );
    });
}

#[test]
fn a_pause_that_would_not_end_in_time_is_not_begun() {
    must_end(|| {
        let policy = RetryPolicy {
            first_pause: Duration::from_secs(1_000_000),
            longest_pause: Duration::from_secs(1_000_000),
            ..RetryPolicy::default()
        };
        let (sink, _) = failing(u32::MAX, reset);
        let (mut stream, sender) = SegmentStream::with_sink(retrying(policy), sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert_eq!(stream.next().unwrap().unwrap_err().attempts(), 1);
    });
}

fn in_time(time: Duration) -> impl FnMut() -> SinkError + Send {
    move || SinkError::transient("busy").with_retry_after(time)
}

#[test]
fn the_time_that_a_sink_asks_for_is_waited() {
    must_end(|| {
        let time = Duration::from_millis(40);
        let (tell, told) = mpsc::channel();
        let sink = sink::from_fn_with_context(move |_, context| {
            tell.send(Instant::now()).map_err(SinkError::permanent)?;
            match context.attempt() {
                // A time makes an error transient by itself.
                1 => Err(SinkError::from(io::Error::other("busy")).with_retry_after(time)),
                _ => Ok(()),
            }
        });
        let (mut stream, sender) = SegmentStream::with_sink(retrying(at_once()), sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert!(stream.next().unwrap().is_ok());
        let times: Vec<_> = told.try_iter().collect();
        assert_eq!(times.len(), 2);
        assert!(times[1] - times[0] >= time);
    });
}

#[test]
fn a_time_that_does_not_fit_the_deadline_makes_the_error_final() {
    must_end(|| {
        let (sink, _) = failing(u32::MAX, in_time(Duration::MAX));
        let policy = RetryPolicy {
            first_pause: Duration::ZERO,
            ..RetryPolicy::default()
        };
        let (mut stream, sender) = SegmentStream::with_sink(retrying(policy), sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert_eq!(stream.next().unwrap().unwrap_err().attempts(), 1);
    });
}

#[test]
fn a_permanent_error_is_final_whatever_time_it_has() {
    must_end(|| {
        let fail = || SinkError::permanent("gone").with_retry_after(Duration::ZERO);
        assert!(!fail().is_transient());
        let (sink, _) = failing(u32::MAX, fail);
        let (mut stream, sender) = SegmentStream::with_sink(retrying(at_once()), sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert_eq!(stream.next().unwrap().unwrap_err().attempts(), 1);
    });
}

#[test]
fn while_there_is_room_the_deadline_moves_beyond_the_time() {
    must_end(|| {
        let (time, budget) = (Duration::from_millis(40), Duration::from_millis(3));
        let policy = RetryPolicy {
            least: budget,
            most: budget,
            first_pause: Duration::ZERO,
            longest_pause: Duration::ZERO,
            ..RetryPolicy::default()
        };
        let policy = policy.while_there_is_room();
        let begun = Instant::now();
        let (sink, seen) = failing(1, in_time(time));
        let (mut stream, sender) = SegmentStream::with_sink(retrying(policy), sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert!(stream.next().unwrap().is_ok());
        let deadlines: Vec<_> = seen
            .lock()
            .unwrap()
            .iter()
            .map(|it| it.2.unwrap())
            .collect();
        assert_eq!(deadlines.len(), 2);
        assert!(
            deadlines[1] >= begun + time,
            "the second attempt is in time"
        );
        // By whole budgets.
        let moved = (deadlines[1] - deadlines[0]).as_nanos();
        assert_eq!(moved % budget.as_nanos(), 0);

        // No number of budgets is enough for this one.
        let (sink, _) = failing(1, in_time(Duration::MAX));
        let (mut stream, sender) = SegmentStream::with_sink(retrying(policy), sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert_eq!(stream.next().unwrap().unwrap_err().attempts(), 1);
    });
}

#[test]
fn never_means_once_and_no_deadline() {
    must_end(|| {
        let (sink, seen) = failing(u32::MAX, reset);
        let config = retrying(RetryPolicy::never());
        let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert_eq!(stream.next().unwrap().unwrap_err().attempts(), 1);
        assert_eq!(*seen.lock().unwrap(), [(0, 1, None)]);
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
fn a_shutdown_cuts_the_pause_short_and_one_attempt_follows() {
    for (end, heals) in [
        (End::Close, true),
        (End::Close, false),
        (End::Finish, true),
        (End::Finish, false),
        (End::FinishInTime, true),
        (End::FinishInTime, false),
        (End::Drain, true),
        (End::Drain, false),
        (End::Drop, true),
    ] {
        must_end(move || {
            let first = Gate::default();
            let sink = sink_that_pauses(&first, heals);
            let (mut stream, sender) =
                SegmentStream::with_sink(retrying(after_ages()), sink).unwrap();
            sender.send(segment(0)).unwrap();
            first.wait_for_arrivals(1);
            let handle = stream.handle();
            let (written, failed) = match end {
                End::Close => {
                    handle.close();
                    let all: Vec<_> = stream.collect();
                    let failed = all.iter().filter(|it| it.is_err()).count();
                    (all.len() - failed, failed)
                }
                End::Finish => counts(stream.finish()),
                End::FinishInTime => counts(stream.finish_timeout(Duration::MAX)),
                End::Drain => counts(stream.drain()),
                End::Drop => {
                    drop(stream);
                    (1, 0)
                }
            };
            let expected = if heals { (1, 0) } else { (0, 1) };
            assert_eq!((written, failed), expected, "{end:?}");
            let stats = handle.stats();
            assert_eq!(stats.retries, 1, "{end:?}");
            assert_eq!(stats.yielded.segments, u64::from(heals));
        });
    }
}

fn counts(result: Result<segment_stream::Report, segment_stream::FinishError>) -> (usize, usize) {
    let report = result.unwrap_or_else(segment_stream::FinishError::into_report);
    report
        .failed
        .iter()
        .for_each(|it| assert_eq!(it.attempts(), 2));
    (report.written.len(), report.failed.len())
}

/// Fails the first attempt, after which the writer pauses for ages; the second succeeds if it
/// `heals`.
fn sink_that_pauses(first: &Gate, heals: bool) -> impl SegmentSink + use<> {
    let first = first.clone();
    first.open();
    let mut attempts = 0;
    sink::from_fn(move |_| {
        attempts += 1;
        if attempts == 1 {
            first.pass();
        }
        if attempts == 1 || !heals {
            return Err(io::Error::from(ErrorKind::TimedOut));
        }
        Ok(())
    })
}

#[test]
fn that_the_last_sender_is_gone_cuts_no_pause_short() {
    must_end(|| {
        let first = Gate::default();
        let sink = sink_that_pauses(&first, true);
        let (stream, sender) = SegmentStream::with_sink(retrying(after_ages()), sink).unwrap();
        let handle = stream.handle();
        sender.send(segment(0)).unwrap();
        first.wait_for_arrivals(1);
        drop(sender);
        let iterating = spawn_asleep(move || stream.map(Result::unwrap).count());
        assert!(handle.is_closed());
        assert_eq!(handle.stats().retries, 0);
        handle.close();
        assert_eq!(iterating.join().unwrap(), 1);
    });
}

#[test]
fn after_an_attempt_that_outlasts_the_deadline_there_is_no_other() {
    must_end(|| {
        let budget = Duration::from_millis(20);
        let policy = RetryPolicy {
            least: budget,
            most: budget,
            ..at_once()
        };
        let (sink, _) = failing(u32::MAX, move || {
            let begun = Instant::now();
            while begun.elapsed() <= budget {
                std::thread::yield_now();
            }
            reset()
        });
        let (mut stream, sender) = SegmentStream::with_sink(retrying(policy), sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert_eq!(stream.next().unwrap().unwrap_err().attempts(), 1);
    });
}

#[test]
fn a_shutdown_ends_attempts_without_pauses_too() {
    must_end(|| {
        let (begun, attempts) = mpsc::channel();
        let (sink, _) = failing(u32::MAX, move || {
            let _ = begun.send(());
            reset()
        });
        let (stream, sender) = SegmentStream::with_sink(retrying(at_once()), sink).unwrap();
        sender.send(segment(0)).unwrap();
        attempts.recv().unwrap();
        let report = stream.finish().unwrap_err().into_report();
        assert_eq!(report.failed.len(), 1);
    });
}
