//! Power cuts at every moment. The calls to the disk are recorded, and every possible state of the
//! disk is checked, with unsynced data present, lost, cut or zeroed.
//!
//! With `SEGMENT_STREAM_THOROUGH=1` there are many more states.
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

mod common;
mod interposed;

#[cfg(feature = "dash")]
#[path = "power_cuts/both.rs"]
mod both;
#[cfg(feature = "dash")]
#[path = "dash/check.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod check;
#[cfg(feature = "dash")]
#[path = "dash/document.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod document;
#[cfg(feature = "dash")]
#[path = "hls_model/lost.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod lost;

#[cfg_attr(
    not(feature = "hls"),
    allow(
        dead_code,
        reason = "playlists are told apart, and threads, only with them"
    )
)]
#[path = "power_cuts/history.rs"]
mod history;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::folder::in_memory;
use common::segments::payload;
use common::thorough::cases;
use history::{Found, History, Wrong};
use interposed::disk::Disk;
use interposed::{Fault, Kind, Plan, alone, counted};
use segment_stream::{DiskSink, Durability, Existing, ProducedSegment, SegmentSink, WriteContext};

/// How many states are looked at after one call.
fn most() -> usize {
    cases(64, 4_096)
}

/// Two pages and a part of one.
const LENGTH: usize = 9_000;

/// As the root is below the folder that the model begins at.
fn below(hint: impl AsRef<Path>) -> PathBuf {
    Path::new("root").join(hint)
}

fn nothing_fails() -> Plan {
    Box::new(|_, _| None)
}

/// The disk sink by itself: new directories, a replaced file, a second directory, and a removed
/// one. A failed call is retried.
fn store(sink: impl FnOnce(&Path) -> DiskSink, plan: Plan) -> History {
    let base = in_memory();
    let root = base.path().join("root");
    let mut history = History::new(Disk::of(base.path()));
    let mut sink = sink(&root);
    interposed::begin(plan);
    let hints = [
        "new/a/0.ts",
        "new/a/1.ts",
        "new/a/0.ts",
        "b/2.ts",
        "new/a/3.ts",
    ];
    for (number, hint) in (0..).zip(hints) {
        let segment = ProducedSegment::media(number, payload(number, LENGTH), 2.0).with_path(hint);
        history.asked(below(hint), &segment.data);
        for _ in 0..3 {
            let written = counted(|| sink.write(&segment, &WriteContext::default()));
            if written.is_ok() {
                history.promised(below(hint), interposed::position());
                break;
            }
        }
    }
    history.given_up(below("new/a/1.ts"), interposed::position());
    counted(|| sink.remove(Path::new("new/a/1.ts"), &WriteContext::default())).unwrap();
    history.calls = interposed::recorded();
    history
}

fn none_wrong(found: &Found) {
    assert!(found.wrong.is_empty(), "{:#?}", found.wrong);
}

fn tell(what: &str, found: &Found) {
    let wrong: Vec<_> = found
        .wrong
        .iter()
        .map(|(way, (count, _))| (way, count))
        .collect();
    let (cuts, states, distinct) = (found.cuts, found.states, found.distinct.len());
    eprintln!("{what}: {cuts} cuts, {states} states, {distinct} distinct, wrong: {wrong:?}");
}

#[test]
fn with_full_durability_what_was_stored_is_there_whole() {
    let _alone = alone();
    let mut all = Found::default();
    for existing in [Existing::Replace, Existing::Refuse] {
        for pre_allocate in [false, true] {
            let sink = |root: &Path| {
                let sink = DiskSink::rooted(root)
                    .durability(Durability::Full)
                    .existing(existing);
                if pre_allocate {
                    sink.pre_allocate()
                } else {
                    sink
                }
            };
            all.add(store(sink, nothing_fails()).cut_everywhere(most(), |_| {}));
        }
    }
    tell("the disk sink, full", &all);
    none_wrong(&all);
}

/// After an error, a second attempt that succeeds is reliable, whichever sync failed.
#[test]
fn after_a_sync_that_failed_it_is_the_same() {
    let _alone = alone();
    let sink = |root: &Path| DiskSink::rooted(root).durability(Durability::Full);
    let clean = store(sink, nothing_fails());
    let positions = (0..).zip(&clean.calls);
    let syncs = positions.filter(|(_, call)| call.kind == Kind::Sync);
    let mut all = Found::default();
    for (number, (place, _)) in syncs.enumerate() {
        // If they all fail little is promised, and few of these cases are enough.
        for times in if number % 8 == 0 {
            &[1, usize::MAX][..]
        } else {
            &[1]
        } {
            let times = *times;
            // And a folder whose name could not be synced cannot be taken back.
            for stays in [false, true] {
                let mut failed = 0;
                let plan: Plan = Box::new(move |position, call| {
                    let fails = match call.kind {
                        Kind::Sync => position >= place && failed < times,
                        Kind::RemoveFolder => stays,
                        _ => false,
                    };
                    failed += usize::from(fails && call.kind == Kind::Sync);
                    fails.then_some(Fault::Code(libc::EIO))
                });
                all.add(store(sink, plan).cut_everywhere(most() / 8, |_| {}));
            }
        }
    }
    tell("the disk sink, full, with syncs that fail", &all);
    none_wrong(&all);
}

