//! Every accepted segment comes out once, in order, with its own bytes, whatever ends the stream.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::config::{WRITERS, depth};
use common::gate::Gate;
use common::segments::{payload, segment};
use common::sinks::{Call, Recording, failing, gated};
use common::sync::Mutex;
use common::thorough::cases;
use common::threads::{give_way, must_end};
use proptest::prelude::*;
use segment_stream::{
    FinishError, ProducedSegment, Report, SegmentSender, SegmentStream, SegmentStreamConfig,
    SinkError, Submission, Tally, WriteError, WriteErrorKind, sink,
};

const PRODUCERS: u64 = 8;
/// A producer's number stands above this in the sequence, its own count below.
const PRODUCER: u64 = 1 << 32;

/// Sizes from nothing to 20 kB, most of them small, known from the sequence.
fn mixed(sequence: u64) -> ProducedSegment {
    let scrambled = sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let length = match scrambled % 64 {
        0 => 20_000,
        1..=7 => 2_000,
        8 => 0,
        _ => 60,
    };
    ProducedSegment::media(sequence, payload(sequence, length), 2.0)
}

fn fails(sequence: u64) -> bool {
    sequence % PRODUCER % 7 == 6
}

/// Fails every 7th, and takes a moment now and then, told by nothing but the number.
fn moody() -> impl segment_stream::SegmentSink {
    sink::from_fn(|segment| {
        let scrambled = segment.sequence.wrapping_mul(0xD134_2543_DE82_EF95) >> 48;
        give_way(scrambled % 64);
        if fails(segment.sequence) {
            return Err(SinkError::permanent(io::Error::from_raw_os_error(28)).into());
        }
        Ok(())
    })
}

/// Sends from several threads until each has sent its share or the stream refuses; returns, for
/// each producer, how many were accepted.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the last sender of its own"
)]
fn produce(sender: SegmentSender, each: u64) -> Vec<thread::JoinHandle<u64>> {
    (0..PRODUCERS)
        .map(|producer| {
            let sender = sender.clone();
            thread::spawn(move || {
                for count in 0..each {
                    let sequence = producer * PRODUCER + count;
                    if let Err(error) = sender.send(mixed(sequence)) {
                        assert!(error.is_closed());
                        assert_eq!(error.into_segment(), mixed(sequence));
                        return count;
                    }
                }
                each
            })
        })
        .collect()
}

/// The segments that came out so far, each checked as it is noted.
#[derive(Default)]
struct Seen {
    next: BTreeMap<u64, u64>,
    ok: Tally,
    failed: Tally,
    discarded: Tally,
}

impl Seen {
    fn note(&mut self, segment: &ProducedSegment) -> Tally {
        let (producer, count) = (segment.sequence / PRODUCER, segment.sequence % PRODUCER);
        let expected = self.next.entry(producer).or_default();
        assert_eq!(
            count, *expected,
            "of producer {producer}: missing, twice or out of order"
        );
        *expected += 1;
        assert_eq!(*segment, mixed(segment.sequence), "not what was sent");
        Tally {
            segments: 1,
            bytes: segment.byte_len() as u64,
        }
    }

    fn item(&mut self, item: Result<ProducedSegment, WriteError>) {
        match item {
            Ok(segment) => {
                assert!(!fails(segment.sequence));
                let one = self.note(&segment);
                add(&mut self.ok, one);
            }
            Err(error) => {
                assert!(fails(error.sequence()));
                assert_eq!(error.raw_os_error(), Some(28));
                let one = self.note(error.segment());
                add(&mut self.failed, one);
            }
        }
    }

    /// The three lists are each in the order of acceptance; together they are what is left.
    fn report(&mut self, report: Report) {
        assert!(report.sink_errors.is_empty());
        let mut left: Vec<(u64, Result<ProducedSegment, WriteError>)> = Vec::new();
        left.extend(
            report
                .written
                .into_iter()
                .map(|it| (it.segment.sequence, Ok(it.segment))),
        );
        left.extend(report.failed.into_iter().map(|it| (it.sequence(), Err(it))));
        left.sort_by_key(|(sequence, _)| *sequence);
        left.into_iter().for_each(|(_, item)| self.item(item));
        // Discarding starts at one moment: behind it nothing was written any more.
        let mut discarded = report.discarded;
        discarded.sort_by_key(|it| it.segment.sequence);
        for Submission { segment, .. } in discarded {
            let one = self.note(&segment);
            add(&mut self.discarded, one);
        }
    }

