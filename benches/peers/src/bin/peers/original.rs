//! The async original on tokio, against the stage and the plain loop.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use oximedia_packager::streaming_output as original;
use segment_stream::{DiskSink, ProducedSegment, SegmentStream, SegmentStreamConfig};

use crate::figures::{Figures, Goal, Ratios, few, rounds, size};
use crate::places::Place;
use crate::plain::{self, payload};

/// Sizes, how many of each, and how many times as fast as the original it should be.
const SIZES: [(usize, u64, f64); 3] = [
    (16 << 10, 2_000, 5.0),
    (256 << 10, 200, 3.0),
    (4 << 20, 30, 1.3),
];

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    for place in Place::BOTH {
        for (length, segments, goal) in SIZES {
            let segments = few(segments);
            let case = format!("{}, {}", place.name(), size(length));
            let mut theirs = || on_tokio(place, segments, length);
            let mut ours = || staged(place, segments, length);
            let mut loops = || plain::plain(place.folder()?.path(), segments, length, plain::store);
            let [theirs, ours, loops] = rounds(&mut [&mut theirs, &mut ours, &mut loops])?;
            let what = "oximedia-packager 0.1.8 on tokio, which writes in place";
            let found = Ratios::of(&theirs, &ours);
            figures.ratio(what, "the stage", &case, &found, Goal::AtLeast(goal));
            // How much faster anything can be that stores whole files.
            let found = Ratios::of(&theirs, &loops);
            figures.ratio(what, "the plain loop", &case, &found, Goal::None);
        }
    }
    Ok(())
}

/// The original as its users have it: a task that sends, and one that takes.
fn on_tokio(place: Place, segments: u64, length: usize) -> io::Result<Duration> {
    let folder = place.folder()?;
    let path = folder.path().to_path_buf();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let took = runtime.block_on(async move {
        let start = Instant::now();
        let config = original::SegmentStreamConfig::default();
        let (mut stream, sender) = original::SegmentStream::new(config);
        let producer = tokio::spawn(async move {
            for number in 0..segments {
                let path = path.join(format!("{number:05}.ts"));
                let payload = payload(number, length);
                let segment =
                    original::ProducedSegment::media(number, payload, 2.0).with_path(path);
                sender.send(segment).await.map_err(io::Error::other)?;
            }
            io::Result::Ok(())
        });
        let mut taken = 0;
        while stream.next().await.is_some() {
            taken += 1;
        }
        let took = start.elapsed();
        assert_eq!(taken, segments);
        producer.await.map_err(io::Error::other)??;
        io::Result::Ok(took)
    })?;
    assert_eq!(fs::read_dir(folder.path())?.count() as u64, segments);
    Ok(took)
}

fn staged(place: Place, segments: u64, length: usize) -> io::Result<Duration> {
    let folder = place.folder()?;
    let sink = DiskSink::rooted(folder.path());
    let start = Instant::now();
    let (stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), sink)?;
    let producer = thread::spawn(move || {
        (0..segments).try_for_each(|number| {
            let segment = ProducedSegment::media(number, payload(number, length), 2.0);
            sender.send(segment.with_path(format!("{number:05}.ts")))
        })
    });
    let mut taken = 0;
    for item in stream {
        item?;
        taken += 1;
    }
    let took = start.elapsed();
    assert_eq!(taken, segments);
    producer.join().expect("the producer ends by itself")?;
    Ok(took)
}
