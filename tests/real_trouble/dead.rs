//! A file system that is shut down in mid-run, as the kernel does to one that it can no longer
//! rely on. What was not synced by then is lost: `xfs_io -c shutdown` does not even flush the
//! journal.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use segment_stream::{DiskSink, Durability, SegmentStream, SegmentStreamConfig};

use super::common::again::folder;
use super::common::config::once;
use super::common::folder::{entries, temps};
use super::common::means::have_tools;
use super::common::segments::payload;
use super::common::thorough::cases;
use super::common::threads::must_end;
use super::image::{Image, writers};
use super::{LENGTH, figures, segment};

/// How many more are tried on the dead disk.
const AFTERWARDS: u64 = 10;
/// Far more than are written before the disk is dead.
const ENOUGH: u64 = 5_000;

#[test]
fn an_ext4_that_is_shut_down() {
    shut_down("an_ext4_that_is_shut_down", &["mkfs.ext4", "-q"], 64);
}

#[test]
fn an_xfs_that_is_shut_down() {
    // That is the smallest that there is.
    shut_down("an_xfs_that_is_shut_down", &["mkfs.xfs", "-q"], 300);
}

fn shut_down(test: &str, maker: &[&str], megabytes: u64) {
    if !have_tools(test, &["xfs_io"]) {
        return;
    }
    for round in 0..cases(1, 10) {
        for writers in [1, 4] {
            let Some(image) = Image::make(test, maker, megabytes) else {
                return;
            };
            let said = image.run("dead::writes_until_the_disk_is_dead", writers);
            let found = image.run("dead::finds_what_was_stored", writers);
            for figure in figures(&said).chain(figures(&found)) {
                println!("{}, {writers} writers, round {round}: {figure}", maker[0]);
            }
        }
    }
}

/// Where the numbers that came out as `Ok` are noted, which is not on the disk that dies.
fn note() -> PathBuf {
    folder().with_extension("stored")
}

#[test]
#[ignore = "a part of those that are shut down"]
fn writes_until_the_disk_is_dead() {
    must_end(|| {
        let root = folder();
        let config = SegmentStreamConfig {
            channel_depth: 8,
            ..once()
        };
        let sink = DiskSink::rooted(&root).durability(Durability::Full);
        let (mut stream, sender) =
            SegmentStream::with_writers(config, writers(), |_| sink.clone()).unwrap();
        let is_dead = Arc::new(AtomicBool::new(false));
        let producer = thread::spawn({
            let is_dead = Arc::clone(&is_dead);
            move || {
                let mut afterwards = 0;
                let mut sent = 0;
                while afterwards < AFTERWARDS && sent < ENOUGH {
                    afterwards += u64::from(is_dead.load(Ordering::Relaxed));
                    let path = format!("session/{sent}.ts");
                    sender.send(segment(sent, LENGTH, path)).unwrap();
                    sent += 1;
                }
                sent
            }
        });
        let (mut stored, mut lost) = (Vec::new(), Vec::new());
        let mut killer = None;
        for item in &mut stream {
            match item {
                Ok(segment) => stored.push(segment.sequence),
                Err(error) => {
                    // An I/O error, a file system that is read-only, or one that needs cleaning.
                    assert!(
                        matches!(error.raw_os_error(), Some(5 | 30 | 117)),
                        "{error}"
                    );
                    assert_eq!(error.attempts(), 1);
                    assert_eq!(error.segment().data.len(), LENGTH);
                    is_dead.store(true, Ordering::Relaxed);
                    lost.push(error.sequence());
                }
            }
            if stored.len() == 5 && killer.is_none() {
                // At its side, so that it comes in the middle of a write, or of several.
                let root = root.clone();
                killer = Some(thread::spawn(move || {
                    let mut command = Command::new("xfs_io");
                    command.args(["-x", "-c", "shutdown"]).arg(root).status()
                }));
            }
        }
        let sent = producer.join().unwrap();
        assert!(killer.unwrap().join().unwrap().unwrap().success());
        assert!(sent < ENOUGH, "it did not die");
        assert_eq!((stored.len() + lost.len()) as u64, sent);
        assert!(lost.len() as u64 >= AFTERWARDS - 1);
        assert!(stream.finish().is_ok());
        println!("* {} came out as Ok, {} as Err", stored.len(), lost.len());
        let stored: Vec<String> = stored.iter().map(u64::to_string).collect();
        fs::write(note(), stored.join("\n")).unwrap();
    });
}

#[test]
#[ignore = "a part of those that are shut down"]
fn finds_what_was_stored() {
    let session = folder().join("session");
    let stored = fs::read_to_string(note()).unwrap();
    let is_whole = |number: u64| {
        let found = fs::read(session.join(format!("{number}.ts")));
        found.is_ok_and(|found| found == payload(number, LENGTH))
    };
    for number in stored.lines().map(|line| line.parse().unwrap()) {
        assert!(
            is_whole(number),
            "{number} came out as Ok and is not there, or not whole"
        );
    }
    // Of the others there may be some, as they were lost at their last step, and those are whole
    // as well.
    let left_over = temps(&session);
    let there: Vec<PathBuf> = entries(&session)
        .into_iter()
        .filter(|path| !left_over.contains(path))
        .collect();
    for path in &there {
        let number = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            is_whole(number.parse().unwrap()),
            "{} is not whole",
            path.display()
        );
    }
    assert!(stored.lines().count() <= there.len());
    let swept = DiskSink::sweep(folder()).unwrap();
    assert_eq!(swept.removed.len(), left_over.len());
    println!(
        "* {} are there, and {} temp files were swept",
        there.len(),
        left_over.len()
    );

    let sink = DiskSink::rooted(folder()).durability(Durability::Full);
    let (stream, sender) = SegmentStream::with_sink(once(), sink).unwrap();
    sender
        .send(segment(99_999, LENGTH, "session/99999.ts".into()))
        .unwrap();
    stream.finish().unwrap();
    assert!(is_whole(99_999), "it goes on");
}