    fn accepted(&self) -> BTreeMap<u64, u64> {
        self.next.clone()
    }
}

fn add(total: &mut Tally, one: Tally) {
    total.segments += one.segments;
    total.bytes += one.bytes;
}

fn report_of(result: Result<Report, FinishError>) -> Report {
    match result {
        Ok(report) => {
            assert!(report.failed.is_empty());
            report
        }
        Err(error) => {
            assert!(!error.report().failed.is_empty());
            error.into_report()
        }
    }
}

fn accepted_by(producers: Vec<thread::JoinHandle<u64>>) -> BTreeMap<u64, u64> {
    (0..)
        .zip(producers)
        .map(|(producer, thread)| (producer, thread.join().unwrap()))
        .filter(|(_, accepted)| *accepted > 0)
        .collect()
}

#[test]
fn every_segment_of_eight_producers_comes_out_once() {
    WRITERS.into_iter().for_each(|writers| {
        let each = if writers == 1 {
            cases(2_500, 10_000)
        } else {
            cases(1_000, 2_000)
        };
        must_end(move || accounts_for_all(writers, each));
    });
}

fn accounts_for_all(writers: usize, each: u64) {
    let all = PRODUCERS * each;
    let (mut stream, sender) =
        SegmentStream::with_writers(depth(8.max(writers)), writers, |_| moody()).unwrap();
    let handle = stream.handle();
    let producers = produce(sender, each);
    let mut seen = Seen::default();
    for item in &mut stream {
        seen.item(item);
    }
    assert_eq!(seen.accepted(), accepted_by(producers));
    assert_eq!(seen.ok.segments + seen.failed.segments, all);
    let stats = handle.stats();
    assert_eq!(stats.accepted.segments, all);
    assert_eq!((stats.yielded, stats.failed), (seen.ok, seen.failed));
    assert_eq!((stats.in_flight, stats.discarded), Default::default());
    assert_eq!(stats.accepted.bytes, seen.ok.bytes + seen.failed.bytes);
    assert_eq!(stream.bytes_written(), seen.ok.bytes);
    assert_eq!(stream.segments_received(), all);
    assert!(stats.longest_write >= stats.mean_write);
    let report = stream.finish().unwrap();
    assert!(report.written.is_empty() && report.failed.is_empty());
}

#[derive(Debug, Clone, Copy)]
enum End {
    Finish,
    Drain,
    Drop,
    Close,
    FinishInTime,
}

