//! Sessions that publish a playlist and an MPD of the same segments.

use std::collections::HashSet;
use std::fs;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use segment_stream::dash::{self, AdaptationSet, Mpd, Representation};
use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Presentation, Previous};
use segment_stream::{MediaTime, SegmentInfo, SinkError};

use super::history::fingerprint;
use super::interposed::Counted;
use super::interposed::disk::Files;
use super::*;

const PLAYLIST: &str = "video.m3u8";
const MPD: &str = "live.mpd";
const SEGMENTS: u64 = 9;

type Written = Arc<Mutex<Vec<(PathBuf, Vec<u8>)>>>;

/// Keeps what is to be written.
struct Keeping {
    disk: Counted<DiskSink>,
    written: Written,
}

impl SegmentSink for Keeping {
    fn write(&mut self, file: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        let path = file.path_hint.clone().expect("every document has a path");
        self.written.lock().unwrap().push((path, file.data.clone()));
        self.disk.write(file, context)
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        self.disk.remove(path, context)
    }
}

fn mpd() -> Mpd {
    let video = Representation::new(PLAYLIST, 3_000_000);
    Mpd::new(MPD).adaptation_set(AdaptationSet::video().representation(video))
}

fn playlist() -> MediaPlaylist {
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_366_800);
    MediaPlaylist::live(PLAYLIST, Duration::from_secs(6))
        .target_duration(Duration::from_secs(2))
        .program_date_time(date)
}

fn sink(root: &Path) -> Counted<DiskSink> {
    Counted(DiskSink::rooted(root).durability(Durability::Full))
}

/// Begins, or resumes what is there.
fn open<S: SegmentSink>(
    root: &Path,
    sink: S,
    clock: &Arc<AtomicU64>,
) -> std::io::Result<MediaPlaylistPublisher<S>> {
    let clock = Arc::clone(clock);
    let presentation = Presentation::new(playlist())?;
    let presentation = match dash::Previous::read(root, &mpd())? {
        None => presentation.mpd(mpd())?,
        Some(previous) => presentation.resume_mpd(mpd(), &previous)?,
    };
    let presentation =
        presentation.with_clock(move || Duration::from_secs(clock.load(Ordering::Relaxed)));
    match Previous::read(root, &playlist())? {
        None => presentation.rendition(PLAYLIST, sink),
        Some(previous) => Ok(presentation.resume(PLAYLIST, sink, &previous)?),
    }
}

fn session() -> History {
    let base = in_memory();
    let root = base.path().join("root");
    let mut history = History::new(Disk::of(base.path()));
    history.is_playlist(below(PLAYLIST));
    history.is_playlist(below(MPD));
    interposed::begin(nothing_fails());
    let (written, clock) = (Written::default(), Arc::new(AtomicU64::new(0)));
    let publisher = || {
        let keeping = Keeping {
            disk: sink(&root),
            written: Arc::clone(&written),
        };
        open(&root, keeping, &clock).unwrap()
    };
    let mut segments = sink(&root);
    let mut store = |history: &mut History, segment: &ProducedSegment| {
        let path = below(segment.path_hint.as_ref().unwrap());
        history.asked(path.clone(), &segment.data);
        segments.write(segment, &WriteContext::default()).unwrap();
        history.promised(path, interposed::position());
    };
    let push_map = |history: &mut History,
                    store: &mut dyn FnMut(&mut History, &ProducedSegment),
                    publisher: &mut MediaPlaylistPublisher<Keeping>,
                    name: &str| {
        let map = ProducedSegment::init(payload(99, 100)).with_path(name);
        store(history, &map);
        drop(publisher.push(&Ok(map)).unwrap());
    };
    let took = |history: &mut History| {
        for (path, text) in written.lock().unwrap().drain(..) {
            history.asked(below(&path), &text);
            if path
                .extension()
                .is_some_and(|it| it == "m3u8" || it == "mpd")
            {
                history.promised(below(&path), interposed::position());
            }
        }
    };
    let mut live = publisher();
    push_map(&mut history, &mut store, &mut live, "a-init.mp4");
    for number in 0..SEGMENTS {
        if number == SEGMENTS / 2 {
            drop(live.suspend().unwrap());
            took(&mut history);
            live = publisher();
            push_map(&mut history, &mut store, &mut live, "b-init.mp4");
        }
        clock.fetch_add(2, Ordering::Relaxed);
        let segment = ProducedSegment::media(number, payload(number, LENGTH), 2.0);
        let segment = segment.with_path(format!("{number}.m4s"));
        store(&mut history, &segment);
        let time = MediaTime {
            start: 2 * number,
            duration: 2,
            timescale: NonZeroU32::MIN,
        };
        let mut info = SegmentInfo::new().media_time(time);
        if number == 2 {
            info = info.discontinuity();
        }
        drop(live.push(&super::lost::stored((segment, info))).unwrap());
        took(&mut history);
    }
    drop(live.finish().unwrap());
    took(&mut history);
    clock.fetch_add(1_000, Ordering::Relaxed);
    drop(live.delete_due());
    took(&mut history);
    history.calls = interposed::recorded();
    for (position, call) in (0..).zip(history.calls.clone()) {
        if call.kind == Kind::Remove && call.succeeded() {
            let path = interposed::below(base.path(), &call.path).unwrap();
            history.given_up(path, position + 1);
        }
    }
    history
}

#[test]
fn with_full_durability_no_mpd_names_what_is_missing_and_each_can_be_resumed() {
    let _alone = alone();
    let folder = in_memory();
    let root = folder.path().join("root");
    let mut seen = HashSet::new();
    let (mut resumed, mut ended) = (0, 0);
    let look = |files: &Files| {
        if !seen.insert(fingerprint(files)) {
            return;
        }
        fs::create_dir_all(&root).unwrap();
        for (path, content) in files {
            fs::write(folder.path().join(path), content).unwrap();
        }
        let clock = Arc::default();
        match open(&root, sink(&root), &clock) {
            Ok(publisher) => {
                drop(publisher);
                resumed += 1;
            }
            Err(error) if error.to_string().contains("ended") => ended += 1,
            Err(error) => panic!("{error}: {files:?}"),
        }
        fs::remove_dir_all(&root).unwrap();
    };
    let found = session().cut_everywhere(most(), look);
    tell("both formats, full", &found);
    eprintln!("{resumed} states were resumed, {ended} had ended");
    none_wrong(&found);
    assert!(resumed > 50 && ended > 0, "{resumed}, {ended}");
}