#[test]
fn with_file_durability_what_is_there_is_whole_and_no_more_is_promised() {
    let _alone = alone();
    let mut all = Found::default();
    for pre_allocate in [false, true] {
        let sink = |root: &Path| {
            let sink = DiskSink::rooted(root).durability(Durability::File);
            if pre_allocate {
                sink.pre_allocate()
            } else {
                sink
            }
        };
        all.add(store(sink, nothing_fails()).cut_everywhere(most(), |_| {}));
    }
    tell("the disk sink, file", &all);
    // A name may be missing, and it is found to be.
    assert_eq!(
        all.ways(),
        BTreeSet::from([Wrong::Missing]),
        "{:#?}",
        all.wrong
    );
}

#[test]
fn without_durability_everything_may_happen_and_is_found() {
    let _alone = alone();
    let mut all = Found::default();
    let mut seen = BTreeSet::new();
    for pre_allocate in [false, true] {
        let sink = |root: &Path| {
            let sink = DiskSink::rooted(root);
            if pre_allocate {
                sink.pre_allocate()
            } else {
                sink
            }
        };
        let history = store(sink, nothing_fails());
        all.add(history.cut_everywhere(most(), |files| {
            let first = files.get(&below("new/a/1.ts"));
            seen.insert(match first {
                None => "missing",
                Some(content) if content.is_empty() => "empty",
                Some(content) if content.iter().all(|byte| *byte == 0) => "zeros",
                Some(content) if content.len() < LENGTH => "cut",
                Some(content) if **content == *payload(1, LENGTH) => "whole",
                Some(_) => "with a hole",
            });
        }));
    }
    tell("the disk sink, none", &all);
    let both = BTreeSet::from([Wrong::Missing, Wrong::Torn]);
    assert_eq!(all.ways(), both, "{:#?}", all.wrong);
    // Each thing that `Durability::None` says may happen does, so the model leaves none of them
    // out.
    let expected = ["missing", "empty", "zeros", "cut", "whole", "with a hole"];
    assert_eq!(seen, BTreeSet::from(expected));
}

/// Sessions that publish a playlist.
#[cfg(feature = "hls")]
mod live {
    use std::collections::HashSet;
    use std::fs;
    use std::ops::Range;
    use std::time::Duration;

    use segment_stream::hls::Retention;

    use super::common::again::beside_the_others;
    use super::history::fingerprint;
    use super::interposed::disk::Files;
    use super::interposed::live::{CLIP, Live, LiveSetup, PLAYLIST, can_be_resumed, hint};
    use super::*;

    const SEGMENTS: u64 = 9;
    /// A clip ends with this one.
    const CLIPPED: u64 = 2;

    fn setup(durability: Durability, retention: Retention) -> LiveSetup {
        LiveSetup {
            durability,
            retention,
            length: LENGTH,
        }
    }

    const DELETE: Retention = Retention::Delete {
        margin: Duration::ZERO,
    };

    /// The publisher has to write the texts that its twin has written since `from`.
    fn asked(history: &mut History, live: &Live, from: usize) {
        for (path, text) in &live.memory.lock().unwrap().written[from..] {
            history.asked(below(path), text);
        }
    }