fn ending() -> impl Strategy<Value = End> {
    prop_oneof![
        Just(End::Finish),
        Just(End::Drain),
        Just(End::Drop),
        Just(End::Close),
        Just(End::FinishInTime)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_ends_the_stream_at_whatever_moment_nothing_is_missing_or_twice(
        writers in prop::sample::select(WRITERS.to_vec()), more in 0_usize..40,
        taken in 0_usize..300, end in ending(),
    ) {
        must_end(move || end_after(writers, writers + more, taken, end));
    }
}

fn end_after(writers: usize, channel_depth: usize, taken: usize, end: End) {
    // Remembers what reached the destination, for the case in which nothing is handed back.
    let landed = Arc::new(Mutex::new(BTreeSet::new()));
    let sink = |_| {
        let landed = Arc::clone(&landed);
        sink::from_fn(move |segment| {
            if fails(segment.sequence) {
                return Err(SinkError::permanent(io::Error::from_raw_os_error(28)).into());
            }
            assert!(
                landed.lock().unwrap().insert(segment.sequence),
                "written twice"
            );
            Ok(())
        })
    };
    let (mut stream, sender) =
        SegmentStream::with_writers(depth(channel_depth), writers, sink).unwrap();
    let handle = stream.handle();
    let producers = produce(sender, 1_000);
    let mut seen = Seen::default();
    stream.by_ref().take(taken).for_each(|item| seen.item(item));
    match end {
        End::Finish => seen.report(report_of(stream.finish())),
        End::FinishInTime => {
            let report = report_of(stream.finish_timeout(Duration::MAX));
            assert!(report.discarded.is_empty() && report.in_doubt.is_empty());
            seen.report(report);
        }
        End::Drain => {
            seen.report(report_of(stream.drain()));
            assert!(stream.next().is_none());
        }
        End::Close => {
            stream.close();
            stream.by_ref().for_each(|item| seen.item(item));
        }
        End::Drop => drop(stream),
    }
    let accepted = accepted_by(producers);
    let written = landed.lock().unwrap();
    let stats = handle.stats();
    let total: u64 = accepted.values().sum();
    assert_eq!(stats.accepted.segments, total);
    assert_eq!(stats.in_flight, Tally::default());
    assert_eq!(stats.yielded.segments, written.len() as u64);
    if matches!(end, End::Drop) {
        // Everything that was accepted and can land has landed.
        let expected: BTreeSet<u64> = accepted
            .iter()
            .flat_map(|(producer, count)| (0..*count).map(move |it| producer * PRODUCER + it))
            .filter(|sequence| !fails(*sequence))
            .collect();
        assert_eq!(*written, expected);
    } else {
        assert_eq!(seen.accepted(), accepted);
        assert_eq!(
            (stats.yielded, stats.failed, stats.discarded),
            (seen.ok, seen.failed, seen.discarded)
        );
    }
}

#[test]
fn the_payload_is_moved_and_never_copied() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::with_sink(
            SegmentStreamConfig::default(),
            failing(|segment| segment.sequence % 2 == 1),
        )
        .unwrap();
        for number in 0..4 {
            let sent = segment(number);
            let address = sent.data.as_ptr();
            sender.send(sent).unwrap();
            let yielded = stream.next().unwrap();
            let segment = yielded.unwrap_or_else(WriteError::into_segment);
            assert_eq!(segment.data.as_ptr(), address);
        }
        // Through a refusal, a report and a discard as well.
        let sent = segment(4);
        let address = sent.data.as_ptr();
        sender.send(sent).unwrap();
        let report = stream.drain().unwrap();
        let back = report
            .written
            .iter()
            .chain(&report.discarded)
            .next()
            .unwrap();
        assert_eq!(back.segment.data.as_ptr(), address);
        let refused = segment(5);
        let address = refused.data.as_ptr();
        let refused = sender.send(refused).unwrap_err().into_segment();
        assert_eq!(refused.data.as_ptr(), address);
    });
}

#[test]
fn a_failure_takes_the_place_of_its_segment_and_the_iteration_goes_on() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::with_sink(
            SegmentStreamConfig::default(),
            failing(|segment| segment.sequence == 1),
        )
        .unwrap();
        for number in 0..3 {
            sender.send(segment(number)).unwrap();
        }
        drop(sender);
        assert_eq!(stream.next().unwrap().unwrap().sequence, 0);
        let error = stream.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), WriteErrorKind::Failed);
        assert_eq!((error.sequence(), error.attempts()), (1, 1));
        assert_eq!(stream.next().unwrap().unwrap().sequence, 2);
        assert!(stream.next().is_none());
        assert!(stream.next().is_none());
    });
}

