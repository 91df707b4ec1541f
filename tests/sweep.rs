//! A sweep deletes the temp files of killed processes, and no file that is in use.
#![cfg(target_os = "linux")]

mod common;

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use common::again::{again, folder, must_pass};
use common::folder::{entries, temps};
use common::means::have_tools;
use common::segments::segment_at;
use common::thorough::cases;
use common::threads::must_end;
use common::unprivileged::{Unprivileged, Unreadable};
use segment_stream::{DiskSink, Durability, ProducedSegment, SegmentSink, WriteContext};
use tempfile::tempdir;

#[test]
fn only_left_over_temp_files_are_taken() {
    let work = tempdir().unwrap();
    let at = |name: &str| work.path().join(name);
    fs::create_dir_all(at("a/b")).unwrap();
    let left_over = [
        ".segment-abcdef123456.tmp",
        "a/.segment-ABCDEF123456.tmp",
        "a/b/.segment-000000000000.tmp",
    ];
    let others = [
        "00000.ts",
        "live.m3u8",
        ".segment-abcdef12345.tmp",
        ".segment-abcdef1234567.tmp",
        ".segment-abcdef12345-.tmp",
        ".segment-abcdef123456.tmp2",
        "x.segment-abcdef123456.tmp",
        "segment-abcdef123456.tmp",
        ".tmpABCDEF",
        "a/b/00000.ts",
    ];
    for name in left_over.iter().chain(&others) {
        fs::write(at(name), b"content").unwrap();
    }
    // None of these is a regular file.
    fs::create_dir(at("a/.segment-folder123456.tmp")).unwrap();
    fs::write(at("a/.segment-folder123456.tmp/file"), b"content").unwrap();
    symlink("../00000.ts", at("a/.segment-linked123456.tmp")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(at(".segment-fifofo123456.tmp"))
            .status()
            .unwrap()
            .success()
    );
    // The target of a link belongs to somebody else.
    let elsewhere = tempdir().unwrap();
    fs::write(elsewhere.path().join(left_over[0]), b"content").unwrap();
    symlink(elsewhere.path(), at("link")).unwrap();

    let mut expected = entries(work.path());
    expected.retain(|path| !left_over.iter().any(|name| path == Path::new(name)));
    let mut swept = DiskSink::sweep(work.path()).unwrap();
    swept.removed.sort();
    let mut removed: Vec<PathBuf> = left_over.iter().map(|name| at(name)).collect();
    removed.sort();
    assert_eq!(swept.removed, removed);
    assert!(swept.in_use.is_empty());
    assert_eq!(entries(work.path()), expected);
    assert!(elsewhere.path().join(left_over[0]).exists());
    assert!(DiskSink::sweep(work.path()).unwrap().removed.is_empty());
}

#[test]
fn a_missing_folder_is_as_good_as_swept_and_a_file_is_an_error() {
    let work = tempdir().unwrap();
    let swept = DiskSink::sweep(work.path().join("missing")).unwrap();
    assert!(swept.removed.is_empty() && swept.in_use.is_empty() && swept.errors.is_empty());
    fs::write(work.path().join("file"), b"content").unwrap();
    let error = DiskSink::sweep(work.path().join("file")).unwrap_err();
    assert_eq!(error.operation(), Some("read the directory"));
    assert_eq!(error.raw_os_error(), Some(20));
}

/// Runs a part of a test as a user whom permissions bind.
fn must_pass_unprivileged(test: &str, part: &str) {
    let program = env::current_exe().unwrap();
    if let Some(user) = Unprivileged::new(test, &program) {
        must_pass(&mut user.again(part));
    }
}

/// The folder of such a part, with two temp files in it, and a folder that cannot be read.
fn folder_with_an_unreadable_one() -> (PathBuf, [PathBuf; 2], Unreadable) {
    let root = folder();
    fs::create_dir_all(root.join("video")).unwrap();
    let left = ["", "video"].map(|name| root.join(name).join(".segment-abcdef123456.tmp"));
    for path in &left {
        fs::write(path, b"content").unwrap();
    }
    let unreadable = Unreadable::make(root.join("lost+found"));
    (root, left, unreadable)
}

#[test]
fn a_folder_that_cannot_be_read_keeps_no_other_from_being_swept() {
    must_pass_unprivileged(
        "a_folder_that_cannot_be_read_keeps_no_other_from_being_swept",
        "sweeps_around_an_unreadable_folder",
    );
}

