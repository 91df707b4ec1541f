//! `Durability::Full` with one writer against a loop behind a bare channel with the same syncs and
//! openings, and with several writers against one.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use segment_stream::{DiskSink, Durability, ProducedSegment, SegmentStream, SegmentStreamConfig};

use crate::figures::{Figures, Goal, Ratios, few, rounds, size};
use crate::places::Place;
use crate::plain::{name, payload, store_durably};
use crate::throughput::handed_over;

/// The size, the number, and what sixteen writers should take of the time of one.
const SIZES: [(usize, u64, f64); 2] = [(16 << 10, 100, 0.4), (256 << 10, 60, 0.5)];

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    for (length, segments, most) in SIZES {
        let segments = few(segments).max(16);
        let mut one = || written(1, segments, length);
        let mut four = || written(4, segments, length);
        let mut sixteen = || written(16, segments, length);
        let mut bare = || {
            let folder = Place::Disk.folder()?;
            handed_over(folder.path(), segments, length, |_| (), store_durably)
        };
        let sides = rounds(&mut [&mut one, &mut bare, &mut four, &mut sixteen])?;
        let [one, bare, four, sixteen] = &sides;
        let what = "`Durability::Full`";
        let place = Place::Disk.name();
        let length = size(length);
        figures.ratio(
            &format!("{what}, one writer"),
            "a loop behind a bare channel with the same syncs and openings",
            &format!("{place}, {length}"),
            &Ratios::of(one, bare),
            Goal::AtMost(1.02),
        );
        for (writers, times, goal) in [(4, four, Goal::None), (16, sixteen, Goal::AtMost(most))] {
            figures.ratio(
                &format!("{what}, {writers} writers"),
                "one writer",
                &format!("{place}, {length}"),
                &Ratios::of(times, one),
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
