//! A full stream: the bound in bytes, the line of senders, and dropping the oldest.

use std::thread;
use std::time::Duration;

use crate::common::gate::Gate;
use crate::common::segments::payload;
use crate::common::sinks::gated;
use crate::common::threads::{in_some_time, must_end, spawn_asleep};
use segment_stream::{
    NoNext, ProducedSegment, SegmentStream, SegmentStreamConfig, Submission, WhenFull, WriteError,
    WriteErrorKind,
};

fn of_size(sequence: u64, length: usize) -> ProducedSegment {
    ProducedSegment::media(sequence, payload(sequence, length), 2.0)
}

fn init(length: usize) -> ProducedSegment {
    ProducedSegment::init(payload(0, length))
}

/// A sender that wakes up by itself, to tell the log that it waits, would hide that nobody woke
/// it.
fn bytes(channel_bytes: usize) -> SegmentStreamConfig {
    SegmentStreamConfig {
        channel_bytes: Some(channel_bytes),
        stall_warning: Duration::MAX,
        ..Default::default()
    }
}

fn dropping(channel_depth: usize) -> SegmentStreamConfig {
    SegmentStreamConfig {
        channel_depth,
        when_full: WhenFull::DropOldest,
        ..Default::default()
    }
}

/// Its writer has taken the first segment, and holds it at the gate.
fn stalled(config: SegmentStreamConfig) -> (SegmentStream, segment_stream::SegmentSender, Gate) {
    let gate = Gate::default();
    let (stream, sender) = SegmentStream::with_sink(config, gated(&gate)).unwrap();
    sender.send(of_size(0, 10)).unwrap();
    gate.wait_for_arrivals(1);
    (stream, sender, gate)
}

fn wait_until_waiting(stream: &SegmentStream, senders: u64) {
    while stream.stats().waiting_senders < senders {
        thread::yield_now();
    }
}

#[test]
fn the_bound_in_bytes_is_exact() {
    must_end(|| {
        let (mut stream, sender, gate) = stalled(bytes(100));
        sender.try_send(of_size(1, 60)).unwrap();
        assert!(sender.try_send(of_size(2, 31)).unwrap_err().is_full());
        sender.try_send(of_size(2, 30)).unwrap();
        assert_eq!(stream.stats().in_flight.bytes, 100);
        assert!(sender.try_send(of_size(3, 1)).unwrap_err().is_full());
        sender.try_send(of_size(3, 0)).unwrap();
        gate.open();
        // A written segment that was not yielded yet counts as well.
        assert_eq!(stream.next().unwrap().unwrap().sequence, 0);
        assert!(sender.try_send(of_size(4, 11)).unwrap_err().is_full());
        sender.try_send(of_size(4, 10)).unwrap();
    });
}

#[test]
fn a_segment_above_the_bound_passes_when_it_is_alone() {
    for bound in [0, 1, 99] {
        must_end(move || {
            let (mut stream, sender) = SegmentStream::new(bytes(bound)).unwrap();
            for number in 0..5 {
                sender.try_send(of_size(number, 100)).unwrap();
                assert!(sender.try_send(of_size(9, 100)).unwrap_err().is_full());
                let waiting = spawn_asleep({
                    let sender = sender.clone();
                    move || sender.send(of_size(100 + number, 100))
                });
                assert_eq!(stream.next().unwrap().unwrap().sequence, number);
                assert_eq!(stream.next().unwrap().unwrap().sequence, 100 + number);
                waiting.join().unwrap().unwrap();
            }
        });
    }
}

#[test]
fn a_large_segment_is_not_overtaken_by_small_ones() {
    must_end(|| {
        let (mut stream, sender, gate) = stalled(bytes(100));
        sender.send(of_size(1, 80)).unwrap();
        let large = spawn_asleep({
            let sender = sender.clone();
            move || sender.send(of_size(2, 90))
        });
        wait_until_waiting(&stream, 1);
        // There is room for these, but they came later.
        assert!(sender.try_send(of_size(3, 1)).unwrap_err().is_full());
        let timeout = Duration::from_millis(1);
        assert!(
            sender
                .send_timeout(of_size(3, 1), timeout)
                .unwrap_err()
                .is_timeout()
        );
        let small = spawn_asleep({
            let sender = sender.clone();
            move || sender.send(of_size(3, 1))
        });
        wait_until_waiting(&stream, 2);
        gate.open();
        drop(sender);
        let order: Vec<_> = stream.by_ref().map(|item| item.unwrap().sequence).collect();
        assert_eq!(order, [0, 1, 2, 3]);
        large.join().unwrap().unwrap();
        small.join().unwrap().unwrap();
    });
}

#[test]
fn who_gives_up_in_the_line_lets_the_next_one_through() {
    in_some_time(Duration::from_millis(200), |timeout| {
        must_end(move || next_one_waits(timeout))
    });
}

