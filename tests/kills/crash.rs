//! A killed recorder leaves whole segments, and temp files that a sweep deletes.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use segment_stream::DiskSink;
use tempfile::{TempDir, tempdir};

use super::SAMPLE;
use super::common::example::example;
use super::common::folder::{entries, temps};
use super::common::means::have_tools;
use super::common::thorough::cases;
use super::common::threads::must_end;

/// The undisturbed recording of the input.
struct Reference {
    input: Vec<u8>,
    folder: TempDir,
    segments: Vec<PathBuf>,
}

impl Reference {
    fn record() -> Self {
        let input = fs::read(SAMPLE).unwrap().repeat(4);
        let folder = tempdir().unwrap();
        let mut child = recorder(&[], folder.path()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        assert!(child.wait().unwrap().success());
        let segments = entries(folder.path());
        assert!(segments.len() > 40, "{segments:?}");
        Self {
            input,
            folder,
            segments,
        }
    }

    /// Demands that what is there is the beginning of the recording, whole, and perhaps one temp
    /// file, which a sweep takes. Returns how many temp files that were.
    fn check(&self, folder: &Path) -> usize {
        let left_over = temps(folder);
        assert!(
            left_over.len() <= 1,
            "one writer has one file in hand: {left_over:?}"
        );
        let swept = DiskSink::sweep(folder).unwrap();
        assert_eq!(swept.removed.len(), left_over.len());
        assert!(swept.in_use.is_empty());
        let found = entries(folder);
        assert_eq!(
            found,
            self.segments[..found.len()],
            "in order, and none skipped"
        );
        for path in &found {
            let (found, whole) = (
                fs::read(folder.join(path)),
                fs::read(self.folder.path().join(path)),
            );
            assert!(
                found.unwrap() == whole.unwrap(),
                "{} is not whole",
                path.display()
            );
        }
        left_over.len()
    }
}

/// Builds the example, which may take longer than the watchdog of a test waits.
fn build() {
    let _ = example("record");
}

/// The example behind `prefix`, fed by the test.
fn recorder(prefix: &[&str], folder: &Path) -> Command {
    let program = example("record");
    let mut words = prefix
        .iter()
        .map(Into::into)
        .chain([program.into_os_string()]);
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .args(["--target", "1", "--durability", "file", "-"])
        .arg(folder);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Kills it -9 once it has taken this much of the input.
fn feed_and_kill(child: &mut Child, input: &[u8]) {
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_hundred_kills_at_random_leave_whole_segments() {
    build();
    must_end(|| {
        let reference = Reference::record();
        let random = RandomState::new();
        let kills = cases(30_u64, 100);
        let mut left_over = 0;
        for round in 0..kills {
            let mut hasher = random.build_hasher();
            hasher.write_u64(round);
            let until = usize::try_from(hasher.finish() % reference.input.len() as u64).unwrap();
            let folder = tempdir().unwrap();
            let mut child = recorder(&[], folder.path()).spawn().unwrap();
            feed_and_kill(&mut child, &reference.input[..until]);
            left_over += reference.check(folder.path());
        }
        println!("{left_over} of {kills} kills hit a file in hand");
    });
}

#[test]
fn a_kill_just_before_a_file_is_synced_or_gets_its_name_leaves_it_to_the_sweep() {
    let test = "a_kill_just_before_a_file_is_synced_or_gets_its_name_leaves_it_to_the_sweep";
    if !have_tools(test, &["strace"]) {
        return;
    }
    build();
    must_end(|| {
        let reference = Reference::record();
        for call in ["fsync", "renameat2"] {
            for number in 1..=5 {
                let folder = tempdir().unwrap();
                let only = format!("trace={call}");
                let inject = format!("inject={call}:signal=KILL:when={number}");
                let prefix = [
                    "strace",
                    "-f",
                    "-qq",
                    "-e",
                    &only,
                    "-e",
                    &inject,
                    "-o",
                    "/dev/null",
                ];
                let mut child = recorder(&prefix, folder.path()).spawn().unwrap();
                let _ = child.stdin.take().unwrap().write_all(&reference.input);
                assert!(!child.wait().unwrap().success());
                assert_eq!(
                    temps(folder.path()).len(),
                    1,
                    "killed before {call} {number}"
                );
                assert_eq!(
                    entries(folder.path()).len(),
                    number,
                    "killed before {call} {number}"
                );
                assert_eq!(reference.check(folder.path()), 1);
            }
        }
    });
}

#[test]
fn a_recording_goes_on_after_a_kill() {
    build();
    must_end(|| {
        let reference = Reference::record();
        let folder = tempdir().unwrap();
        let half = reference.input.len() / 2;
        let mut child = recorder(&[], folder.path()).spawn().unwrap();
        feed_and_kill(&mut child, &reference.input[..half]);
        let before = entries(folder.path()).len() - temps(folder.path()).len();

        let mut child = recorder(&[], folder.path()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(&reference.input)
            .unwrap();
        assert!(child.wait().unwrap().success());
        // Nothing that was there was touched, the new session counts on, and its sweep took the
        // rest.
        assert!(temps(folder.path()).is_empty());
        let found = entries(folder.path());
        assert_eq!(found.len(), before + reference.segments.len());
        for (path, expected) in found.iter().zip(
            reference.segments[..before]
                .iter()
                .chain(&reference.segments),
        ) {
            let expected = fs::read(reference.folder.path().join(expected)).unwrap();
            assert!(fs::read(folder.path().join(path)).unwrap() == expected);
        }
    });
}
