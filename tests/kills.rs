//! Programs are killed before every system call that changes a file or a directory, and at random;
//! then they resume.
//!
//! After each kill no file is torn, and the playlist is whole and names only whole files. The next
//! session resumes it, sweeps, and leaves no unknown file. `cargo test` tries a sample of the
//! positions. All of them, and 200 kills at random:
//! `SEGMENT_STREAM_THOROUGH=1 cargo test --all-features --test kills -- --nocapture`.
#![cfg(all(target_os = "linux", feature = "hls"))]

mod common;

#[cfg(feature = "dash")]
#[path = "kills/both.rs"]
mod both;
#[cfg(feature = "dash")]
#[path = "dash/check.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod check;
#[path = "kills/crash.rs"]
mod crash;
#[cfg(feature = "dash")]
#[path = "dash/document.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod document;
#[path = "kills/live.rs"]
mod live;
#[path = "kills/positions.rs"]
mod positions;
#[path = "kills/random.rs"]
mod random;
#[path = "kills/record.rs"]
mod record;
#[path = "kills/several.rs"]
mod several;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::example::example;
use common::folder::{in_memory, temps};
use common::means::have_tools;
use common::thorough::{cases, has_time, is_thorough};
use common::threads::must_end;
use live::{Ending, Live};
use positions::{Position, Watched, run_until};
use record::Record;
use several::several;
use tempfile::TempDir;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample.ts");

/// A program that is killed and resumed.
trait Victim: Send + Sync + 'static {
    /// A session that works in `out`, behind `prefix`, and reads its standard input.
    fn command(&self, prefix: &[&str], out: &Path) -> Command;

    fn input(&self) -> &[u8];

    /// How a session ends that nobody disturbs.
    fn exit_code(&self) -> i32;

    /// Demands of a folder that was like `start` when a session began there that was killed: what
    /// is there is whole, and nothing that was there has changed.
    fn check(&self, start: &Path, out: &Path);

    /// Goes on, and demands that it does so properly.
    fn go_on(&self, start: &Path, out: &Path);
}

