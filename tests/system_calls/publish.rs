//! A live session with a playlist, and its promises whatever call fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use libc::{EEXIST, ENOENT, EPERM, EWOULDBLOCK};
use segment_stream::hls::{Notice, PublishError, Retention};
use segment_stream::{DiskSink, Durability, SinkError};

use crate::common::folder::in_memory;
use crate::common::listing::Listing;
use crate::interposed::disk::Disk;
use crate::interposed::live::{CLIP, Live, LiveSetup, PLAYLIST, hint};
use crate::interposed::{self, Call, Kind};
use crate::store::{found, is_temp, open_handles, stays_inside, syncs_once, temps, trace};
use crate::table::{At, plan};

/// More than any case takes, with room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const SEGMENTS: u64 = 7;
/// Before this one the session is left and resumed.
const RESUMED_AT: u64 = 4;
/// A clip ends with this one.
const CLIPPED: u64 = 2;
const STATE: &str = "live/.video.m3u8.state";

pub(crate) fn setup(durability: Durability) -> LiveSetup {
    LiveSetup {
        durability,
        retention: Retention::Delete {
            margin: Duration::ZERO,
        },
        length: 500,
    }
}

struct Case<'a> {
    setup: LiveSetup,
    faults: &'a [At],
    base: PathBuf,
    root: PathBuf,
    disk: Disk,
    /// How far the model has come.
    seen: usize,
    /// Stored, although their folder could not be synced: nobody knows of them.
    orphans: BTreeSet<PathBuf>,
    was_left_unpublished: bool,
}

/// Runs the session with these faults and checks it; returns the calls until the faults were over.
pub(crate) fn run(setup: LiveSetup, faults: &[At]) -> Vec<Call> {
    let base = in_memory();
    let handles = open_handles();
    let mut case = Case {
        setup,
        faults,
        base: base.path().to_path_buf(),
        root: base.path().join("root"),
        disk: Disk::of(base.path()),
        seen: 0,
        orphans: BTreeSet::new(),
        was_left_unpublished: false,
    };
    let started = Instant::now();
    interposed::begin(plan(faults, &[]));
    let mut live = Live::start(&case.root, setup);
    for number in 0..SEGMENTS {
        if number == RESUMED_AT {
            case.leave_and_resume(&mut live);
        }
        case.step(&mut live, number);
        if number == CLIPPED {
            case.clip(&mut live);
        }
    }
    let before = case.playlist();
    let finished = live.finish();
    case.published(
        &live,
        before.as_deref(),
        finished
            .as_ref()
            .map(drop)
            .map_err(PublishError::sink_error),
    );

    let calls = interposed::recorded();
    interposed::heal();
    // An end that could not be published is by the next call.
    if finished.is_err() {
        drop(live.finish().unwrap());
    }
    case.check(
        live.expected() == case.playlist(),
        "it was not published in the end",
    );
    case.names_what_is_there(&live, CLIP);
    if let Some(released) = live.release_clip() {
        case.check(released.notices.is_empty(), "it is not released");
    }
    live.wait();
    for _ in 0..3 {
        let pushed = live.publisher().delete_due();
        case.check(pushed.notices.is_empty(), "it does not heal");
    }
    drop(live);
    let kept = syncs_once(&calls).and_then(|()| stays_inside(&calls, &case.root));
    case.check(kept.is_ok(), &format!("{kept:?}"));
    case.only_what_is_named_is_left(&calls);
    case.check(open_handles() == handles, "descriptors leak");
    case.check(started.elapsed() < PATIENCE, "it takes too long");
    calls
}

