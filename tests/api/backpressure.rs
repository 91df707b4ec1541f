//! The bound is exact, and waiting for a slot ends when one is free.

use std::io;
use std::thread;
use std::time::Duration;

use crate::common::config::depth;
use crate::common::gate::Gate;
use crate::common::segments::segment;
use crate::common::sinks::gated;
use crate::common::threads::must_end;
use segment_stream::{NoNext, SegmentSender, SegmentStream};

const DEPTHS: [usize; 4] = [1, 2, 8, 64];

/// Fills every free slot; returns how many there were.
fn fill(sender: &SegmentSender) -> usize {
    let mut accepted = 0;
    loop {
        match sender.try_send(segment(accepted)) {
            Ok(()) => accepted += 1,
            Err(error) => {
                assert!(error.is_full() && !error.is_closed() && !error.is_timeout());
                assert_eq!(error.segment().sequence, accepted);
                return usize::try_from(accepted).unwrap();
            }
        }
    }
}

#[test]
fn exactly_depth_segments_fit_while_nothing_is_written() {
    must_end(|| {
        for channel_depth in DEPTHS {
            let gate = Gate::default();
            let (_stream, sender) =
                SegmentStream::with_sink(depth(channel_depth), gated(&gate)).unwrap();
            assert_eq!(fill(&sender), channel_depth);
            gate.open();
        }
    });
}

#[test]
fn exactly_depth_segments_fit_while_the_writer_is_held_inside_a_write() {
    must_end(|| {
        for channel_depth in DEPTHS {
            let gate = Gate::default();
            let (_stream, sender) =
                SegmentStream::with_sink(depth(channel_depth), gated(&gate)).unwrap();
            sender.try_send(segment(0)).unwrap();
            gate.wait_for_arrivals(1);
            assert_eq!(fill(&sender), channel_depth - 1);
            gate.open();
        }
    });
}

#[test]
fn exactly_depth_segments_fit_when_all_are_written_and_nobody_iterates() {
    must_end(|| {
        for channel_depth in DEPTHS {
            let gate = Gate::default();
            let (mut stream, sender) =
                SegmentStream::with_sink(depth(channel_depth), gated(&gate)).unwrap();
            assert_eq!(fill(&sender), channel_depth);
            gate.admit(channel_depth as u64);
            gate.wait_for_arrivals(channel_depth as u64);
            assert_eq!(fill(&sender), 0);

            // Each one that is yielded frees one slot and no more. The gate holds the ones that
            // follow, so that all of the first `channel_depth` are written and yielded here.
            for _ in 0..channel_depth {
                assert!(stream.next().unwrap().is_ok());
                assert_eq!(fill(&sender), 1);
            }
            gate.open();
        }
    });
}

#[test]
fn a_slot_stays_taken_while_a_failed_segment_waits_to_be_yielded() {
    must_end(|| {
        let (mut stream, sender) =
            SegmentStream::with_sink(depth(2), crate::common::sinks::failing(|_| true)).unwrap();
        assert_eq!(fill(&sender), 2);
        assert!(stream.next().unwrap().is_err());
        assert_eq!(fill(&sender), 1);
    });
}

#[test]
fn in_flight_never_exceeds_the_depth() {
    must_end(|| {
        let (stream, sender) = SegmentStream::new(depth(3)).unwrap();
        let handle = stream.handle();
        let producers: Vec<_> = (0..4)
            .map(|_| {
                let (sender, handle) = (sender.clone(), handle.clone());
                thread::spawn(move || {
                    for number in 0..2_000 {
                        sender.send(segment(number)).unwrap();
                        assert!(handle.stats().in_flight.segments <= 3);
                    }
                })
            })
            .collect();
        drop(sender);
        assert_eq!(stream.map(Result::unwrap).count(), 8_000);
        producers.into_iter().for_each(|it| it.join().unwrap());
    });
}

#[test]
fn send_waits_for_a_slot_and_takes_it() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(1)).unwrap();
        sender.send(segment(0)).unwrap();
        let blocked = blocked_sender(&sender, 1);
        assert_eq!(stream.next().unwrap().unwrap().sequence, 0);
        assert_eq!(stream.next().unwrap().unwrap().sequence, 1);
        blocked.join().unwrap().unwrap();
    });
}

