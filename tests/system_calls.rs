//! Every system call of the disk sink and of the playlist publisher fails in every possible way:
//! once, persistently, and together with another one.
//!
//! The calls are counted in a run without failures, so that no new call escapes. After each case
//! every promise is checked. Every call is tried with some of its codes, and with
//! `SEGMENT_STREAM_THOROUGH=1` with every code.
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

mod common;
mod interposed;

#[cfg(feature = "dash")]
#[path = "system_calls/both.rs"]
mod both;
#[path = "system_calls/crowd.rs"]
mod crowd;
#[path = "system_calls/logged.rs"]
mod logged;
#[cfg(feature = "dash")]
#[path = "hls_model/lost.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod lost;
#[path = "system_calls/other.rs"]
mod other;
#[cfg(feature = "hls")]
#[path = "system_calls/publish.rs"]
mod publish;
#[path = "system_calls/rare.rs"]
mod rare;
#[path = "system_calls/store.rs"]
mod store;
#[path = "system_calls/swapped.rs"]
mod swapped;
#[path = "system_calls/table.rs"]
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::again::{again, beside_the_others, folder, must_pass};
use common::config::once;
use common::folder::in_memory;
use common::means::have_tools;
use common::thorough::{cases, is_thorough};
use interposed::{Call, Fault, Kind, alone, counted};
use libc::{EEXIST, EINTR, ENOENT, ENOSYS};
use segment_stream::{
    DiskSink, Durability, RetryPolicy, SegmentSink, SegmentStreamConfig, SinkError, WriteContext,
    WriteError,
};
use store::{Setup, is_as_clean, run, segment};
use table::{At, Lasts, codes, may_be_interrupted};

/// Of these codes all, or as many as there is time for: others at each position.
fn some(codes: &'static [i32], position: usize, most: usize) -> Vec<i32> {
    if is_thorough() {
        return codes.to_vec();
    }
    let start = position * most;
    let chosen = start..start + most.min(codes.len());
    chosen.map(|it| codes[it % codes.len()]).collect()
}

fn for_ever(position: usize, code: i32) -> At {
    At {
        lasts: Lasts::ForEver,
        ..At::once(position, code)
    }
}

/// That every name of a temp file is taken is tried 65,536 times, so only where it is asked for.
fn is_slow(call: &Call, code: i32) -> bool {
    call.kind == Kind::Create && code == EEXIST
}

/// Another call is hit in the same run, so only those that may follow the first failure: all until
/// the clean-up is over, and a few of the next segment.
const STACKED_WITHIN: usize = 14;

/// Whether this position is tried in this setup. Without time for all, each setup has one of so
/// many parts, and the setups after it have the others.
fn is_tried(position: usize, number: usize, parts: usize) -> bool {
    is_thorough() || position % parts == number % parts
}

/// In how many ways was what failed.
#[derive(Default)]
struct Figures {
    cases: usize,
    calls: BTreeMap<Kind, BTreeSet<i32>>,
}

impl Figures {
    fn count(&mut self, call: &Call, code: i32) {
        self.cases += 1;
        self.calls.entry(call.kind).or_default().insert(code);
    }

    fn tell(&self, what: &str) {
        let codes: usize = self.calls.values().map(BTreeSet::len).sum();
        let (cases, kinds) = (self.cases, self.calls.len());
        eprintln!("{what}: {cases} cases, {kinds} kinds of calls with {codes} codes");
    }
}

#[test]
fn a_call_that_fails_once_costs_its_segment_and_no_other() {
    let _alone = alone();
    let mut figures = Figures::default();
    for (number, setup) in Setup::all().into_iter().enumerate() {
        let clean = run(setup, &[]);
        for (position, call) in clean.calls.iter().enumerate() {
            if !is_tried(position, number, 3) {
                continue;
            }
            for code in some(codes(call), position.midpoint(number), 1) {
                run(setup, &[At::once(position, code)]);
                figures.count(call, code);
            }
        }
    }
    figures.tell("fails once");
}

