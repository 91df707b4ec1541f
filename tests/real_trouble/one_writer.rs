//! One writer on a full disk, on a read-only file system, and without inodes, permission,
//! descriptors or threads. The error says which, nothing half stays, and the next segment succeeds
//! once it can.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use segment_stream::{
    DiskSink, Durability, ProducedSegment, SegmentSink, SegmentStream, SegmentStreamConfig,
    WriteContext, WriteError,
};
use tempfile::tempdir;

use super::assert_says;
use super::common::again::{again, folder, must_pass};
use super::common::config::once;
use super::common::folder::{entries, temps};
use super::common::means::{have_tools, skip};
use super::common::segments::payload;
use super::common::thorough::cases;
use super::common::threads::must_end;
use super::common::unprivileged::Unprivileged;

/// Runs a part of a test with a small tmpfs mounted on its folder.
fn on_a_small_disk(test: &str, part: &str, options: &str) {
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
    let folder = tempdir().unwrap();
    let mount =
        format!("mount -t tmpfs -o {options} none \"$SEGMENT_STREAM_TEST_FOLDER\" && exec \"$@\"");
    let prefix = ["unshare", "-rm", "sh", "-c", &mount, "sh"];
    must_pass(&mut again(&prefix, part, folder.path()));
}

fn large(sequence: u64, length: usize) -> ProducedSegment {
    ProducedSegment::media(sequence, payload(sequence, length), 2.0)
}

/// Sends one segment through a stream of its own.
fn store(sink: DiskSink, segment: ProducedSegment) -> Result<ProducedSegment, WriteError> {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::with_sink(once(), sink).unwrap();
        sender.send(segment).unwrap();
        stream.next().unwrap()
    })
}

#[test]
fn a_full_disk() {
    on_a_small_disk("a_full_disk", "one_writer::fills_the_disk", "size=1m");
}

#[test]
#[ignore = "a part of a_full_disk"]
fn fills_the_disk() {
    let root = folder();
    let settings: [fn(DiskSink) -> DiskSink; 3] = [
        |sink| sink,
        DiskSink::pre_allocate,
        |sink| sink.durability(Durability::Full),
    ];
    for setting in settings {
        let sink = || setting(DiskSink::rooted(&root));
        let mut stored = 0;
        let error = loop {
            let segment = large(stored, 150_000).with_path(format!("{stored}.ts"));
            match store(sink(), segment) {
                Ok(_) => stored += 1,
                Err(error) => break error,
            }
        };
        assert!(stored > 2);
        assert_says(&error, "write", &root.join(format!("{stored}.ts")), 28);
        // Segments stored before are whole, and a failed one leaves no trace. Its space is free
        // again at once: a smaller one still fits.
        assert_eq!(entries(&root).len() as u64, stored);
        for number in 0..stored {
            let found = fs::read(root.join(format!("{number}.ts"))).unwrap();
            assert!(found == payload(number, 150_000));
        }
        store(sink(), large(99, 10_000).with_path("small.ts")).unwrap();
        // An overwrite needs room for both, and leaves the old one alone where there is none.
        let error = store(sink(), large(7, 150_000).with_path("0.ts")).unwrap_err();
        assert_says(&error, "write", &root.join("0.ts"), 28);
        assert!(fs::read(root.join("0.ts")).unwrap() == payload(0, 150_000));

        fs::remove_file(root.join("0.ts")).unwrap();
        store(sink(), error.into_segment()).unwrap();
        assert!(fs::read(root.join("0.ts")).unwrap() == payload(7, 150_000));
        entries(&root)
            .iter()
            .for_each(|path| fs::remove_file(root.join(path)).unwrap());
    }
}

#[test]
fn no_inodes() {
    on_a_small_disk(
        "no_inodes",
        "one_writer::uses_all_inodes",
        "size=1m,nr_inodes=6",
    );
}

#[test]
#[ignore = "a part of no_inodes"]
fn uses_all_inodes() {
    let root = folder();
    let mut sink = DiskSink::rooted(&root);
    let context = WriteContext::default();
    let mut stored = 0;
    let error = loop {
        let segment = large(stored, 10).with_path(format!("{stored}.ts"));
        match sink.write(&segment, &context) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.raw_os_error(), Some(28));
    assert_eq!(error.operation(), Some("create a temp file for"));
    let error = sink
        .write(&large(9, 10).with_path("folder/9.ts"), &context)
        .unwrap_err();
    assert_eq!(error.raw_os_error(), Some(28));
    assert_eq!(error.operation(), Some("create the directory"));
    assert_eq!(entries(&root).len() as u64, stored);
    fs::remove_file(root.join("0.ts")).unwrap();
    sink.write(&large(9, 10).with_path("9.ts"), &context)
        .unwrap();
}

#[test]
fn a_read_only_file_system() {
    on_a_small_disk(
        "a_read_only_file_system",
        "one_writer::writes_while_read_only",
        "size=1m",
    );
}