/// Whether a small segment has waited behind a large one, whose sender gives up.
fn next_one_waits(timeout: Duration) -> bool {
    let (stream, sender, gate) = stalled(bytes(100));
    let large = thread::spawn({
        let sender = sender.clone();
        move || sender.send_timeout(of_size(1, 95), timeout).unwrap_err()
    });
    while stream.stats().waiting_senders < 1 && !large.is_finished() {
        thread::yield_now();
    }
    let small = thread::spawn({
        let sender = sender.clone();
        move || sender.send(of_size(2, 90))
    });
    let mut has_waited = false;
    while !small.is_finished() {
        has_waited |= stream.stats().waiting_senders == 2;
        thread::yield_now();
    }
    // Nothing else happens to the stream: only the one before it is gone.
    assert!(large.join().unwrap().is_timeout());
    small.join().unwrap().unwrap();
    gate.open();
    drop(sender);
    assert_eq!(stream.map(Result::unwrap).count(), 2);
    has_waited
}

#[test]
fn the_oldest_that_is_queued_makes_room_and_comes_out_in_its_place_without_its_payload() {
    must_end(|| {
        let (mut stream, sender, gate) = stalled(dropping(3));
        for number in 1..6 {
            let segment = of_size(number, 10 * usize::try_from(number).unwrap());
            sender
                .try_send(segment.with_path(format!("{number}.ts")))
                .unwrap();
        }
        let stats = stream.stats();
        assert_eq!((stats.dropped.segments, stats.dropped.bytes), (3, 60));
        assert_eq!((stats.in_flight.segments, stats.in_flight.bytes), (3, 100));
        assert_eq!((stats.queued.segments, stats.queued.bytes), (2, 90));
        assert_eq!(stream.segments_received(), 0);
        gate.open();
        assert_eq!(stream.next().unwrap().unwrap().sequence, 0);
        for number in 1..4 {
            let error = stream.next().unwrap().unwrap_err();
            assert_eq!(
                (error.kind(), error.attempts()),
                (WriteErrorKind::Dropped, 0)
            );
            assert_eq!((error.sequence(), error.last_sequence()), (number, number));
            assert_eq!((error.segments(), error.byte_len()), (1, 10 * number));
            assert_eq!(error.duration_secs().to_bits(), 2.0_f64.to_bits());
            assert!(
                error.to_string().contains(&format!("segment {number}: ")),
                "{error}"
            );
            let expected = of_size(number, 0).with_path(format!("{number}.ts"));
            assert_eq!(error.into_segment(), expected);
        }
        drop(sender);
        let rest: Vec<_> = stream.by_ref().map(|item| item.unwrap().sequence).collect();
        assert_eq!(rest, [4, 5]);
        assert_eq!(stream.segments_received(), 6);
        let stats = stream.stats();
        assert_eq!((stats.accepted.segments, stats.yielded.segments), (6, 3));
        assert_eq!(stream.bytes_written(), stats.yielded.bytes);
        assert_eq!(stats.yielded.bytes, 10 + 40 + 50);
        stream.finish().unwrap();
    });
}

#[test]
fn an_initialisation_segment_is_never_dropped() {
    must_end(|| {
        let (mut stream, sender, gate) = stalled(dropping(4));
        sender.try_send(init(7)).unwrap();
        sender.try_send(of_size(1, 1)).unwrap();
        sender.try_send(init(8)).unwrap();
        sender.try_send(init(9)).unwrap(); // Drops segment 1.
        // Only initialisation segments are queued: from here on it is as with `Block`.
        assert!(sender.try_send(of_size(2, 1)).unwrap_err().is_full());
        assert!(sender.try_send(init(1)).unwrap_err().is_full());
        let timeout = Duration::from_millis(1);
        assert!(
            sender
                .send_timeout(init(1), timeout)
                .unwrap_err()
                .is_timeout()
        );
        let waiting = spawn_asleep({
            let sender = sender.clone();
            move || sender.send(of_size(2, 1))
        });
        wait_until_waiting(&stream, 1);
        gate.open();
        drop(sender);
        let out: Vec<_> = stream
            .by_ref()
            .map(|item| {
                item.map(|it| it.byte_len())
                    .map_err(|error| error.sequence())
            })
            .collect();
        assert_eq!(out, [Ok(10), Ok(7), Err(1), Ok(8), Ok(9), Ok(1)]);
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn only_as_many_are_dropped_as_are_needed_and_none_where_that_would_not_help() {
    must_end(|| {
        let config = SegmentStreamConfig {
            channel_bytes: Some(100),
            ..dropping(8)
        };
        let (stream, sender, gate) = stalled(config);
        for (number, length) in [(1, 20), (2, 30), (3, 40)] {
            sender.try_send(of_size(number, length)).unwrap();
        }
        // 10 are in hand and 90 are queued. 30 more: the first two go, and the third stays.
        sender.try_send(of_size(4, 30)).unwrap();
        let stats = stream.stats();
        assert_eq!((stats.dropped.segments, stats.dropped.bytes), (2, 50));
        // Even without all that is queued there would be no room for this one beside the one in
        // hand.
        assert!(sender.try_send(of_size(5, 91)).unwrap_err().is_full());
        assert_eq!(stream.stats().dropped.segments, 2);
        sender.try_send(of_size(6, 90)).unwrap();
        assert_eq!(stream.stats().dropped.segments, 4);
        gate.open();
        drop(sender);
        let out: Vec<_> = stream
            .map(|item| item.map(|it| it.sequence).map_err(|error| error.sequence()))
            .collect();
        assert_eq!(out, [Ok(0), Err(1), Err(2), Err(3), Err(4), Ok(6)]);
    });
}

#[test]
fn what_waits_to_be_yielded_is_not_dropped() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(dropping(2)).unwrap();
        sender.send(of_size(0, 1)).unwrap();
        sender.send(of_size(1, 1)).unwrap();
        while stream.stats().queued.segments + stream.stats().writing > 0 {
            thread::yield_now();
        }
        assert!(sender.try_send(of_size(2, 1)).unwrap_err().is_full());
        assert_eq!(stream.next().unwrap().unwrap().sequence, 0);
        sender.try_send(of_size(2, 1)).unwrap();
    });
}