#[test]
fn a_call_that_fails_for_ever_ends_and_nothing_false_is_said() {
    let _alone = alone();
    let mut figures = Figures::default();
    for (number, setup) in Setup::all().into_iter().enumerate() {
        let clean = run(setup, &[]);
        for (position, call) in clean.calls.iter().enumerate() {
            if !is_tried(position, number, 3) {
                continue;
            }
            for code in some(codes(call), position.midpoint(number), 1) {
                if !is_slow(call, code) {
                    run(setup, &[for_ever(position, code)]);
                    figures.count(call, code);
                }
            }
        }
    }
    figures.tell("fails persistently");
}

#[test]
fn that_every_name_of_a_temp_file_is_taken_ends_as_well() {
    let _alone = alone();
    let setup = Setup::all()[0];
    let clean = run(setup, &[]);
    let last = clean
        .calls
        .iter()
        .rposition(|call| call.kind == Kind::Create);
    run(setup, &[for_ever(last.unwrap(), EEXIST)]);
}

/// The second one is often the clean-up after the first, and then the first is the one to report.
#[test]
fn of_two_that_fail_the_first_is_reported() {
    beside_the_others("fails_two_at_a_time");
}

#[test]
#[ignore = "a part of of_two_that_fail_the_first_is_reported"]
fn fails_two_at_a_time() {
    let _alone = alone();
    let mut figures = Figures::default();
    for (number, setup) in Setup::all().into_iter().enumerate() {
        let clean = run(setup, &[]);
        for (position, call) in clean.calls.iter().enumerate() {
            if !is_tried(position, number, 18) {
                continue;
            }
            let code = codes(call)[0];
            let first = At::once(position, code);
            let single = run(setup, &[first]);
            let later = single.calls.iter().enumerate().skip(position + 1);
            for (second, call) in later.take(STACKED_WITHIN) {
                // Another code than the first one's, so that they can be told apart.
                let Some(other) = some(codes(call), second, 2)
                    .into_iter()
                    .find(|it| *it != code)
                else {
                    continue;
                };
                let ran = run(setup, &[first, At::once(second, other)]);
                figures.count(call, other);
                let hit = single
                    .steps
                    .iter()
                    .position(|(range, _)| range.contains(&position));
                let hit = hit.expect("every call belongs to a step");
                if single.steps[hit].1 == Err(Some(code)) {
                    let reported = ran.steps[hit].1;
                    assert_eq!(
                        reported,
                        Err(Some(code)),
                        "{setup:?} {first:?} {other} at {second}"
                    );
                }
            }
        }
    }
    figures.tell("two that fail");
}

#[test]
fn interruptions_and_short_writes_are_not_seen() {
    let _alone = alone();
    let mut tried = 0;
    for setup in Setup::all() {
        let clean = run(setup, &[]);
        for (position, call) in clean.calls.iter().enumerate() {
            let mut faults = Vec::new();
            if may_be_interrupted(call.kind) {
                faults.push((Fault::Code(EINTR), Lasts::Times(3)));
            }
            if call.kind == Kind::Write {
                let half = call.bytes.len() / 2;
                faults.push((Fault::Short(1), Lasts::ForEver));
                faults.push((Fault::Short(half), Lasts::Once));
                faults.push((Fault::Short(half), Lasts::ForEver));
            }
            for (fault, lasts) in faults {
                let ran = run(
                    setup,
                    &[At {
                        position,
                        fault,
                        lasts,
                    }],
                );
                assert!(
                    is_as_clean(&ran, &clean),
                    "{fault:?} at {position} was seen"
                );
                tried += 1;
            }
        }
    }
    eprintln!("interruptions and short writes: {tried} cases");
}

#[test]
fn a_write_that_takes_nothing_is_an_error_and_no_spin() {
    let _alone = alone();
    for setup in Setup::all() {
        let clean = run(setup, &[]);
        for (position, call) in clean.calls.iter().enumerate() {
            for lasts in [Lasts::Once, Lasts::ForEver] {
                if call.kind == Kind::Write {
                    let fault = Fault::Short(0);
                    let ran = run(
                        setup,
                        &[At {
                            position,
                            fault,
                            lasts,
                        }],
                    );
                    assert!(!is_as_clean(&ran, &clean), "it was taken for a success");
                    assert!(ran.calls.len() < 2 * clean.calls.len());
                }
            }
        }
    }
}

