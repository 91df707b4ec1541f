//! An origin that is killed and restarted at random during a run.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Origin, Retention};
use segment_stream::{
    Backfill, BackfillOptions, DiskSink, HttpSink, ProducedSegment, RetryPolicy, SegmentSink,
    SegmentStream, SegmentStreamConfig, WhenFull, WriteContext,
};

use crate::common::threads::must_end;
use crate::origin::named;
use crate::server::{Server, Stage};
use crate::{LONG, NO_LIMIT, name};

const SEGMENTS: u64 = 300;
const KILLS: u64 = 20;

fn media(number: u64) -> ProducedSegment {
    let data = number.to_string().repeat(2_000).into_bytes();
    ProducedSegment::media(number, data, 1.0).with_path(name(number))
}

/// A generator of numbers, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Reads the playlist all the time, and the newest that it names.
fn poll(url: &str, is_over: &AtomicBool) {
    let mut origin = HttpSink::new(url).unwrap();
    let context = WriteContext::default();
    let mut read = |name: &str| origin.read(Path::new(name), &context);
    let mut count = 0_u64;
    // At the end the origin is up.
    while !is_over.load(Ordering::SeqCst) || count == 0 {
        let Ok(Some(text)) = read("live.m3u8") else {
            thread::yield_now();
            continue;
        };
        for name in named(&String::from_utf8(text).unwrap())
            .iter()
            .rev()
            .take(5)
        {
            // A slow reader has an old playlist. Numbers that have left never come back.
            if let Ok(None) = read(name)
                && let Ok(Some(text)) = read("live.m3u8")
            {
                let names = named(&String::from_utf8(text).unwrap());
                assert!(!names.contains(name), "the playlist names {name}");
            }
        }
        count += 1;
    }
}

/// Kills the origin in the middle of a request, and restarts it a few segments later.
struct Killer {
    server: Server,
    numbers: Numbers,
    kills: u64,
}

impl Killer {
    fn before(&mut self, number: u64) {
        let (cycle, place) = (number / (SEGMENTS / KILLS), number % (SEGMENTS / KILLS));
        if place == 4 && self.kills <= cycle {
            let stages = [Stage::Head, Stage::Body, Stage::Stored];
            let stage = stages[usize::try_from(self.numbers.below(3)).unwrap()];
            self.server.die_at(stage);
            self.kills += 1;
        } else if place == 6 + self.numbers.below(3) || place == 9 {
            self.server.restart();
        }
    }
}

/// Runs a job over these restarts. Returns the origin at its end.
fn run(root: &Path, live: MediaPlaylist, all: Option<MediaPlaylist>) -> Server {
    let server = Server::start();
    let url = server.url();
    let disk = DiskSink::rooted(root);
    let options = BackfillOptions::holding(NO_LIMIT);
    let origin = HttpSink::new(&url).unwrap();
    let path = root.join(".backfill");
    let backfill = Backfill::open(path, disk.clone(), origin.clone(), options).unwrap();
    let config = SegmentStreamConfig::default();
    let recorder = backfill.recorder(disk.clone());
    let (mut on_disk, sender) = SegmentStream::with_sink(config, recorder).unwrap();
    let config = SegmentStreamConfig::default()
        .when_full(WhenFull::DropOldest)
        .retry(RetryPolicy::never());
    let (mut at_origin, live_edge) = SegmentStream::with_sink(config, origin.clone()).unwrap();
    let manifests = backfill.recorder(disk).with_manifests();
    let recording = all.map(|all| MediaPlaylistPublisher::new(all, manifests).unwrap());

    // A second for each push, so that what is due is deleted.
    let clock = AtomicU64::new(0);
    let publisher = MediaPlaylistPublisher::new(live, Origin::new(origin)).unwrap();
    let mut publisher =
        publisher.with_clock(move || Duration::from_secs(clock.fetch_add(1, Ordering::Relaxed)));
    let (is_over, pushed) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut killer = Killer {
        server,
        numbers: Numbers(7),
        kills: 0,
    };
    thread::scope(|scope| {
        let (backfill, is_over, pushed) = (&backfill, &is_over, &pushed);
        let polling = scope.spawn(|| poll(&url, is_over));
        let recording = scope.spawn(move || {
            let mut recording = recording;
            for item in on_disk.with_info() {
                if let Some(recording) = &mut recording {
                    recording.push(&item).unwrap();
                }
                assert!(item.result.is_ok(), "the origin disturbs the recording");
                backfill.forward(item, &live_edge);
            }
            recording
        });
        let publishing = scope.spawn(move || {
            for item in at_origin.with_info() {
                backfill.note(&item.result);
                publisher.push(&item).unwrap();
                let count = item.result.map_or_else(|error| error.segments(), |_| 1);
                pushed.fetch_add(count, Ordering::SeqCst);
            }
            publisher
        });
        for number in 0..SEGMENTS {
            killer.before(number);
            sender.send(media(number)).unwrap();
            // A live source is no faster than its live edge, most of the time.
            let due = number.saturating_sub(killer.numbers.below(6));
            while pushed.load(Ordering::SeqCst) < due {
                thread::yield_now();
            }
        }
        drop(sender);
        killer.server.restart();
        if let Some(mut recording) = recording.join().unwrap() {
            recording.finish().unwrap();
        }
        let mut publisher = publishing.join().unwrap();
        publisher.finish().unwrap();
        while publisher.waiting_for_deletion().count() > 0 {
            let _ = publisher.delete_due();
        }
        is_over.store(true, Ordering::SeqCst);
        polling.join().unwrap();
    });
    assert_eq!(killer.kills, KILLS);
    assert_eq!(backfill.finish_timeout(LONG).owed, 0);
    killer.server
}

#[test]
fn every_segment_gets_to_an_origin_that_is_killed_twenty_times_and_no_playlist_names_a_missing_one()
{
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let live = MediaPlaylist::event("live.m3u8").target_duration(Duration::from_secs(1));
        let server = run(root.path(), live, Some(MediaPlaylist::vod("all.m3u8")));
        for number in 0..SEGMENTS {
            let object = server.object(&name(number));
            assert_eq!(object, Some(media(number).data), "{number}");
        }
        assert_eq!(server.named_and_missing(), [""; 0]);
        let all = String::from_utf8(server.object("all.m3u8").unwrap()).unwrap();
        assert_eq!(named(&all), (0..SEGMENTS).map(name).collect::<Vec<_>>());
        // What was missed stays a gap there.
        let live = String::from_utf8(server.object("live.m3u8").unwrap()).unwrap();
        let gaps = live.matches("#EXT-X-GAP\n").count();
        assert!(gaps > 0 && named(&live).len() + gaps == 300, "{gaps}");
    });
}

/// Retention at the origin deletes what has left the live playlist, and nothing else.
#[test]
fn beside_restarts_only_what_left_the_live_playlist_is_deleted_at_the_origin() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let live = MediaPlaylist::live("live.m3u8", Duration::from_secs(10))
            .target_duration(Duration::from_secs(1))
            .retention(Retention::Delete {
                margin: Duration::ZERO,
            });
        let server = run(root.path(), live, None);
        let deleted = server.deleted();
        assert!(deleted.contains(&name(0)));
        for number in (0..SEGMENTS).filter(|number| !deleted.contains(&name(*number))) {
            let object = server.object(&name(number));
            assert_eq!(object, Some(media(number).data), "{number}");
        }
        assert_eq!(server.named_and_missing(), [""; 0]);
        let live = String::from_utf8(server.object("live.m3u8").unwrap()).unwrap();
        assert!(named(&live).iter().all(|it| server.object(it).is_some()));
    });
}
