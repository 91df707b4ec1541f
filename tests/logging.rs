//! Errors that no caller receives are logged, and a panicking logger does no harm.

mod common;

use std::collections::BTreeMap;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use common::gate::Gate;
#[cfg(target_os = "linux")]
use common::linux::{thread_number, wait_until_gone};
use common::segments::segment;
use common::sinks::{Recording, failing, gated};
use common::sync::Mutex;
use common::threads::{must_end, spawn_asleep};
use log::{Level, LevelFilter, Log, Metadata, Record};
use segment_stream::{
    ProducedSegment, RetryPolicy, SegmentSink, SegmentStream, SegmentStreamConfig, SinkError,
    WhenFull, WriteContext, sink,
};

/// Remembers the messages, and panics at those that say so.
struct Remembering(Mutex<Vec<(Level, String)>>, Mutex<Vec<Pairs>>);

/// The message, and its key-value pairs as text.
type Pairs = (String, BTreeMap<String, String>);

struct Collect(BTreeMap<String, String>);

impl<'kvs> log::kv::VisitSource<'kvs> for Collect {
    fn visit_pair(
        &mut self,
        key: log::kv::Key<'kvs>,
        value: log::kv::Value<'kvs>,
    ) -> Result<(), log::kv::Error> {
        self.0.insert(key.to_string(), value.to_string());
        Ok(())
    }
}

static LOGGER: Remembering = Remembering(Mutex::new(Vec::new()), Mutex::new(Vec::new()));

/// Every test here marks its messages with a word of its own, as they run side by side.
const POISON: &str = "poison";

/// The logger waits at the gate, once, when it is told something with this in it.
static HELD: Mutex<Vec<(String, Gate)>> = Mutex::new(Vec::new());

fn hold(part: &str) -> Gate {
    let gate = Gate::default();
    HELD.lock().unwrap().push((part.to_owned(), gate.clone()));
    gate
}

impl Log for Remembering {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "segment_stream"
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let message = record.args().to_string();
            let gate = {
                let mut held = HELD.lock().unwrap();
                let at = held.iter().position(|(part, _)| message.contains(part));
                at.map(|at| held.remove(at).1)
            };
            gate.into_iter().for_each(|gate| gate.pass());
            assert!(
                !message.contains(POISON),
                "the logger was made to panic here"
            );
            let mut pairs = Collect(BTreeMap::new());
            record.key_values().visit(&mut pairs).unwrap();
            self.1.lock().unwrap().push((message.clone(), pairs.0));
            self.0.lock().unwrap().push((record.level(), message));
        }
    }

    fn flush(&self) {}
}

fn start_logging() {
    // Whichever test is first.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}

fn logged(part: &str) -> Vec<(Level, String)> {
    let all = LOGGER.0.lock().unwrap();
    all.iter()
        .filter(|(_, message)| message.contains(part))
        .cloned()
        .collect()
}

/// The pairs of the one message with this part.
fn pairs(part: &str) -> BTreeMap<String, String> {
    let all = LOGGER.1.lock().unwrap();
    let found: Vec<_> = all.iter().filter(|it| it.0.contains(part)).collect();
    assert_eq!(found.len(), 1, "{part:?} in {all:?}");
    found[0].1.clone()
}

#[test]
fn every_segment_that_was_not_written_is_logged() {
    start_logging();
    must_end(|| {
        let (stream, sender) = SegmentStream::with_sink(
            SegmentStreamConfig::default(),
            failing(|segment| segment.sequence == 1001),
        )
        .unwrap();
        for number in 1000..1003 {
            sender
                .send(segment(number).with_path("marked-a.ts"))
                .unwrap();
        }
        drop(sender);
        assert_eq!(stream.count(), 3);
        let message = "segment 1001: cannot write \"marked-a.ts\": no storage space";
        let recovered = "segment 1002 is written, after 1 that failed";
        assert_eq!(logged("marked-a.ts"), [(Level::Error, message.to_owned())]);
        assert_eq!(
            logged("segment 1002 "),
            [(Level::Info, recovered.to_owned())]
        );
        let pairs = pairs("marked-a.ts");
        for (key, value) in [
            ("sequence", "1001"),
            ("operation", "write"),
            ("path", "marked-a.ts"),
            ("kind", "Failed"),
            ("attempts", "1"),
            ("held_back", "0"),
        ] {
            assert_eq!(
                pairs.get(key).map(String::as_str),
                Some(value),
                "{key} in {pairs:?}"
            );
        }
    });
}

#[test]
fn a_disk_that_fails_all_the_time_does_not_flood_the_log() {
    start_logging();
    must_end(|| {
        let (stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), failing(|_| true)).unwrap();
        let started = Instant::now();
        let failures = thread::spawn(move || stream.map(Result::unwrap_err).count());
        for number in 0..2_000 {
            sender
                .send(segment(number).with_path("marked-flood.ts"))
                .unwrap();
        }
        drop(sender);
        assert_eq!(failures.join().unwrap(), 2_000);
        let told = logged("marked-flood").len() as u64;
        // The first, and then one in ten seconds.
        assert!(
            (1..=1 + started.elapsed().as_secs() / 10).contains(&told),
            "{told}"
        );
        assert_eq!(
            logged("1999 more segments were not written").len(),
            usize::from(told == 1)
        );
    });
}

