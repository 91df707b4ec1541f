//! A hung disk: `bindfs`, stopped. Nobody can make the call that hangs return, but all others keep
//! their time.
//!
//! Whether the process can end is then up to the kernel. A call that the file system has not yet
//! taken is given up when the process exits. One that it has taken stays, and so does the process,
//! as a zombie with nothing in it but that thread, until the file system answers or is killed.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use segment_stream::{DiskSink, Durability, SegmentStream, SegmentStreamConfig};
use tempfile::{TempDir, tempdir};

use super::common::again::{again, folder, must_pass};
use super::common::config::once;
use super::common::means::{have_tools, skip};
use super::common::threads::{must_end, spawn_asleep};
use super::{LENGTH, figures, segment};

const LAYERS: &str = "SEGMENT_STREAM_TEST_LAYERS";

#[test]
fn a_hung_disk_that_has_not_taken_the_call() {
    hang("a_hung_disk_that_has_not_taken_the_call", 1);
}

/// One `bindfs` on top of another, which is stopped: the one on top has taken the call, and cannot
/// answer.
#[test]
fn a_hung_disk_that_has_taken_the_call() {
    hang("a_hung_disk_that_has_taken_the_call", 2);
}

/// A folder to mount disks in that can hang, unless what that takes is missing.
fn workplace(test: &str) -> Option<TempDir> {
    if !have_tools(test, &["bindfs", "unshare", "setpriv"]) {
        return None;
    }
    let work = tempdir().unwrap();
    if !can_mount(work.path()) {
        skip(
            test,
            "no FUSE file system can be mounted here: it takes root and /dev/fuse",
        );
        return None;
    }
    Some(work)
}

fn hang(test: &str, layers: u32) {
    let Some(work) = workplace(test) else { return };
    let mut command = again(&["unshare", "-m"], "hung::hangs_a_disk", work.path());
    let output = must_pass(command.env(LAYERS, layers.to_string()));
    for figure in figures(&String::from_utf8_lossy(&output.stdout)) {
        println!("{layers} layers: {figure}");
    }
}

fn can_mount(work: &Path) -> bool {
    let point = work.join("probe");
    fs::create_dir(&point).unwrap();
    let script = r#"bindfs "$0" "$0" && umount "$0""#;
    let mut probe = Command::new("unshare");
    let probe = probe.args(["-m", "sh", "-c", script]).arg(&point).output();
    probe.unwrap().status.success()
}

/// A process that is killed at the latest when the thread ends that started it, even if it is
/// stopped.
struct Tied(Child);

