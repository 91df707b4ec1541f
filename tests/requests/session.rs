//! A live session at an origin, in two parts, and its promises whatever request fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use segment_stream::hls::{
    self, MediaPlaylist, MediaPlaylistPublisher, OriginHandle, Previous, Retention,
};
use segment_stream::{
    ProducedSegment, RetryPolicy, SegmentSink, SegmentStream, SegmentStreamConfig,
};

use crate::common::listing::Listing;
use crate::common::segments::payload;
use crate::fault::{At, Lasts};
use crate::origin::{Origin, PLAYLIST};
use crate::setup::Setup;

type Publisher = MediaPlaylistPublisher<hls::Origin<Box<dyn SegmentSink>>>;

/// The first part has the numbers below, and the second part those from there on.
const RESUMED_AT: u64 = 6;
const SEGMENTS: u64 = 11;
/// The segment that may go in parts.
const LARGE: u64 = 2;
/// The number of segments that the playlist lists.
const WINDOW: u64 = 3;
/// More than one fault costs.
const ATTEMPTS: usize = 6;

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Another session resumes the playlist.
    Suspended,
    Finished,
}

struct Case<'a> {
    setup: Setup,
    at: Option<At>,
    origin: &'a Origin,
    clock: Arc<AtomicU64>,
    /// The segments of the present part, and whether each is stored.
    outcomes: BTreeMap<u64, bool>,
    /// The objects that may stay, as nobody can know of them.
    orphans: BTreeSet<String>,
    /// Errors at the end of a stream.
    left_uploads: bool,
}

pub(crate) fn name(number: u64) -> String {
    format!("{number:03}.ts")
}

fn playlist() -> MediaPlaylist {
    MediaPlaylist::live(PLAYLIST, Duration::ZERO)
        .target_duration(Duration::from_secs(1))
        .retention(Retention::Delete {
            margin: Duration::ZERO,
        })
        // So that there are parts of the side file.
        .side_file_lines(2)
}

pub(crate) fn quick(time: Duration) -> RetryPolicy {
    RetryPolicy {
        least: time,
        most: time,
        fallback: time,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(5),
        ..RetryPolicy::default()
    }
}

/// Runs the session with this fault, and checks it. Returns the number of requests.
pub(crate) fn run(setup: Setup, at: Option<At>) -> usize {
    let origin = Origin::start(setup.clone(), at);
    let mut case = Case {
        setup,
        at,
        origin: &origin,
        clock: Arc::default(),
        outcomes: BTreeMap::new(),
        orphans: BTreeSet::new(),
        left_uploads: false,
    };
    let publisher = MediaPlaylistPublisher::new(playlist(), case.destination()).unwrap();
    case.part(publisher, 0..RESUMED_AT, End::Suspended);
    origin.heal();
    let publisher = case.resume();
    case.part(publisher, RESUMED_AT..SEGMENTS, End::Finished);
    case.check_the_end();
    origin.requests()
}

