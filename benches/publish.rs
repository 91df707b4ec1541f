//! The processor time of one push of a live playlist, by the length of its window, without I/O.
//!
//! ```text
//! cargo bench --bench publish --features dash
//! ```
//!
//! Each push lists a segment and lets one slide out. It costs the texts, which are as long as the
//! window, and the change. A VOD playlist of as many segments has no text before its end, so a push
//! of it costs the change alone. So four times the window may take four times as long.

#![allow(
    clippy::cast_precision_loss,
    reason = "figures are rounded in any case"
)]

#[path = "stage/figures.rs"]
mod figures;

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use segment_stream::dash::{AdaptationSet, Mpd, Representation};
use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Presentation, Previous};
use segment_stream::{
    MediaTime, ProducedSegment, SegmentInfo, SegmentSink, SegmentStream, SegmentStreamConfig,
    SinkError, WriteContext, Yielded, sink,
};

use figures::{Figures, Goal, Ratios, is_check, pairs};

const SEGMENT_SECS: u64 = 2;
const PLAYLIST: &str = "live/video.m3u8";

/// The seconds of the window, its name, and the number of pushes that are measured at a time.
const WINDOWS: [(u64, &str, u64); 4] = [
    (60, "1 min", 2_000),
    (3_600, "1 h", 480),
    (4 * 3_600, "4 h", 120),
    (24 * 3_600, "24 h", 20),
];
const PUSHES_WITHOUT_TEXT: u64 = 2_000;
const MOST_FOR_FOUR_TIMES: f64 = 5.0;

/// Takes everything, and keeps nothing.
struct Nowhere;

impl SegmentSink for Nowhere {
    fn write(&mut self, file: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        black_box(&file.data);
        Ok(())
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        black_box(path);
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Hls,
    /// With an MPD beside the playlist.
    Dash,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Hls => "HLS",
            Self::Dash => "HLS and DASH",
        }
    }
}

fn main() -> io::Result<()> {
    let mut figures = Figures::default();
    let windows = if is_check() { &WINDOWS[..2] } else { &WINDOWS };
    for format in [Format::Hls, Format::Dash] {
        measure(&mut figures, format, windows);
    }
    figures.save("push")
}

fn measure(figures: &mut Figures, format: Format, windows: &[(u64, &str, u64)]) {
    let mut sessions: Vec<_> = windows
        .iter()
        .map(|it| Session::live(format, it.0))
        .collect();
    let (mut pushes, mut changes, mut resumes) = (vec![], vec![], vec![]);
    for found in [&mut pushes, &mut changes, &mut resumes] {
        found.resize(windows.len(), Vec::new());
    }
    for _ in 0..pairs() {
        for (index, (window, _, count)) in windows.iter().enumerate() {
            pushes[index].push(sessions[index].push_many(*count));
            let mut without = Session::vod(format, *window);
            changes[index].push(without.push_many(PUSHES_WITHOUT_TEXT));
            if format == Format::Hls {
                let (_, took) = Session::resumed(*window);
                resumes[index].push(took.as_secs_f64() * 1e3);
            }
        }
    }
    let name = format.name();
    for (index, (window, case, _)) in windows.iter().enumerate() {
        let push = Ratios::new(pushes[index].clone());
        let change = Ratios::new(changes[index].clone());
        let listed = (window / SEGMENT_SECS) as f64;
        figures.point("push", name, listed, push.median());
        figures.point(
            "push",
            &format!("{name}, without the text"),
            listed,
            change.median(),
        );
        let case = format!("no I/O, window of {case}");
        let what = format!("processor time of a push, {name}");
        figures.amount(&what, &case, "µs", &push, Goal::None);
        figures.amount(
            &format!("{what}, without the text"),
            &case,
            "µs",
            &change,
            Goal::None,
        );
        let ratios = Ratios::of(&pushes[index], &changes[index]);
        figures.ratio(
            &what,
            "the same without the text",
            &case,
            &ratios,
            Goal::None,
        );
        if format == Format::Hls {
            let resume = Ratios::new(resumes[index].clone());
            figures.amount(
                "processor time of a resume, HLS",
                &case,
                "ms",
                &resume,
                Goal::None,
            );
        }
    }
    if let [_, one, four, ..] = &pushes[..] {
        figures.ratio(
            &format!("a push with a window of 4 h, {name}"),
            "one of 1 h",
            "no I/O, processor time",
            &Ratios::of(four, one),
            Goal::AtMost(MOST_FOR_FOUR_TIMES),
        );
    }
}

struct Session {
    publisher: MediaPlaylistPublisher<Nowhere>,
    clock: Arc<AtomicU64>,
    next: u64,
}

impl Session {
    /// A live session whose window is full.
    fn live(format: Format, window: u64) -> Self {
        if format == Format::Hls {
            return Self::resumed(window).0;
        }
        let mut session = Self::new(format, live(window));
        session.fill(window);
        session
    }

    /// A session that lists as much, and has no text before its end.
    fn vod(format: Format, window: u64) -> Self {
        let mut session = Self::new(format, MediaPlaylist::vod(PLAYLIST));
        session.fill(window);
        session
    }

