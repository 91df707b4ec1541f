//! Live playlists with gaps at the origins, and whole ones from disk.

use segment_stream::hls::{
    MediaPlaylist, MediaPlaylistPublisher, MultivariantPlaylist, Origin as Destination, Retention,
    Variant,
};
use segment_stream::{
    Backfill, BackfillOptions, DiskSink, RetryPolicy, SegmentInfo, SegmentSender, SegmentStream,
    SegmentStreamConfig, WhenFull,
};
use std::time::Duration;

use crate::common::threads::must_end;
use crate::origin::Origin;
use crate::{LONG, NO_LIMIT, media, name};

const COUNT: u64 = 12;

/// The live edge at one origin: its stream, its playlist and its backfill.
struct LiveEdge {
    origin: Origin,
    backfill: Backfill,
    stream: SegmentStream,
    sender: Option<SegmentSender>,
    publisher: MediaPlaylistPublisher<Destination<Origin>>,
}

impl LiveEdge {
    fn new(origin: &Origin, backfill: Backfill) -> Self {
        let config = SegmentStreamConfig::default()
            .when_full(WhenFull::DropOldest)
            .retry(RetryPolicy::never());
        let (stream, sender) = SegmentStream::with_sink(config, origin.sink()).unwrap();
        let playlist = MediaPlaylist::event("live.m3u8").target_duration(Duration::from_secs(2));
        let destination = Destination::new(origin.sink());
        Self {
            origin: origin.clone(),
            backfill,
            stream,
            sender: Some(sender),
            publisher: MediaPlaylistPublisher::new(playlist, destination).unwrap(),
        }
    }

    fn publish_one(&mut self) {
        let item = self.stream.with_info().next().unwrap();
        self.backfill.note(&item.result);
        self.publisher.push(&item).unwrap();
    }

    /// Ends the playlist once the origin is up, and uploads what is left.
    fn end(mut self) -> Origin {
        self.origin.set_down(false);
        self.publisher.finish().unwrap();
        assert_eq!(self.backfill.finish_timeout(LONG).owed, 0);
        self.origin
    }
}

/// The sequence number, whether it is a gap, and its discontinuity sequence, of each entry.
fn entries(text: &str) -> Vec<(u64, bool, u64)> {
    let tag = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |number| number.parse().unwrap())
    };
    let mut number = tag("#EXT-X-MEDIA-SEQUENCE:");
    let mut discontinuities = tag("#EXT-X-DISCONTINUITY-SEQUENCE:");
    let (mut is_gap, mut entries) = (false, Vec::new());
    for line in text.lines() {
        match line {
            "#EXT-X-DISCONTINUITY" => discontinuities += 1,
            "#EXT-X-GAP" => is_gap = true,
            line if !line.starts_with('#') => {
                entries.push((number, std::mem::take(&mut is_gap), discontinuities));
                number += 1;
            }
            _ => {}
        }
    }
    entries
}

