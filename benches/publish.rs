//! The processor time of one push of a live playlist, by the length of its window, without I/O.
//!
//! ```text
//! cargo bench --bench publish --features hls
//! ```
//!
//! As many segments wait for deletion as are listed. Each push lists one, lets one slide out and
//! deletes one. A push costs the text of the playlist and of its side file, which are as long as
//! the window. So four times the window may take four times as long; more than five times is a
//! failure.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Previous};
use segment_stream::{ProducedSegment, SegmentSink, SinkError, WriteContext};

const SEGMENT_SECS: u64 = 2;
/// And more where the texts are shorter, so that each measurement takes about as long: some systems
/// count processor time in steps of milliseconds.
const PUSHES_AT_24_HOURS: u64 = 20;
/// The least of so many, as other work on the machine only ever adds.
const ROUNDS: usize = 5;
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

const HOURS: [u64; 3] = [1, 4, 24];

fn main() -> ExitCode {
    // In turns, so that all of them have the same share of a busy machine.
    let rounds: Vec<_> = (0..ROUNDS).map(|_| HOURS.map(round)).collect();
    let best = |window: usize, of: fn((f64, f64)) -> f64| {
        let found = rounds.iter().map(|round| of(round[window]));
        found.fold(f64::MAX, f64::min)
    };
    println!("window  listed  resume     a push");
    for (window, hours) in HOURS.into_iter().enumerate() {
        let (resume, push) = (best(window, |it| it.0), best(window, |it| it.1));
        let listed = hours * 3600 / SEGMENT_SECS;
        println!("{hours:>4} h  {listed:>6}  {resume:>6.1} ms  {push:>6.2} ms");
    }
    let ratio = best(1, |it| it.1) / best(0, |it| it.1);
    println!("a push at four hours to one at one hour: {ratio:.2}, at most {MOST_FOR_FOUR_TIMES}");
    if ratio <= MOST_FOR_FOUR_TIMES {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The milliseconds of a resume, and of a push.
fn round(hours: u64) -> (f64, f64) {
    let listed = hours * 3600 / SEGMENT_SECS;
    let playlist = MediaPlaylist::live("live/video.m3u8", Duration::from_secs(hours * 3600))
        .target_duration(Duration::from_secs(SEGMENT_SECS));
    let previous = previous(listed);
    let clock = Arc::new(AtomicU64::new(0));
    let before = used();
    let mut publisher = MediaPlaylistPublisher::resume(playlist, Nowhere, &previous)
        .expect("what a publisher has left")
        .with_clock({
            let clock = Arc::clone(&clock);
            move || Duration::from_secs(clock.load(Ordering::Relaxed))
        });
    let resume = used().saturating_sub(before);
    let first = publisher.next_sequence();
    let mut push = |number| {
        clock.fetch_add(SEGMENT_SECS, Ordering::Relaxed);
        let segment = ProducedSegment::media(number, Vec::new(), 2.0).with_path(name(number));
        let pushed = publisher.push(&Ok(segment)).expect("nothing fails");
        assert!(pushed.notices.is_empty(), "{:?}", pushed.notices);
    };
    push(first);
    let before = used();
    let count = PUSHES_AT_24_HOURS * 24 / hours;
    (first + 1..=first + count).for_each(&mut push);
    let pushes = used().saturating_sub(before);
    let waiting = publisher.waiting_for_deletion().count() as u64;
    assert_eq!(waiting, listed, "one came and one went with each push");
    drop(publisher);
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    (
        millis(resume),
        millis(pushes) / f64::from(u32::try_from(count).expect("few")),
    )
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
    let Ok(text) = fs::read_to_string("/proc/thread-self/schedstat") else {
        return since;
    };
    let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
    nanos.map_or(since, Duration::from_nanos)
}
