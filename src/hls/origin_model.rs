//! A playlist that goes to a simulated origin, on a virtual clock: whatever the origin does, its
//! clients and later sessions can go on.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::config::MediaPlaylist;
use super::format::Hls;
use super::previous::Previous;
use super::publisher::MediaPlaylistPublisher;
use super::setup::Setup;
use crate::error::SinkError;
use crate::presentation::driver::origin::simulated::{Simulated, VirtualClock};
use crate::presentation::publisher::Handle;
use crate::presentation::rendition::Rendition;
use crate::segment::ProducedSegment;
use crate::sink::{SegmentSink, WriteContext};

const TARGET: Duration = Duration::from_secs(2);

/// One answer of the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Stored,
    Busy,
    Refused,
    /// It stores the text and does not answer.
    Silent,
    /// It neither stores the text nor answers.
    Lost,
    /// It does not answer, and stores the text later by this time.
    Delayed(Duration),
}

/// What the origin holds.
#[derive(Clone)]
struct Origin(Arc<Mutex<State>>, VirtualClock);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, String>,
    deleted: BTreeSet<String>,
    delayed: Vec<(Duration, String, String)>,
    /// Every text of the playlist, with its time.
    shown: Vec<(Duration, String)>,
}

impl Origin {
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    fn store(&self, path: &str, text: String) {
        let now = self.1.passed();
        self.with(|state| {
            if path == "live.m3u8" {
                state.shown.push((now, text.clone()));
            }
            state.objects.insert(path.to_owned(), text);
        });
        self.check();
    }

    /// Carries out what was delayed until now.
    fn settle(&self) {
        let now = self.1.passed();
        let due = |state: &mut State| {
            let place = state.delayed.iter().position(|it| it.0 <= now)?;
            Some(state.delayed.remove(place))
        };
        while let Some((_, path, text)) = self.with(due) {
            self.store(&path, text);
        }
    }

    /// A client finds what the playlist names, and another session can resume it and deletes all
    /// that it does not name, whenever the process dies.
    fn check(&self) {
        let (playlist, state, deleted) = self.with(|state| {
            let playlist = state.objects.get("live.m3u8").cloned();
            let side_file = state.objects.get(".live.m3u8.state").cloned();
            (playlist, side_file, state.deleted.clone())
        });
        let named: Vec<String> = playlist.iter().flat_map(|text| named(text)).collect();
        for name in &named {
            assert!(!deleted.contains(name), "{name} is deleted and listed");
        }
        let Some(playlist) = playlist.filter(|it| !it.contains("ENDLIST")) else {
            return;
        };
        let previous = Previous {
            playlist: playlist.into_bytes(),
            state: state.map(String::into_bytes),
            parts: std::collections::BTreeMap::new(),
            orphans: Vec::new(),
        };
        let sink = crate::sink::from_fn(|_| Ok(()));
        let resumed = MediaPlaylistPublisher::resume(live(), sink, &previous);
        let resumed = resumed.expect("a later session can resume it");
        let first: u64 = named[0].trim_end_matches(".ts").parse().expect("a number");
        for name in (0..first).map(|number| format!("{number}.ts")) {
            let waits = resumed
                .waiting_for_deletion()
                .any(|it| it == Path::new(&name));
            assert!(
                waits || deleted.contains(&name) || named.contains(&name),
                "{name} is forgotten"
            );
        }
    }
}

fn named(playlist: &str) -> impl Iterator<Item = String> {
    let names = playlist.lines().filter(|line| !line.starts_with('#'));
    names.map(str::to_owned)
}

/// A sink to the origin. Each call takes some time and has an answer.
struct Connection(Origin, Answers);

type Answers = Box<dyn FnMut(&str) -> (Duration, Answer) + Send>;