#[test]
#[ignore = "a part of a_folder_that_cannot_be_read_keeps_no_other_from_being_swept"]
fn sweeps_around_an_unreadable_folder() {
    let (root, mut left, _unreadable) = folder_with_an_unreadable_one();
    let mut swept = DiskSink::sweep(&root).unwrap();
    left.sort();
    swept.removed.sort();
    assert_eq!(swept.removed, left);
    assert!(swept.in_use.is_empty());
    let [error] = &swept.errors[..] else {
        panic!("one folder cannot be read: {swept:?}");
    };
    assert_eq!(error.operation(), Some("read the directory"));
    assert_eq!(error.path(), Some(&*root.join("lost+found")));
    assert_eq!(error.io_kind(), io::ErrorKind::PermissionDenied);

    // Nothing at all was swept here, and that is an error of the sweep.
    let _unreadable = Unreadable::at(root.join("video"));
    let error = DiskSink::sweep(root.join("video")).unwrap_err();
    assert_eq!(error.operation(), Some("read the directory"));
    assert_eq!(error.path(), Some(&*root.join("video")));
    assert_eq!(error.io_kind(), io::ErrorKind::PermissionDenied);
}

/// It takes two files, and nothing else.
#[cfg(feature = "hls")]
#[test]
fn a_folder_that_cannot_be_read_keeps_no_session_from_being_resumed() {
    must_pass_unprivileged(
        "a_folder_that_cannot_be_read_keeps_no_session_from_being_resumed",
        "reads_a_previous_session_beside_an_unreadable_folder",
    );
}

#[cfg(feature = "hls")]
#[test]
#[ignore = "a part of a_folder_that_cannot_be_read_keeps_no_session_from_being_resumed"]
fn reads_a_previous_session_beside_an_unreadable_folder() {
    use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Previous};
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    let (root, left, _unreadable) = folder_with_an_unreadable_one();
    let playlist = || {
        MediaPlaylist::live("live.m3u8", Duration::from_secs(20))
            .target_duration(Duration::from_secs(2))
    };
    let disk = DiskSink::rooted(&root);
    let mut first = MediaPlaylistPublisher::new(playlist(), disk).unwrap();
    for hint in ["0.ts", "video/1.ts"] {
        let segment = segment_at(0, hint);
        DiskSink::rooted(&root)
            .write(&segment, &WriteContext::default())
            .unwrap();
        let _ = first.push(&Ok(segment)).unwrap();
    }
    drop(first);
    let previous = Previous::read(&root, &playlist()).unwrap().unwrap();
    assert!(left.iter().all(|path| !path.exists()));
    let with_orphans = || previous.clone().with_orphans(&root, &playlist());
    assert_eq!(with_orphans().unwrap(), previous);

    // One that is gone has no orphans.
    fs::rename(root.join("video"), root.join("moved")).unwrap();
    assert_eq!(with_orphans().unwrap(), previous);
    fs::rename(root.join("moved"), root.join("video")).unwrap();

    // A root that can be entered and not be read has both files all the same.
    fs::set_permissions(&root, fs::Permissions::from_mode(0o311)).unwrap();
    let again = Previous::read(&root, &playlist());
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(again.unwrap(), Some(previous));
}

#[test]
fn a_temp_file_in_use_in_this_process_stays() {
    let work = tempdir().unwrap();
    let path = work.path().join(".segment-abcdef123456.tmp");
    let held = fs::File::create(&path).unwrap();
    held.lock().unwrap();
    let swept = DiskSink::sweep(work.path()).unwrap();
    assert_eq!((swept.removed.len(), swept.in_use), (0, vec![path.clone()]));
    // Closing it is not enough: a process that another test is just starting may have a copy of
    // the handle.
    held.unlock().unwrap();
    assert_eq!(DiskSink::sweep(work.path()).unwrap().removed, [path]);
}

#[test]
fn sweeping_all_the_time_disturbs_no_writer() {
    must_end(|| {
        let work = tempdir().unwrap();
        let root = work.path().to_path_buf();
        let writer = thread::spawn(move || {
            let mut sink = DiskSink::rooted(root);
            for number in 0..cases(1_500, 5_000) {
                let segment = segment_at(number, format!("{}.ts", number % 3));
                sink.write(&segment, &WriteContext::default()).unwrap();
            }
        });
        while !writer.is_finished() {
            DiskSink::sweep(work.path()).unwrap();
        }
        writer.join().unwrap();
        assert_eq!(entries(work.path()).len(), 3);
    });
}

/// The writer of the tests below: another process.
struct Writer(Child);