/// An example behind `prefix`, fed by the test. It is killed at the latest when the thread ends
/// that starts it, so that no test that fails leaves it running.
fn session_of(program: &'static str, prefix: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL"])
        .args(prefix)
        .arg(example(program))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A copy of a folder of files, in memory.
fn copy_of(start: &Path) -> TempDir {
    let copy = in_memory();
    if start.exists() {
        fs::create_dir(copy.path().join("out")).unwrap();
        for entry in fs::read_dir(start).unwrap() {
            let entry = entry.unwrap();
            fs::copy(
                entry.path(),
                copy.path().join("out").join(entry.file_name()),
            )
            .unwrap();
        }
    }
    copy
}

/// Kills sessions that begin with a copy of `start`, before each call in turn, and goes on after
/// each.
fn kill_before_calls<V: Victim>(what: &str, victim: &Arc<V>, start: &Path, calls: &[&'static str]) {
    let mut kills = 0;
    let mut positions = Vec::new();
    for thread in [Watched::Main, Watched::Writer] {
        for call in calls {
            let found = positions::each(|number| {
                let position = Position {
                    thread,
                    call,
                    number,
                };
                let (victim, start) = (Arc::clone(victim), start.to_path_buf());
                must_end(move || killed_at(&*victim, &position, &start))
            });
            kills += found.kills;
            if found.calls > 0 {
                positions.push(format!("{thread:?} {call} {}", found.calls));
            }
        }
    }
    println!(
        "{what}: {kills} kills; calls found: {}",
        positions.join(", ")
    );
    assert!(kills >= 4, "else it shows little");
}

/// Whether the session came to that position, and so was killed there.
fn killed_at(victim: &impl Victim, position: &Position, start: &Path) -> bool {
    let folder = copy_of(start);
    let out = folder.path().join("out");
    let status = run_until(victim, position, &out);
    if status.code() == Some(victim.exit_code()) {
        return false;
    }
    positions::assert_killed(status, position);
    position.explain(|| {
        victim.check(start, &out);
        victim.go_on(start, &out);
    });
    true
}

/// A folder in which a session was killed, with all that such a folder may have in it: what an
/// earlier session still has to delete, a temp file, and, where the publisher was about to list
/// it, a segment that no playlist names.
fn left_by_a_killed_session(victim: &impl Victim, thread: Watched) -> TempDir {
    let folder = in_memory();
    let out = folder.path().join("out");
    let status = random::feed(victim, &out).wait().unwrap();
    assert_eq!(status.code(), Some(victim.exit_code()));
    let position = Position {
        thread,
        call: "renameat2",
        number: 4,
    };
    let status = run_until(victim, &position, &out);
    positions::assert_killed(status, &position);
    assert!(!temps(&out).is_empty(), "it had one in hand");
    folder
}

fn calls() -> &'static [&'static str] {
    if is_thorough() {
        &positions::CALLS
    } else {
        &positions::MOST_TELLING
    }
}

#[test]
fn a_new_live_session_killed_before_each_call() {
    if !positions::can_trace("a_new_live_session_killed_before_each_call") {
        return;
    }
    let live = Arc::new(Live::new(Ending::BrokenOff));
    let nothing = Path::new("/nonexistent");
    kill_before_calls("live_hls, anew", &live, nothing, calls());
}

#[test]
fn a_resumed_live_session_killed_before_each_call() {
    if !positions::can_trace("a_resumed_live_session_killed_before_each_call") {
        return;
    }
    let live = Arc::new(Live::new(Ending::BrokenOff));
    let start = left_by_a_killed_session(&*live, Watched::Main);
    kill_before_calls(
        "live_hls, resumed",
        &live,
        &start.path().join("out"),
        calls(),
    );
}

/// With an MPD beside the playlist, anew and resumed.
#[cfg(feature = "dash")]
#[test]
fn a_session_of_both_formats_killed_before_each_call() {
    let test = "a_session_of_both_formats_killed_before_each_call";
    if !positions::can_trace(test) || !have_tools(test, &["ffmpeg"]) {
        return;
    }
    let both = Arc::new(both::Both::new());
    let nothing = Path::new("/nonexistent");
    kill_before_calls("live_hls --dash, anew", &both, nothing, calls());
    let start = left_by_a_killed_session(&*both, Watched::Main);
    let start = start.path().join("out");
    kill_before_calls("live_hls --dash, resumed", &both, &start, calls());
}

/// The call that deletes a file.
const DELETION: &str = if cfg!(feature = "confined") {
    "unlinkat"
} else {
    "unlink"
};

/// The deletions: those of a session that ends, which come when the players need the segments no
/// more, some seconds later. So the sessions run side by side.
#[test]
fn a_live_session_killed_before_each_deletion() {
    let test = "a_live_session_killed_before_each_deletion";
    if !has_time(test) || !positions::can_trace(test) {
        return;
    }
    let live = Arc::new(Live::new(Ending::WithTheInput));
    let kills = several(1..=32, move |number| {
        let position = Position {
            thread: Watched::Main,
            call: DELETION,
            number,
        };
        killed_at(&*live, &position, Path::new("/nonexistent"))
    });
    let calls = kills.iter().filter(|killed| **killed).count();
    println!("live_hls, to the end: {calls} kills; calls found: Main {DELETION} {calls}");
    // One for each old segment, for each part of the side file, and for the side file.
    assert!((3..32).contains(&calls), "{kills:?}");
}

#[test]
fn a_recording_killed_before_each_call() {
    if !positions::can_trace("a_recording_killed_before_each_call") {
        return;
    }
    let record = Arc::new(Record::new());
    kill_before_calls("record, anew", &record, Path::new("/nonexistent"), calls());
    let start = left_by_a_killed_session(&*record, Watched::Writer);
    kill_before_calls(
        "record, resumed",
        &record,
        &start.path().join("out"),
        calls(),
    );
}

#[test]
fn two_hundred_kills_at_random() {
    if !have_tools("two_hundred_kills_at_random", &["setpriv"]) {
        return;
    }
    // A build is no part of the time within which a session is killed.
    let _ = (example("live_hls"), example("record"));
    let kills = cases(10, 100);
    random::kill_and_go_on("live_hls", &Arc::new(Live::new(Ending::BrokenOff)), kills);
    random::kill_and_go_on("record", &Arc::new(Record::new()), kills);
}
