//! What travels with a segment, and losses of the producer: both come out in their place, whatever
//! becomes of the segment.

use std::io;
use std::num::NonZeroU32;
use std::thread;
use std::time::{Duration, SystemTime};

use segment_stream::{
    MediaTime, NoNext, ProducedSegment, SegmentInfo, SegmentSender, SegmentStream,
    SegmentStreamConfig, SendErrorKind, StreamStats, Submission, Tally, WhenFull, WriteError,
    WriteErrorKind, Yielded, sink,
};

use crate::common::config::{WRITERS, depth, once};
use crate::common::gate::Gate;
use crate::common::segments::segment;
use crate::common::sinks::{failing, gated, panicking_on};
use crate::common::threads::{must_end, spawn_asleep};

/// Everything that there is, with the number in it.
fn info(number: u64) -> SegmentInfo {
    let ticks = |count| MediaTime {
        start: count,
        duration: 180_000,
        timescale: NonZeroU32::new(90_000).unwrap(),
    };
    let info = SegmentInfo::new()
        .discontinuity()
        .program_date_time(SystemTime::UNIX_EPOCH + Duration::from_secs(number))
        .media_time(ticks(number));
    let info = info.key_lines([format!("#KEY-{number}")]).unwrap();
    info.event_line(format!("#EVENT-{number}")).unwrap()
}

fn submission(number: u64) -> Submission {
    Submission::from((segment(number), info(number)))
}

/// The number, whether it is `Ok`, and the information, which an error has as well.
fn parts(yielded: Yielded) -> (u64, Option<WriteErrorKind>, SegmentInfo) {
    let Yielded { result, info, .. } = yielded;
    match result {
        Ok(segment) => (segment.sequence, None, info),
        Err(error) => {
            assert_eq!(*error.info(), info);
            (error.sequence(), Some(error.kind()), info)
        }
    }
}

fn tally(segments: u64, bytes: u64) -> Tally {
    let mut tally = Tally::default();
    (tally.segments, tally.bytes) = (segments, bytes);
    tally
}

fn accounts(stats: &StreamStats) {
    let parts = [
        stats.yielded,
        stats.failed,
        stats.discarded,
        stats.dropped,
        stats.in_flight,
    ];
    let segments: u64 = parts.iter().map(|it| it.segments).sum();
    let bytes: u64 = parts.iter().map(|it| it.bytes).sum();
    assert_eq!(stats.accepted, tally(segments, bytes), "{stats:?}");
}

#[test]
fn information_comes_out_with_its_segment_whatever_becomes_of_that() {
    for writers in WRITERS {
        must_end(move || {
            let config = SegmentStreamConfig {
                channel_depth: 16,
                ..once()
            };
            let (mut stream, sender) = SegmentStream::with_writers(config, writers, |_| {
                failing(|segment| segment.sequence % 3 == 2)
            })
            .unwrap();
            let sending = thread::spawn(move || {
                for number in 0..40 {
                    match number % 4 {
                        0 => sender.send(segment(number)).unwrap(),
                        1 => sender.send((segment(number), info(number))).unwrap(),
                        _ => sender.send(submission(number)).unwrap(),
                    }
                }
            });
            let came: Vec<_> = stream.with_info().map(parts).collect();
            for (number, (sequence, kind, found)) in (0..).zip(&came) {
                let expected = match number % 4 {
                    0 => SegmentInfo::new(),
                    _ => info(number),
                };
                assert_eq!((*sequence, found), (number, &expected));
                let is_lost = number % 3 == 2;
                assert_eq!(*kind, is_lost.then_some(WriteErrorKind::Failed));
            }
            assert_eq!(came.len(), 40);
            sending.join().unwrap();
        });
    }
}

#[test]
fn both_iterators_take_from_the_same_stream_and_one_drops_the_information() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(8)).unwrap();
        assert_eq!(stream.with_info().try_next().unwrap_err(), NoNext::NotYet);
        let short = Duration::from_millis(1);
        assert_eq!(
            stream.with_info().next_timeout(short).unwrap_err(),
            NoNext::NotYet
        );
        (0..4).for_each(|number| sender.send(submission(number)).unwrap());
        assert_eq!(stream.next().unwrap().unwrap(), segment(0));
        let second = stream.with_info().next().unwrap();
        assert_eq!(second.info, info(1));
        let third = stream.with_info().next_timeout(Duration::MAX).unwrap();
        assert_eq!(third.info, info(2));
        while stream.stats().queued.segments + stream.stats().writing > 0 {
            thread::yield_now();
        }
        let fourth = stream.with_info().try_next().unwrap();
        assert_eq!(parts(fourth), (3, None, info(3)));
        drop(sender);
        assert!(stream.with_info().next().is_none());
        assert_eq!(stream.with_info().try_next().unwrap_err(), NoNext::Ended);
        assert_eq!(
            stream.with_info().next_timeout(short).unwrap_err(),
            NoNext::Ended
        );
        assert!(stream.next().is_none());
    });
}