/// Behind a stream without retries each failure is seen; with the default policy those that may
/// heal are not, but for the sync of a folder, which is not to be repeated.
#[test]
fn behind_a_stream_what_may_heal_is_tried_again() {
    beside_the_others("heals_behind_a_stream");
}

#[test]
#[ignore = "a part of behind_a_stream_what_may_heal_is_tried_again"]
fn heals_behind_a_stream() {
    let _alone = alone();
    let (clean, failed) = other::stream(once(), &[]);
    assert!(failed.iter().all(Option::is_none));
    let mut retried = 0;
    for (position, call) in clean.iter().enumerate() {
        for code in some(codes(call), position, 2) {
            let at = At::once(position, code);
            let (_, single) = other::stream(once(), &[at]);
            assert!(single.iter().flatten().count() <= 1, "{at:?}: {single:?}");
            let hasty = RetryPolicy {
                first_pause: Duration::from_millis(1),
                ..RetryPolicy::default()
            };
            // The usual pauses cost time, and differ in nothing else.
            let retry = if position % 10 == 0 {
                RetryPolicy::default()
            } else {
                hasty
            };
            let config = SegmentStreamConfig {
                retry,
                ..Default::default()
            };
            let (_, again) = other::stream(config, &[at]);
            for (single, again) in single.iter().zip(&again) {
                let Some(single) = single else {
                    assert!(again.is_none(), "{at:?}: {again:?}");
                    continue;
                };
                assert_eq!(single.attempts(), 1);
                let heals = single.sink_error().is_transient();
                assert!(
                    !heals || single.operation() != "sync the directory",
                    "{single}"
                );
                retried += usize::from(heals);
                let attempts = again.as_ref().map(WriteError::attempts);
                assert_eq!(attempts, (!heals).then_some(1), "{at:?}: {again:?}");
            }
        }
    }
    assert!(retried > 0);
    eprintln!("behind a stream: {retried} cases were tried again");
}

/// The sync of a folder may be called a success on a disk that has gone meanwhile, which then
/// opens nothing.
#[test]
fn a_folder_that_cannot_be_opened_after_its_sync_was_not_synced() {
    let _alone = alone();
    let (clean, _) = other::stream(once(), &[]);
    let mut tried = 0;
    for (position, pair) in (1..).zip(clean.windows(2)) {
        let [sync, open] = pair else { continue };
        let is_folder = sync.kind == Kind::Sync && sync.path.extension().is_none();
        if is_folder && open.kind == Kind::Open && open.path == sync.path {
            let (_, failed) = other::stream(once(), &[At::once(position, libc::EIO)]);
            let [error] = &failed.iter().flatten().collect::<Vec<_>>()[..] else {
                continue;
            };
            assert_eq!(error.operation(), "sync the directory");
            assert_eq!(error.raw_os_error(), Some(libc::EIO));
            tried += 1;
        }
    }
    assert!(tried >= other::HINTS.len(), "{tried} cases");
}

#[test]
fn behind_a_stream_what_fails_for_ever_is_given_up_in_time() {
    beside_the_others("fails_for_ever_behind_a_stream");
}

