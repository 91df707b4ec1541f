//! Writes to disk, then to a second destination: two streams, one feeding the other, with a thread
//! for each link.
//!
//! `cargo run --example two_destinations`
//!
//! Each stream has its own bound. A segment that the disk refuses still goes to the second
//! destination, and one that the second destination refuses is on disk. No payload is copied.

#![deny(clippy::unwrap_used)]

use std::io;
use std::mem;
use std::thread;
use std::time::Duration;

use segment_stream::{
    DiskSink, ProducedSegment, SegmentStream, SegmentStreamConfig, WhenFull, WriteError, sink,
};

fn main() -> io::Result<()> {
    env_logger::init();
    let folder = tempfile::tempdir()?.keep();

    let disk = DiskSink::rooted(&folder);
    let (mut on_disk, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), disk)?;

    // Stands for an origin server: one timeout, which is retried, and one refused segment.
    let mut answers = false;
    let origin = sink::from_fn(move |segment| match segment.sequence {
        3 if !mem::replace(&mut answers, true) => {
            Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"))
        }
        8 => Err(io::Error::new(io::ErrorKind::PermissionDenied, "refused")),
        _ => Ok(()),
    });
    // The origin may lag further behind than the disk. Beyond that it loses the oldest segment and
    // does not delay the disk.
    let config = SegmentStreamConfig {
        channel_depth: 32,
        when_full: WhenFull::DropOldest,
        ..Default::default()
    };
    let (mut at_origin, into_origin) = SegmentStream::with_sink(config, origin)?;

    let encoder = thread::spawn(move || {
        for number in 0..10 {
            let segment = ProducedSegment::media(number, vec![0x47; 18_800], 2.0)
                .with_path(format!("{number:05}.ts"));
            if sender.send(segment).is_err() {
                return;
            }
        }
    });

    // The link: takes every item of the disk, `Ok` or `Err`, and passes the segment on.
    let link = thread::spawn(move || {
        for item in &mut on_disk {
            let segment = item.unwrap_or_else(|error| {
                println!("not on disk: {error}");
                WriteError::into_segment(error)
            });
            println!("segment {} is sent to the origin", segment.sequence);
            if let Err(error) = into_origin.send(segment) {
                println!("on disk only: {error}"); // The disk continues alone.
            }
        }
        on_disk.finish()
    });

    for item in &mut at_origin {
        match item {
            Ok(segment) => println!("segment {} is at the origin", segment.sequence),
            Err(error) => println!("not at the origin: {error}"),
        }
    }
    // A hanging origin must not keep the program from ending.
    at_origin.finish_timeout(Duration::from_secs(10))?;
    let panicked = |_| io::Error::other("a thread panicked");
    link.join().map_err(panicked)??;
    encoder.join().map_err(panicked)?;
    println!("see {}", folder.display());
    Ok(())
}
