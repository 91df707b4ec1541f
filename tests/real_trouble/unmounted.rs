//! A disk that is unmounted while segments are written to it: what is left under its mount point
//! is the system's disk, which nobody wants to record to.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use segment_stream::{DiskSink, Durability, SegmentSink, WriteContext};
use tempfile::tempdir;

use super::common::again::{again, folder, must_pass};
use super::common::folder::entries;
use super::common::means::{have_tools, skip};
use super::{LENGTH, segment};

#[test]
fn nothing_is_written_below_the_mount_point_of_an_unmounted_disk() {
    let test = "nothing_is_written_below_the_mount_point_of_an_unmounted_disk";
    if !have_tools(test, &["unshare", "mount", "umount"]) {
        return;
    }
    let mut probe = Command::new("unshare");
    let probe = probe.args(["-rm", "true"]).output().unwrap();
    if !probe.status.success() {
        skip(test, "no user and mount namespaces here");
        return;
    }
    let work = tempdir().unwrap();
    let part = "unmounted::writes_while_its_disk_is_unmounted";
    must_pass(&mut again(&["unshare", "-rm"], part, work.path()));
}

fn mount(point: &Path) {
    let mut mount = Command::new("mount");
    let mount = mount.args(["-t", "tmpfs", "none"]).arg(point).status();
    assert!(mount.unwrap().success());
}

fn unmount(point: &Path) {
    let unmounted = Command::new("umount").arg(point).status();
    assert!(unmounted.unwrap().success());
}

#[test]
#[ignore = "a part of nothing_is_written_below_the_mount_point_of_an_unmounted_disk"]
fn writes_while_its_disk_is_unmounted() {
    let point = folder().join("nas");
    fs::create_dir(&point).unwrap();
    for durability in [Durability::None, Durability::Full] {
        mount(&point);
        let below = point.join("recordings");
        fs::create_dir(&below).unwrap();
        // A mount point is there after all, and only its device tells; what is below it goes.
        let in_a_folder = DiskSink::rooted(&below).root_must_exist();
        let at_the_top = DiskSink::rooted(&point).same_device();
        let mut sinks = [in_a_folder, at_the_top].map(|sink| sink.durability(durability));
        let clones = sinks.clone();
        let number = |number| segment(number, LENGTH, format!("a/{number}.ts"));
        for sink in &mut sinks {
            sink.write(&number(0), &WriteContext::default()).unwrap();
        }
        unmount(&point);
        for sink in sinks.iter_mut().chain(&mut clones.clone()) {
            let written = sink.write(&number(1), &WriteContext::default());
            let error = written.unwrap_err();
            assert_eq!(error.io_kind(), io::ErrorKind::NotFound, "{error}");
            assert_eq!(error.operation(), Some("use the root"), "{error}");
            assert!(error.path().is_some_and(|path| path.starts_with(&point)));
            assert!(error.to_string().contains("mounted?"), "{error}");
            assert!(error.is_transient(), "it may be mounted again");
            // That it is gone does not mean that it was removed.
            let removed = sink.remove(Path::new("a/0.ts"), &WriteContext::default());
            assert_eq!(removed.unwrap_err().operation(), Some("use the root"));
        }
        assert!(entries(&point).is_empty(), "{:?}", entries(&point));
    }
}
