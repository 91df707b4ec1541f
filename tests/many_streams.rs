//! A thousand streams in one process: each keeps its promises, and their cost is measured.

mod common;

#[cfg(target_os = "linux")]
#[path = "many_streams/costs.rs"]
mod costs;
#[cfg(target_os = "linux")]
#[path = "many_streams/count.rs"]
mod count;
#[cfg(target_os = "linux")]
#[path = "endless/memory.rs"]
mod memory;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

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
/// Segments of each stream: three times the depth, so that a slot that is not given back is
/// missed.
const EACH: u64 = 24;
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

/// Has a few threads drive them all, each its share of them in turn: all are full at the same
/// time, and then all are empty.
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