#[test]
fn a_sender_that_waits_for_too_long_is_told_once() {
    start_logging();
    must_end(|| {
        let gate = Gate::default();
        let config = SegmentStreamConfig {
            channel_depth: 2,
            stall_warning: Duration::from_millis(5),
            ..Default::default()
        };
        let (mut stream, sender) = SegmentStream::with_sink(config, gated(&gate)).unwrap();
        sender.send(segment(7_000)).unwrap();
        gate.wait_for_arrivals(1);
        sender.send(segment(7_003)).unwrap();
        let begun = Instant::now();
        let waiting = [7_001, 7_002].map(|number| {
            let sender = sender.clone();
            spawn_asleep(move || sender.send(segment(number)))
        });
        let message = "the sink has had segment 7000 for ";
        while logged(message).is_empty() {
            thread::yield_now();
        }
        // Much longer than the warning took, and the other one has waited for as long.
        let now = Instant::now();
        while now.elapsed() < Duration::from_millis(50) {
            thread::yield_now();
        }
        let found = logged(message);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, Level::Warn);
        let pairs = pairs(message);
        assert_eq!(pairs["in_flight"], "2");
        let waited: u128 = pairs["waited_ms"].parse().unwrap();
        assert!((5..=begun.elapsed().as_millis()).contains(&waited));
        gate.open();
        assert_eq!(stream.by_ref().take(4).count(), 4);
        waiting
            .into_iter()
            .for_each(|it| it.join().unwrap().unwrap());
        drop(sender);
        assert!(stream.next().is_none());
        // The other one was held back.
        let more = "1 more times a send had waited for long since the last message";
        assert_eq!(logged(more), [(Level::Warn, more.to_owned())]);
    });
}

#[test]
fn retries_and_drops_are_told_in_few_words() {
    start_logging();
    must_end(|| {
        let mut attempts = 0;
        let sink = sink::from_fn(move |_| {
            attempts += 1;
            if attempts < 50 {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "marked-again"));
            }
            Ok(())
        });
        let retry = RetryPolicy {
            first_pause: Duration::ZERO,
            longest_pause: Duration::ZERO,
            most: Duration::MAX,
            fallback: Duration::MAX,
            least: Duration::MAX,
            ..RetryPolicy::default()
        };
        let config = SegmentStreamConfig {
            retry,
            ..Default::default()
        };
        let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        sender.send(segment(8_000)).unwrap();
        stream.next().unwrap().unwrap();
        let again = logged("marked-again");
        assert_eq!(again.len(), 1, "{again:?}");
        assert_eq!(again[0].0, Level::Warn);
        assert!(again[0].1.ends_with("it is tried again"), "{again:?}");

        let gate = Gate::default();
        let config = SegmentStreamConfig {
            channel_depth: 2,
            when_full: WhenFull::DropOldest,
            ..Default::default()
        };
        let (stream, sender) = SegmentStream::with_sink(config, gated(&gate)).unwrap();
        sender.send(segment(0)).unwrap();
        gate.wait_for_arrivals(1);
        (1..1_235).for_each(|number| sender.send(segment(number)).unwrap());
        gate.open();
        drop(sender);
        drop(stream);
        let dropped = logged("queued segments were dropped");
        assert_eq!(dropped.len(), 1, "{dropped:?}");
        assert_eq!(logged("1232 more times").len(), 1);
        assert_eq!(logged("dropped with 1233 unwritten").len(), 1);
    });
}

#[test]
fn a_drop_logs_how_much_was_not_written_and_how_the_sink_ended() {
    start_logging();
    must_end(|| {
        let (stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), failing(|_| true)).unwrap();
        (0..7).for_each(|number| sender.send(segment(number)).unwrap());
        drop(stream);
        let (level, message) = logged("dropped with 7 unwritten").remove(0);
        assert_eq!(level, Level::Error, "{message}");

        let (mut sink, _calls) = Recording::new();
        sink.finish = Some(io::Error::other("marked-b"));
        let (stream, _sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        drop(stream);
        let message = "the sink did not end well: cannot finish: marked-b".to_owned();
        assert_eq!(logged("marked-b"), [(Level::Error, message)]);

        // And nothing where there is nothing to tell.
        let (stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), failing(|_| false)).unwrap();
        sender.send(segment(0)).unwrap();
        drop(stream);
        assert!(logged("dropped with 0 unwritten").is_empty());
    });
}