/// A stream of two whose sink holds the first segment at the gate; the second is queued.
fn full() -> (SegmentStream, SegmentSender, Gate) {
    let gate = Gate::default();
    let (stream, sender) = SegmentStream::with_sink(depth(2), gated(&gate)).unwrap();
    sender.send(submission(0)).unwrap();
    gate.wait_for_arrivals(1);
    sender.send(submission(1)).unwrap();
    (stream, sender, gate)
}

#[test]
fn a_refused_submission_comes_back_whole() {
    must_end(|| {
        let (stream, sender, gate) = full();
        let error = sender.try_send(submission(2)).unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::Full);
        assert_eq!(error.into_submission(), submission(2));
        let error = sender
            .send_timeout(submission(3), Duration::ZERO)
            .unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::Timeout);
        // Through an `io::Error` as well.
        let error = io::Error::from(error);
        let error = error.downcast::<segment_stream::SendError>().unwrap();
        assert_eq!(error.into_submission(), submission(3));
        let waiting = {
            let sender = sender.clone();
            spawn_asleep(move || sender.send(submission(4)).unwrap_err())
        };
        stream.close();
        let error = waiting.join().unwrap();
        assert_eq!(error.kind(), SendErrorKind::Closed);
        assert_eq!(error.into_submission(), submission(4));
        gate.open();
        let report = stream.finish().unwrap();
        assert_eq!(report.written, [submission(0), submission(1)]);
    });
}

#[test]
fn a_sink_that_sends_into_its_own_stream_gets_the_submission_back() {
    must_end(|| {
        let (give, own) = std::sync::mpsc::channel::<SegmentSender>();
        let sink = sink::from_fn(move |_| {
            let sender = own.recv().unwrap();
            let error = sender.try_send(submission(1)).unwrap_err();
            assert_eq!(error.kind(), SendErrorKind::OwnWriter);
            assert_eq!(*error.segment(), segment(1));
            // A loss waits for nothing, and so may be recorded there.
            sender.give_up(error).unwrap();
            Ok(())
        });
        let (mut stream, sender) = SegmentStream::with_sink(depth(2), sink).unwrap();
        sender.send(submission(0)).unwrap();
        give.send(sender).unwrap();
        let came: Vec<_> = stream.with_info().map(parts).collect();
        let lost = (1, Some(WriteErrorKind::GivenUp), info(1));
        assert_eq!(came, [(0, None, info(0)), lost]);
    });
}

#[test]
fn a_write_error_gives_the_submission_back() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::with_sink(once(), failing(|_| true)).unwrap();
        sender.send(submission(0)).unwrap();
        sender.send(submission(1)).unwrap();
        let error = stream.next().unwrap().unwrap_err();
        assert_eq!(error.into_submission(), submission(0));
        let yielded = stream.with_info().next().unwrap();
        assert_eq!(Submission::from(yielded), submission(1));
    });
}

#[test]
fn what_a_panic_aborts_keeps_its_information() {
    must_end(|| {
        let gate = Gate::default();
        let (mut stream, sender) =
            SegmentStream::with_sink(depth(4), panicking_on(0, &gate)).unwrap();
        (0..3).for_each(|number| sender.send(submission(number)).unwrap());
        gate.open();
        for number in 0..3 {
            let yielded = stream.with_info().next().unwrap();
            let expected = [WriteErrorKind::Panicked, WriteErrorKind::Aborted];
            let error = yielded.result.unwrap_err();
            assert_eq!(error.kind(), expected[usize::from(number > 0)]);
            assert_eq!(error.into_submission(), submission(number));
        }
    });
}

