//! A folder that takes the place of another, on a file system where nothing tells the two apart:
//! an ext4 that keeps no birth times, and gives the number of a removed folder to the next one.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use segment_stream::{DiskSink, Durability, SegmentSink, WriteContext};
use tempfile::tempdir;

use super::common::again::folder;
use super::common::means::have_tools;
use super::image::Image;
use super::{LENGTH, segment};

/// The possible recreators of the directory.
const MAKERS: [&str; 2] = ["somebody", "the-sink"];

#[test]
fn the_name_of_a_recreated_folder_is_synced_where_birth_times_are_missing() {
    let test = "the_name_of_a_recreated_folder_is_synced_where_birth_times_are_missing";
    if !have_tools(test, &["strace"]) {
        return;
    }
    let Some(image) = Image::make(test, &["mkfs.ext4", "-q", "-I", "128"], 16) else {
        return;
    };
    let traces = tempdir().unwrap();
    let trace = traces.path().join("trace");
    let trace_to = trace.to_str().unwrap();
    let strace = [
        "strace",
        "-f",
        "-y",
        "-e",
        "trace=fsync,openat",
        "-o",
        trace_to,
    ];
    let _ = image.run_behind(&strace, "recreated::writes_into_a_recreated_folder", 1);
    let calls = fs::read_to_string(&trace).unwrap();
    for maker in MAKERS {
        let line_of = |mark: String| {
            let is_mark = |line: &str| line.contains(&format!("/{mark}\""));
            calls.lines().position(is_mark).expect("it was marked")
        };
        let (from, until) = (
            line_of(format!("from-{maker}")),
            line_of(format!("until-{maker}")),
        );
        let is_sync = |line: &&str| line.contains("fsync(") && line.contains("/disk/root>");
        let syncs = calls.lines().take(until).skip(from).filter(is_sync).count();
        assert_eq!(syncs, 1, "{maker} made it again: {calls}");
    }
}

#[test]
#[ignore = "a part of the_name_of_a_recreated_folder_is_synced_where_birth_times_are_missing"]
fn writes_into_a_recreated_folder() {
    let root = folder().join("root");
    let mut sink = DiskSink::rooted(&root).durability(Durability::Full);
    let mut write = |name: &str| {
        let segment = segment(0, LENGTH, format!("a/{name}.ts"));
        sink.write(&segment, &WriteContext::default()).unwrap();
    };
    // Nobody looks for these files. To make one would take the number that has come free.
    let mark = |name: String| drop(File::open(folder().join(name)));
    let number = |folder: &Path| fs::metadata(folder).unwrap().ino();
    let there = root.join("a");
    write("first");
    assert!(fs::metadata(&there).unwrap().created().is_err());
    for maker in MAKERS {
        let before = number(&there);
        fs::remove_dir_all(&there).unwrap();
        if maker == "somebody" {
            fs::create_dir(&there).unwrap();
        }
        mark(format!("from-{maker}"));
        write(maker);
        mark(format!("until-{maker}"));
        assert_eq!(
            number(&there),
            before,
            "the number was to be given out again"
        );
    }
}
