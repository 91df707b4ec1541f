//! A permanent error is not retried, by several writers as by one; a transient one is retried at
//! intervals.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use segment_stream::{
    DiskSink, Durability, SegmentStream, SegmentStreamConfig, StreamStats, WriteError,
};
use tempfile::tempdir;

use super::common::again::{again, folder, must_pass};
use super::common::folder::{entries, temps};
use super::common::means::{have_tools, skip};
use super::common::threads::must_end;
use super::unstarted::as_nobody;
use super::{LENGTH, figures, segment};

const WRITERS: usize = 4;
const SENDS: u64 = 100;

/// Sends so many through several writers that retry as they do by default. Returns what failed.
fn send_all(root: &Path, sends: u64, durability: Durability) -> (Vec<WriteError>, StreamStats) {
    let config = SegmentStreamConfig::default();
    let sink = DiskSink::rooted(root).durability(durability);
    let (mut stream, sender) =
        SegmentStream::with_writers(config, WRITERS, |_| sink.clone()).unwrap();
    let mut failed = Vec::new();
    for number in 0..sends {
        sender
            .send(segment(number, LENGTH, format!("{number}.ts")))
            .unwrap();
        while stream.stats().in_flight.segments == 8 {
            failed.extend(stream.next().unwrap().err());
        }
    }
    drop(sender);
    failed.extend(stream.by_ref().filter_map(Result::err));
    let stats = stream.stats();
    stream.finish().unwrap();
    (failed, stats)
}

/// Demands that nothing gets through, each one failing at the first attempt with this code, and at
/// once.
fn is_refused(root: &Path, code: i32) {
    for durability in [Durability::None, Durability::Full] {
        let begun = Instant::now();
        let (failed, stats) = send_all(root, SENDS, durability);
        let took = begun.elapsed();
        assert!((0..SENDS).eq(failed.iter().map(WriteError::sequence)));
        for error in &failed {
            assert_eq!(error.raw_os_error(), Some(code), "{error}");
            assert_eq!(error.attempts(), 1, "{error}");
        }
        assert_eq!(stats.retries, 0);
        println!("* error {code}: {SENDS} refused in {took:.0?}, 0 retries");
        // A single pause for each would take longer.
        assert!(took < Duration::from_secs(2));
        assert!(temps(root).is_empty());
    }
}

fn gets_through(root: &Path) {
    let (failed, _) = send_all(root, SENDS, Durability::None);
    assert!(failed.is_empty(), "{:?}", failed[0]);
    assert_eq!(entries(root).len() as u64, SENDS);
}

fn tell(output: &std::process::Output) {
    figures(&String::from_utf8_lossy(&output.stdout)).for_each(|figure| println!("{figure}"));
}

#[test]
fn several_writers_on_a_read_only_file_system() {
    let test = "several_writers_on_a_read_only_file_system";
    if !have_tools(test, &["unshare", "mount"]) {
        return;
    }
    let probe = Command::new("unshare")
        .args(["-rm", "true"])
        .output()
        .unwrap();
    if !probe.status.success() {
        skip(test, "no user and mount namespaces here");
        return;
    }
    let work = tempdir().unwrap();
    let mount = r#"mount -t tmpfs none "$SEGMENT_STREAM_TEST_FOLDER" && exec "$@""#;
    let prefix = ["unshare", "-rm", "sh", "-c", mount, "sh"];
    tell(&must_pass(&mut again(
        &prefix,
        "refused::several_write_while_read_only",
        work.path(),
    )));
}

#[test]
#[ignore = "a part of several_writers_on_a_read_only_file_system"]
fn several_write_while_read_only() {
    must_end(|| {
        let root = folder();
        let remount = |mode: &str| {
            let options = format!("remount,{mode}");
            let status = Command::new("mount")
                .args(["-o", &options])
                .arg(&root)
                .status();
            assert!(status.unwrap().success());
        };
        remount("ro");
        is_refused(&root, 30);
        remount("rw");
        gets_through(&root);
    });
}

#[test]
fn several_writers_without_permission() {
    let part = "refused::several_write_without_permission";
    if let Some(output) = as_nobody("several_writers_without_permission", &[], part) {
        tell(&output);
    }
}

#[test]
#[ignore = "a part of several_writers_without_permission"]
fn several_write_without_permission() {
    must_end(|| {
        let root = folder().join("root");
        fs::create_dir(&root).unwrap();
        let allow = |mode| fs::set_permissions(&root, Permissions::from_mode(mode)).unwrap();
        allow(0o555);
        is_refused(&root, 13);
        allow(0o755);
        gets_through(&root);
    });
}

#[test]
fn several_writers_without_descriptors() {
    let work = tempdir().unwrap();
    let prefix = ["sh", "-c", "ulimit -n 60; exec \"$@\"", "sh"];
    let part = "refused::several_write_without_descriptors";
    tell(&must_pass(&mut again(&prefix, part, work.path())));
}

/// This may heal, so it is tried again, at growing intervals and not for longer than half a
/// second, which is the least that each segment is worth.
#[test]
#[ignore = "a part of several_writers_without_descriptors"]
fn several_write_without_descriptors() {
    must_end(|| {
        let root = folder();
        let mut taken = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            taken.push(file);
        }
        let sends = 8;
        let begun = Instant::now();
        let (failed, stats) = send_all(&root, sends, Durability::None);
        let took = begun.elapsed();
        assert_eq!(failed.len() as u64, sends);
        for error in &failed {
            assert_eq!(error.raw_os_error(), Some(24), "{error}");
            assert!((2..=10).contains(&error.attempts()), "{error}");
        }
        println!(
            "* error 24: {sends} failed in {took:.0?}, {} retries",
            stats.retries
        );
        assert!(stats.retries <= 9 * sends);
        assert!(took < Duration::from_secs(3), "two rounds of four");

        // A descriptor that comes free is found by the attempt after it.
        let config = SegmentStreamConfig::default();
        let sink = DiskSink::rooted(&root);
        let (mut stream, sender) =
            SegmentStream::with_writers(config, WRITERS, |_| sink.clone()).unwrap();
        for number in 0..4 {
            sender
                .send(segment(number, LENGTH, format!("{number}.ts")))
                .unwrap();
        }
        while stream.stats().retries == 0 {
            std::thread::yield_now();
        }
        drop(taken);
        drop(sender);
        assert!(stream.all(|item| item.is_ok()));
        assert_eq!(entries(&root).len(), 4);
    });
}