#[test]
fn every_list_of_a_report_has_the_information() {
    must_end(|| {
        let gate = Gate::default();
        let held = gate.clone();
        let config = SegmentStreamConfig {
            channel_depth: 4,
            ..once()
        };
        let sink = sink::from_fn(move |segment| match segment.sequence {
            0 => Ok(()),
            1 => Err(crate::common::sinks::full_for_good()),
            _ => {
                held.pass();
                Ok(())
            }
        });
        let (stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        (0..4).for_each(|number| sender.send(submission(number)).unwrap());
        sender.lost(4, Duration::from_secs(2), info(4)).unwrap();
        gate.wait_for_arrivals(1);
        let error = stream.finish_timeout(Duration::ZERO).unwrap_err();
        gate.open();
        let report = error.into_report();
        assert_eq!(report.written, [submission(0)]);
        let in_doubt = ProducedSegment {
            data: Vec::new(),
            ..segment(2)
        };
        assert_eq!(report.in_doubt, [Submission::from((in_doubt, info(2)))]);
        assert_eq!(report.discarded, [submission(3)]);
        let failed: Vec<_> = report
            .failed
            .into_iter()
            .map(|error| (error.sequence(), error.info().clone()))
            .collect();
        assert_eq!(failed, [(1, info(1)), (4, info(4))]);
    });
}

#[test]
fn a_drain_gives_back_what_it_discards_with_its_information() {
    must_end(|| {
        let (mut stream, sender, gate) = full();
        let opening = {
            let handle = stream.handle();
            thread::spawn(move || {
                while handle.stats().queued.segments > 0 {
                    thread::yield_now();
                }
                gate.open();
            })
        };
        let report = stream.drain().unwrap();
        opening.join().unwrap();
        assert_eq!(report.written, [submission(0)]);
        assert_eq!(report.discarded, [submission(1)]);
        drop(sender);
    });
}

#[test]
fn chained_streams_keep_the_information_and_the_losses() {
    must_end(|| {
        let config = SegmentStreamConfig {
            channel_depth: 8,
            ..once()
        };
        let (mut first, sender) =
            SegmentStream::with_sink(config, failing(|it| it.sequence == 1)).unwrap();
        let (mut second, next) = SegmentStream::new(depth(8)).unwrap();
        (0..3).for_each(|number| sender.send(submission(number)).unwrap());
        sender.lost(3, Duration::from_secs(2), info(3)).unwrap();
        drop(sender);
        for yielded in first.with_info() {
            let lost = yielded.result.as_ref().err().map(WriteError::kind);
            match lost {
                None | Some(WriteErrorKind::Failed) => {
                    next.send(Submission::from(yielded)).unwrap();
                }
                Some(_) => {
                    let error = yielded.result.unwrap_err();
                    let duration = Duration::from_secs_f64(error.duration_secs());
                    next.lost(error.sequence(), duration, yielded.info).unwrap();
                }
            }
        }
        drop(next);
        let came: Vec<_> = second.with_info().map(parts).collect();
        let lost = (3, Some(WriteErrorKind::GivenUp), info(3));
        // The second sink took what the first one could not.
        let written = (0..3).map(|number| (number, None, info(number)));
        assert_eq!(came, written.chain([lost]).collect::<Vec<_>>());
        assert_eq!(second.bytes_written(), 3 * 64);
    });
}

/// `length` bytes of information, and no others.
fn of_lines(number: u64, length: usize) -> Submission {
    let info = SegmentInfo::new().event_line("#".repeat(length)).unwrap();
    Submission::from((ProducedSegment::media(number, Vec::new(), 2.0), info))
}

#[test]
fn lines_count_in_the_bound_of_bytes_and_in_no_payload() {
    must_end(|| {
        let gate = Gate::default();
        let config = depth(8).channel_bytes(100);
        let (mut stream, sender) = SegmentStream::with_sink(config, gated(&gate)).unwrap();
        let first = of_lines(0, 60);
        assert_eq!((first.byte_len(), first.info.byte_len()), (60, 60));
        sender.send(first).unwrap();
        let key = SegmentInfo::new().key_lines(["#".repeat(41)]).unwrap();
        let large = Submission::from((ProducedSegment::media(1, Vec::new(), 2.0), key));
        assert!(sender.try_send(large).unwrap_err().is_full());
        sender.try_send(of_lines(1, 40)).unwrap();
        assert!(sender.try_send(of_lines(2, 1)).unwrap_err().is_full());
        // Nothing of no length is refused.
        sender
            .try_send(ProducedSegment::media(2, Vec::new(), 2.0))
            .unwrap();
        assert_eq!(stream.stats().in_flight, tally(3, 0));
        gate.open();
        assert_eq!(stream.with_info().next().unwrap().info.byte_len(), 60);
        sender.try_send(of_lines(3, 60)).unwrap();
        assert!(sender.try_send(of_lines(4, 1)).unwrap_err().is_full());
        drop(sender);
        assert_eq!(stream.by_ref().count(), 3);
        assert_eq!(stream.stats().in_flight, tally(0, 0));
        assert_eq!(stream.bytes_written(), 0);
    });
}

#[test]
fn a_drop_gives_the_bytes_of_its_lines_back() {
    must_end(|| {
        let gate = Gate::default();
        let config = depth(8).channel_bytes(100).when_full(WhenFull::DropOldest);
        let (mut stream, sender) = SegmentStream::with_sink(config, gated(&gate)).unwrap();
        sender.send(of_lines(0, 10)).unwrap();
        gate.wait_for_arrivals(1);
        sender.send(of_lines(1, 50)).unwrap();
        sender.send(of_lines(2, 40)).unwrap();
        // It takes the room of both.
        sender.try_send(of_lines(3, 90)).unwrap();
        assert!(sender.try_send(of_lines(4, 91)).unwrap_err().is_full());
        sender.try_send(of_lines(4, 90)).unwrap();
        assert_eq!(stream.stats().dropped, tally(3, 0));
        gate.open();
        drop(sender);
        let came: Vec<_> = stream
            .with_info()
            .map(parts)
            .map(|(number, kind, info)| (number, kind, info.byte_len()))
            .collect();
        let dropped = Some(WriteErrorKind::Dropped);
        let expected = [
            (0, None, 10),
            (1, dropped, 50),
            (2, dropped, 40),
            (3, dropped, 90),
            (4, None, 90),
        ];
        assert_eq!(came, expected);
        accounts(&stream.stats());
    });
}

#[test]
fn a_refusal_alone_records_nothing() {
    must_end(|| {
        let (mut stream, sender, gate) = full();
        drop(sender.try_send(submission(2)).unwrap_err());
        assert_eq!(stream.stats().given_up, tally(0, 0));
        gate.open();
        drop(sender);
        assert_eq!(stream.by_ref().count(), 2);
        assert_eq!(stream.segments_received(), 2);
    });
}

#[test]
fn a_segment_that_is_given_up_comes_out_in_its_place_and_counts_apart() {
    must_end(|| {
        let (mut stream, sender, gate) = full();
        let refused = sender
            .try_send(submission(2).segment.with_path("2.ts"))
            .unwrap_err();
        assert_eq!(refused.kind(), SendErrorKind::Full);
        sender.give_up(refused).unwrap();
        let refused = sender
            .send_timeout(submission(3), Duration::ZERO)
            .unwrap_err();
        sender.give_up(refused).unwrap();
        sender
            .lost(4, Duration::from_millis(1500), info(4))
            .unwrap();
        let stats = stream.stats();
        assert_eq!(stats.given_up, tally(3, 128), "payloads count, once");
        assert_eq!(
            (stats.accepted, stats.in_flight),
            (tally(2, 128), tally(2, 128))
        );
        accounts(&stats);
        gate.open();
        assert_eq!(stream.with_info().next().unwrap().info, info(0));
        assert_eq!(stream.with_info().next().unwrap().info, info(1));
        // They took no slot: both are free, behind them.
        sender.try_send(submission(5)).unwrap();
        sender.try_send(submission(6)).unwrap();

        let error = stream.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), WriteErrorKind::GivenUp);
        assert_eq!(
            (error.segments(), error.byte_len(), error.attempts()),
            (1, 64, 0)
        );
        assert_eq!(error.path(), Some(std::path::Path::new("2.ts")));
        assert_eq!(
            error.to_string(),
            "segment 2: cannot write \"2.ts\": given up by the producer"
        );
        let without = ProducedSegment {
            data: Vec::new(),
            ..segment(2).with_path("2.ts")
        };
        assert_eq!(error.into_segment(), without, "its payload is gone");

        let error = stream.next().unwrap().unwrap_err();
        assert_eq!((error.sequence(), error.info()), (3, &info(3)));

        let error = stream.next().unwrap().unwrap_err();
        assert_eq!(error.info(), &info(4));
        assert_eq!(error.duration_secs().to_bits(), 1.5_f64.to_bits());
        assert!(!error.segment().is_init);

        drop(sender);
        let rest: Vec<_> = stream.by_ref().map(|it| it.unwrap().sequence).collect();
        assert_eq!(rest, [5, 6]);
        let stats = stream.stats();
        assert_eq!((stats.failed, stats.dropped), (tally(0, 0), tally(0, 0)));
        assert_eq!(stats.given_up, tally(3, 128));
        assert_eq!(stream.segments_received(), 7);
        accounts(&stats);
        // It is a failure of the iteration, and none of the end.
        stream.finish().unwrap();
    });
}

