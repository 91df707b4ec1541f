//! A thousand streams in one process: each keeps its promises, and what it costs.

mod common;

#[cfg(target_os = "linux")]
#[path = "many_streams/count.rs"]
mod count;
#[cfg(target_os = "linux")]
#[path = "endless/memory.rs"]
mod memory;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::config::depth;
use common::folder::{entries, in_memory};
use common::means::skip;
use common::segments::payload;
use common::sinks::full_for_good;
use common::threads::must_end;
use segment_stream::{
    DiskSink, ProducedSegment, SegmentSender, SegmentSink, SegmentStream, StreamStats, Tally,
    WriteErrorKind, sink,
};

const STREAMS: u64 = 1_000;
/// Segments of each stream.
const EACH: u64 = 20;
const LENGTH: usize = 1_024;
const DEPTH: u64 = 8;
/// Threads that drive the streams.
const DRIVERS: u64 = 4;

/// A stream's number stands above this in the sequence, its own count below.
const STREAM: u64 = 1 << 32;

type Halves = (SegmentStream, SegmentSender);

/// A thousand threads are a lot, and no test here is to find those of another.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of a thousand, unless this process may not have so many threads.
fn open<S: SegmentSink + 'static>(test: &str, sink: S) -> Option<Halves> {
    match SegmentStream::with_sink(depth(usize::try_from(DEPTH).unwrap()), sink) {
        Ok(halves) => Some(halves),
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
            skip(test, "a thousand threads are too many");
            None
        }
    }
}

fn path(sequence: u64) -> String {
    format!("{:03}-{:02}.ts", sequence / STREAM, sequence % STREAM)
}

fn segment(sequence: u64) -> ProducedSegment {
    ProducedSegment::media(sequence, payload(sequence, LENGTH), 2.0).with_path(path(sequence))
}

fn fails(sequence: u64) -> bool {
    sequence % STREAM % 7 == 6
}

fn tally(segments: u64) -> Tally {
    Tally {
        segments,
        bytes: segments * LENGTH as u64,
    }
}

/// A stream, and what is known of it.
struct Driven {
    number: u64,
    stream: SegmentStream,
    sender: SegmentSender,
    sent: u64,
    taken: u64,
    failed: u64,
}

impl Driven {
    fn new(number: u64, (stream, sender): Halves) -> Self {
        Self {
            number,
            stream,
            sender,
            sent: 0,
            taken: 0,
            failed: 0,
        }
    }

    /// Sends until the stream is full or its share is sent.
    fn fill(&mut self) {
        while self.sent < EACH {
            let segment = segment(self.number * STREAM + self.sent);
            if let Err(error) = self.sender.try_send(segment.clone()) {
                assert!(error.is_full());
                assert_eq!(error.into_segment(), segment);
                break;
            }
            self.sent += 1;
        }
        // To the segment, as nothing is yielded meanwhile.
        let in_flight = DEPTH.min(EACH - self.taken);
        self.check(&self.stream.stats(), in_flight);
    }

    /// Takes all that was accepted.
    fn empty(&mut self) {
        while self.taken < self.sent {
            let expected = segment(self.number * STREAM + self.taken);
            match self.stream.next().unwrap() {
                Ok(segment) => assert_eq!(segment, expected),
                Err(error) => {
                    assert!(fails(expected.sequence), "{error}");
                    assert_eq!(error.kind(), WriteErrorKind::Failed);
                    assert_eq!(error.into_segment(), expected);
                    self.failed += 1;
                }
            }
            self.taken += 1;
        }
        self.check(&self.stream.stats(), 0);
    }

    fn check(&self, stats: &StreamStats, in_flight: u64) {
        assert_eq!(stats.accepted, tally(self.sent));
        assert_eq!(stats.yielded, tally(self.taken - self.failed));
        assert_eq!(stats.failed, tally(self.failed));
        assert_eq!(stats.in_flight, tally(in_flight));
        let others = (stats.discarded, stats.dropped, stats.waiting_senders);
        assert_eq!(others, (Tally::default(), Tally::default(), 0));
    }