#[test]
fn send_timeout_gives_the_segment_back_when_the_time_is_over() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(1)).unwrap();
        sender.send(segment(0)).unwrap();
        for timeout in [Duration::ZERO, Duration::from_millis(1)] {
            let error = sender.send_timeout(segment(1), timeout).unwrap_err();
            assert!(error.is_timeout() && !error.is_full() && !error.is_closed());
            assert_eq!(error.into_segment(), segment(1));
        }
        stream.next().unwrap().unwrap();
        // With a slot free the shortest time is long enough, and the longest is no overflow.
        sender.send_timeout(segment(1), Duration::ZERO).unwrap();
        stream.next().unwrap().unwrap();
        sender.send_timeout(segment(2), Duration::MAX).unwrap();
    });
}

#[test]
fn the_end_of_a_time_out_loses_no_wake_up() {
    // Senders that give up at about the moment in which a slot becomes free. If a sender that was
    // woken gave up without waking the next, a slot would be free and a sender asleep beside it.
    must_end(|| {
        let (stream, sender) = SegmentStream::new(depth(1)).unwrap();
        let impatient: Vec<_> = (0..3)
            .map(|_| {
                let sender = sender.clone();
                thread::spawn(move || {
                    let mut sent = 0_u64;
                    for _ in 0..3_000 {
                        let timeout = Duration::from_micros(20);
                        sent += u64::from(sender.send_timeout(segment(0), timeout).is_ok());
                    }
                    sent
                })
            })
            .collect();
        let patient = thread::spawn(move || {
            (0..3_000).for_each(|number| sender.send(segment(number)).unwrap());
            3_000
        });
        let yielded = stream.map(Result::unwrap).count() as u64;
        let impatient: u64 = impatient.into_iter().map(|it| it.join().unwrap()).sum();
        assert_eq!(yielded, impatient + patient.join().unwrap());
    });
}

#[test]
fn a_depth_of_zero_is_a_clear_error() {
    let error = SegmentStream::new(depth(0)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("channel_depth"), "{error}");
}

#[test]
fn any_other_depth_simply_works() {
    must_end(|| {
        for channel_depth in [
            1,
            1023,
            1024,
            1025,
            usize::MAX >> 8,
            usize::MAX - 1,
            usize::MAX,
        ] {
            let (mut stream, sender) = SegmentStream::new(depth(channel_depth)).unwrap();
            sender.send(segment(5)).unwrap();
            assert_eq!(stream.next().unwrap().unwrap(), segment(5));
            drop(sender);
            assert!(stream.next().is_none());
        }
    });
}

#[test]
fn try_next_and_next_timeout_tell_not_yet_from_ended() {
    must_end(|| {
        let gate = Gate::default();
        let (mut stream, sender) = SegmentStream::with_sink(depth(2), gated(&gate)).unwrap();
        assert_eq!(stream.try_next().unwrap_err(), NoNext::NotYet);
        sender.send(segment(0)).unwrap();
        gate.wait_for_arrivals(1);
        assert_eq!(stream.try_next().unwrap_err(), NoNext::NotYet);
        let brief = Duration::from_millis(1);
        assert_eq!(stream.next_timeout(brief).unwrap_err(), NoNext::NotYet);
        gate.open();
        let item = stream.next_timeout(Duration::MAX).unwrap();
        assert_eq!(item.unwrap().sequence, 0);
        drop(sender);
        assert_eq!(
            stream.next_timeout(Duration::MAX).unwrap_err(),
            NoNext::Ended
        );
        assert_eq!(stream.try_next().unwrap_err(), NoNext::Ended);
        assert!(stream.next().is_none());
    });
}

/// A thread that is waiting inside `send`.
fn blocked_sender(
    sender: &SegmentSender,
    sequence: u64,
) -> thread::JoinHandle<Result<(), segment_stream::SendError>> {
    crate::common::threads::spawn_asleep({
        let sender = sender.clone();
        move || sender.send(segment(sequence))
    })
}
