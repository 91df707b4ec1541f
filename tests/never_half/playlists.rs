//! Playlists: rewritten while a player reads them and what they name.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher};
use segment_stream::{DiskSink, ProducedSegment, SegmentStream, SegmentStreamConfig};

use super::common::folder::{entries, in_memory, temps};
use super::common::listing::Listing;
use super::common::segments::payload;
use super::common::thorough::cases;
use super::common::threads::must_end;

const PLAYLIST: &str = "live/live.m3u8";
const SEGMENT_SECS: f64 = 0.25;
/// Three target durations: as short as a window can be.
const WINDOW: u64 = 3_000_000;
/// A segment that slid out stays for its own duration and that of the longest playlist.
const STAYS: Duration = Duration::from_millis(250 + 3_250);
/// How much faster the publisher's clock runs, so that files are deleted soon.
const HASTE: u32 = 10;

fn name(number: u64) -> String {
    format!("{number:08}.ts")
}

/// Reads the playlist over and over until told to stop, as a player that loses no time; returns
/// the versions that it saw, by the number after the last one.
fn read_all_the_time(folder: &Path, stop: &AtomicBool) -> BTreeSet<u64> {
    let path = folder.join(PLAYLIST);
    let mut seen = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let Ok(text) = fs::read(&path) else {
            assert!(seen.is_empty(), "the playlist is gone");
            continue;
        };
        let listing = Listing::of(&text);
        for segment in &listing.segments {
            assert_eq!(segment.uri, name(segment.number), "an entry is missing");
            let opened = File::open(folder.join("live").join(&segment.uri));
            // A reader that is delayed for longer than the stay has no claim to the file.
            let is_late = began.elapsed() * HASTE >= STAYS;
            assert!(opened.is_ok() || is_late, "{}: {opened:?}", segment.uri);
        }
        if listing.media_sequence > 0 {
            assert!(listing.micros() >= WINDOW, "entries are missing at the end");
        }
        let latest = seen.last().copied().unwrap_or_default();
        assert!(listing.end() >= latest, "it went back from {latest}");
        seen.insert(listing.end());
    }
    seen
}

#[test]
fn every_version_is_whole_and_what_it_names_is_there() {
    must_end(|| {
        let folder = in_memory();
        let root = folder.path();
        let playlist =
            MediaPlaylist::live(PLAYLIST, Duration::ZERO).target_duration(Duration::from_secs(1));
        let sink = playlist.reserve(DiskSink::rooted(root));
        let began = Instant::now();
        let mut publisher = MediaPlaylistPublisher::new(playlist, DiskSink::rooted(root))
            .unwrap()
            .with_clock(move || began.elapsed() * HASTE);
        let (mut stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();

        let stop = Arc::new(AtomicBool::new(false));
        let reader = thread::spawn({
            let (path, stop) = (root.to_path_buf(), Arc::clone(&stop));
            move || read_all_the_time(&path, &stop)
        });
        // Until it says otherwise, whatever becomes of the other half.
        let producer = thread::spawn(move || {
            let numbers = 0..;
            numbers
                .map(|number| {
                    let segment = ProducedSegment::media(number, payload(number, 64), SEGMENT_SECS);
                    segment.with_path(format!("live/{}", name(number)))
                })
                .take_while(|segment| sender.send(segment.clone()).is_ok())
                .count()
        });

        let rewrites = cases(4_000, 10_000);
        let mut written = 0;
        let first = root.join("live").join(name(0));
        // The reader proves nothing about deletion before anything was deleted.
        while written < rewrites || first.exists() {
            let item = stream.next().unwrap();
            assert!(publisher.push(&item).unwrap().notices.is_empty());
            written += 1;
        }
        stop.store(true, Ordering::Relaxed);
        drop(stream);
        producer.join().unwrap();
        assert!(publisher.finish().unwrap().notices.is_empty());

        let seen = reader.join().unwrap();
        println!("the reader saw {} of {written} versions", seen.len());
        // It proves something only if the reader met the rewrites under way.
        assert!(
            seen.len() as u64 > rewrites / 20,
            "saw no more than {}",
            seen.len()
        );
        println!("{} files are left", entries(root).len());
        assert!(temps(root).is_empty());
        assert_eq!(Listing::of_file(&root.join(PLAYLIST)).end(), written);
    });
}