/// Each has gaps of its own, and the same numbers.
#[test]
fn two_origins_that_fail_independently_are_in_step_and_their_recordings_are_whole() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let disk = DiskSink::rooted(root.path());
        let options = BackfillOptions::holding(NO_LIMIT);
        let (one, other) = (Origin::default(), Origin::default());
        let path = root.path().join(".other");
        let second = Backfill::open(path, disk.clone(), other.sink(), options.clone()).unwrap();
        let local = second.recorder(disk.clone());
        let path = root.path().join(".one");
        let first = Backfill::open(path, local, one.sink(), options).unwrap();
        let recorder = first.recorder(second.recorder(disk.clone()));
        let manifests = second.recorder(disk).with_manifests();
        let manifests = first.recorder(manifests).with_manifests();
        let all = MediaPlaylist::vod("all.m3u8");
        let mut recording = MediaPlaylistPublisher::new(all, manifests).unwrap();
        let (mut on_disk, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), recorder).unwrap();
        let mut one = LiveEdge::new(&one, first);
        let mut other = LiveEdge::new(&other, second);

        for number in 0..COUNT {
            one.origin.set_down((3..6).contains(&number));
            other.origin.set_down((5..10).contains(&number));
            let info = SegmentInfo::new();
            // At both, at one and at the other of them it comes with a gap.
            let is_seam = [4, 5, 8, 11].contains(&number);
            let info = if is_seam { info.discontinuity() } else { info };
            sender.send((media(number), info)).unwrap();
            let item = on_disk.with_info().next().unwrap();
            recording.push(&item).unwrap();
            other
                .backfill
                .forward_copy(&item, other.sender.as_ref().unwrap());
            one.backfill.forward(item, one.sender.as_ref().unwrap());
            one.publish_one();
            other.publish_one();
        }
        drop(sender);
        recording.finish().unwrap();
        drop((one.sender.take(), other.sender.take()));

        let variant = Variant::new("live.m3u8", 4_000_000);
        let main = MultivariantPlaylist::new("main.m3u8")
            .variant(variant.clone())
            .variant(variant.base_url("https://other.example/live/"));
        let both: [&dyn segment_stream::hls::Rendition; 2] = [&one.publisher, &other.publisher];
        main.publish(&mut one.origin.sink(), &both).unwrap();

        let (one, other) = (one.end(), other.end());
        let (live, others) = [&one, &other]
            .map(|it| entries(&it.text("live.m3u8").unwrap()))
            .into();
        let gaps = |entries: &[(u64, bool, u64)]| {
            let gaps = entries.iter().filter(|it| it.1).map(|it| it.0);
            gaps.collect::<Vec<_>>()
        };
        assert_eq!(gaps(&live), [3, 4, 5]);
        assert_eq!(gaps(&others), [5, 6, 7, 8, 9]);
        let numbers = |entries: Vec<(u64, bool, u64)>| {
            let numbers = entries
                .into_iter()
                .map(|(number, _, seams)| (number, seams));
            numbers.collect::<Vec<_>>()
        };
        assert_eq!(numbers(live), numbers(others.clone()));
        assert_eq!(others.last(), Some(&(11, false, 4)));
        let main = one.text("main.m3u8").unwrap();
        let uris: Vec<_> = main.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(uris, ["live.m3u8", "https://other.example/live/live.m3u8"]);
        for origin in [one, other] {
            let all = origin.text("all.m3u8").unwrap();
            assert_eq!(gaps(&entries(&all)), [0; 0]);
            assert_eq!(entries(&all).len() as u64, COUNT);
            assert!(all.ends_with("#EXT-X-ENDLIST\n"));
            assert_eq!(origin.named_and_missing(), [""; 0]);
        }
    });
}

/// Its window is shorter than the outage. The playlist on disk moves on, and its files stay.
#[test]
fn the_retention_of_a_playlist_on_disk_waits_for_the_origin() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let disk = DiskSink::rooted(root.path());
        let origin = Origin::default().down();
        let options = BackfillOptions::holding(NO_LIMIT);
        let backfill = crate::open(root.path(), &origin, options);
        let playlist = MediaPlaylist::live("live.m3u8", Duration::from_secs(6))
            .target_duration(Duration::from_secs(2))
            .retention(Retention::Delete {
                margin: Duration::ZERO,
            });
        let clock = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let now = std::sync::Arc::clone(&clock);
        let mut publisher =
            MediaPlaylistPublisher::new(playlist, backfill.recorder(disk.clone())).unwrap();
        publisher = publisher.with_clock(move || {
            Duration::from_secs(now.fetch_add(2, std::sync::atomic::Ordering::Relaxed))
        });
        let config = SegmentStreamConfig::default();
        let (mut on_disk, sender) =
            SegmentStream::with_sink(config, backfill.recorder(disk)).unwrap();
        for number in 0..40 {
            sender.send(media(number)).unwrap();
            let item = on_disk.next().unwrap();
            publisher.push(&item).unwrap();
        }
        publisher.finish().unwrap();
        let held = backfill.stats().held;
        assert!(held >= 20, "{held}");
        assert!((0..40).all(|number| root.path().join(name(number)).exists()));
        origin.set_down(false);
        assert_eq!(backfill.finish_timeout(LONG).held, 0);
        assert_eq!(origin.stored(), (0..40).map(name).collect::<Vec<_>>());
        let left = (0..40).filter(|number| root.path().join(name(*number)).exists());
        assert_eq!(left.count(), 40 - held);
    });
}

