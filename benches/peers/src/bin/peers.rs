//! The stage against its peers, which do the same job: the async original on tokio, and FFmpeg.
//!
//! ```text
//! cargo run --release --bin peers                                  # the original
//! cargo run --release --bin peers -- LIVE_HLS TRANSPORT_STREAM     # and live_hls, FFmpeg, cp
//! ```

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use oximedia_packager::streaming_output as original;
use segment_stream::{DiskSink, ProducedSegment, SegmentStream, SegmentStreamConfig};

#[path = "../../../stage/figures.rs"]
mod figures;
#[path = "../../../stage/places.rs"]
mod places;
#[path = "../../../stage/plain.rs"]
mod plain;

use figures::{Figures, Goal, ratios, size};
use places::Place;
use plain::payload;

/// Sizes, how many of each, and how many times as fast as the original it should be.
const SIZES: [(usize, u64, f64); 3] = [
    (16 << 10, 2_000, 5.0),
    (256 << 10, 200, 3.0),
    (4 << 20, 30, 1.3),
];

fn main() -> io::Result<()> {
    let mut figures = Figures::default();
    against_the_original(&mut figures)?;
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    if let [live_hls, input] = &arguments[..] {
        against_ffmpeg(&mut figures, live_hls, Path::new(input))?;
    }
    figures.save("peers")
}

fn against_the_original(figures: &mut Figures) -> io::Result<()> {
    for place in Place::BOTH {
        for (length, segments, goal) in SIZES {
            let case = format!("{}, {}", place.name(), size(length));
            let theirs = || on_tokio(place, segments, length);
            let what = "oximedia-packager 0.1.8 on tokio, which writes in place";
            let found = ratios(theirs, || staged(place, segments, length))?;
            figures.ratio(what, "the stage", &case, &found, Goal::AtLeast(goal));

            // How much faster anything can be that stores whole files.
            let loops = || plain::plain(place.folder()?.path(), segments, length, plain::store);
            let found = ratios(theirs, loops)?;
            figures.ratio(what, "a plain loop", &case, &found, Goal::None);
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

/// The target duration on both sides, in seconds.
const TARGET: &str = "2";

fn against_ffmpeg(figures: &mut Figures, live_hls: &OsStr, input: &Path) -> io::Result<()> {
    let megabytes = fs::metadata(input)?.len() / 1_000_000;
    let case = format!("tmpfs, {megabytes} MB of MPEG-TS, target {TARGET} s");
    let packaged = || {
        timed(|folder| {
            let mut command = Command::new(live_hls);
            command.args(["--target", TARGET, "--durability", "none", "--record"]);
            command.arg(input).arg(folder);
            command
        })
    };
    let by_ffmpeg = || {
        timed(|folder| {
            let mut command = Command::new("ffmpeg");
            command.args(["-loglevel", "error", "-i"]).arg(input);
            command.args(["-c", "copy", "-f", "hls", "-hls_list_size", "0"]);
            command
                .args(["-hls_time", TARGET])
                .arg(folder.join("live.m3u8"));
            command
        })
    };
    let copied = || {
        timed(|folder| {
            let mut command = Command::new("cp");
            command.arg(input).arg(folder);
            command
        })
    };
    let found = ratios(by_ffmpeg, packaged)?;
    let goal = Goal::AtLeast(2.0);
    figures.ratio("ffmpeg -c copy -f hls", "live_hls", &case, &found, goal);
    let found = ratios(packaged, copied)?;
    figures.ratio("live_hls", "cp", &case, &found, Goal::AtMost(1.5));
    Ok(())
}

/// How long a program takes that fills this folder.
fn timed(command: impl FnOnce(&PathBuf) -> Command) -> io::Result<Duration> {
    let folder = Place::Memory.folder()?;
    let mut command = command(&folder.path().to_path_buf());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let took = start.elapsed();
    if !status.success() {
        return Err(io::Error::other(format!("{command:?}: {status}")));
    }
    Ok(took)
}
