//! Segments: names that are written and overwritten while a reader looks.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use segment_stream::{DiskSink, Durability, ProducedSegment, SegmentStream, SegmentStreamConfig};

use super::common::config::{WRITERS, depth};
use super::common::folder::{entries, temps};
use super::common::segments::payload;
use super::common::thorough::cases;
use super::common::threads::must_end;

/// Of each number of writers.
fn writes() -> u64 {
    cases(800, 2_500)
}

const NAMES: u64 = 20;

/// Of a size that takes several pages, and known from the number.
fn content(sequence: u64) -> Vec<u8> {
    let length = 20_000 + usize::try_from(sequence % 7).unwrap() * 3_000;
    let mut content = payload(sequence, 100).repeat(length / 100 + 1);
    content.truncate(length);
    content
}

/// Reads the names as fast as it can until told to stop; returns how many whole files it saw, and
/// which.
fn read_all_the_time(folder: &std::path::Path, stop: &AtomicBool) -> BTreeSet<u64> {
    let mut seen = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        for name in 0..NAMES {
            match fs::read(folder.join(format!("{name}.ts"))) {
                Ok(found) => {
                    let number = found[..8].try_into().map(u64::from_le_bytes).unwrap();
                    assert!(
                        found == content(number),
                        "part of segment {number}, or a mixture"
                    );
                    seen.insert(number);
                }
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound),
            }
        }
    }
    seen
}

#[test]
fn a_reader_sees_only_whole_files_while_names_are_written_and_overwritten() {
    WRITERS.into_iter().for_each(|writers| {
        must_end(move || a_reader_sees_only_whole_files(writers));
    });
}

fn a_reader_sees_only_whole_files(writers: usize) {
    let folder = tempfile::tempdir().unwrap();
    let sink = DiskSink::rooted(folder.path()).pre_allocate();
    let (stream, sender) =
        SegmentStream::with_writers(depth(2 * writers), writers, |_| sink.clone()).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let reader = {
        let (path, stop) = (folder.path().to_path_buf(), Arc::clone(&stop));
        thread::spawn(move || read_all_the_time(&path, &stop))
    };
    let sends = writes();
    let producer = thread::spawn(move || {
        for number in 0..sends {
            let path = format!("{}.ts", number % NAMES);
            let segment = ProducedSegment::media(number, content(number), 2.0).with_path(path);
            sender.send(segment).unwrap();
        }
    });
    let written = stream.map(Result::unwrap).count();
    stop.store(true, Ordering::Relaxed);
    producer.join().unwrap();
    assert_eq!(written as u64, sends);
    let seen = reader.join().unwrap();
    // The test proves something only if the reader met the writes under way.
    assert!(
        seen.len() as u64 > sends / 25,
        "saw no more than {} versions",
        seen.len()
    );
    assert!(temps(folder.path()).is_empty());
    assert_eq!(entries(folder.path()).len() as u64, NAMES);
    // Of equal paths the one that was accepted last is written last.
    for number in sends - NAMES..sends {
        let found = fs::read(folder.path().join(format!("{}.ts", number % NAMES)));
        assert!(found.unwrap() == content(number), "{writers} writers");
    }
}

#[test]
fn two_sinks_that_write_the_same_names_leave_whole_files() {
    must_end(|| {
        let folder = tempfile::tempdir().unwrap();
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let sink = DiskSink::rooted(folder.path().join("deep/er"));
                let sink = sink.durability(if writer == 0 {
                    Durability::Full
                } else {
                    Durability::None
                });
                thread::spawn(move || {
                    let (stream, sender) =
                        SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
                    let producer = thread::spawn(move || {
                        for number in 0..200 {
                            let number = number * 2 + writer;
                            let path = format!("{}.ts", number / 2 % 5);
                            let data = content(number);
                            let segment = ProducedSegment::media(number, data, 2.0);
                            sender.send(segment.with_path(path)).unwrap();
                        }
                    });
                    assert_eq!(stream.map(Result::unwrap).count(), 200);
                    producer.join().unwrap();
                })
            })
            .collect();
        writers.into_iter().for_each(|it| it.join().unwrap());
        for path in entries(folder.path())
            .iter()
            .filter(|it| it.extension().is_some())
        {
            let found = fs::read(folder.path().join(path)).unwrap();
            let number = found[..8].try_into().map(u64::from_le_bytes).unwrap();
            assert!(found == content(number));
        }
        assert!(temps(folder.path()).is_empty());
    });
}