/// The limit was exceeded, so a playlist of everything would name what no client gets.
#[test]
fn a_playlist_that_names_a_lost_segment_is_not_uploaded_and_one_that_does_not_is() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let disk = DiskSink::rooted(root.path());
        let origin = Origin::default().down();
        let backfill = crate::open(root.path(), &origin, BackfillOptions::holding(0));
        let mut segments = backfill.recorder(disk.clone());
        for number in 0..3 {
            crate::write(&mut segments, number);
        }
        for (path, first) in [("all.m3u8", 0), ("end.m3u8", 1)] {
            let manifests = backfill.recorder(disk.clone()).with_manifests();
            let mut publisher =
                MediaPlaylistPublisher::new(MediaPlaylist::vod(path), manifests).unwrap();
            for number in first..3 {
                publisher.push(&Ok(media(number))).unwrap();
            }
            publisher.finish().unwrap();
        }
        let path = name(0);
        let context = segment_stream::WriteContext::default();
        segment_stream::SegmentSink::remove(&mut segments, path.as_ref(), &context).unwrap();
        origin.set_down(false);
        let stats = backfill.finish_timeout(LONG);
        assert_eq!((stats.lost, stats.withheld, stats.uploaded), (1, 1, 3));
        assert_eq!(origin.stored(), [name(1), name(2), "end.m3u8".into()]);
        assert_eq!(origin.named_and_missing(), [""; 0]);
    });
}

/// Players would be lost between two origins that number differently.
#[test]
fn a_redundant_variant_whose_publishers_differ_is_refused() {
    must_end(|| {
        let (one, other) = (Origin::default(), Origin::default());
        let publisher = |origin: &Origin| {
            let live = MediaPlaylist::event("live.m3u8").target_duration(Duration::from_secs(2));
            MediaPlaylistPublisher::new(live, origin.sink()).unwrap()
        };
        let (mut first, mut second) = (publisher(&one), publisher(&other));
        first.push(&Ok(media(0))).unwrap();
        second.push(&Ok(media(0))).unwrap();
        second.discontinuity();
        second.push(&Ok(media(1))).unwrap();
        let publish = |base: &str| {
            let variant = Variant::new("live.m3u8", 4_000_000);
            let main = MultivariantPlaylist::new("main.m3u8")
                .variant(variant.clone())
                .variant(variant.base_url(base));
            let error = main
                .publish(&mut one.sink(), &[&first, &second])
                .unwrap_err();
            error.to_string()
        };
        let error = publish("https://other.example/");
        assert!(
            error.ends_with("their numbers of discontinuities are 1 and 0"),
            "{error}"
        );
        let second = publisher(&other);
        let publish = |base: &str| {
            let variant = Variant::new("live.m3u8", 4_000_000).base_url(base);
            let main = MultivariantPlaylist::new("main.m3u8").variant(variant);
            main.publish(&mut one.sink(), &[&first, &second])
                .unwrap_err()
                .to_string()
        };
        assert!(publish("https://other.example/").ends_with("was not published yet"));
        drop(second);
        let main = |base: &str| {
            let variant = Variant::new("live.m3u8", 4_000_000).base_url(base);
            let main = MultivariantPlaylist::new("main.m3u8").variant(variant);
            main.publish(&mut one.sink(), &[&first])
        };
        let error = main("https://x y/").unwrap_err().to_string();
        assert!(
            error.contains("a character that a URL cannot have"),
            "{error}"
        );
        main("https://other.example").unwrap();
        let text = one.text("main.m3u8").unwrap();
        assert!(
            text.ends_with("\nhttps://other.example/live.m3u8\n"),
            "{text}"
        );
    });
}