#[test]
fn a_loss_in_an_idle_stream_comes_out_at_once() {
    for writers in WRITERS {
        must_end(move || {
            let (mut stream, sender) =
                SegmentStream::with_writers(depth(16), writers, |_| sink::from_fn(|_| Ok(())))
                    .unwrap();
            let (tell, told) = std::sync::mpsc::channel();
            let consuming = spawn_asleep(move || {
                for yielded in stream.with_info() {
                    tell.send(parts(yielded)).unwrap();
                }
            });
            for number in 0..20 {
                sender
                    .lost(number, Duration::from_secs(2), info(number))
                    .unwrap();
                let expected = (number, Some(WriteErrorKind::GivenUp), info(number));
                assert_eq!(told.recv().unwrap(), expected);
            }
            drop(sender);
            consuming.join().unwrap();
        });
    }
}

#[test]
fn a_closed_stream_takes_no_loss_and_gives_everything_back() {
    must_end(|| {
        let (stream, sender) = SegmentStream::new(depth(2)).unwrap();
        stream.close();
        let refused = sender.send(submission(0)).unwrap_err();
        let error = sender.give_up(refused).unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::Closed);
        assert_eq!(error.into_submission(), submission(0), "with its payload");
        let error = sender.lost(1, Duration::from_secs(2), info(1)).unwrap_err();
        assert!(error.is_closed());
        let back = error.into_submission();
        assert_eq!((back.segment.sequence, &back.info), (1, &info(1)));
        assert_eq!(stream.stats().given_up, tally(0, 0));
        assert!(stream.finish().is_ok());
    });
}