#[test]
#[ignore = "a part of behind_a_stream_what_fails_for_ever_is_given_up_in_time"]
fn fails_for_ever_behind_a_stream() {
    let _alone = alone();
    let (clean, _) = other::stream(once(), &[]);
    let retry = RetryPolicy {
        most: Duration::from_millis(30),
        first_pause: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    for (position, call) in clean.iter().enumerate() {
        let config = SegmentStreamConfig {
            retry,
            ..Default::default()
        };
        let code = codes(call)[0];
        let (_, failed) = other::stream(config, &[for_ever(position, code)]);
        for error in failed.iter().flatten() {
            assert_eq!(error.raw_os_error(), Some(code), "{error}");
        }
    }
}

#[test]
fn a_sweep_takes_what_it_can_and_says_what_it_could_not() {
    let _alone = alone();
    let mut figures = Figures::default();
    let (clean, swept) = other::sweep(&[]);
    assert_eq!(swept.unwrap().removed.len(), 3);
    for (position, call) in clean.iter().enumerate() {
        for code in codes(call) {
            let (_, result) = other::sweep(&[At::once(position, *code)]);
            // A file that seems to be gone is not missed.
            let is_lost = result.is_ok_and(|swept| {
                swept.removed.len() + swept.in_use.len() < 3 && swept.errors.is_empty()
            });
            assert!(!is_lost || *code == ENOENT, "{code} at {position}");
            drop(other::sweep(&[for_ever(position, *code)]));
            figures.count(call, *code);
        }
        if may_be_interrupted(call.kind) && call.kind != Kind::Lock {
            let fault = Fault::Code(EINTR);
            let lasts = Lasts::Times(3);
            let (_, result) = other::sweep(&[At {
                position,
                fault,
                lasts,
            }]);
            assert_eq!(result.unwrap().removed.len(), 3);
        }
    }
    figures.tell("sweeps");
}

/// Once `renameat2` is unknown to the kernel, `tempfile` uses links for as long as the process
/// lives.
#[test]
fn a_kernel_without_that_rename_is_no_obstacle() {
    // Its files are descriptors as well.
    let _alone = alone();
    let folder = in_memory();
    must_pass(&mut again(&[], "runs_without_that_rename", folder.path()));
}

#[test]
#[ignore = "a part of a_kernel_without_that_rename_is_no_obstacle"]
fn runs_without_that_rename() {
    let _alone = alone();
    for setup in Setup::all().into_iter().step_by(6) {
        let clean = run(setup, &[]);
        let first = clean
            .calls
            .iter()
            .position(|call| call.kind == Kind::RenameToNew);
        if let Some(first) = first {
            let ran = run(setup, &[At::once(first, ENOSYS)]);
            assert!(is_as_clean(&ran, &clean));
        }
        // A kernel that has `openat2` has that rename as well, so nothing is remembered.
        if cfg!(feature = "confined") {
            continue;
        }
        let by_links = run(setup, &[]);
        assert!(is_as_clean(&by_links, &clean));
        assert!(
            by_links
                .calls
                .iter()
                .all(|call| call.kind != Kind::RenameToNew)
        );
        for (position, call) in by_links.calls.iter().enumerate() {
            run(setup, &[At::once(position, codes(call)[0])]);
        }
    }
}

/// Changes by calls that are not interposed would be visible to strace only.
#[test]
fn no_call_that_changes_a_file_goes_past() {
    // Its files are descriptors as well.
    let _alone = alone();
    if !have_tools("no_call_that_changes_a_file_goes_past", &["strace"]) {
        return;
    }
    let folder = in_memory();
    let file = folder.path().join("trace");
    let prefix = [
        "strace",
        "-f",
        "-e",
        "trace=%file,%desc",
        "-o",
        file.to_str().unwrap(),
    ];
    must_pass(&mut again(&prefix, "runs_between_two_marks", folder.path()));
    let text = fs::read_to_string(&file).unwrap();
    let mut traced: BTreeMap<&str, usize> = BTreeMap::new();
    let mut is_between = false;
    for line in text.lines().filter(|line| !line.contains(" resumed>")) {
        let Some((name, rest)) = line.split_once('(') else {
            continue;
        };
        if rest.contains(MARK) {
            is_between = !is_between;
        }
        let name = name.rsplit(' ').next().unwrap_or_default();
        if is_between && !HARMLESS.contains(&name) {
            *traced.entry(name).or_default() += 1;
        }
    }
    let counted = fs::read_to_string(folder.path().join("counted")).unwrap();
    let counted = counted.lines().map(|line| line.split_once(' ').unwrap());
    let counted: BTreeMap<_, usize> = counted
        .map(|(name, count)| (name, count.parse().unwrap()))
        .collect();
    assert!(counted.len() > 5, "{counted:?}");
    assert_eq!(traced, counted);
}

/// Neither of these changes a file.
const HARMLESS: &[&str] = &[
    "close",
    "fcntl",
    "fstat",
    "getcwd",
    "getdents64",
    "lseek",
    "mmap",
    "newfstatat",
    "poll",
    "read",
    "readlink",
    "statx",
];
const MARK: &str = "/between-here-and-there";

#[test]
#[ignore = "a part of no_call_that_changes_a_file_goes_past"]
fn runs_between_two_marks() {
    let folder = folder();
    let root = folder.join("root");
    let mut sink = DiskSink::rooted(&root)
        .durability(Durability::Full)
        .pre_allocate();
    let nothing = |_: usize, _: &Call| None;
    interposed::begin(Box::new(nothing));
    assert!(fs::metadata(MARK).is_err());
    for hint in ["a/0.ts", "a/0.ts", "b/c/1.ts"] {
        counted(|| sink.write(&segment(0, hint), &WriteContext::default())).unwrap();
    }
    counted(|| sink.remove(Path::new("a/0.ts"), &WriteContext::default())).unwrap();
    counted(|| DiskSink::sweep(&root)).unwrap();
    #[cfg(feature = "hls")]
    {
        let setup = publish::setup(Durability::Full);
        let mut live = interposed::live::Live::start(&root, setup);
        for number in 0..6 {
            live.go_on(number, |_| {}).stored.unwrap();
        }
        drop(live.suspend().unwrap());
        live.resume().unwrap();
        drop(live.finish().unwrap());
        live.wait();
        drop(live.publisher().delete_due());
    }
    assert!(fs::metadata(MARK).is_err());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for call in interposed::recorded() {
        let name = match call.kind {
            Kind::Open if call.function == "openat2" => "openat2",
            Kind::Create | Kind::Open | Kind::OpenFolder => "openat",
            Kind::Write => "write",
            Kind::Truncate => "ftruncate",
            Kind::Sync => "fsync",
            Kind::Lock => "flock",
            Kind::MakeFolder => "mkdirat",
            Kind::Remove | Kind::RemoveFolder => "unlinkat",
            Kind::Rename | Kind::RenameToNew => "renameat2",
            Kind::Link => "linkat",
            Kind::Unknown => panic!("{call:?}"),
            _ => continue,
        };
        *counts.entry(name).or_default() += 1;
    }
    let lines = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}\n"));
    fs::write(folder.join("counted"), lines.collect::<String>()).unwrap();
}

