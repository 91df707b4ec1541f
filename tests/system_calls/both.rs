//! Sessions that publish a playlist and an MPD of the same segments, and their promises whatever
//! call of the publisher fails.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use segment_stream::dash::{AdaptationSet, Mpd, Representation};
use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Presentation, PublishError};
use segment_stream::{Durability, MediaTime, ProducedSegment, SegmentInfo};

use super::interposed::Counted;
use super::table::plan;
use super::*;

const PLAYLIST: &str = "video.m3u8";
const MPD: &str = "live.mpd";
const SEGMENTS: u64 = 10;
/// From this one on old segments may be deleted.
const DELETING: u64 = 6;
/// A Period begins with this one.
const DISCONTINUITY: u64 = 2;
const INITIALISATION: &str = "init.mp4";

struct Session {
    root: PathBuf,
    clock: Arc<AtomicU64>,
    publisher: MediaPlaylistPublisher<Counted<DiskSink>>,
    /// Whether the last publication failed.
    has_failed: bool,
}

fn name(number: u64) -> String {
    format!("{number}.m4s")
}

impl Session {
    fn begin(root: PathBuf) -> Self {
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_366_800);
        let playlist = MediaPlaylist::live(PLAYLIST, Duration::from_secs(6))
            .target_duration(Duration::from_secs(2))
            .program_date_time(date);
        let video = Representation::new(PLAYLIST, 3_000_000);
        let mpd = Mpd::new(MPD).adaptation_set(AdaptationSet::video().representation(video));
        let clock = Arc::new(AtomicU64::new(0));
        let seconds = |clock: &Arc<AtomicU64>| {
            let clock = Arc::clone(clock);
            move || Duration::from_secs(clock.load(Ordering::Relaxed))
        };
        let passed = seconds(&clock);
        let presentation = Presentation::new(playlist).unwrap().mpd(mpd).unwrap();
        let presentation = presentation
            .with_clock(seconds(&clock))
            .with_wall_clock(move || date + passed());
        let sink = Counted(DiskSink::rooted(&root).durability(Durability::File));
        let publisher = presentation.rendition(PLAYLIST, sink).unwrap();
        fs::create_dir_all(&root).unwrap();
        Self {
            root,
            clock,
            publisher,
            has_failed: false,
        }
    }

    /// Stores a segment, where nothing fails, and has it listed.
    fn push(&mut self, name: &str, segment: ProducedSegment, info: SegmentInfo) {
        fs::write(self.root.join(name), &segment.data).unwrap();
        let item = lost::stored((segment.with_path(name), info));
        let pushed = self.publisher.push(&item);
        self.check(&pushed.map(drop));
    }

    fn check(&mut self, published: &Result<(), PublishError>) {
        self.has_failed = published.is_err();
        let Some(text) = self.text(MPD) else { return };
        assert!(text.ends_with("</MPD>\n"), "half of it: {text}");
        for name in listed(&text) {
            assert!(self.root.join(&name).exists(), "{name} is missing: {text}");
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.root.join(name)).ok()
    }
}

/// The names that an MPD of this session lists.
fn listed(text: &str) -> BTreeSet<String> {
    let value = |line: &str, attribute: &str| -> Option<u64> {
        let (_, rest) = line.split_once(&format!(" {attribute}=\""))?;
        rest.split('"').next()?.parse().ok()
    };
    let (mut next, mut names) = (0, BTreeSet::new());
    for line in text.lines() {
        next = value(line, "startNumber").unwrap_or(next);
        if line.trim_start().starts_with("<S ") {
            let count = value(line, "r").unwrap_or(0) + 1;
            names.extend((next..next + count).map(name));
            next += count;
        }
        if line.contains(&format!("initialization=\"{INITIALISATION}\"")) {
            names.insert(INITIALISATION.into());
        }
    }
    names
}

/// The last texts of both manifests, and the calls of the publisher.
fn run(faults: &[At]) -> ([Option<String>; 2], Vec<Call>) {
    let base = in_memory();
    let mut session = Session::begin(base.path().join("root"));
    interposed::begin(plan(faults, &[]));
    let map = ProducedSegment::init(vec![1; 100]);
    session.push(INITIALISATION, map, SegmentInfo::new());
    for number in 0..SEGMENTS {
        let seconds = if number < DELETING { 2 } else { 60 };
        session.clock.fetch_add(seconds, Ordering::Relaxed);
        let segment = ProducedSegment::media(number, vec![2; 100], 2.0);
        let mut info = SegmentInfo::new().media_time(MediaTime {
            start: 2 * number,
            duration: 2,
            timescale: NonZeroU32::MIN,
        });
        if number == DISCONTINUITY {
            info = info.discontinuity();
        }
        if number + 1 == SEGMENTS {
            interposed::heal();
        }
        session.push(&name(number), segment, info);
    }
    assert!(!session.has_failed, "it is healed: {faults:?}");
    let finished = session.publisher.finish();
    session.check(&finished.map(drop));
    assert!(!session.has_failed, "it is healed: {faults:?}");
    let texts = [PLAYLIST, MPD].map(|name| session.text(name));
    (texts, interposed::recorded())
}

#[test]
fn whatever_fails_both_manifests_are_whole_and_true() {
    beside_the_others("both::fails_in_a_session");
}

#[test]
#[ignore = "a part of whatever_fails_both_manifests_are_whole_and_true"]
fn fails_in_a_session() {
    let _alone = alone();
    let mut figures = Figures::default();
    let (expected, clean) = run(&[]);
    let last = expected[1].as_deref().unwrap();
    assert!(
        clean
            .iter()
            .any(|call| call.kind == Kind::Remove && call.path.ends_with("0.m4s"))
    );
    assert!(
        last.contains("<Period id=\"1\"") && listed(last).contains(INITIALISATION),
        "{last}"
    );
    for (position, call) in clean.iter().enumerate() {
        for code in some(codes(call), position, 1) {
            for at in [At::once(position, code), for_ever(position, code)] {
                if is_slow(call, code) && at.lasts == Lasts::ForEver {
                    continue;
                }
                let (texts, _) = run(&[at]);
                assert_eq!(texts, expected, "{at:?}");
                figures.count(call, code);
            }
        }
    }
    figures.tell("both formats");
}
