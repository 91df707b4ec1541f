//! Time for each segment when the producer only makes it: the stage against the plain loop behind a
//! bare channel, with and without a third thread, and against the plain loop on one thread.

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use segment_stream::{DiskSink, ProducedSegment, SegmentStream, SegmentStreamConfig};

use crate::figures::{Figures, Goal, Ratios, few, rounds, size};
use crate::places::Place;
use crate::plain::{name, payload, plain, store};

/// A low-latency part, and segments; and how many of them: enough that starting two threads, and
/// the first segment and the last, which nothing can overlap with, do not count for much.
pub(crate) const SIZES: [(usize, u64); 4] = [
    (16 << 10, 3_000),
    (256 << 10, 400),
    (4 << 20, 60),
    (16 << 20, 24),
];

/// The default depth, and for parts one that is as much time: what a stream may be behind is
/// measured in that.
fn depth(length: usize) -> usize {
    if length < 256 << 10 { 32 } else { 8 }
}

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    for place in Place::BOTH {
        for (length, segments) in SIZES {
            let segments = few(segments);
            let case = format!("{}, {}", place.name(), size(length));
            let mut ours = || {
                let folder = place.folder()?;
                staged(DiskSink::rooted(folder.path()), segments, length, |_| ())
            };
            let mut bare = || handed_over(place.folder()?.path(), segments, length, |_| (), store);
            let mut onward = || handed_on(place.folder()?.path(), segments, length);
            let mut loops = || plain(place.folder()?.path(), segments, length, store);
            let sides = rounds(&mut [&mut ours, &mut bare, &mut onward, &mut loops])?;
            let [ours, bare, onward, loops] = sides;

            let behind = "the plain loop behind a bare channel";
            let found = Ratios::of(&ours, &bare);
            figures.ratio("the stage", behind, &case, &found, Goal::AtMost(1.02));
            let third = "the plain loop behind a bare channel, with a third thread";
            let found = Ratios::of(&ours, &onward);
            figures.ratio("the stage", third, &case, &found, Goal::None);
            let found = Ratios::of(&ours, &loops);
            figures.ratio("the stage", "the plain loop", &case, &found, Goal::None);
            let kib = (length >> 10) as f64;
            figures.point("throughput", place.name(), kib, found.median());
            let found = Ratios::of(&bare, &loops);
            figures.ratio(behind, "the plain loop", &case, &found, Goal::None);
            let series = format!("{}, bare channel", place.name());
            figures.point("throughput", &series, kib, found.median());
        }
    }
    Ok(())
}

/// The stage as its users have it: a producer's thread, its own, and this one, which iterates.
pub(crate) fn staged(
    sink: DiskSink,
    segments: u64,
    length: usize,
    work: impl Fn(&[u8]) + Send + 'static,
) -> io::Result<Duration> {
    let start = Instant::now();
    let config = SegmentStreamConfig {
        channel_depth: depth(length),
        ..Default::default()
    };
    let (mut stream, sender) = SegmentStream::with_sink(config, sink)?;
    let producer = thread::spawn(move || {
        (0..segments).try_for_each(|number| {
            let payload = payload(number, length);
            work(&payload);
            sender.send(ProducedSegment::media(number, payload, 2.0).with_path(name(number)))
        })
    });
    let mut stored = 0;
    for item in &mut stream {
        item?;
        stored += 1;
    }
    let took = start.elapsed();
    assert_eq!(stored, segments);
    stream.finish()?;
    producer.join().expect("the producer ends by itself")?;
    Ok(took)
}

/// The least that a second thread can cost: a bare channel of the same depth in front of the loop,
/// which tells nobody what it stored.
pub(crate) fn handed_over(
    folder: &Path,
    segments: u64,
    length: usize,
    work: impl Fn(&[u8]) + Send + 'static,
    store: impl Fn(&Path, u64, &[u8]) -> io::Result<()>,
) -> io::Result<Duration> {
    let start = Instant::now();
    let (sender, receiver) = bounded(depth(length));
    let producer = thread::spawn(move || {
        (0..segments).try_for_each(|number| {
            let payload = payload(number, length);
            work(&payload);
            sender.send((number, payload))
        })
    });
    for (number, payload) in &receiver {
        store(folder, number, &payload)?;
    }
    let took = start.elapsed();
    let sent = producer.join().expect("the producer ends by itself");
    sent.map_err(io::Error::other)?;
    Ok(took)
}

/// The least that a third thread can cost: a second bare channel behind that loop, from which each
/// payload comes out once it is stored, as from the stage.
fn handed_on(folder: &Path, segments: u64, length: usize) -> io::Result<Duration> {
    let start = Instant::now();
    let (sender, receiver) = bounded(depth(length));
    let (stored, out) = bounded(depth(length));
    let producer = thread::spawn(move || {
        (0..segments).try_for_each(|number| sender.send((number, payload(number, length))))
    });
    let folder = folder.to_path_buf();
    let writer = thread::spawn(move || -> io::Result<()> {
        for (number, payload) in &receiver {
            store(&folder, number, &payload)?;
            stored.send(payload).map_err(io::Error::other)?;
        }
        Ok(())
    });
    out.iter().for_each(drop);
    let took = start.elapsed();
    writer.join().expect("the writer ends by itself")?;
    let sent = producer.join().expect("the producer ends by itself");
    sent.map_err(io::Error::other)?;
    Ok(took)
}
