//! If the cost of a sink is latency, several writers do what one cannot. A slow write delays only
//! the segments that wait for it.

mod common;

use std::sync::{Arc, Mutex};
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
/// How often each writer writes in a measurement: a beginning or an end that takes a millisecond
/// is not seen in that.
const ROUNDS: u32 = if cfg!(debug_assertions) { 10 } else { 40 };

struct Measured {
    segments: u32,
    /// From the first `send` to the last yield.
    took: Duration,
    /// The time that all sinks together slept.
    slept: Duration,
}

impl Measured {
    fn per_second(&self) -> f64 {
        f64::from(self.segments) / self.took.as_secs_f64()
    }

    /// The mean of what the sink took for a segment.
    fn latency(&self) -> f64 {
        self.slept.as_secs_f64() / f64::from(self.segments)
    }
}

/// Measures this many writers with [`ROUNDS`] segments each.
fn measure(writers: u8) -> Measured {
    let slept = Arc::new(Mutex::new(Duration::ZERO));
    let distant = |_| {
        let slept = Arc::clone(&slept);
        sink::from_fn(move |_| {
            let start = Instant::now();
            // The one thing here that takes time, and is to.
            thread::sleep(LATENCY);
            *slept.lock().unwrap() += start.elapsed();
            Ok(())
        })
    };
    let (stream, sender) =
        SegmentStream::with_writers(depth(DEPTH), writers.into(), distant).unwrap();
    let segments = ROUNDS * u32::from(writers);
    let start = Instant::now();
    let source = thread::spawn(move || {
        (0..segments).for_each(|number| sender.send(segment(number.into())).unwrap());
    });
    let mut expected = 0;
    for item in stream {
        assert_eq!(item.unwrap(), segment(expected.into()));
        expected += 1;
    }
    let took = start.elapsed();
    assert_eq!(expected, segments);
    source.join().unwrap();
    let slept = *slept.lock().unwrap();
    Measured {
        segments,
        took,
        slept,
    }
}

#[test]
fn sixteen_writers_carry_fifteen_times_as_much_as_one() {
    must_end(|| {
        let mut best = f64::MIN;
        for _ in 0..3 {
            let (one, sixteen) = (measure(1), measure(WRITERS));
            let ratio = sixteen.per_second() / one.per_second();
            // Where there is more to do than processors, a sleeper is woken late, and sixteen of
            // them later than one. That is the sinks' latency, and no sink's latency is the
            // stream's doing.
            let at_equal_latency = ratio * sixteen.latency() / one.latency();
            println!(
                "{} segments in {:.2?} by one writer, {} in {:.2?} by {WRITERS}: {ratio:.2} times as many, \
                 {at_equal_latency:.2} at equal latency",
                one.segments, one.took, sixteen.segments, sixteen.took
            );
            best = best.max(at_equal_latency);
            if best >= 15.0 {
                return;
            }
        }
        panic!("{best:.2} times as many at best");
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

            // The segments before it are yielded; it and the later ones are not.
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