    fn new(format: Format, playlist: MediaPlaylist) -> Self {
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_366_800);
        let clock = Arc::new(AtomicU64::new(0));
        let presentation = Presentation::new(playlist.program_date_time(date))
            .expect("it is valid")
            .with_clock(seconds(&clock));
        let presentation = match format {
            Format::Hls => presentation,
            Format::Dash => presentation.mpd(mpd()).expect("it is valid"),
        };
        let publisher = presentation
            .rendition(PLAYLIST, Nowhere)
            .expect("it is valid");
        Self {
            publisher,
            clock,
            next: 0,
        }
    }

    /// A session with a full window, and as many segments before it that wait for deletion. Of those
    /// one becomes due with each push. Returns the processor time of its resume as well.
    fn resumed(window: u64) -> (Self, Duration) {
        let previous = previous(window / SEGMENT_SECS);
        let clock = Arc::new(AtomicU64::new(0));
        let before = used();
        let publisher = MediaPlaylistPublisher::resume(live(window), Nowhere, &previous)
            .expect("what a publisher has left")
            .with_clock(seconds(&clock));
        let took = used().saturating_sub(before);
        let next = publisher.next_sequence();
        let session = Self {
            publisher,
            clock,
            next,
        };
        (session, took)
    }

    fn fill(&mut self, window: u64) {
        self.push_many(window / SEGMENT_SECS + 1);
    }

    /// The microseconds of each of so many pushes.
    fn push_many(&mut self, count: u64) -> f64 {
        let items = items(self.next, count);
        self.next += count;
        let before = used();
        for item in &items {
            self.clock.fetch_add(SEGMENT_SECS, Ordering::Relaxed);
            let pushed = self.publisher.push(item).expect("nothing fails");
            assert!(pushed.notices.is_empty(), "{:?}", pushed.notices);
        }
        let took = used().saturating_sub(before);
        took.as_secs_f64() * 1e6 / count as f64
    }
}

/// What a stream yields of so many segments, from this number.
fn items(first: u64, count: u64) -> Vec<Yielded> {
    let config = SegmentStreamConfig {
        channel_depth: usize::try_from(count).expect("few") + 1,
        ..Default::default()
    };
    let (mut stream, sender) = SegmentStream::with_sink(config, sink::from_fn(|_| Ok(())))
        .expect("threads can be started");
    if first == 0 {
        let map = ProducedSegment::init(Vec::new()).with_path("live/init.mp4");
        sender.send(map).expect("there is room");
    }
    for number in first..first + count {
        let segment = ProducedSegment::media(number, Vec::new(), SEGMENT_SECS as f64);
        let time = MediaTime {
            start: number * SEGMENT_SECS,
            duration: SEGMENT_SECS,
            timescale: NonZeroU32::MIN,
        };
        let info = SegmentInfo::new().media_time(time);
        let segment = segment.with_path(name(number));
        sender.send((segment, info)).expect("there is room");
    }
    drop(sender);
    stream.with_info().collect()
}

fn live(window: u64) -> MediaPlaylist {
    MediaPlaylist::live(PLAYLIST, Duration::from_secs(window))
        .target_duration(Duration::from_secs(SEGMENT_SECS))
}

fn mpd() -> Mpd {
    let set = AdaptationSet::video();
    Mpd::new("live/video.mpd").adaptation_set(set.representation(Representation::new(PLAYLIST, 1)))
}

fn seconds(clock: &Arc<AtomicU64>) -> impl Fn() -> Duration + Send + Sync + 'static {
    let clock = Arc::clone(clock);
    move || Duration::from_secs(clock.load(Ordering::Relaxed))
}

fn name(number: u64) -> String {
    format!("live/1795373827-929d43474b91d2c2-{number:08}.ts")
}

/// A session that has listed so many segments, and as many before that still wait. Of those one
/// becomes due with each push.
fn previous(listed: u64) -> Previous {
    let mut playlist = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{SEGMENT_SECS}\n\
         #EXT-X-MEDIA-SEQUENCE:{listed}\n"
    );
    let longest = listed * SEGMENT_SECS * 1_000_000;
    let mut state = format!(
        "#segment-stream-hls-state:1\npublished {} {longest}\ntexts any\n",
        2 * listed
    );
    for number in 0..listed {
        let stays = (number + 1) * SEGMENT_SECS * 1_000_000;
        let gone = name(number);
        writeln!(state, "delete {stays} {gone}").expect("a string");
        let listed = name(listed + number);
        let uri = listed.trim_start_matches("live/");
        write!(playlist, "#EXTINF:2.000000,\n{uri}\n").expect("a string");
    }
    state.push_str("end\n");
    Previous {
        playlist: playlist.into_bytes(),
        state: Some(state.into_bytes()),
        ..Previous::default()
    }
}

/// The processor time of this thread, where the system says it to the nanosecond; else the time.
fn used() -> Duration {
    thread_local!(static START: Instant = Instant::now());
    let since = START.with(Instant::elapsed);
    // The kernel brings it up to date when the thread stops for a moment.
    thread::yield_now();
    let Ok(text) = fs::read_to_string("/proc/thread-self/schedstat") else {
        return since;
    };
    let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
    nanos.map_or(since, Duration::from_nanos)
}