impl Writer {
    fn start(folder: &Path) -> Self {
        let mut command = again(&[], "writes_until_it_is_killed", folder);
        Self(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    fn kill(&self, signal: &str) {
        let id = self.0.id().to_string();
        let killed = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(killed.unwrap().success());
    }

    /// Stops it, and waits until each of its threads has stopped: one that is in a system call
    /// finishes that first, and it may be the rename.
    fn stop(&self) {
        self.kill("STOP");
        let threads = PathBuf::from(format!("/proc/{}/task", self.0.id()));
        for thread in fs::read_dir(threads).unwrap() {
            let stat = thread.unwrap().path().join("stat");
            loop {
                let stat = fs::read_to_string(&stat).unwrap();
                let state = stat.rsplit(')').next().unwrap().trim_start().chars().next();
                let state = state.unwrap();
                if state == 'T' {
                    break;
                }
                assert!(!"ZX".contains(state), "the writer died of itself");
                thread::yield_now();
            }
        }
    }

    fn go_on(&self) {
        self.kill("CONT");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "the other process of the tests here"]
fn writes_until_it_is_killed() {
    let mut sink = DiskSink::rooted(folder());
    let data = vec![7; 8_000_000];
    for number in 0.. {
        let segment = ProducedSegment::media(number, data.clone(), 2.0);
        let segment = segment.with_path(format!("{}.ts", number % 3));
        if let Err(error) = sink.write(&segment, &WriteContext::default()) {
            fs::write(folder().join("error"), error.to_string()).unwrap();
            panic!("{error}");
        }
    }
}

#[test]
fn what_a_living_writer_in_another_process_uses_stays_and_what_a_killed_one_left_goes() {
    must_end(|| {
        let work = tempdir().unwrap();
        let mut spared = 0;
        for _ in 0..5 {
            let writer = Writer::start(work.path());
            let mut killed_in_a_write = false;
            while !killed_in_a_write {
                writer.stop();
                let before = temps(work.path());
                if before.is_empty() {
                    writer.go_on();
                    continue;
                }
                let swept = DiskSink::sweep(work.path()).unwrap();
                // It may have been stopped between the creation of the file and its lock; then it
                // has to do without that file, and does.
                assert_eq!(swept.in_use.len() + swept.removed.len(), 1);
                assert_eq!(temps(work.path()).len(), swept.in_use.len());
                spared += swept.in_use.len();
                killed_in_a_write = spared % 10 == 0 && !swept.in_use.is_empty();
                if killed_in_a_write {
                    drop(writer);
                    assert_eq!(DiskSink::sweep(work.path()).unwrap().removed.len(), 1);
                    break;
                }
                writer.go_on();
            }
            assert!(temps(work.path()).is_empty());
        }
        assert_eq!(spared, 50);
        assert!(!work.path().join("error").exists());
        let whole = vec![7; 8_000_000];
        for path in entries(work.path()) {
            assert!(fs::read(work.path().join(path)).unwrap() == whole);
        }
    });
}

#[test]
fn a_temp_file_swept_before_it_was_locked_is_made_anew() {
    let test = "a_temp_file_swept_before_it_was_locked_is_made_anew";
    if !have_tools(test, &["strace"]) {
        return;
    }
    must_end(|| {
        let (work, traces) = (tempdir().unwrap(), tempdir().unwrap());
        let trace = traces.path().join("trace");
        // The first lock of the writer waits long enough for a sweep to come in between.
        let delay = "inject=flock:delay_enter=3000000:when=1";
        let prefix = [
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=flock,fsync",
            "-e",
            delay,
            "-y",
            "-o",
            trace.to_str().unwrap(),
        ];
        let mut part = again(&prefix, "writes_one_segment", work.path());
        let writer = thread::spawn(move || must_pass(&mut part));
        while temps(work.path()).is_empty() {
            assert!(!writer.is_finished(), "it has not waited");
            thread::yield_now();
        }
        assert_eq!(DiskSink::sweep(work.path()).unwrap().removed.len(), 1);
        writer.join().unwrap();
        assert_eq!(entries(work.path()), [Path::new("0.ts")]);
        // Both files were synced, and the folder once: when the second one had its name.
        let trace = fs::read_to_string(trace).unwrap();
        let synced = |ending: &str| {
            let of = |line: &&str| line.contains("fsync(") && line.contains(ending);
            trace.lines().filter(of).count()
        };
        let folder = work.path().canonicalize().unwrap();
        assert_eq!(synced(".tmp>"), 2, "{trace}");
        assert_eq!(synced(&format!("<{}>", folder.display())), 1, "{trace}");
    });
}

#[test]
#[ignore = "a part of a_temp_file_swept_before_it_was_locked_is_made_anew"]
fn writes_one_segment() {
    let mut sink = DiskSink::rooted(folder()).durability(Durability::Full);
    sink.write(&segment_at(0, "0.ts"), &WriteContext::default())
        .unwrap();
}
