//! Records to disk and uploads from there: two streams, one feeding the other, and a backfill. What
//! the origin missed is uploaded later, oldest first, also by the next run.
//!
//! `cargo run --features http --example disk_then_origin -- DIRECTORY URL`, with a segment for each
//! line on standard input.
//!
//! The disk never waits for the origin: the second stream drops its oldest segment if it is full, and
//! the file is still there. The file `.backfill` in the directory says what the origin lacks.

#![deny(clippy::unwrap_used)]

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use segment_stream::{
    Backfill, BackfillOptions, DiskSink, HttpSink, ProducedSegment, SegmentStream,
    SegmentStreamConfig, WhenFull,
};

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [directory, url] = &arguments[..] else {
        return Err("usage: disk_then_origin DIRECTORY URL".into());
    };
    let directory = PathBuf::from(directory);
    fs::create_dir_all(&directory)?;
    let first = next_number(&directory)?;

    let (disk, origin) = (DiskSink::rooted(&directory), HttpSink::new(url)?);
    // Retention is not part of this example. If it were, 10 GB could wait for the origin.
    let options = BackfillOptions::holding(10_000_000_000);
    let journal = directory.join(".backfill");
    let backfill = Backfill::open(journal, disk.clone(), origin.clone(), options)?;

    let config = SegmentStreamConfig::default();
    let (mut on_disk, sender) = SegmentStream::with_sink(config, backfill.recorder(disk))?;
    let config = SegmentStreamConfig {
        channel_depth: 16,
        when_full: WhenFull::DropOldest,
        ..Default::default()
    };
    let (at_origin, live_edge) = SegmentStream::with_sink(config, origin)?;

    thread::scope(|scope| {
        scope.spawn(move || {
            for (number, line) in (first..).zip(io::stdin().lines()) {
                let Ok(line) = line else { return };
                let segment = ProducedSegment::media(number, line.into_bytes(), 0.5);
                if sender.send(segment.with_path(name(number))).is_err() {
                    return;
                }
            }
        });
        let backfill = &backfill;
        scope.spawn(move || {
            for item in on_disk.with_info() {
                match &item.result {
                    Ok(segment) => println!("on disk {}", segment.sequence),
                    Err(error) => println!("not on disk: {error}"),
                }
                backfill.forward(item, &live_edge);
            }
        });
        for item in at_origin {
            backfill.note(&item);
            match item {
                Ok(segment) => println!("at the origin {}", segment.sequence),
                Err(error) => println!("missed {}: {error}", error.sequence()),
            }
        }
    });
    let end = backfill.finish_timeout(Duration::from_secs(30));
    println!("uploaded later: {}", end.uploaded);
    println!("left for the next run: {}", end.owed);
    Ok(())
}

fn name(number: u64) -> String {
    format!("{number:08}.ts")
}

/// The number after the last one on disk.
fn next_number(directory: &Path) -> io::Result<u64> {
    let mut next = 0;
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".ts"));
        let number = stem.and_then(|stem| stem.parse::<u64>().ok());
        next = next.max(number.map_or(0, |number| number + 1));
    }
    Ok(next)
}
