//! `Durability::Full` against a plain loop with the same two syncs, with one writer and with
//! several.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use segment_stream::{DiskSink, Durability, ProducedSegment, SegmentStream, SegmentStreamConfig};

use crate::figures::{Figures, Goal, ratios, size};
use crate::places::Place;
use crate::plain::{name, payload, plain, store_durably};

const SIZES: [(usize, u64); 2] = [(16 << 10, 100), (256 << 10, 60)];

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    let place = Place::Disk;
    for (length, segments) in SIZES {
        for writers in [1, 4, 16] {
            let goal = match writers {
                1 => Goal::AtMost(1.05),
                16 => Goal::AtMost(0.5),
                _ => Goal::None,
            };
            let ours = || written(writers, segments, length);
            let loops = || plain(place.folder()?.path(), segments, length, store_durably);
            figures.ratio(
                "`Durability::Full`",
                "a plain loop that syncs file and folder",
                &format!("{}, {}, {writers} writers", place.name(), size(length)),
                &ratios(ours, loops)?,
                goal,
            );
        }
    }
    Ok(())
}

fn written(writers: usize, segments: u64, length: usize) -> io::Result<Duration> {
    let folder = Place::Disk.folder()?;
    let sink = DiskSink::rooted(folder.path()).durability(Durability::Full);
    let config = SegmentStreamConfig {
        channel_depth: 2 * writers.max(4),
        ..Default::default()
    };
    let start = Instant::now();
    let (stream, sender) = SegmentStream::with_writers(config, writers, |_| sink.clone())?;
    let producer = thread::spawn(move || {
        (0..segments).try_for_each(|number| {
            let segment = ProducedSegment::media(number, payload(number, length), 2.0);
            sender.send(segment.with_path(name(number)))
        })
    });
    let mut stored = 0;
    for item in stream {
        item?;
        stored += 1;
    }
    let took = start.elapsed();
    assert_eq!(stored, segments);
    producer.join().expect("the producer ends by itself")?;
    Ok(took)
}