#[test]
fn the_sink_is_finished_once_after_the_last_segment_and_then_dropped() {
    must_end(|| {
        let (sink, calls) = Recording::new();
        let (mut stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        sender.send(segment(0)).unwrap();
        sender.send(segment(1)).unwrap();
        drop(sender);
        assert_eq!(stream.by_ref().count(), 2);
        // The end of the iteration is the end of the sink, though the stream still stands.
        let expected = [Call::Write(0), Call::Write(1), Call::Finish, Call::Drop];
        assert_eq!(*calls.lock().unwrap(), expected);
        drop(stream);
        assert_eq!(*calls.lock().unwrap(), expected);
    });
}

#[test]
fn the_error_of_the_sinks_finish_reaches_the_caller_of_finish() {
    must_end(|| {
        for iterate_first in [true, false] {
            let (mut sink, _calls) = Recording::new();
            sink.finish = Some(io::Error::from_raw_os_error(5));
            let (mut stream, sender) =
                SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
            sender.send(segment(0)).unwrap();
            drop(sender);
            let expected = if iterate_first {
                stream.by_ref().for_each(|item| drop(item.unwrap()));
                0
            } else {
                1
            };
            let error = stream.finish().unwrap_err();
            assert_eq!(error.report().written.len(), expected);
            let sink_error = error.report().sink_errors.first().unwrap();
            assert_eq!(sink_error.raw_os_error(), Some(5));
            assert_eq!(error.kind(), segment_stream::FinishErrorKind::Sink);
        }
    });
}

#[test]
fn drain_discards_what_is_queued_and_completes_the_write_under_way() {
    must_end(|| {
        let gate = Gate::default();
        let (mut stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), gated(&gate)).unwrap();
        for number in 0..5 {
            sender.send(segment(number)).unwrap();
        }
        gate.admit(1);
        assert_eq!(stream.next().unwrap().unwrap().sequence, 0);
        gate.wait_for_arrivals(2);
        let handle = stream.handle();
        let draining = common::threads::spawn_asleep(move || {
            let report = stream.drain().unwrap();
            (stream, report)
        });
        // The write under way sees the light only now, and the drain has waited for it.
        gate.open();
        let (mut stream, report) = draining.join().unwrap();
        let numbers = |list: &[Submission]| {
            list.iter()
                .map(|it| it.segment.sequence)
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(&report.written), [1]);
        assert_eq!(numbers(&report.discarded), [2, 3, 4]);
        assert_eq!(
            gate.arrivals(),
            2,
            "the sink was not called for what was discarded"
        );
        assert!(stream.next().is_none());
        assert_eq!(handle.stats().discarded.segments, 3);
        assert_eq!(stream.segments_received(), 2);
        let report = stream.finish().unwrap();
        assert!(report.written.is_empty() && report.discarded.is_empty());
    });
}

#[test]
fn without_auto_write_segments_pass_unwritten() {
    must_end(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment.ts");
        let config = SegmentStreamConfig {
            auto_write: false,
            pre_allocate: true,
            ..Default::default()
        };
        let (mut stream, sender) = SegmentStream::new(config).unwrap();
        sender.send(segment(0).with_path(&path)).unwrap();
        assert!(stream.next().unwrap().is_ok());
        assert!(!path.exists());
        assert_eq!(stream.stats().without_destination, Tally::default());
    });
}

#[test]
fn segments_without_a_path_hint_pass_the_disk_sink_and_are_counted_apart() {
    must_end(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment.ts");
        let (mut stream, sender) = SegmentStream::new(SegmentStreamConfig::default()).unwrap();
        sender.send(segment(0)).unwrap();
        sender.send(segment(1).with_path(&path)).unwrap();
        assert!(stream.next().unwrap().is_ok());
        assert!(stream.next().unwrap().is_ok());
        assert_eq!(std::fs::read(&path).unwrap(), segment(1).data);
        let stats = stream.stats();
        assert_eq!(
            stats.without_destination,
            Tally {
                segments: 1,
                bytes: 64
            }
        );
        assert_eq!(
            stats.yielded,
            Tally {
                segments: 2,
                bytes: 128
            }
        );
    });
}

#[test]
fn unusual_segments_pass_as_they_are() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(SegmentStreamConfig::default()).unwrap();
        for duration in [f64::NAN, f64::INFINITY, -1.0, 1e300, -0.0] {
            let sent = ProducedSegment::media(u64::MAX, Vec::new(), duration);
            sender.send(sent).unwrap();
            let yielded = stream.next().unwrap().unwrap();
            assert_eq!(yielded.duration_secs.to_bits(), duration.to_bits());
            assert_eq!((yielded.sequence, yielded.byte_len()), (u64::MAX, 0));
        }
        let init = ProducedSegment::init(vec![1, 2, 3]);
        sender.send(init.clone()).unwrap();
        assert_eq!(stream.next().unwrap().unwrap(), init);
    });
}