impl SegmentSink for Connection {
    fn write(&mut self, file: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        let path = file.path_hint.as_deref().and_then(Path::to_str);
        let path = path.expect("every document has a path");
        let text = String::from_utf8(file.data.clone()).expect("it is UTF-8");
        let (takes, answer) = (self.1)(path);
        self.0.1.wait(takes);
        self.0.settle();
        let timed_out = Err(io::Error::from(io::ErrorKind::TimedOut).into());
        match answer {
            Answer::Stored => {
                self.0.store(path, text);
                Ok(())
            }
            Answer::Busy => Err(SinkError::transient("503")),
            Answer::Refused => Err(SinkError::permanent("403")),
            Answer::Silent => {
                self.0.store(path, text);
                timed_out
            }
            Answer::Lost => timed_out,
            Answer::Delayed(by) => {
                let due = self.0.1.passed() + by;
                let path = path.to_owned();
                self.0.with(|state| state.delayed.push((due, path, text)));
                timed_out
            }
        }
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        let path = path.to_str().expect("it is UTF-8").to_owned();
        let (takes, answer) = (self.1)(&path);
        self.0.1.wait(takes);
        self.0.settle();
        match answer {
            Answer::Busy | Answer::Refused | Answer::Lost => Err(SinkError::transient("503")),
            Answer::Stored | Answer::Silent | Answer::Delayed(_) => {
                self.0.with(|state| {
                    state.objects.remove(&path);
                    state.deleted.insert(path);
                });
                self.0.check();
                Ok(())
            }
        }
    }
}

fn live() -> MediaPlaylist {
    MediaPlaylist::live("live.m3u8", Duration::ZERO).target_duration(TARGET)
}

/// A publisher, its thread, and the origin.
struct Live {
    handle: Handle<Hls, Connection>,
    thread: Simulated<Connection>,
    origin: Origin,
    clock: VirtualClock,
    next: u64,
}

impl Live {
    fn new(answer: impl FnMut(&str) -> (Duration, Answer) + Send + 'static) -> Self {
        let clock = VirtualClock::new();
        let origin = Origin(Arc::default(), clock.clone());
        let setup = Setup::new(live());
        let rendition = Rendition::new("live.m3u8".into(), Vec::new());
        let index = setup.add(live(), rendition, None).expect("it is the first");
        let sink = Connection(origin.clone(), Box::new(answer));
        let shared = Arc::clone(&setup.shared);
        let (handle, thread) = Handle::simulated(shared, index, sink, clock.clone());
        Self {
            handle,
            thread,
            origin,
            clock,
            next: 0,
        }
    }

    /// Pushes the next segment, without any time passing.
    fn push(&mut self) {
        let before = self.clock.passed();
        let path = format!("{}.ts", self.next);
        let segment = ProducedSegment::media(self.next, vec![1], 2.0).with_path(path);
        self.next += 1;
        let pushed = self.handle.push(&Ok(segment));
        pushed.expect("a push at an origin does not fail");
        assert_eq!(self.clock.passed(), before, "it waits for nothing");
        self.origin.settle();
    }

    fn run(&mut self, until: Duration) {
        self.thread.run(until);
        self.origin.settle();
    }

    /// Ends the playlist without waiting for it.
    fn end(&mut self) {
        let notices = self.handle.close().expect("there are segments");
        let ended = self.handle.carry_on(notices);
        ended.expect("it is handed over");
    }