impl Tied {
    fn start(command: &Command) -> Self {
        let mut tied = Command::new("setpriv");
        tied.args(["--pdeathsig", "KILL"]);
        tied.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            tied.env(name, value.unwrap_or_default());
        }
        tied.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(tied.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let number = self.0.id().to_string();
        // The shell's own, as not every system has a program for it.
        let sent = Command::new("sh")
            .args(["-c", r#"kill -s "$0" "$1""#, name, &number])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Stops it.
    fn hang(&self) {
        self.signal("STOP");
        // One of its threads that has not stopped yet could still take a call.
        while self.states().contains(|state| state != 'T') {
            thread::yield_now();
        }
    }

    fn ends_within(&mut self, limit: Duration) -> Option<(ExitStatus, Duration)> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return Some((status, begun.elapsed()));
            }
            if begun.elapsed() > limit {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How the kernel says that each of its threads is, such as "DZ".
    fn states(&self) -> String {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap();
        let mut states: Vec<char> = tasks
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join("stat")).ok())
            .filter_map(|text| text.rsplit(')').next()?.trim().chars().next())
            .collect();
        states.sort_unstable();
        states.into_iter().collect()
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bindfs(from: &Path, to: &Path) -> Tied {
    bindfs_with(&[], from, to)
}

fn bindfs_with(options: &[&str], from: &Path, to: &Path) -> Tied {
    fs::create_dir_all(from).unwrap();
    fs::create_dir(to).unwrap();
    let mut command = Command::new("bindfs");
    command.arg("-f").args(options).args([from, to]);
    let mut daemon = Tied::start(&command);
    let line = format!(" {} fuse", to.display());
    while !fs::read_to_string("/proc/self/mounts")
        .unwrap()
        .contains(&line)
    {
        assert!(daemon.0.try_wait().unwrap().is_none(), "it ended by itself");
        thread::sleep(Duration::from_millis(5));
    }
    daemon
}

fn wait_for(line: &str, lines: &mut Lines<BufReader<ChildStdout>>) {
    for found in lines {
        let found = found.unwrap();
        for figure in figures(&found) {
            println!("* {figure}");
        }
        if found.ends_with(line) {
            return;
        }
    }
    panic!("it ended without saying {line:?}");
}

#[test]
#[ignore = "a part of a_hung_disk"]
fn hangs_a_disk() {
    must_end(|| {
        let layers: usize = env::var(LAYERS).unwrap().parse().unwrap();
        let paths: Vec<_> = (0..=layers)
            .map(|layer| folder().join(layer.to_string()))
            .collect();
        let mut disks: Vec<Tied> = paths
            .windows(2)
            .map(|pair| bindfs(&pair[0], &pair[1]))
            .collect();
        let mut recorder = Tied::start(&again(&[], "hung::writes_to_a_hung_disk", &paths[layers]));
        let mut stdin = recorder.0.stdin.take().unwrap();
        let mut lines = BufReader::new(recorder.0.stdout.take().unwrap()).lines();
        wait_for("* it is time to hang", &mut lines);
        disks[0].hang();
        stdin.write_all(b"it hangs\n").unwrap();
        wait_for("* done", &mut lines);

        if layers == 1 {
            let (status, took) = recorder
                .ends_within(Duration::from_secs(10))
                .expect("it can end");
            assert!(status.success(), "{status}");
            println!("* the process ended {took:.0?} later, while the disk still hung");
        } else {
            let ended = recorder.ends_within(Duration::from_secs(1));
            assert!(
                ended.is_none(),
                "if this ever ends, all the better: say so in the docs"
            );
            println!(
                "* the process cannot end while the disk hangs: its threads are {:?}",
                recorder.states()
            );
            assert!(recorder.states().contains('D'));
            disks[0].signal("CONT");
            let (status, took) = recorder
                .ends_within(Duration::from_secs(10))
                .expect("it can end");
            assert!(status.success(), "{status}");
            println!("* it ended {took:.0?} after the disk went on");
        }
        disks[0].signal("CONT");
        // The one on top first, as it uses the other.
        while let Some(disk) = disks.pop() {
            drop(disk);
        }
    });
}

#[test]
#[ignore = "a part of a_hung_disk"]
fn writes_to_a_hung_disk() {
    must_end(|| {
        let root = folder();
        let config = SegmentStreamConfig {
            channel_depth: 5,
            ..once()
        };
        let sink = DiskSink::rooted(&root);
        let (mut stream, sender) =
            SegmentStream::with_writers(config, 2, |_| sink.clone()).unwrap();
        let numbered = |number: u64| segment(number, LENGTH, format!("{number}.ts"));
        sender.send(numbered(0)).unwrap();
        stream.next().unwrap().unwrap();
        // A closed file is released behind our back. The disk takes one request after the other,
        // so once it has looked for this one it has done that too, and is free to take the call
        // that hangs.
        assert!(fs::symlink_metadata(root.join("none.ts")).is_err());
        println!("* it is time to hang");
        io::stdin().read_line(&mut String::new()).unwrap();

        for number in 1..=5 {
            sender.send(numbered(number)).unwrap();
        }
        while stream.stats().writing < 2 {
            thread::yield_now();
        }
        assert!(sender.try_send(numbered(6)).unwrap_err().is_full());
        let limit = Duration::from_millis(200);
        let begun = Instant::now();
        assert!(
            sender
                .send_timeout(numbered(6), limit)
                .unwrap_err()
                .is_timeout()
        );
        let took = begun.elapsed();
        println!("* send_timeout({limit:?}) took {took:.0?}");
        assert!(took >= limit && took < limit + Duration::from_secs(1));
        let begun = Instant::now();
        assert!(stream.next_timeout(limit).is_err());
        assert!(begun.elapsed() < limit + Duration::from_secs(1));

        let early = stream.stats();
        let mut late = early;
        // It grows for as long as nothing comes back.
        while late.stalled_for < early.stalled_for + limit {
            thread::yield_now();
            late = stream.stats();
        }
        assert!(late.oldest_age.unwrap() >= late.stalled_for);
        assert_eq!(
            (late.writing, late.queued.segments, late.in_flight.segments),
            (2, 3, 5)
        );
        assert_eq!(
            late.longest_write, early.longest_write,
            "it has not come back"
        );

        let blocked = spawn_asleep({
            let sender = sender.clone();
            move || sender.send(segment(7, LENGTH, "7.ts".into()))
        });
        let limit = Duration::from_millis(500);
        let begun = Instant::now();
        let error = stream.finish_timeout(limit).unwrap_err();
        let took = begun.elapsed();
        println!("* finish_timeout({limit:?}) took {took:.0?}: {error}");
        assert!(took >= limit && took < limit + Duration::from_secs(1));
        assert!(error.is_timeout());
        let report = error.into_report();
        let numbers = |segments: &[segment_stream::Submission]| -> Vec<u64> {
            segments.iter().map(|it| it.segment.sequence).collect()
        };
        assert_eq!(numbers(&report.in_doubt), [1, 2]);
        assert_eq!(numbers(&report.discarded), [3, 4, 5]);
        assert!(
            report
                .discarded
                .iter()
                .all(|it| it.segment.data.len() == LENGTH)
        );
        assert!(report.written.is_empty() && report.failed.is_empty());
        assert_eq!(report.sink_errors.len(), 2);
        let refused = blocked.join().unwrap().unwrap_err();
        assert!(refused.is_closed() && refused.into_segment().sequence == 7);
        println!("* done");
    });
}

/// With [`Durability::Full`] a writer opens and syncs folders, and so hangs there.
#[test]
fn a_hung_disk_holds_up_no_writer_of_another_disk() {
    let test = "a_hung_disk_holds_up_no_writer_of_another_disk";
    let Some(work) = workplace(test) else { return };
    must_pass(&mut again(
        &["unshare", "-m"],
        "hung::hangs_one_of_two_disks",
        work.path(),
    ));
}

/// The lifetime of cached attributes: the kernel then answers a look by itself. The first call
/// that hangs is the one that opens the parent directory of the new file, to sync it.
const REMEMBERS: &str = "entry_timeout=3600,attr_timeout=3600";

#[test]
#[ignore = "a part of a_hung_disk_holds_up_no_writer_of_another_disk"]
fn hangs_one_of_two_disks() {
    must_end(|| {
        let root = folder().join("root");
        let hung = folder().join("hung");
        fs::create_dir_all(hung.join("a")).unwrap();
        fs::create_dir(&root).unwrap();
        let disk = bindfs_with(&["-o", REMEMBERS], &hung, &root.join("hung"));
        let mut recorder = Tied::start(&again(&[], "hung::writes_to_two_disks", &root));
        let mut stdin = recorder.0.stdin.take().unwrap();
        let mut lines = BufReader::new(recorder.0.stdout.take().unwrap()).lines();
        wait_for("* it is time to hang", &mut lines);
        disk.hang();
        stdin.write_all(b"it hangs\n").unwrap();
        wait_for("* the healthy disk has all", &mut lines);
        disk.signal("CONT");
        wait_for("* done", &mut lines);
        assert!(recorder.0.wait().unwrap().success());
    });
}

#[test]
#[ignore = "a part of a_hung_disk_holds_up_no_writer_of_another_disk"]
fn writes_to_two_disks() {
    must_end(|| {
        let root = folder();
        let config = SegmentStreamConfig {
            channel_depth: 12,
            ..once()
        };
        let sink = DiskSink::rooted(&root).durability(Durability::Full);
        let (mut stream, sender) =
            SegmentStream::with_writers(config, 4, |_| sink.clone()).unwrap();
        assert!(fs::symlink_metadata(root.join("hung/a")).unwrap().is_dir());
        println!("* it is time to hang");
        io::stdin().read_line(&mut String::new()).unwrap();

        for number in 0..2 {
            let hint = format!("hung/a/{number}.ts");
            sender.send(segment(number, LENGTH, hint)).unwrap();
        }
        while stream.stats().writing < 2 {
            thread::yield_now();
        }
        let healthy = |number| format!("healthy/{number}.ts");
        for number in 2..12 {
            sender
                .send(segment(number, LENGTH, healthy(number)))
                .unwrap();
        }
        // Two hang and none is queued, so the others are stored: the iterator waits for the first
        // one.
        while stream.stats().queued.segments > 0 || stream.stats().writing > 2 {
            thread::yield_now();
        }
        assert_eq!(stream.stats().writing, 2, "the disk does not hang");
        assert!((2..12).all(|number| root.join(healthy(number)).exists()));
        println!("* the healthy disk has all");
        drop(sender);
        assert_eq!(stream.by_ref().flatten().count(), 12);
        stream.finish().unwrap();
        println!("* done");
    });
}
