//! Records to disk and uploads from there: two streams, one feeding the other. What the origin missed
//! is uploaded later, oldest first, also by the next run.
//!
//! `cargo run --features http --example disk_then_origin -- DIRECTORY URL`, with a segment for each
//! line on standard input.
//!
//! The directory says what was recorded, and the file `.uploaded` in it what the origin has. A name
//! that a killed run could not note is uploaded twice. The disk never waits for the origin: the second
//! stream drops its oldest segment if it is full, and the file is still there.

#![deny(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use segment_stream::{
    DiskSink, HttpSink, NoNext, ProducedSegment, SegmentSink, SegmentStream, SegmentStreamConfig,
    WhenFull, WriteContext,
};

/// The length of a segment.
const SECONDS: f64 = 0.5;

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [directory, url] = &arguments[..] else {
        return Err("usage: disk_then_origin DIRECTORY URL".into());
    };
    let directory = PathBuf::from(directory);
    fs::create_dir_all(&directory)?;
    let (mut backlog, first) = Backlog::open(&directory, HttpSink::new(url)?)?;

    let disk = DiskSink::rooted(&directory);
    let (mut on_disk, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), disk)?;
    let config = SegmentStreamConfig {
        channel_depth: 16,
        when_full: WhenFull::DropOldest,
        ..Default::default()
    };
    let (mut at_origin, into_origin) = SegmentStream::with_sink(config, backlog.sink.clone())?;

    let encoder = thread::spawn(move || {
        for (number, line) in (first..).zip(io::stdin().lines()) {
            let Ok(line) = line else { return };
            let segment = ProducedSegment::media(number, line.into_bytes(), SECONDS);
            if sender.send(segment.with_path(name(number))).is_err() {
                return;
            }
        }
    });
    let link = thread::spawn(move || {
        let mut next = first;
        for item in &mut on_disk {
            match item {
                Ok(segment) => {
                    println!("on disk {}", segment.sequence);
                    next = segment.sequence + 1;
                    // It never blocks, and what the origin does not get is on disk.
                    let _ = into_origin.send(segment);
                }
                Err(error) => println!("not on disk: {error}"),
            }
        }
        next
    });

    let mut next = first;
    loop {
        // The live edge comes first: the backlog gets its turn when nothing is due.
        match at_origin.next_timeout(Duration::from_millis(100)) {
            Ok(Ok(segment)) => {
                // The items are in order, so the numbers between were dropped.
                backlog.missed.extend(next..segment.sequence);
                next = segment.sequence + 1;
                backlog.note(segment.sequence)?;
                println!("at the origin {}", segment.sequence);
            }
            Ok(Err(error)) => {
                let number = error.segment().sequence;
                backlog.missed.extend(next..=number);
                next = next.max(number + 1);
                println!("missed {number}: {error}");
            }
            Err(NoNext::NotYet) => {
                backlog.upload_one()?;
            }
            Err(_) => break,
        }
    }
    let panicked = |_| io::Error::other("a thread panicked");
    backlog.missed.extend(next..link.join().map_err(panicked)?);
    encoder.join().map_err(panicked)?;
    while backlog.upload_one()? {}
    println!("left for the next run: {}", backlog.missed.len());
    Ok(())
}

fn name(number: u64) -> String {
    format!("{number:08}.ts")
}

/// The segments that are on disk and not at the origin.
struct Backlog {
    directory: PathBuf,
    sink: HttpSink,
    missed: BTreeSet<u64>,
    uploaded: File,
}

impl Backlog {
    /// The backlog of earlier runs, and the first number of this one.
    fn open(directory: &Path, sink: HttpSink) -> io::Result<(Self, u64)> {
        let number = |name: &str| name.strip_suffix(".ts")?.parse::<u64>().ok();
        let mut recorded = BTreeSet::new();
        for entry in fs::read_dir(directory)? {
            recorded.extend(entry?.file_name().to_str().and_then(number));
        }
        let first = recorded.last().map_or(0, |last| last + 1);
        let path = directory.join(".uploaded");
        let mut uploaded = OpenOptions::new().append(true).create(true).open(&path)?;
        // Ends a line that a killed run may have begun.
        uploaded.write_all(b"\n")?;
        for name in fs::read_to_string(&path)?.lines() {
            number(name).map(|number| recorded.remove(&number));
        }
        let backlog = Self {
            directory: directory.to_owned(),
            sink,
            missed: recorded,
            uploaded,
        };
        Ok((backlog, first))
    }

    fn note(&mut self, number: u64) -> io::Result<()> {
        self.uploaded
            .write_all(format!("{}\n", name(number)).as_bytes())
    }

    /// Uploads the oldest one. Returns whether that went well.
    fn upload_one(&mut self) -> io::Result<bool> {
        let Some(number) = self.missed.first().copied() else {
            return Ok(false);
        };
        let data = match fs::read(self.directory.join(name(number))) {
            Ok(data) => data,
            // The disk had refused it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.missed.remove(&number);
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        let segment = ProducedSegment::media(number, data, SECONDS).with_path(name(number));
        // Not longer than the live edge can wait.
        let deadline = Instant::now() + Duration::from_secs(2);
        let context = WriteContext::default().with_deadline(deadline);
        if self.sink.write(&segment, &context).is_err() {
            return Ok(false);
        }
        self.missed.remove(&number);
        self.note(number)?;
        println!("uploaded later {number}");
        Ok(true)
    }
}