#[test]
fn a_loss_that_nobody_yielded_is_in_the_report() {
    must_end(|| {
        let (mut stream, sender, gate) = full();
        sender.lost(2, Duration::from_secs(2), info(2)).unwrap();
        gate.open();
        let report = stream.drain().unwrap_err().into_report();
        assert_eq!(report.failed.len(), 1);
        assert_eq!(report.failed[0].kind(), WriteErrorKind::GivenUp);
        assert_eq!(report.failed[0].info(), &info(2));
        accounts(&stream.stats());
    });
}

/// More than have a record each: then neighbours share one, and none of the information is lost.
#[test]
fn losses_that_share_a_record_keep_state_count_and_lines() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(2)).unwrap();
        for number in 0..1_000 {
            sender
                .lost(number, Duration::from_secs(2), info(number))
                .unwrap();
        }
        sender.send(submission(1_000)).unwrap();
        drop(sender);
        let (mut segments, mut discontinuities, mut records) = (0, 0, 0);
        let (mut lines, mut next) = (Vec::new(), 0);
        for yielded in stream.with_info() {
            let Yielded {
                result,
                info: found,
                ..
            } = yielded;
            discontinuities += found.discontinuities();
            lines.extend(found.event_lines().map(str::to_owned));
            let last = match result {
                Ok(segment) => {
                    assert_eq!(found, info(1_000));
                    segment.sequence
                }
                Err(error) => {
                    assert_eq!(error.sequence(), next, "in its place");
                    segments += error.segments();
                    records += 1;
                    error.last_sequence()
                }
            };
            assert_eq!(found.keys(), info(last).keys(), "the last state holds");
            assert_eq!(found.date(), info(last).date());
            next = last + 1;
        }
        assert_eq!((segments, discontinuities), (1_000, 1_001));
        let expected: Vec<_> = (0..=1_000).map(|it| format!("#EVENT-{it}")).collect();
        assert_eq!(lines, expected);
        assert!(records <= 64 + 2, "{records} records");
        assert_eq!(stream.stats().given_up, tally(1_000, 0));
        accounts(&stream.stats());
    });
}

#[test]
fn a_submission_is_what_it_was_made_of() {
    let plain = Submission::from(segment(7));
    assert_eq!((&plain.segment, plain.info.is_empty()), (&segment(7), true));
    assert_eq!(plain.byte_len(), 64);
    let full = submission(7);
    assert_eq!(full.byte_len(), 64 + "#KEY-7#EVENT-7".len());
    assert_eq!(full.clone(), full);
    let info = full.info;
    assert_eq!(info.discontinuities(), 1);
    assert_eq!(info.time().map(|it| it.start), Some(7));
    assert_eq!(info.keys(), Some(&["#KEY-7".to_owned()][..]));
    let shown = format!("{info:?}");
    assert!(
        !shown.contains("#KEY"),
        "a key line may be a secret: {shown}"
    );
}
