//! A kernel, or the seccomp filter of a container, that refuses `openat2`.

use std::fs;
use std::io;
use std::path::Path;

use segment_stream::{DiskSink, Durability, SegmentSink, SinkError, SinkErrorKind, WriteContext};
use tempfile::tempdir;

use crate::common::again::{again, folder, must_pass};
use crate::common::folder::{entries, temps};
use crate::common::means::have_tools;
use crate::common::segments::segment_at;

/// Runs a part with each `openat2` failing as strace is told.
fn must_pass_with(part: &str, fault: &str) {
    let work = tempdir().unwrap();
    let inject = format!("inject=openat2:error={fault}");
    let prefix = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=openat2",
        "-e",
        &inject,
    ];
    must_pass(&mut again(&prefix, part, work.path()));
}

#[test]
fn a_kernel_without_openat2_is_an_error_from_the_first_write() {
    if have_tools("a_kernel_without_openat2_is_an_error_…", &["strace"]) {
        must_pass_with("refused::writes_without_openat2", "ENOSYS");
        must_pass_with("refused::writes_without_openat2", "EPERM");
    }
}

fn assert_says(error: &SinkError) {
    assert_eq!(error.kind(), SinkErrorKind::Unsupported, "{error}");
    assert!(!error.is_transient());
    assert_eq!(error.io_kind(), io::ErrorKind::Unsupported);
    assert!(matches!(error.raw_os_error(), Some(1 | 38)), "{error:?}");
    assert!(error.path().is_some() && error.operation().is_some());
    let text = error.to_string();
    for part in ["openat2", "Linux 5.6", "container", "`confined`"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
#[ignore = "a part of a_kernel_without_openat2_is_an_error_from_the_first_write"]
fn writes_without_openat2() {
    let context = WriteContext::default();
    for (number, root) in ["there", "missing"].iter().enumerate() {
        let root = folder().join(root);
        if number == 0 {
            fs::create_dir_all(root.join("a")).unwrap();
            fs::write(root.join("0.ts"), b"before").unwrap();
        }
        let there = entries(&folder());
        for durability in [Durability::None, Durability::File, Durability::Full] {
            let mut sink = DiskSink::rooted(&root).durability(durability);
            for hint in ["0.ts", "a/0.ts", "new/0.ts"] {
                assert_says(&sink.write(&segment_at(0, hint), &context).unwrap_err());
            }
            if number == 0 {
                assert_says(&sink.remove(Path::new("0.ts"), &context).unwrap_err());
                assert_says(&sink.read(Path::new("0.ts"), &context).unwrap_err());
                assert_says(&DiskSink::sweep(&root).unwrap_err());
            }
        }
        let mut now = entries(&folder());
        now.retain(|path| path != Path::new("missing"));
        assert_eq!(now, there);
        assert!(temps(&folder()).is_empty());
    }
    // A sink without a root needs none of it.
    let path = folder().join("there/a/unrooted.ts");
    let mut sink = DiskSink::new();
    sink.write(&segment_at(0, &path), &context).unwrap();
    assert!(path.exists());
}

/// One that is refused once only is not blamed on the kernel.
#[test]
fn an_openat2_that_fails_for_its_path_is_an_error_of_the_path() {
    let test = "an_openat2_that_fails_for_its_path_is_an_error_of_the_path";
    if have_tools(test, &["strace"]) {
        must_pass_with("refused::writes_again_after_a_refusal", "EPERM:when=1");
    }
}

#[test]
#[ignore = "a part of an_openat2_that_fails_for_its_path_is_an_error_of_the_path"]
fn writes_again_after_a_refusal() {
    let mut sink = DiskSink::rooted(folder());
    let mut write = || sink.write(&segment_at(0, "0.ts"), &WriteContext::default());
    let error = write().unwrap_err();
    assert_eq!(error.io_kind(), io::ErrorKind::PermissionDenied, "{error}");
    assert_eq!(error.raw_os_error(), Some(1), "{error}");
    assert!(!error.to_string().contains("openat2"), "{error}");
    write().unwrap();
}