/// The publisher's calls, and those of the segments that it lists.
#[cfg(feature = "hls")]
mod hls {
    use super::publish::{run, setup};
    use super::*;

    const ALL: [Durability; 3] = [Durability::Full, Durability::File, Durability::None];

    #[test]
    fn whatever_fails_the_playlist_is_whole_and_true() {
        beside_the_others("hls::fails_in_a_session");
    }

    #[test]
    #[ignore = "a part of whatever_fails_the_playlist_is_whole_and_true"]
    fn fails_in_a_session() {
        let _alone = alone();
        let mut figures = Figures::default();
        for (number, durability) in ALL.into_iter().enumerate() {
            let setup = setup(durability);
            let clean = run(setup, &[]);
            for (position, call) in clean.iter().enumerate() {
                if !is_tried(position, number, 3) {
                    continue;
                }
                for code in some(codes(call), position + number, 1) {
                    run(setup, &[At::once(position, code)]);
                    figures.count(call, code);
                }
                if durability != Durability::Full && !is_thorough() {
                    continue;
                }
                for code in some(codes(call), position + number + 1, 1) {
                    if !is_slow(call, code) {
                        run(setup, &[for_ever(position, code)]);
                        figures.count(call, code);
                    }
                }
            }
        }
        figures.tell("playlists");
    }
}