#[test]
#[ignore = "a part of a_read_only_file_system"]
fn writes_while_read_only() {
    let root = folder();
    let remount = |mode: &str| {
        let options = format!("remount,{mode}");
        let status = Command::new("mount")
            .args(["-o", &options])
            .arg(&root)
            .status();
        assert!(status.unwrap().success());
    };
    let sink = || DiskSink::rooted(&root);
    store(sink(), large(0, 100).with_path("0.ts")).unwrap();
    remount("ro");
    let error = store(sink(), large(1, 100).with_path("1.ts")).unwrap_err();
    assert_says(&error, "create a temp file for", &root.join("1.ts"), 30);
    let error = store(sink(), large(2, 100).with_path("new/2.ts")).unwrap_err();
    assert_says(&error, "create the directory", &root.join("new"), 30);
    remount("rw");
    store(sink(), error.into_segment()).unwrap();
    assert_eq!(entries(&root).len(), 3);
}

/// Runs a part of a test as a user whom permissions bind, in a folder of its own.
fn without_privileges(test: &str, part: &str) {
    let program = std::env::current_exe().unwrap();
    if let Some(user) = Unprivileged::new(test, &program) {
        must_pass(&mut user.again(part));
    }
}

#[test]
fn a_folder_without_permission() {
    without_privileges(
        "a_folder_without_permission",
        "one_writer::writes_without_permission",
    );
}

#[test]
#[ignore = "a part of a_folder_without_permission"]
fn writes_without_permission() {
    let root = folder().join("root");
    fs::create_dir_all(&root).unwrap();
    let sink = || DiskSink::rooted(&root).durability(Durability::Full);
    let allow = |mode| fs::set_permissions(&root, Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    let error = store(sink(), large(0, 100).with_path("0.ts")).unwrap_err();
    assert_says(&error, "create a temp file for", &root.join("0.ts"), 13);
    let error = store(sink(), large(1, 100).with_path("new/1.ts")).unwrap_err();
    assert_says(&error, "create the directory", &root.join("new"), 13);
    allow(0o755);
    store(sink(), error.into_segment()).unwrap();
    assert_eq!(entries(&root).len(), 2);

    // Ancestors that may be passed through and not read are no obstacle, and folders that could
    // not be synced are not left behind.
    let hidden = folder().join("hidden");
    fs::create_dir_all(hidden.join("root")).unwrap();
    fs::set_permissions(&hidden, Permissions::from_mode(0o111)).unwrap();
    let sink = DiskSink::rooted(hidden.join("root")).durability(Durability::Full);
    store(sink, large(2, 100).with_path("2.ts")).unwrap();
    fs::set_permissions(&hidden, Permissions::from_mode(0o311)).unwrap();
    let sink = DiskSink::rooted(hidden.join("made/here")).durability(Durability::Full);
    let error = store(sink, large(3, 100).with_path("3.ts")).unwrap_err();
    assert_says(&error, "open the directory", &hidden, 13);
    assert!(!hidden.join("made").exists());
}

#[test]
fn no_descriptors() {
    let work = tempdir().unwrap();
    let prefix = ["sh", "-c", "ulimit -n 40; exec \"$@\"", "sh"];
    must_pass(&mut again(
        &prefix,
        "one_writer::writes_without_descriptors",
        work.path(),
    ));
}

#[test]
#[ignore = "a part of no_descriptors"]
fn writes_without_descriptors() {
    let root = folder();
    let (mut stream, sender) =
        SegmentStream::with_sink(SegmentStreamConfig::default(), DiskSink::rooted(&root)).unwrap();
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    sender.send(large(0, 100).with_path("0.ts")).unwrap();
    let error = stream.next().unwrap().unwrap_err();
    assert_says(&error, "create a temp file for", &root.join("0.ts"), 24);
    drop(taken);
    sender.send(error.into_segment()).unwrap();
    stream.next().unwrap().unwrap();
    assert_eq!(entries(&root).len(), 1);
}

/// With `SEGMENT_STREAM_THOROUGH=1`, over ten thousand.
#[test]
fn nothing_leaks_over_a_thousand_segments() {
    let work = tempdir().unwrap();
    must_pass(&mut again(
        &[],
        "one_writer::counts_descriptors_and_threads",
        work.path(),
    ));
}

#[test]
#[ignore = "a part of nothing_leaks_over_a_thousand_segments"]
fn counts_descriptors_and_threads() {
    let root = folder();
    fs::create_dir(root.join("in the way")).unwrap();
    let open = |what: &str| fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    let before = (open("fd"), open("task"));
    let sends = cases(500, 5_000);
    for durability in [Durability::None, Durability::Full] {
        let sink = DiskSink::rooted(&root).durability(durability);
        let (mut stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        let during = (open("fd"), open("task"));
        for number in 0..sends {
            let path = if number % 2 == 0 {
                "0.ts"
            } else {
                "in the way"
            };
            sender.send(large(number, 10).with_path(path)).unwrap();
            assert_eq!(stream.next().unwrap().is_ok(), number % 2 == 0);
        }
        assert_eq!((open("fd"), open("task")), during);
        stream.finish().unwrap();
        assert_eq!((open("fd"), open("task")), before);
    }
    assert!(temps(&root).is_empty());
}

#[test]
fn no_threads() {
    let work = tempdir().unwrap();
    // No machine has the address space for such a stack.
    let prefix = ["env", "RUST_MIN_STACK=70368744177664"];
    must_pass(&mut again(
        &prefix,
        "one_writer::starts_without_threads",
        work.path(),
    ));
}

#[test]
#[ignore = "a part of no_threads"]
fn starts_without_threads() {
    let error = SegmentStream::new(SegmentStreamConfig::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
}