impl Case<'_> {
    #[track_caller]
    fn check(&self, holds: bool, wrong: &str) {
        let Self { setup, at, .. } = self;
        assert!(
            holds,
            "{setup:?} with {at:?}, which hit {:?}: {wrong}\n{}\n{}",
            self.origin.hit(),
            self.origin.lines().join("\n"),
            String::from_utf8_lossy(&self.origin.object(PLAYLIST).unwrap_or_default())
        );
    }

    fn destination(&self) -> hls::Origin<Box<dyn SegmentSink>> {
        let retry = quick(Duration::from_secs(2));
        hls::Origin::new(self.origin.sink()).retry(retry)
    }

    /// Half of the cases see each failure, and half of them retry it.
    fn config(&self) -> SegmentStreamConfig {
        let retries = self.at.is_none_or(|at| at.position % 2 == 0);
        let lasts = self.at.map(|at| at.lasts);
        let retry = match (retries, lasts) {
            (false, _) => RetryPolicy::never(),
            (true, Some(Lasts::UntilTheResume)) => quick(Duration::from_millis(20)),
            (true, _) => quick(Duration::from_secs(20)),
        };
        SegmentStreamConfig::default().retry(retry)
    }

    fn segment(&self, number: u64) -> ProducedSegment {
        let mut data = payload(number, 500);
        if number == LARGE {
            data.resize(self.setup.large, 0x47);
        }
        ProducedSegment::media(number, data, 1.0).with_path(name(number))
    }

    fn resume(&self) -> Publisher {
        let mut sink = self.origin.sink();
        let mut attempts = 0;
        let previous = loop {
            match Previous::read_through(&mut sink, &playlist()) {
                Ok(previous) => break previous,
                Err(error) => {
                    attempts += 1;
                    self.check(attempts < ATTEMPTS, &error.to_string());
                }
            }
        };
        let Some(previous) = previous else {
            let is_there = self.origin.object(PLAYLIST).is_some();
            self.check(!is_there, "the playlist was not found");
            return MediaPlaylistPublisher::new(playlist(), self.destination()).unwrap();
        };
        match MediaPlaylistPublisher::resume(playlist(), self.destination(), &previous) {
            Ok(publisher) => publisher,
            Err(error) => {
                self.check(false, &error.to_string());
                unreachable!()
            }
        }
    }

    /// Sends these segments one after the other, and publishes each.
    fn part(&mut self, publisher: Publisher, numbers: std::ops::Range<u64>, end: End) {
        let clock = Arc::clone(&self.clock);
        let now = move || Duration::from_secs(clock.load(Ordering::SeqCst));
        let mut publisher = publisher.with_clock(now);
        let handle = publisher.handle();
        let (mut stream, sender) =
            SegmentStream::with_sink(self.config(), self.origin.sink()).unwrap();
        for number in numbers {
            self.clock.fetch_add(1, Ordering::SeqCst);
            sender.send(self.segment(number)).unwrap();
            let item = stream.next().unwrap();
            self.stored(number, item.is_ok());
            // What it could not put is logged, and put by the next one.
            let _ = publisher.push(&item);
            until_idle(&handle);
        }
        drop(sender);
        self.check(stream.next().is_none(), "there is one item too many");
        self.left_uploads |= stream.finish().is_err();
        match end {
            End::Suspended => {
                if publisher.suspend().is_err() {
                    // As if the process had been killed.
                    self.orphans.extend((0..RESUMED_AT).map(name));
                }
                let stored = |it: &(&u64, &bool)| !*it.1;
                let lost = self.outcomes.iter().filter(stored);
                self.orphans.extend(lost.map(|(number, _)| name(*number)));
                self.outcomes.clear();
            }
            End::Finished => self.finish(publisher),
        }
    }

    /// One item comes out for each segment, and `Ok` means that it is there.
    fn stored(&mut self, number: u64, is_stored: bool) {
        let name = name(number);
        self.outcomes.insert(number, is_stored);
        if is_stored {
            let object = self.origin.object(&name);
            self.check(object == Some(self.segment(number).data), "it is not there");
            let is_said = self.origin.has_acknowledged(&name);
            self.check(is_said, "no whole reply said that it is stored");
        }
        let is_harmless = |at: At| at.lasts == Lasts::Once && at.fault.is_harmless();
        let is_harmless = self.at.is_none_or(is_harmless);
        self.check(is_stored || !is_harmless, "a harmless fault was seen");
    }

    fn finish(&mut self, mut publisher: Publisher) {
        let mut attempts = 0;
        while let Err(error) = publisher.finish() {
            attempts += 1;
            self.check(attempts < ATTEMPTS, &error.to_string());
        }
        for _ in 0..ATTEMPTS {
            self.clock.fetch_add(1_000, Ordering::SeqCst);
            publisher.delete_due();
        }
        let waiting = publisher.waiting_for_deletion().count();
        self.check(waiting == 0 || !self.deletes(), "deletions still wait");
        self.check(
            publisher.finish_timeout(Duration::from_secs(60)).is_ok(),
            "it does not end",
        );
    }

    /// Whether the sinks know the server as one that deletes.
    fn deletes(&self) -> bool {
        let hit = self.origin.hit();
        let is_switched_off = self.at.is_some_and(|at| at.fault.says_unsupported());
        !is_switched_off || !hit.iter().any(|line| line.starts_with("DELETE "))
    }

    fn check_the_end(&self) {
        let wrong = self.origin.wrong();
        self.check(wrong.is_empty(), &wrong.join("\n"));
        let listing = Listing::of(&self.origin.object(PLAYLIST).unwrap());
        self.check(listing.has_ended, "it has not ended");
        let listed: BTreeSet<_> = listing.files().map(str::to_owned).collect();
        for (number, is_stored) in &self.outcomes {
            let name = name(*number);
            let is_listed = listed.contains(&name);
            self.check(*is_stored || !is_listed, "it lists what is not stored");
            let must_be = *is_stored && *number >= SEGMENTS - WINDOW;
            self.check(is_listed || !must_be, &format!("{name} is missing"));
            if is_listed {
                let object = self.origin.object(&name);
                self.check(object == Some(self.segment(*number).data), "another object");
            }
        }
        let lost = |it: &(&u64, &bool)| !*it.1;
        let lost: BTreeSet<_> = self
            .outcomes
            .iter()
            .filter(lost)
            .map(|it| name(*it.0))
            .collect();
        for name in self.origin.names() {
            let is_known = name == PLAYLIST
                || listed.contains(&name)
                || lost.contains(&name)
                || self.orphans.contains(&name);
            let stays = format!("{name} stays at the origin");
            self.check(is_known || !self.deletes(), &stays);
        }
        let unfinished = self.origin.unfinished();
        let is_left = self.left_uploads || self.has_lost_the_beginning_of_an_upload();
        self.check(unfinished == 0 || is_left, "an upload is left");
    }

    /// Nobody knows the number of such an upload. `S3Sink::sweep` finds it.
    fn has_lost_the_beginning_of_an_upload(&self) -> bool {
        let hit = self.origin.hit();
        let is_carried_out = self.at.is_some_and(|at| at.fault.is_carried_out());
        is_carried_out && hit.iter().any(|line| line.starts_with("POST "))
    }
}

/// Waits until the thread of the publisher has nothing to put.
pub(crate) fn until_idle(handle: &OriginHandle) {
    loop {
        let health = handle.health();
        if health.waiting == 0 && health.in_flight_for.is_none() {
            return;
        }
        thread::yield_now();
    }
}
