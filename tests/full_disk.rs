//! A live session on a disk that others fill up: the publisher deletes due files, so the session
//! recovers by itself. On a small tmpfs, and on an ext4 in a file.
#![cfg(all(feature = "hls", target_os = "linux"))]

mod common;

#[path = "real_trouble/image.rs"]
#[allow(dead_code, reason = "real_trouble uses the rest")]
mod image;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::again::{again, folder, must_pass};
use common::config::once;
use common::folder::temps;
use common::listing::Listing;
use common::means::{have_tools, skip};
use common::segments::payload;
use common::threads::must_end;
use image::Image;
use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, PublishError, Pushed};
use segment_stream::{
    DiskSink, Durability, ProducedSegment, SegmentSender, SegmentStream, WriteError,
};

const SEGMENT_LEN: usize = 100_000;
const SEGMENT_SECS: u64 = 2;
/// Of 10 segments, so that about as many more wait for their deletion.
const WINDOW: Duration = Duration::from_secs(20);

#[test]
fn a_live_session_goes_on_on_a_full_tmpfs() {
    let test = "a_live_session_goes_on_on_a_full_tmpfs";
    if !have_tools(test, &["unshare", "mount"]) {
        return;
    }
    let probe = Command::new("unshare").args(["-rm", "true"]).output();
    if !probe.expect("it can be started").status.success() {
        skip(test, "no user and mount namespaces here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=4m none \"$SEGMENT_STREAM_TEST_FOLDER\" && exec \"$@\"";
    let prefix = ["unshare", "-rm", "sh", "-c", mount, "sh"];
    must_pass(&mut again(&prefix, "runs_on_a_full_disk", folder.path()));
}

#[test]
fn a_live_session_goes_on_on_a_full_ext4() {
    let maker = ["mkfs.ext4", "-q", "-m", "0", "-N", "128"];
    if let Some(image) = Image::make("a_live_session_goes_on_on_a_full_ext4", &maker, 8) {
        image.run("runs_on_a_full_disk", 1);
    }
}

#[test]
#[ignore = "a part of the others"]
fn runs_on_a_full_disk() {
    must_end(|| {
        let mut session = Session::new(folder());
        for _ in 0..40 {
            assert!(session.step().is_ok());
        }
        assert_eq!(session.lost, 0);
        let ballast = session.root.join("ballast");
        fill_up(&ballast);

        // One file is due with each segment, so each segment makes room for the next. After a loss
        // nothing is due in its turn; the session then recovers within two segments.
        let good: Vec<bool> = (0..30).map(|_| session.step_is_good()).collect();
        let longest = good.split(|is_good| *is_good).map(<[_]>::len).max();
        assert!(longest <= Some(3), "{good:?}");
        assert!(good.iter().filter(|it| **it).count() >= 24, "{good:?}");

        nothing_is_due(&mut session);
        fs::remove_file(&ballast).unwrap();
        assert!(session.step().is_ok(), "there is room again");

        // Files that have been due for long make room for many. ext4 gives their room back with the
        // next commit of its journal, so one more may be lost.
        fill_up(&ballast);
        session.seconds_pass(1_000);
        let good: Vec<bool> = (0..10).map(|_| session.step_is_good()).collect();
        assert!(good[..4].contains(&true), "{good:?}");
        assert!(good.iter().filter(|it| **it).count() >= 7, "{good:?}");
        session.end();
    });
}

/// The clock stands still: nothing can be deleted, and what others have filled stays full.
fn nothing_is_due(session: &mut Session) {
    let before = fs::read(session.root.join("live.m3u8")).unwrap();
    fill_up(&session.root.join("more"));
    for _ in 0..5 {
        let error = session.push().expect_err("there is no room");
        assert_eq!(error.sink_error().io_kind(), io::ErrorKind::StorageFull);
        let after = fs::read(session.root.join("live.m3u8")).unwrap();
        assert!(after == before, "the playlist has changed");
    }
    fs::remove_file(session.root.join("more")).unwrap();
}

/// Takes all the room that there is.
fn fill_up(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    for size in [4096, 1024, 1] {
        while file.write_all(&vec![0xAA; size]).is_ok() {}
        let _ = file.sync_all();
    }
}

struct Session {
    root: PathBuf,
    clock: Arc<AtomicU64>,
    stream: SegmentStream,
    sender: SegmentSender,
    publisher: MediaPlaylistPublisher<DiskSink>,
    next: u64,
    lost: usize,
}

impl Session {
    fn new(root: PathBuf) -> Self {
        let playlist = MediaPlaylist::live("live.m3u8", WINDOW)
            .target_duration(Duration::from_secs(SEGMENT_SECS));
        let sink = || DiskSink::rooted(&root).durability(Durability::File);
        let (stream, sender) = SegmentStream::with_sink(once(), playlist.reserve(sink())).unwrap();
        let clock = Arc::new(AtomicU64::new(0));
        let publisher = MediaPlaylistPublisher::new(playlist, sink())
            .unwrap()
            .with_clock({
                let clock = Arc::clone(&clock);
                move || Duration::from_secs(clock.load(Ordering::Relaxed))
            });
        Self {
            clock,
            stream,
            sender,
            publisher,
            next: 0,
            lost: 0,
            root,
        }
    }

    fn seconds_pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    fn step(&mut self) -> Result<Pushed, PublishError> {
        self.seconds_pass(SEGMENT_SECS);
        self.push()
    }

    /// Whether a segment was stored, and what became of it published.
    fn step_is_good(&mut self) -> bool {
        let lost = self.lost;
        self.step().is_ok() && self.lost == lost
    }

    /// Stores a segment, or not, and publishes. Whatever becomes of it, nothing that is listed is
    /// missing.
    fn push(&mut self) -> Result<Pushed, PublishError> {
        let segment = ProducedSegment::media(self.next, payload(self.next, SEGMENT_LEN), 2.0);
        let path = format!("{}.ts", self.next);
        self.sender.send(segment.with_path(path)).unwrap();
        self.next += 1;
        let item: Result<ProducedSegment, WriteError> = self.stream.next().unwrap();
        if let Err(error) = &item {
            assert_eq!(error.io_kind(), io::ErrorKind::StorageFull, "{error}");
            self.lost += 1;
        }
        let pushed = self.publisher.push(&item);
        self.check();
        pushed
    }

    fn check(&self) {
        for listed in Listing::of_file(&self.root.join("live.m3u8")).segments {
            if !listed.is_gap {
                let data = fs::read(self.root.join(&listed.uri));
                let data = data.unwrap_or_else(|error| panic!("{}: {error}", listed.uri));
                assert!(
                    data == payload(listed.number, SEGMENT_LEN),
                    "{}",
                    listed.uri
                );
            }
        }
        assert!(temps(&self.root).is_empty());
    }

    fn end(mut self) {
        let _ = self.publisher.finish().expect("it is published");
        self.check();
        self.seconds_pass(1_000);
        assert!(self.publisher.delete_due().notices.is_empty());
        assert_eq!(self.publisher.waiting_for_deletion().count(), 0);
        self.check();
        self.stream.finish().unwrap();
    }
}