    /// The text that clients get at this time.
    fn shown(&self, at: Duration) -> String {
        let shown = |state: &mut State| {
            let text = state.shown.iter().rfind(|(time, _)| *time <= at);
            text.map(|it| it.1.clone()).unwrap_or_default()
        };
        self.origin.with(shown)
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const MOMENT: Duration = Duration::from_millis(50);

/// A put takes longer than two segments last. Pushes wait for nothing, and the playlist at the
/// origin is never older than the put before and the present one.
#[test]
fn a_put_of_five_seconds_holds_up_no_push() {
    let mut live = Live::new(|path: &str| match path {
        "live.m3u8" => (secs(5), Answer::Stored),
        _ => (MOMENT, Answer::Stored),
    });
    for number in 0..60 {
        live.run(secs(2 * number));
        live.push();
    }
    live.end();
    live.run(secs(200));
    for second in 11..120 {
        // The newest of the texts that were handed over when the last put but one began.
        let oldest = (second - 11) / 2;
        let shown = live.shown(secs(second));
        let mut newest = shown.lines().filter_map(|line| line.strip_suffix(".ts"));
        let newest: u64 = newest.next_back().map_or(0, |it| it.parse().unwrap());
        assert!(
            newest >= oldest,
            "{newest} and not {oldest} after {second} s"
        );
    }
    let last = live.shown(secs(200));
    assert!(last.ends_with("59.ts\n#EXT-X-ENDLIST\n"), "{last}");
}

/// One put is aborted and carried out later by up to one target duration. Two target durations
/// after a push its segment is shown, and stays.
#[test]
fn the_newest_text_is_the_last_one_within_two_target_durations() {
    for aborted in 1..6 {
        for delay in (0..=20).map(|tenths| Duration::from_millis(100 * tenths)) {
            let mut puts = 0;
            let mut live = Live::new(move |path: &str| {
                if path != "live.m3u8" {
                    return (MOMENT, Answer::Stored);
                }
                puts += 1;
                if puts == aborted {
                    (secs(1), Answer::Delayed(delay))
                } else {
                    (MOMENT, Answer::Stored)
                }
            });
            for number in 0..6 {
                live.run(secs(2 * number));
                live.push();
            }
            live.run(secs(40));
            for number in 0..6 {
                for half in 0..8 {
                    let at = secs(2 * number) + 2 * TARGET + Duration::from_millis(500) * half;
                    let name = format!("{number}.ts\n");
                    let shown = live.shown(at);
                    let is_past = half >= 4 && !shown.contains(&name);
                    assert!(
                        shown.contains(&name) || is_past,
                        "put {aborted}, {delay:?}: {name} is not shown after {at:?}:\n{shown}"
                    );
                }
            }
            assert!(live.shown(secs(40)).contains("\n5.ts\n"));
        }
    }
}

/// Nothing lands for 1.5 target durations, and then the origin heals.
#[test]
fn the_alarm_is_on_while_nothing_was_published_for_too_long() {
    let is_down = Arc::new(Mutex::new(false));
    let down = Arc::clone(&is_down);
    let mut live = Live::new(move |_: &str| {
        let is_down = *down.lock().unwrap();
        let answer = if is_down {
            Answer::Busy
        } else {
            Answer::Stored
        };
        (MOMENT, answer)
    });
    let health = |live: &Live| live.handle.port().expect("it goes to an origin").health();
    for number in 0..3 {
        live.run(secs(2 * number));
        live.push();
    }
    live.run(Duration::from_millis(4_500));
    assert!(!health(&live).is_overdue);
    *is_down.lock().unwrap() = true;
    live.push();
    live.run(secs(7));
    assert!(!health(&live).is_overdue, "a moment before");
    live.run(Duration::from_millis(7_200));
    let overdue = health(&live);
    assert!(overdue.is_overdue && overdue.failures > 2);
    assert_eq!(
        overdue.last_error.as_deref(),
        Some("cannot write \".live.m3u8.state\": 503")
    );
    *is_down.lock().unwrap() = false;
    live.push();
    live.run(secs(9));
    let healed = health(&live);
    assert!(!healed.is_overdue && healed.failures == 0);
    live.end();
    live.run(secs(60));
    let ended = health(&live);
    assert!(!ended.is_overdue && ended.unpublished_for.is_none());
}

/// The version without the file landed, and the one that was aborted before may come back.
#[test]
fn no_file_is_deleted_while_an_older_text_may_come_back() {
    let mut puts = 0;
    let mut live = Live::new(move |path: &str| {
        if path != "live.m3u8" {
            return (MOMENT, Answer::Stored);
        }
        puts += 1;
        match puts {
            // It names `0.ts`.
            3 => (MOMENT, Answer::Delayed(38 * MOMENT)),
            _ => (MOMENT, Answer::Stored),
        }
    });
    live.run(secs(1));
    (0..2).for_each(|_| {
        live.push();
        let now = live.clock.passed();
        live.run(now + MOMENT * 8);
    });
    live.push();
    let now = live.clock.passed();
    live.run(now + MOMENT * 2);
    live.push();
    let now = live.clock.passed();
    live.run(now + secs(1));
    let waiting = |live: &Live| live.handle.waiting_for_deletion().len();
    assert!(!live.shown(live.clock.passed()).contains("0.ts"));
    assert_eq!(waiting(&live), 0, "its wait has not begun");
    live.run(now + secs(5));
    assert_eq!(waiting(&live), 1);
}

/// The deletion was handed over before the segment with the same name was pushed.
#[test]
fn a_file_whose_name_is_in_use_again_is_not_deleted() {
    let mut live = Live::new(|_: &str| (MOMENT, Answer::Stored));
    for number in 0..8 {
        live.run(secs(100 * number));
        live.push();
    }
    live.run(secs(750));
    let deleted = |live: &Live| live.origin.with(|state| state.deleted.clone());
    let before = deleted(&live);
    live.clock.wait(secs(1_000));
    live.push();
    let oldest = live.handle.waiting_for_deletion();
    let oldest = oldest[0].to_str().expect("it is UTF-8").to_owned();
    assert!(!before.contains(&oldest));
    // The publisher thread comes too late.
    let again = ProducedSegment::media(live.next, vec![1], 2.0).with_path(&oldest);
    live.next += 1;
    let pushed = live.handle.push(&Ok(again)).expect("it is handed over");
    assert_eq!(pushed.notices.len(), 1, "it is told");
    let now = live.clock.passed();
    live.run(now + secs(100));
    assert!(!deleted(&live).contains(&oldest), "{oldest}");
}

/// Every request in turn has an unknown outcome: it is carried out at once, later or never. The
/// model checks each state that a killed process would leave.
#[test]
fn a_playlist_can_be_resumed_whichever_request_has_an_unknown_outcome() {
    let outcomes = [0, 5, 10, 15, 19].map(|tenths| Some(Duration::from_millis(100 * tenths)));
    for outcome in outcomes.into_iter().chain([None]) {
        for cut in 1..30 {
            let mut requests = 0;
            let mut live = Live::new(move |_: &str| {
                requests += 1;
                match outcome {
                    _ if requests != cut => (MOMENT, Answer::Stored),
                    Some(delay) => (MOMENT, Answer::Delayed(delay)),
                    None => (MOMENT, Answer::Lost),
                }
            });
            for number in 0..14 {
                live.run(secs(number));
                live.push();
            }
            live.run(secs(30));
            let last = live.shown(secs(30));
            assert!(last.ends_with("13.ts\n"), "{cut}, {outcome:?}:\n{last}");
        }
    }
}

/// The same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    fn tenths(&mut self, end: u64) -> Duration {
        Duration::from_millis(100 * self.below(end))
    }
}

