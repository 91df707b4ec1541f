//! A soak: live HLS through the disk sink and the publisher, with retention, in which nothing may
//! grow.
//!
//! 10,000 segments; a million of them, and what it took:
//! `SEGMENT_STREAM_THOROUGH=1 cargo test --release --all-features --test soak -- --nocapture`.
#![cfg(all(target_os = "linux", feature = "hls"))]

mod common;

#[path = "soak/look.rs"]
mod look;
#[path = "endless/memory.rs"]
mod memory;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::again::{again, folder, must_pass};
use common::folder::in_memory;
use common::listing::Listing;
use common::segments::payload;
use common::thorough::cases;
use common::threads::must_end;
use look::Look;
use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher};
use segment_stream::{
    DiskSink, ProducedSegment, SegmentSender, SegmentStream, SegmentStreamConfig, Tally,
};

const LENGTH: usize = 188;
const SECONDS: u64 = 2;
/// Listed at a time. As many again are old and wait to be deleted, and one that has just slid out.
const WINDOW: u64 = 10;
const PARTS: u64 = 100;

fn sends() -> u64 {
    cases(10_000, 1_000_000)
}

#[test]
fn a_million_segments_leave_nothing_behind() {
    let work = in_memory();
    // In a separate process, so that its memory, descriptors and threads are not shared with other
    // tests.
    let mut command = again(&[], "records_a_million_segments", work.path());
    // One heap for all threads: those of the test itself come and go, and would each warm up one
    // of its own.
    command.env("MALLOC_ARENA_MAX", "1");
    let output = must_pass(&mut command);
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

struct Session {
    root: PathBuf,
    stream: SegmentStream,
    sender: SegmentSender,
    publisher: MediaPlaylistPublisher<DiskSink>,
    /// The seconds that have passed for the publisher: as many as were pushed.
    clock: Arc<AtomicU64>,
    sent: u64,
}

impl Session {
    fn begin(root: &Path) -> Self {
        let playlist = MediaPlaylist::live("live.m3u8", Duration::from_secs(WINDOW * SECONDS))
            .target_duration(Duration::from_secs(SECONDS));
        let sink = playlist.reserve(DiskSink::rooted(root));
        let (stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        let clock = Arc::new(AtomicU64::new(0));
        let publisher = MediaPlaylistPublisher::new(playlist, DiskSink::rooted(root))
            .unwrap()
            .with_clock({
                let clock = Arc::clone(&clock);
                move || Duration::from_secs(clock.load(Ordering::Relaxed))
            });
        Self {
            root: root.to_path_buf(),
            stream,
            sender,
            publisher,
            clock,
            sent: 0,
        }
    }

    /// Sends so many, some ahead of the iteration, and publishes each.
    fn record(&mut self, segments: u64) {
        let end = self.sent + segments;
        let mut published = self.sent;
        while published < end {
            while self.sent < end && self.sent < published + 4 {
                let number = self.sent;
                let segment = ProducedSegment::media(number, payload(number, LENGTH), 2.0)
                    .with_path(format!("{number}.ts"));
                self.sender.send(segment).unwrap();
                self.sent += 1;
            }
            let item = self.stream.next().unwrap();
            self.clock.fetch_add(SECONDS, Ordering::Relaxed);
            let pushed = self.publisher.push(&item).unwrap();
            assert!(pushed.notices.is_empty(), "{:?}", pushed.notices);
            published += 1;
        }
    }

    /// The playlist is that of the last segments, which are all there.
    fn check(&self) {
        let listing = Listing::of_file(&self.root.join("live.m3u8"));
        assert_eq!(listing.end(), self.sent);
        assert_eq!(listing.segments.len() as u64, WINDOW.min(self.sent));
        for listed in &listing.segments {
            assert_eq!(listed.uri, format!("{}.ts", listed.number));
            let found = std::fs::read(self.root.join(&listed.uri)).unwrap();
            assert!(found == payload(listed.number, LENGTH));
        }
        // Those listed and as many that wait, the one between them, the playlist and its side
        // file. A deletion may be a push late.
        let files = Look::at(&self.root).files;
        assert!(files <= 2 * WINDOW + 6, "{files} files");
    }
}

#[test]
#[ignore = "a part of a_million_segments_leave_nothing_behind"]
fn records_a_million_segments() {
    let root = folder();
    let before = Look::at(&root);
    let mut session = Session::begin(&root);
    let part = sends() / PARTS;
    let mut looks = Vec::new();
    let begun = Instant::now();
    for number in 1..=PARTS {
        // Each part by itself, as the watchdog has no patience for all of them.
        session = must_end(move || {
            session.record(part);
            session.check();
            session
        });
        if number % (PARTS / 10) == 0 {
            let look = Look::at(&root);
            println!(
                "{:>9} segments, {:>6.1?}: {look}",
                session.sent,
                begun.elapsed()
            );
            looks.push(look);
        }
    }
    // After the first tenth all is as warm as it gets.
    let (warm, later) = looks.split_first().unwrap();
    for look in later {
        look.assert_like(warm);
    }
    let Session {
        stream,
        sender,
        mut publisher,
        clock,
        ..
    } = session;
    let all = Tally {
        segments: sends(),
        bytes: sends() * LENGTH as u64,
    };
    let stats = stream.stats();
    assert_eq!((stats.accepted, stats.yielded), (all, all));
    drop(sender);
    stream.finish().unwrap();
    assert!(publisher.finish().unwrap().notices.is_empty());
    // A push deletes a few at a time.
    for _ in 0..WINDOW {
        clock.fetch_add(10 * WINDOW * SECONDS, Ordering::Relaxed);
        assert!(publisher.delete_due().notices.is_empty());
    }
    assert_eq!(publisher.waiting_for_deletion().count(), 0);
    drop(publisher);
    let after = Look::at(&root);
    assert_eq!(after.files, WINDOW + 1, "what is listed, and the list");
    assert_eq!(
        (after.descriptors, after.threads),
        (before.descriptors, before.threads)
    );
}