impl Case<'_> {
    #[track_caller]
    fn check(&self, holds: bool, what: &str) {
        let Self {
            setup,
            faults,
            base,
            ..
        } = self;
        assert!(
            holds,
            "{what}, in {setup:?} with {faults:?}\n{}",
            trace(base)
        );
    }

    fn playlist(&self) -> Option<Vec<u8>> {
        fs::read(self.root.join(PLAYLIST)).ok()
    }

    fn step(&mut self, live: &mut Live, number: u64) {
        let before = self.playlist();
        let path = self.root.join(hint(number));
        let mut stored_file = None;
        let step = live.go_on(number, |_| stored_file = fs::read(&path).ok());
        let is_whole = stored_file.as_deref() == Some(&live.data(number)[..]);
        if step.stored.is_ok() {
            self.check(is_whole, "a segment that was stored is not there");
            self.is_durable(&hint(number), &live.data(number));
        } else {
            let failed_sync = self.setup.durability == Durability::Full && is_whole;
            self.check(
                stored_file.is_none() || failed_sync,
                "a segment that was not stored is there",
            );
            if failed_sync {
                self.orphans.insert(hint(number));
            }
        }
        for notice in step.published.iter().flat_map(|pushed| &pushed.notices) {
            match notice {
                Notice::Lost { .. } => self.check(step.stored.is_err(), "nothing was lost"),
                Notice::NotDeleted(error) => self.says_what_happened(error),
                // The numbers that the last session could not publish are unknown to this one.
                Notice::UnexpectedNumber { .. } if number == RESUMED_AT => {
                    self.check(self.was_left_unpublished, "a number is missing");
                }
                other => self.check(false, &format!("{other:?}")),
            }
        }
        let published = step.published.as_ref().map(drop);
        self.published(
            live,
            before.as_deref(),
            published.map_err(PublishError::sink_error),
        );
    }

    /// The playlist is the new one, or after an error the old one; in any case a whole one.
    fn published(&mut self, live: &Live, before: Option<&[u8]>, result: Result<(), &SinkError>) {
        let (now, expected) = (self.playlist(), live.expected());
        match result {
            Ok(()) => {
                self.check(now == expected, "what was published is not there");
                self.is_durable(Path::new(PLAYLIST), &expected.unwrap_or_default());
            }
            Err(error) => {
                self.says_what_happened(error);
                let is_named = error.operation() == Some("sync the directory");
                self.check(
                    now.as_deref() == before || is_named && now == expected,
                    "it is neither the old playlist nor the new one",
                );
            }
        }
        self.names_what_is_there(live, PLAYLIST);
        self.names_what_is_there(live, CLIP);
        if let Ok(text) = fs::read(self.root.join(STATE)) {
            self.check(
                text.starts_with(b"#segment-stream-hls-state:1\n") && text.ends_with(b"end\n"),
                "the side file is not whole",
            );
        }
    }

    fn names_what_is_there(&self, live: &Live, playlist: &str) {
        let Ok(text) = fs::read(self.root.join(playlist)) else {
            return;
        };
        for name in Listing::of(&text).files() {
            let path = Path::new("live").join(name);
            let number = name.trim_end_matches(".ts").parse().unwrap();
            let content = fs::read(self.root.join(&path)).ok();
            self.check(
                content.as_deref() == Some(&live.data(number)[..]),
                &format!("{playlist} names what is not there"),
            );
        }
    }

    /// Makes a clip. It is there, or after an error may be.
    fn clip(&mut self, live: &mut Live) {
        let made = live.clip();
        self.names_what_is_there(live, CLIP);
        match made {
            Ok(_) => {
                let text = fs::read(self.root.join(CLIP)).ok();
                let memory = live.memory.lock().unwrap();
                let expected = memory.files.get(Path::new(CLIP)).cloned();
                drop(memory);
                self.check(text == expected, "the clip that was made is not there");
                self.is_durable(Path::new(CLIP), &expected.unwrap_or_default());
            }
            Err(error) => match error.sink_error() {
                Some(error) => self.says_what_happened(error),
                None => self.check(false, &error.to_string()),
            },
        }
    }

    /// A file that was reported as stored would be there after a power cut.
    fn is_durable(&mut self, hint: &Path, content: &[u8]) {
        let path = Path::new("root").join(hint);
        if self.setup.durability == Durability::Full {
            for call in interposed::recorded_since(self.seen) {
                self.disk.go_on(&call);
                self.seen += 1;
            }
            let least = self.disk.least();
            let is_there = least.get(&path).is_some_and(|it| **it == *content);
            self.check(is_there, &format!("{} is not durable", path.display()));
        }
    }

    fn says_what_happened(&self, error: &SinkError) {
        let calls = interposed::recorded();
        let injected = |code: i32| {
            let mut calls = calls.iter();
            calls.any(|call| call.is_injected && call.code() == Some(code))
        };
        let mut removals = calls.iter();
        let is_doubtful = removals.any(|call| call.kind == Kind::RemoveFolder && call.is_injected);
        let is_said = match error.raw_os_error() {
            Some(ENOENT) => injected(ENOENT) || injected(EEXIST),
            Some(code) => injected(code),
            // It was there, or gone, again and again, as it seemed; or it cannot be taken back.
            None => [EEXIST, ENOENT, EWOULDBLOCK].into_iter().any(injected) || is_doubtful,
        };
        self.check(
            is_said && error.operation().is_some() && error.path().is_some(),
            &format!("{error} does not say what failed"),
        );
    }

    fn leave_and_resume(&mut self, live: &mut Live) {
        let before = self.playlist();
        let left = live.suspend();
        self.published(
            live,
            before.as_deref(),
            left.as_ref().map(drop).map_err(PublishError::sink_error),
        );
        let Some(text) = self.playlist() else {
            self.orphans.extend(found(&self.root).into_keys());
            return live.begin_anew();
        };
        self.was_left_unpublished = left.is_err();
        if left.is_err() {
            // A segment that was stored and could not be listed is unknown to the next session.
            let listing = Listing::of(&text);
            let named: BTreeSet<_> = listing
                .files()
                .map(|it| Path::new("live").join(it))
                .collect();
            let there = found(&self.root).into_keys();
            self.orphans
                .extend(there.filter(|path| !named.contains(path)));
        }
        if let Err(error) = live.resume() {
            let was_hit = interposed::recorded().iter().any(|call| call.is_injected);
            self.check(was_hit, &format!("{error}, though nothing had failed"));
            // It was left as it is, and the next attempt finds it so.
            interposed::heal();
            let resumed = live.resume();
            self.check(resumed.is_ok(), &format!("{resumed:?}, after {error}"));
        }
    }

    fn only_what_is_named_is_left(&self, calls: &[Call]) {
        let text = self.playlist().expect("it was published");
        let listing = Listing::of(&text);
        self.check(listing.has_ended, "it has not ended");
        let mut named: BTreeSet<PathBuf> = listing
            .files()
            .map(|name| Path::new("live").join(name))
            .collect();
        named.insert(PLAYLIST.into());
        // Told that a file is gone, nobody deletes it, and a kernel that refuses `openat2` everywhere
        // is taken for one that deletes nothing.
        let is_lie = |call: &Call| match call.code() {
            Some(ENOENT) => true,
            Some(EPERM) => call.function == "openat2",
            _ => false,
        };
        let was_lied_to = calls.iter().any(|call| call.is_injected && is_lie(call));
        let there: BTreeSet<_> = found(&self.root).into_keys().collect();
        let left: Vec<_> = there
            .difference(&named)
            .filter(|path| !self.orphans.contains(*path))
            .collect();
        self.check(
            left.is_empty() || was_lied_to,
            &format!("{left:?} are left"),
        );
        self.check(there.is_superset(&named), "a named file was deleted");
        let left = temps(&self.root);
        let may_stay = calls
            .iter()
            .any(|call| call.kind == Kind::Remove && call.is_injected && is_temp(&call.path));
        self.check(left.is_empty() || may_stay, &format!("{left:?} are left"));
        DiskSink::sweep(&self.root).unwrap();
        self.check(temps(&self.root).is_empty(), "a temp file is not swept");
    }
}
