//! Records a camera within a limit of bytes, with a live window, health lines and clips.
//!
//! ```text
//! alias nvr='cargo run --features hls --example nvr --'
//! nvr                                # the sample, into a new directory
//! ffmpeg … -f mpegts - | nvr DIRECTORY   # a camera; run it again to resume
//! ```
//!
//! One recording lists all that the limit allows, and a live playlist lists its end. Both name the
//! same segments; only the recording deletes them.

#![deny(clippy::unwrap_used)]

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use segment_stream::hls::{
    Clip, MediaPlaylist, MediaPlaylistPublisher, Previous, Quota, Retention, SegmentNames,
};
use segment_stream::{DiskSink, SegmentStream, SegmentStreamConfig};
use support::cut::cut;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample.ts");
const TARGET: Duration = Duration::from_secs(6);
const MOST_BYTES: u64 = 2_000_000_000;

type Publisher = MediaPlaylistPublisher<DiskSink>;

fn main() -> io::Result<()> {
    env_logger::init();
    let (camera, root): (Box<dyn Read + Send>, PathBuf) = match env::args_os().nth(1) {
        Some(root) => (Box::new(io::stdin()), root.into()),
        None => (Box::new(File::open(SAMPLE)?), tempfile::tempdir()?.keep()),
    };
    let recording = MediaPlaylist::recording("camera.m3u8")
        .target_duration(TARGET)
        .program_date_time(SystemTime::now())
        .max_bytes(MOST_BYTES)
        // The disk must not fill up. A viewer of the oldest minutes may find them gone.
        .quota(Quota::Hard);
    let live = MediaPlaylist::live("live.m3u8", Duration::from_secs(30))
        .target_duration(TARGET)
        .program_date_time(SystemTime::now())
        .retention(Retention::Keep);
    let mut recorder = publisher(&root, &recording, Orphans::Delete)?;
    let mut window = publisher(&root, &live, Orphans::Keep)?;

    let segments = live.reserve(recording.reserve(DiskSink::rooted(&root)));
    let config = SegmentStreamConfig::default();
    let (mut stream, sender) = SegmentStream::with_sink(config, segments)?;
    let handle = stream.handle();
    let next = recorder.next_sequence();
    let mut names = SegmentNames::new("", "ts");
    let reader = thread::spawn(move || cut(camera, next, |it| names.name(it), &sender));
    for item in stream.with_info() {
        if let Err(error) = &item.result {
            eprintln!("{error}"); // It becomes a gap.
        }
        // A full disk or a slow one: the next push publishes what this one could not.
        for pushed in [recorder.push(&item), window.push(&item)] {
            pushed.map_or_else(|error| eprintln!("{error}"), drop);
        }
        if recorder.next_sequence() % 10 == 0 {
            let usage = recorder.usage();
            println!(
                "{}; {} of {MOST_BYTES} bytes",
                handle.stats(),
                usage.total_bytes()
            );
        }
    }
    stream.finish()?;
    reader
        .join()
        .map_err(|_| io::Error::other("the reader panicked"))??;

    // The last half minute before the camera went away, for two weeks.
    let name = format!("lost-at-{}", recorder.next_sequence());
    let clip = Clip::last(name, Duration::from_secs(30));
    let clip = recorder.clip(&clip.until(SystemTime::now() + Duration::from_secs(14 * 86_400)))?;
    println!(
        "{} has segments {:?}",
        root.join(&clip.paths[0]).display(),
        clip.numbers
    );
    recorder.suspend()?;
    window.suspend()?;
    Ok(())
}

/// Whether this playlist deletes what a killed session stored and never listed.
#[derive(Clone, Copy, PartialEq)]
enum Orphans {
    Delete,
    Keep,
}

/// Resumes the playlist, or begins it.
fn publisher(root: &Path, playlist: &MediaPlaylist, orphans: Orphans) -> io::Result<Publisher> {
    let disk = DiskSink::rooted(root);
    let Some(mut previous) = Previous::read(root, playlist)? else {
        return MediaPlaylistPublisher::new(playlist.clone(), disk);
    };
    if orphans == Orphans::Delete {
        previous = previous.with_orphans(root, playlist)?;
    }
    Ok(MediaPlaylistPublisher::resume(
        playlist.clone(),
        disk,
        &previous,
    )?)
}