    /// A live session with a clip, of which segments are deleted, left and resumed in the middle,
    /// and finished.
    fn session(setup: LiveSetup) -> (History, Vec<Range<usize>>) {
        let base = in_memory();
        let root = base.path().join("root");
        let mut history = History::new(Disk::of(base.path()));
        history.is_playlist(below(PLAYLIST));
        history.is_playlist(below(CLIP));
        interposed::begin(nothing_fails());
        let mut live = Live::start(&root, setup);
        let mut stores = Vec::new();
        for number in 0..SEGMENTS {
            if number == SEGMENTS / 2 {
                drop(live.suspend().unwrap());
                live.resume().unwrap();
            }
            history.asked(below(hint(number)), &live.data(number));
            let written = live.memory.lock().unwrap().written.len();
            let (from, mut stored_at) = (interposed::position(), 0);
            let step = live.go_on(number, |_| stored_at = interposed::position());
            step.stored.unwrap();
            assert!(step.published.unwrap().notices.is_empty());
            history.promised(below(hint(number)), stored_at);
            asked(&mut history, &live, written);
            history.promised(below(PLAYLIST), interposed::position());
            stores.push(from..stored_at);
            if number == CLIPPED {
                let written = live.memory.lock().unwrap().written.len();
                drop(live.clip().unwrap());
                asked(&mut history, &live, written);
                history.promised(below(CLIP), interposed::position());
            }
        }
        let written = live.memory.lock().unwrap().written.len();
        let finished = live.finish();
        assert!(finished.unwrap().notices.is_empty());
        asked(&mut history, &live, written);
        history.promised(below(PLAYLIST), interposed::position());
        let written = live.memory.lock().unwrap().written.len();
        let released = live.release_clip();
        // If all files are kept, the second session does not know the clip.
        assert_eq!(released.is_some(), setup.retention != Retention::Keep);
        assert!(released.is_none_or(|it| it.notices.is_empty()));
        live.wait();
        drop(live.twin().delete_due());
        drop(live.publisher().delete_due());
        asked(&mut history, &live, written);
        history.calls = interposed::recorded();
        // The files that nobody names any more: they were there until their removal.
        for (position, call) in (0..).zip(history.calls.clone()) {
            if call.kind == Kind::Remove && call.succeeded() {
                let path = interposed::below(base.path(), &call.path).unwrap();
                history.given_up(path, position + 1);
            }
        }
        (history, stores)
    }

    /// The session as it was, and as it may have been with the stream ahead of the publisher, the
    /// more so the more seeds there are.
    fn sessions(setup: LiveSetup, seeds: u64) -> Vec<History> {
        let (history, stores) = session(setup);
        let others = (1..=seeds)
            .map(|seed| history.interleave(&stores, 3, seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let mut all: Vec<_> = others.collect();
        all.push(history);
        all
    }

    #[test]
    fn with_full_durability_no_playlist_names_what_is_missing_and_each_can_be_resumed() {
        beside_the_others("live::cuts_a_session");
    }

    #[test]
    #[ignore = "a part of with_full_durability_no_playlist_names_what_is_missing_and_each_can_be_resumed"]
    fn cuts_a_session() {
        let _alone = alone();
        let mut all = Found::default();
        let (mut resumed, mut ended) = (0, 0);
        for retention in [Retention::Keep, DELETE] {
            let setup = setup(Durability::Full, retention);
            let folder = in_memory();
            let root = folder.path().join("root");
            let mut seen = HashSet::new();
            let mut look = |files: &Files| {
                if !seen.insert(fingerprint(files)) {
                    return;
                }
                fs::create_dir_all(&root).unwrap();
                for (path, content) in files {
                    let path = folder.path().join(path);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, content).unwrap();
                }
                DiskSink::sweep(&root).unwrap();
                let left = common::folder::temps(folder.path());
                assert!(left.is_empty(), "{left:?}");
                let has_ended = files
                    .get(&below(PLAYLIST))
                    .is_some_and(|text| text.ends_with(b"#EXT-X-ENDLIST\n"));
                match can_be_resumed(&root, setup) {
                    Ok(()) => resumed += 1,
                    Err(error) if has_ended => {
                        assert!(error.to_string().contains("ended"), "{error}");
                        ended += 1;
                    }
                    Err(error) => panic!("{error}: {files:?}"),
                }
                fs::remove_dir_all(&root).unwrap();
            };
            let seeds = cases(4, 200);
            for history in sessions(setup, seeds) {
                all.add(history.cut_everywhere(most(), &mut look));
            }
        }
        tell("live, full", &all);
        eprintln!("{resumed} states were resumed, {ended} had ended");
        none_wrong(&all);
        assert!(all.distinct.len() >= 1_000, "{}", all.distinct.len());
    }

    #[test]
    fn with_less_a_playlist_may_name_what_is_missing_and_is_found_to() {
        let _alone = alone();
        for (durability, expected) in [
            (Durability::File, vec![Wrong::Missing, Wrong::Named]),
            (
                Durability::None,
                vec![Wrong::Missing, Wrong::Torn, Wrong::Named],
            ),
        ] {
            let (history, _) = session(setup(durability, DELETE));
            let found = history.cut_everywhere(most(), |_| {});
            tell(&format!("live, {durability:?}"), &found);
            let expected: BTreeSet<_> = expected.into_iter().collect();
            assert_eq!(found.ways(), expected, "{:#?}", found.wrong);
        }
    }
}
