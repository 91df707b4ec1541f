//! What a segment costs where there are many streams in the process, against one stream; and what
//! an idle stream costs.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use segment_stream::{
    DiskSink, ProducedSegment, SegmentSender, SegmentStream, SegmentStreamConfig, sink,
};

use crate::figures::{Figures, Goal, Ratios, pairs, ratios, size};
use crate::places::Place;
use crate::plain::payload;

const LENGTH: usize = 16 << 10;
/// In all, whatever the number of streams.
const SEGMENTS: usize = 8_000;
const DEPTH: usize = 8;
/// What an idle stream may keep in memory.
const IDLE: f64 = 65_536.0;

type Halves = (SegmentStream, SegmentSender);

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    let one = || through(1);
    figures.point("streams", "a segment", 1.0, 1.0);
    for count in [10, 100, 1_000] {
        let found = ratios(|| through(count), one)?;
        let goal = if count == 1_000 {
            Goal::AtMost(1.3)
        } else {
            Goal::None
        };
        figures.ratio(
            "time for each segment with many streams",
            "one stream",
            &format!("tmpfs, {} segments, {count} streams", size(LENGTH)),
            &found,
            goal,
        );
        figures.point("streams", "a segment", count as f64, found.median());
    }
    asleep(figures)
}

fn open(folder: &std::path::Path) -> io::Result<Halves> {
    let config = SegmentStreamConfig {
        channel_depth: DEPTH,
        ..Default::default()
    };
    SegmentStream::with_sink(config, DiskSink::rooted(folder))
}

/// All the segments through so many streams: each is filled, and then each is emptied. Starting and
/// ending the streams does not count.
fn through(count: usize) -> io::Result<Duration> {
    let folder = Place::Memory.folder()?;
    let mut streams: Vec<_> = (0..count)
        .map(|_| open(folder.path()))
        .collect::<io::Result<_>>()?;
    let start = Instant::now();
    for round in 0..SEGMENTS / (count * DEPTH) {
        for (number, (_, sender)) in streams.iter().enumerate() {
            for slot in 0..DEPTH {
                let path = format!("{number}-{round}-{slot}.ts");
                let payload = payload(slot as u64, LENGTH);
                sender.send(ProducedSegment::media(slot as u64, payload, 2.0).with_path(path))?;
            }
        }
        for (stream, _) in &mut streams {
            for item in stream.take(DEPTH) {
                item?;
            }
        }
    }
    Ok(start.elapsed())
}

fn asleep(figures: &mut Figures) -> io::Result<()> {
    const STREAMS: usize = 500;
    let mut found = Vec::new();
    for _ in 0..pairs() {
        let before = resident()?;
        let streams: Vec<Halves> = (0..STREAMS)
            .map(|_| {
                SegmentStream::with_sink(SegmentStreamConfig::default(), sink::from_fn(|_| Ok(())))
            })
            .collect::<io::Result<_>>()?;
        let each = resident()?.saturating_sub(before) as f64 / STREAMS as f64;
        found.push(each / IDLE);
        drop(streams);
    }
    figures.ratio(
        "resident memory of an idle stream",
        "64 KiB",
        "500 streams",
        &Ratios::new(found),
        Goal::AtMost(1.0),
    );
    Ok(())
}

fn resident() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|it| it.trim().strip_suffix(" kB"));
    let kib: u64 = kib
        .and_then(|it| it.parse().ok())
        .ok_or_else(|| io::Error::other("no VmRSS"))?;
    Ok(kib << 10)
}