    fn end(self, expected_failures: u64) {
        assert_eq!((self.sent, self.taken), (EACH, EACH));
        assert_eq!(self.failed, expected_failures);
        // Some end by their sender, and the others by the stream.
        if self.number.is_multiple_of(2) {
            drop(self.sender);
            let mut stream = self.stream;
            assert!(stream.next().is_none());
        } else {
            let report = self.stream.finish().unwrap();
            assert!(report.written.is_empty() && report.discarded.is_empty());
            assert!(self.sender.is_closed());
        }
    }
}

/// Has a few threads drive them all, each its share of them in turn: all are full at the same time, and then
/// all are empty.
fn drive(streams: Vec<Halves>, expected_failures: u64) {
    let mut driven: Vec<_> = (0..)
        .zip(streams)
        .map(|(number, halves)| Driven::new(number, halves))
        .collect();
    let drivers: Vec<_> = (0..DRIVERS)
        .map(|_| {
            let share = usize::try_from(STREAMS / DRIVERS).unwrap();
            let mut mine: Vec<_> = driven.drain(..share).collect();
            thread::spawn(move || {
                while mine.iter().any(|driven| driven.taken < EACH) {
                    mine.iter_mut().for_each(Driven::fill);
                    mine.iter_mut().for_each(Driven::empty);
                }
                for driven in mine {
                    driven.end(expected_failures);
                }
            })
        })
        .collect();
    assert!(driven.is_empty());
    drivers.into_iter().for_each(|it| it.join().unwrap());
}

#[test]
fn a_thousand_streams_keep_every_promise() {
    let _turn = one_at_a_time();
    must_end(|| {
        let moody = || {
            sink::from_fn(|segment| {
                if fails(segment.sequence) {
                    return Err(full_for_good());
                }
                Ok(())
            })
        };
        let test = "a_thousand_streams_keep_every_promise";
        let streams: Option<Vec<_>> = (0..STREAMS).map(|_| open(test, moody())).collect();
        if let Some(streams) = streams {
            let failing = (0..EACH).filter(|count| fails(*count)).count();
            drive(streams, failing as u64);
        }
    });
}

#[test]
fn a_thousand_streams_write_into_one_folder() {
    let _turn = one_at_a_time();
    must_end(|| {
        let folder = in_memory();
        let test = "a_thousand_streams_write_into_one_folder";
        let streams: Option<Vec<_>> = (0..STREAMS)
            .map(|_| open(test, DiskSink::rooted(folder.path())))
            .collect();
        if let Some(streams) = streams {
            drive(streams, 0);
            holds_all(folder.path());
        }
    });
}

/// Every segment of every stream, whole, and nothing else.
fn holds_all(folder: &Path) {
    let sequences = |number| (0..EACH).map(move |count| number * STREAM + count);
    let all: Vec<u64> = (0..STREAMS).flat_map(sequences).collect();
    let names = all.iter().map(|sequence| PathBuf::from(path(*sequence)));
    assert!(entries(folder).into_iter().eq(names));
    for sequence in all {
        let found = fs::read(folder.join(path(sequence))).unwrap();
        assert_eq!(found, payload(sequence, LENGTH));
    }
}

/// Streams for a look at what they cost, with a sink that does nothing.
fn idle(test: &str, streams: u64) -> Option<Vec<Halves>> {
    (0..streams)
        .map(|_| open(test, sink::from_fn(|_| Ok(()))))
        .collect()
}

#[cfg(target_os = "linux")]
mod in_a_process_of_its_own {
    //! What belongs to the whole process can be counted only where no other test runs.

    use super::common::again::{again, must_pass};
    use super::common::means::skip;
    use super::common::threads::must_end;
    use super::count::{threads_and_descriptors, wait_until_all_sleep};
    use super::memory::resident_bytes;
    use super::{DiskSink, STREAMS, drive, idle, in_memory, one_at_a_time, open};

    fn run(test: &str) {
        let _turn = one_at_a_time();
        let test = format!("in_a_process_of_its_own::{test}");
        let output = must_pass(&mut again(&[], &test, ""));
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }

    #[test]
    fn an_idle_stream_costs_little_memory() {
        run("weighs_idle_streams");
    }

    #[test]
    #[ignore = "a part of an_idle_stream_costs_little_memory"]
    fn weighs_idle_streams() {
        must_end(|| {
            let test = "an_idle_stream_costs_little_memory";
            let Some(before) = resident_bytes() else {
                skip(
                    test,
                    "the system does not say how much memory a process has",
                );
                return;
            };
            let Some(streams) = idle(test, STREAMS) else {
                return;
            };
            // What a thread takes at its start, it has taken when it waits for the first segment.
            wait_until_all_sleep();
            let after = resident_bytes().unwrap();
            let each = after.saturating_sub(before) / STREAMS;
            println!("an idle stream has {each} bytes resident, its thread included");
            assert!(each < 64 * 1024, "{each} bytes for each idle stream");
            drop(streams);
        });
    }

    #[test]
    fn nothing_is_left_of_a_thousand_streams() {
        run("counts_what_is_left");
    }

    #[test]
    #[ignore = "a part of nothing_is_left_of_a_thousand_streams"]
    fn counts_what_is_left() {
        must_end(|| {
            let test = "nothing_is_left_of_a_thousand_streams";
            let folder = in_memory();
            let disk = || DiskSink::rooted(folder.path());
            let before = threads_and_descriptors();

            // Idle ones that are dropped, the sender first or last.
            let Some(mut streams) = idle(test, STREAMS) else {
                return;
            };
            assert_eq!(
                threads_and_descriptors(),
                (before.0 + streams.len(), before.1)
            );
            for (stream, sender) in streams.split_off(streams.len() / 2) {
                drop(sender);
                drop(stream);
            }
            for (stream, sender) in streams {
                drop(stream);
                drop(sender);
            }
            wait_until(before);

            // And those that have worked.
            let streams: Option<Vec<_>> = (0..STREAMS).map(|_| open(test, disk())).collect();
            let Some(streams) = streams else {
                return;
            };
            drive(streams, 0);
            wait_until(before);
        });
    }

    /// A thread that was joined is still in the kernel's list for a moment.
    fn wait_until(expected: (usize, usize)) {
        while threads_and_descriptors() != expected {
            std::thread::yield_now();
        }
    }
}

#[test]
fn what_a_segment_costs_with_a_thousand_streams_and_with_one() {
    // A measurement: no test depends on what time something takes.
    let _turn = one_at_a_time();
    must_end(|| {
        let test = "what_a_segment_costs_with_a_thousand_streams_and_with_one";
        let (Some(mut one), Some(mut thousand)) = (idle(test, 1), idle(test, STREAMS)) else {
            return;
        };
        // Both sides in turn, so that what else goes on meets both.
        let mut ratios: Vec<f64> = (0..7)
            .map(|_| {
                let alone = per_segment(&mut one, 0..EACH * STREAMS / DEPTH);
                let together = per_segment(&mut thousand, 0..EACH * STREAMS / DEPTH);
                println!("a segment takes {alone:.2?} with one stream, {together:.2?} with 1,000");
                together.as_secs_f64() / alone.as_secs_f64()
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        println!("with 1,000 streams {:.2} times as long", ratios[3]);
    });
}

/// What a segment costs where one thread fills and empties one stream after the other, so many times.
fn per_segment(streams: &mut [Halves], rounds: Range<u64>) -> Duration {
    let start = Instant::now();
    let segments = (rounds.end - rounds.start) * DEPTH;
    let count = streams.len();
    for round in rounds {
        let (stream, sender) = &mut streams[usize::try_from(round).unwrap() % count];
        for number in 0..DEPTH {
            let segment = ProducedSegment::media(number, vec![0x47; LENGTH], 2.0);
            sender.send(segment).unwrap();
        }
        for number in 0..DEPTH {
            assert_eq!(stream.next().unwrap().unwrap().sequence, number);
        }
    }
    start.elapsed() / u32::try_from(segments).unwrap()
}