#[test]
fn a_long_stall_is_told_in_few_errors_that_add_up() {
    must_end(|| {
        let (mut stream, sender, gate) = stalled(dropping(3));
        for number in 1..=1_000 {
            sender.try_send(of_size(number, 100)).unwrap();
        }
        gate.open();
        drop(sender);
        assert_eq!(stream.next().unwrap().unwrap().sequence, 0);
        let errors: Vec<_> = stream.by_ref().map_while(Result::err).collect();
        assert_eq!(errors.len(), 64);
        let mut next = 1;
        for error in &errors {
            assert_eq!(error.sequence(), next);
            next = error.last_sequence() + 1;
            assert_eq!(error.segments(), next - error.sequence());
            assert_eq!(error.byte_len(), 100 * error.segments());
        }
        assert_eq!(next, 999);
        let rest = errors.last().unwrap();
        assert_eq!(
            (rest.segments(), rest.duration_secs().to_bits()),
            (935, 1870_f64.to_bits())
        );
        let message = rest.to_string();
        assert!(
            message.starts_with("935 segments, 64 to 998: dropped"),
            "{message}"
        );
        // `map_while` took the first `Ok` out as well.
        assert_eq!(stream.next().unwrap().unwrap().sequence, 1_000);
        assert!(stream.next().is_none());
        assert_eq!(stream.segments_received(), 1_001);
    });
}

#[test]
fn what_was_dropped_is_in_the_report_too() {
    must_end(|| {
        for is_drained in [false, true] {
            let (mut stream, sender, gate) = stalled(dropping(2));
            (1..4).for_each(|number| sender.try_send(of_size(number, 1)).unwrap());
            let report = if is_drained {
                let ending = spawn_asleep(move || stream.drain());
                gate.open();
                ending.join().unwrap().unwrap_err()
            } else {
                gate.open();
                stream.finish().unwrap_err()
            };
            assert!(
                report.to_string().starts_with("2 segments not written"),
                "{report}"
            );
            let report = report.into_report();
            let lost: Vec<_> = report.failed.iter().map(WriteError::sequence).collect();
            assert_eq!(lost, [1, 2]);
            let landed = report.written.iter().chain(&report.discarded);
            let landed: Vec<_> = landed.map(|it| it.segment.sequence).collect();
            assert_eq!(landed, [0, 3]);
            assert_eq!(report.discarded.len(), usize::from(is_drained));
        }
    });
}

#[test]
fn what_was_dropped_is_in_the_report_of_a_stream_that_is_given_up() {
    must_end(|| {
        let (stream, sender, gate) = stalled(dropping(2));
        (1..4).for_each(|number| sender.try_send(of_size(number, 1)).unwrap());
        let error = stream.finish_timeout(Duration::ZERO).unwrap_err();
        let report = error.into_report();
        let lost: Vec<_> = report.failed.iter().map(WriteError::sequence).collect();
        assert_eq!(lost, [1, 2]);
        let numbers =
            |of: &[Submission]| of.iter().map(|it| it.segment.sequence).collect::<Vec<_>>();
        assert_eq!(numbers(&report.in_doubt), [0]);
        assert_eq!(numbers(&report.discarded), [3]);
        gate.open();
    });
}

#[test]
fn a_dropped_segment_comes_out_as_soon_as_it_is_the_next() {
    must_end(|| {
        let (mut stream, sender, gate) = stalled(dropping(2));
        (1..3).for_each(|number| sender.try_send(of_size(number, 1)).unwrap());
        gate.admit(1);
        assert_eq!(stream.next().unwrap().unwrap().sequence, 0);
        gate.wait_for_arrivals(2);
        assert_eq!(stream.next().unwrap().unwrap_err().sequence(), 1);
        assert_eq!(stream.try_next().unwrap_err(), NoNext::NotYet);
        gate.open();
        assert_eq!(stream.next().unwrap().unwrap().sequence, 2);
    });
}