const SCRIPTS: u64 = 300;

fn script(seed: u64) {
    let mut random = Random(seed);
    let trouble = random.below(8);
    let is_healed = Arc::new(Mutex::new(false));
    let healed = Arc::clone(&is_healed);
    let mut answers = Random(seed ^ 0xFFFF);
    let mut live = Live::new(move |_: &str| {
        let takes = answers.tenths(25);
        if *healed.lock().unwrap() || answers.below(10) >= trouble {
            return (takes, Answer::Stored);
        }
        let answer = match answers.below(5) {
            0 => Answer::Refused,
            1 => Answer::Busy,
            3 => Answer::Lost,
            2 => Answer::Delayed(answers.tenths(20)),
            _ => Answer::Silent,
        };
        (takes, answer)
    });
    let segments = 10 + random.below(20);
    for number in 0..segments {
        let jitter = random.tenths(20);
        live.run(secs(2 * number) + jitter);
        live.push();
    }
    *is_healed.lock().unwrap() = true;
    live.end();
    live.run(secs(2 * segments + 100));
    let last = live.shown(secs(1_000));
    let expected = format!("{}.ts\n#EXT-X-ENDLIST\n", segments - 1);
    let standing = live.handle.core().version_state(0);
    let is_published = matches!(
        standing,
        crate::presentation::submission::VersionState::Published
    );
    // A last version that was refused is told by `finish`.
    assert!(
        is_published == last.ends_with(&expected),
        "{standing:?}\n{last}"
    );
    if trouble == 0 {
        assert!(is_published);
    }
}

#[test]
fn whatever_an_origin_does_its_playlist_can_be_played_and_resumed() {
    for seed in 0..SCRIPTS {
        let script = std::panic::AssertUnwindSafe(|| script(seed));
        if let Err(panic) = std::panic::catch_unwind(script) {
            eprintln!("script {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
