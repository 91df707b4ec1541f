//! Packages several renditions of one input as adaptive live HLS.
//!
//! `cargo run --features hls --example abr -- [DIRECTORY HIGH.ts LOW.ts]`
//!
//! Each rendition has a thread of its own: it cuts, stores and publishes. The presentation keeps
//! the media playlists in step and publishes the multivariant playlist as soon as both are there.
//! Without arguments the sample is both renditions.

#![deny(clippy::unwrap_used)]

use std::env;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use segment_stream::hls::{
    Clip, MediaPlaylist, MediaPlaylistPublisher, MultivariantPlaylist, Presentation, SegmentNames,
    Variant,
};
use segment_stream::{DiskSink, SegmentStream, SegmentStreamConfig};
use support::cut::cut;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample.ts");

fn main() -> io::Result<()> {
    env_logger::init();
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let root = match arguments.next() {
        Some(root) => root,
        None => tempfile::tempdir()?.keep(),
    };
    let mut input = || File::open(arguments.next().unwrap_or_else(|| SAMPLE.into()));
    let inputs = [("high", input()?), ("low", input()?)];

    let shared = MediaPlaylist::live("", Duration::from_secs(60))
        .target_duration(Duration::from_secs(6))
        // Of both renditions together.
        .max_bytes(500_000_000);
    let codecs = "avc1.42c00c,mp4a.40.2";
    let main = MultivariantPlaylist::new("main.m3u8")
        .variant(Variant::new("high.m3u8", 4_000_000).codecs(codecs))
        .variant(Variant::new("low.m3u8", 900_000).codecs(codecs));
    let presentation = Presentation::new(shared)?
        .multivariant(main)?
        // A rendition that is behind by more lists gaps, and the others go on. Files are read faster
        // than they play, so this is long.
        .max_lag(Duration::from_secs(3600));

    // All renditions must be known before the first push.
    let mut renditions = Vec::new();
    for (name, input) in inputs {
        let publisher = presentation.rendition(format!("{name}.m3u8"), DiskSink::rooted(&root))?;
        renditions.push((name, input, publisher));
    }
    let mut threads = Vec::new();
    for (name, input, publisher) in renditions {
        let disk = presentation.reserve(DiskSink::rooted(&root));
        let (stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), disk)?;
        // Both inputs are cut at the same points, so their numbers agree.
        let mut names = SegmentNames::new(name, "ts");
        let packager = thread::spawn(move || cut(input, 0, |it| names.name(it), &sender));
        let publisher = thread::spawn(move || publish(stream, publisher));
        threads.push((name, packager, publisher));
    }
    for (name, packager, publisher) in threads {
        let panicked = |_| io::Error::other(format!("the thread of {name} panicked"));
        packager.join().map_err(panicked)??;
        publisher.join().map_err(panicked)??;
    }

    // The highlights, of both renditions, by names alone.
    let highlights = Clip::last("highlights", Duration::from_secs(5));
    let clip = presentation.clip(&highlights, DiskSink::rooted(&root))?;
    println!("{:?}: {:?}", clip.numbers, clip.paths);
    let usage = presentation.usage();
    println!(
        "{} bytes; see {}",
        usage.total_bytes(),
        root.join("main.m3u8").display()
    );
    Ok(())
}

/// Publishes what one rendition's stream yields.
fn publish(
    mut stream: SegmentStream,
    mut publisher: MediaPlaylistPublisher<DiskSink>,
) -> io::Result<()> {
    for item in stream.with_info() {
        // A segment that was not stored becomes a gap; what could not be published, the next push
        // publishes.
        if let Err(error) = publisher.push(&item) {
            eprintln!("{error}");
        }
    }
    publisher.finish()?;
    stream.finish()?;
    Ok(())
}
