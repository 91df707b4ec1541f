//! Several writers carry what one cannot where a sink's cost is latency, and a slow write holds up nobody
//! but whoever waits for it.

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::config::depth;
use common::gate::Gate;
use common::segments::segment;
use common::threads::must_end;
use crossbeam_channel::unbounded;
use segment_stream::{NoNext, SegmentStream, sink};

const LATENCY: Duration = Duration::from_millis(50);
const WRITERS: u8 = 16;
const DEPTH: usize = 32;
/// How often each writer writes in a measurement: a beginning or an end that takes a millisecond is not
/// seen in that.
const ROUNDS: u64 = 40;

/// How long so many writers take for [`ROUNDS`] segments each, from the first `send` to the last yield.
fn measure(writers: u8) -> Duration {
    // The one thing here that takes time, and is to.
    let distant = |_| {
        sink::from_fn(|_| {
            thread::sleep(LATENCY);
            Ok(())
        })
    };
    let (stream, sender) =
        SegmentStream::with_writers(depth(DEPTH), writers.into(), distant).unwrap();
    let segments = ROUNDS * u64::from(writers);
    let start = Instant::now();
    let source = thread::spawn(move || {
        (0..segments).for_each(|number| sender.send(segment(number)).unwrap());
    });
    let mut expected = 0;
    for item in stream {
        assert_eq!(item.unwrap(), segment(expected));
        expected += 1;
    }
    let took = start.elapsed();
    assert_eq!(expected, segments);
    source.join().unwrap();
    took
}

#[test]
fn sixteen_writers_carry_fifteen_times_as_much_as_one() {
    must_end(|| {
        // Whoever is kept off the processor is late with the next write. So of each side the shortest time
        // counts, and there are three to be had; most often the first will do.
        let (mut one, mut sixteen) = (Duration::MAX, Duration::MAX);
        let mut ratio = 0.0;
        for _ in 0..3 {
            one = one.min(measure(1));
            sixteen = sixteen.min(measure(WRITERS));
            ratio = f64::from(WRITERS) * one.as_secs_f64() / sixteen.as_secs_f64();
            println!(
                "{ROUNDS} segments in {one:.2?} by one writer, {} in {sixteen:.2?} by {WRITERS}: \
                 {ratio:.2} times as many",
                ROUNDS * u64::from(WRITERS)
            );
            if ratio >= 15.0 {
                return;
            }
        }
        panic!("{ratio:.2} times as many");
    });
}

#[test]
fn a_slow_write_holds_up_the_yield_and_not_the_other_writes() {
    must_end(|| {
        for slow in [0, 5, DEPTH as u64 - 1] {
            let gate = Gate::default();
            let (tell, told) = unbounded();
            let (mut stream, sender) =
                SegmentStream::with_writers(depth(DEPTH), WRITERS.into(), |_| {
                    let (gate, tell) = (gate.clone(), tell.clone());
                    sink::from_fn(move |segment| {
                        if segment.sequence == slow {
                            gate.pass();
                        }
                        tell.send(segment.sequence).unwrap();
                        Ok(())
                    })
                })
                .unwrap();
            for number in 0..DEPTH as u64 {
                sender.send(segment(number)).unwrap();
            }
            // Every other one is written, those behind the slow one included.
            let mut written: Vec<_> = told.iter().take(DEPTH - 1).collect();
            written.sort_unstable();
            let others = (0..DEPTH as u64).filter(|number| *number != slow);
            assert!(written.into_iter().eq(others));
            gate.wait_for_arrivals(1);

            // What comes before it is yielded, and it and the rest are not.
            for number in 0..slow {
                assert_eq!(stream.next().unwrap().unwrap(), segment(number));
            }
            assert_eq!(stream.try_next().unwrap_err(), NoNext::NotYet);
            let held = DEPTH as u64 - slow;
            // A write has ended a moment after the sink has returned.
            while stream.stats().writing > 1 {
                thread::yield_now();
            }
            let stats = stream.stats();
            assert_eq!((stats.writing, stats.queued.segments), (1, 0));
            assert_eq!(stats.in_flight.segments, held);
            // The free slots are good for the other writers, and then all are taken.
            for number in 0..slow {
                sender.try_send(segment(DEPTH as u64 + number)).unwrap();
            }
            assert!(sender.try_send(segment(99)).unwrap_err().is_full());
            let mut more: Vec<_> = told.iter().take(usize::try_from(slow).unwrap()).collect();
            more.sort_unstable();
            assert!(more.into_iter().eq((0..slow).map(|it| DEPTH as u64 + it)));
            assert_eq!(stream.try_next().unwrap_err(), NoNext::NotYet);

            gate.open();
            drop(sender);
            for number in slow..DEPTH as u64 + slow {
                assert_eq!(stream.next().unwrap().unwrap(), segment(number));
            }
            assert!(stream.next().is_none());
        }
    });
}

#[test]
fn all_writers_write_at_once() {
    must_end(|| {
        let gate = Gate::default();
        let (stream, sender) = SegmentStream::with_writers(depth(DEPTH), WRITERS.into(), |_| {
            common::sinks::gated(&gate)
        })
        .unwrap();
        for number in 0..DEPTH as u64 {
            sender.send(segment(number)).unwrap();
        }
        gate.wait_for_arrivals(WRITERS.into());
        let stats = stream.stats();
        assert_eq!(stats.writing, u64::from(WRITERS));
        assert_eq!(stats.queued.segments, DEPTH as u64 - u64::from(WRITERS));
        gate.open();
        drop(sender);
        assert!(
            stream
                .map(|item| item.unwrap().sequence)
                .eq(0..DEPTH as u64)
        );
    });
}