/// Fails on the first segments, hangs on the next one, and does not end well.
struct Hanging(Gate);

impl SegmentSink for Hanging {
    fn write(&mut self, segment: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        if segment.sequence < 78 {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        self.0.pass();
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        Err(SinkError::permanent("marked-late"))
    }
}

/// The writer ends too late to say what was held back, and too late for its sink's end to be
/// reported.
#[test]
fn who_gives_a_stream_up_is_told_what_was_held_back_and_how_the_sink_ended_at_last() {
    start_logging();
    must_end(|| {
        let gate = Gate::default();
        let config = SegmentStreamConfig {
            channel_depth: 100,
            retry: RetryPolicy::never(),
            ..Default::default()
        };
        let (stream, sender) = SegmentStream::with_sink(config, Hanging(gate.clone())).unwrap();
        (0..79).for_each(|number| sender.send(segment(number)).unwrap());
        gate.wait_for_arrivals(1);
        let error = stream.finish_timeout(Duration::ZERO).unwrap_err();
        assert_eq!(error.report().failed.len(), 78);
        let held_back = "77 more segments were not written since the last message";
        assert_eq!(logged(held_back), [(Level::Error, held_back.to_owned())]);
        // Of what was not held back there is nothing to tell.
        let of_nothing = |(_, it): &(Level, String)| it.starts_with("0 more ");
        assert!(!logged("since the last message").iter().any(of_nothing));

        gate.open();
        let ended = "the sink did not end well: cannot finish: marked-late";
        while logged(ended).is_empty() {
            thread::yield_now();
        }
        assert_eq!(logged(ended), [(Level::Error, ended.to_owned())]);
    });
}

/// While the one who gives a stream up is with the log, its writer fails once more, and ends.
#[test]
#[cfg(target_os = "linux")]
fn what_fails_while_a_stream_is_given_up_is_told_by_its_writer() {
    start_logging();
    must_end(|| {
        let gate = Gate::default();
        let held = gate.clone();
        let (tell, told) = crossbeam_channel::bounded(1);
        let sink = sink::from_fn(move |segment: &ProducedSegment| {
            if segment.sequence == 32 {
                tell.send(thread_number()).expect("the test waits for it");
                held.pass();
            }
            Err(SinkError::permanent("marked-meanwhile").into())
        });
        let config = SegmentStreamConfig {
            channel_depth: 40,
            ..Default::default()
        };
        let (stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        (0..33).for_each(|number| sender.send(segment(number)).unwrap());
        let writer = told.recv().unwrap();
        let in_the_log = hold("31 more segments were not written");
        let giving_up = thread::spawn(move || stream.finish_timeout(Duration::ZERO));
        in_the_log.wait_for_arrivals(1);
        gate.open();
        wait_until_gone(&writer);
        in_the_log.open();
        let report = giving_up.join().unwrap().unwrap_err().into_report();
        assert_eq!((report.failed.len(), report.in_doubt.len()), (32, 1));
        let told = logged("1 more segments were not written since the last message");
        let of_it = told.iter().filter(|it| it.1.starts_with("1 more"));
        assert_eq!((logged("marked-meanwhile").len(), of_it.count()), (1, 1));
    });
}

/// There is room for one error in the report.
#[test]
fn of_a_sink_that_ends_badly_twice_the_first_is_reported_and_the_second_logged() {
    struct Twice;
    impl SegmentSink for Twice {
        fn write(&mut self, _: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
            Ok(())
        }
        fn finish(&mut self) -> Result<(), SinkError> {
            Err(SinkError::permanent("marked-first"))
        }
    }
    impl Drop for Twice {
        fn drop(&mut self) {
            panic!("marked-second");
        }
    }
    start_logging();
    must_end(|| {
        let (stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), Twice).unwrap();
        drop(sender);
        let report = stream.finish().unwrap_err().into_report();
        let reported: Vec<_> = report.sink_errors.iter().map(ToString::to_string).collect();
        assert_eq!(reported, ["cannot finish: marked-first"]);
        let second = "the sink did not end well: it panicked as it was dropped: marked-second";
        assert_eq!(logged("marked-second"), [(Level::Error, second.to_owned())]);
        assert!(logged("marked-first").is_empty());
    });
}

#[test]
fn what_was_reported_is_not_logged_again() {
    start_logging();
    must_end(|| {
        let (mut sink, _calls) = Recording::new();
        sink.finish = Some(io::Error::other("marked-c"));
        let (stream, _sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        assert!(stream.finish().is_err());
        assert!(logged("marked-c").is_empty());
    });
}

#[test]
fn a_logger_that_panics_every_time_loses_no_segment_and_ends_nobody() {
    start_logging();
    must_end(|| {
        let gate = Gate::default();
        let inner = gate.clone();
        let sink = sink::from_fn(move |_| {
            inner.pass();
            Err(io::Error::other(POISON))
        });
        let config = SegmentStreamConfig {
            channel_depth: 3,
            ..Default::default()
        };
        let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        (0..3).for_each(|number| sender.send(segment(number)).unwrap());
        gate.open();
        for number in 0..3 {
            let error = stream.next().unwrap().unwrap_err();
            assert_eq!(error.into_segment(), segment(number));
        }
        // The writer is none the worse for it.
        sender.send(segment(3)).unwrap();
        assert!(stream.next().unwrap().is_err());

        let (mut sink, _calls) = Recording::new();
        sink.finish = Some(io::Error::other(POISON));
        let (other, _sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        drop(other);
        stream.finish().unwrap();
    });
}

#[test]
fn failures_among_successes_do_not_flood_the_log_either() {
    start_logging();
    must_end(|| {
        let (stream, sender) = SegmentStream::with_sink(
            SegmentStreamConfig::default(),
            failing(|segment| segment.sequence % 2 == 0),
        )
        .unwrap();
        let started = Instant::now();
        let all = thread::spawn(move || stream.count());
        for number in 20_000..21_000 {
            let path = "marked-mixed.ts";
            sender.send(segment(number).with_path(path)).unwrap();
        }
        drop(sender);
        assert_eq!(all.join().unwrap(), 1_000);
        let intervals = 1 + usize::try_from(started.elapsed().as_secs() / 10).unwrap();
        let told = logged("marked-mixed").len();
        assert!((1..=intervals).contains(&told), "{told}");
        let recovered = logged("after 1 that failed");
        let here = recovered.iter().filter(|it| it.1.starts_with("segment 20"));
        let here = here.count();
        assert!((1..=intervals).contains(&here), "{here}");
        // None is forgotten at the end.
        assert!(told > 1 || logged("499 more segments were not written").len() == 1);
        let more = "499 more times a segment was written after some that failed";
        assert!(here > 1 || logged(more).len() == 1);
    });
}

#[test]
fn the_reason_of_a_panic_is_told_and_the_rest_in_one_line() {
    start_logging();
    must_end(|| {
        let gate = Gate::default();
        let held = gate.clone();
        let sink = sink::from_fn(move |_| {
            held.pass();
            panic!("marked-panic");
        });
        let (stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        (0..7).for_each(|number| sender.send(segment(number)).unwrap());
        gate.open();
        assert_eq!(stream.filter(Result::is_err).count(), 7);
        let told = logged("marked-panic");
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(logged("6 queued segments were not written").len(), 1);

        // And where nothing was queued there is nothing to tell.
        let sink = sink::from_fn(|_| panic!("marked-lonely"));
        let (stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert_eq!(stream.filter(Result::is_err).count(), 1);
        let told = logged("queued segments were not written");
        assert!(!told.iter().any(|it| it.1.starts_with("0 ")), "{told:?}");
    });
}

#[test]
fn a_logger_that_is_slow_or_sends_keeps_no_sender_out() {
    start_logging();
    must_end(|| {
        let gate = Gate::default();
        let config = SegmentStreamConfig {
            channel_depth: 1,
            stall_warning: Duration::from_millis(1),
            ..Default::default()
        };
        let (mut stream, sender) = SegmentStream::with_sink(config, gated(&gate)).unwrap();
        sender.send(segment(30_000)).unwrap();
        gate.wait_for_arrivals(1);
        let in_the_log = hold("a send of segment 30001 has waited");
        let slow = thread::spawn({
            let sender = sender.clone();
            move || sender.send(segment(30_001))
        });
        // It is inside the logger, and stays there.
        in_the_log.wait_for_arrivals(1);
        gate.open();
        assert_eq!(stream.next().unwrap().unwrap().sequence, 30_000);
        // The stream is empty, and others get in meanwhile, one after the other.
        for number in 0..3 {
            sender.try_send(segment(number)).unwrap();
            assert_eq!(stream.next().unwrap().unwrap().sequence, number);
        }
        in_the_log.open();
        assert_eq!(stream.next().unwrap().unwrap().sequence, 30_001);
        slow.join().unwrap().unwrap();
    });
}
