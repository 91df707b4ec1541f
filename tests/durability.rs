//! The syncs of each [`Durability`] and their order, and the effect of a failed system call, as
//! the kernel sees them: the tests read the trace of a separate process.
#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use common::again::{again, folder, must_pass};
use common::config::once;
use common::folder::{in_memory, temps};
use common::means::{have_tools, skip};
use common::segments::{segment, segment_at};
use segment_stream::{DiskSink, Durability, RetryPolicy, SegmentStream, SegmentStreamConfig};
use tempfile::{TempDir, tempdir};

const DURABILITY: &str = "SEGMENT_STREAM_TEST_DURABILITY";
const CALLS: &str = "openat,openat2,write,ftruncate,flock,fsync,fdatasync,mkdir,mkdirat,rmdir,rename,renameat,renameat2,link,linkat,unlink,unlinkat";

/// Behind a durability: with retries.
const AGAIN: &str = " again";

/// Two segments in a new folder, one in another: what is to be seen in the traces.
const HINTS: [&str; 3] = ["new/a/0.ts", "new/a/1.ts", "b/2.ts"];

#[test]
#[ignore = "the part of these tests that is traced"]
fn stores_three_segments() {
    let root = folder().join("root");
    let setting = env::var(DURABILITY).unwrap();
    let config = if setting.ends_with(AGAIN) {
        // Long enough for some attempts.
        let retry = RetryPolicy {
            most: Duration::from_secs(1),
            ..RetryPolicy::default()
        };
        SegmentStreamConfig {
            retry,
            ..SegmentStreamConfig::default()
        }
    } else {
        once()
    };
    let durability = match setting.trim_end_matches(AGAIN) {
        "none" => Durability::None,
        "file" => Durability::File,
        _ => Durability::Full,
    };
    let sink = DiskSink::rooted(&root)
        .durability(durability)
        .pre_allocate();
    let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
    let mut failed = 0;
    for (number, hint) in (0..).zip(HINTS) {
        sender.send(segment_at(number, hint)).unwrap();
        match stream.next().unwrap() {
            Ok(_) => assert_eq!(fs::read(root.join(hint)).unwrap(), segment(number).data),
            Err(error) => {
                failed += 1;
                assert_eq!(error.raw_os_error(), Some(5), "{error}");
                assert!(error.path().is_some());
                // Where the last sync fails it is there all the same, and never in part.
                if let Ok(found) = fs::read(root.join(hint)) {
                    assert_eq!(found, segment(number).data);
                }
            }
        }
        if root.exists() {
            assert!(temps(&root).is_empty());
        }
        // Seen in the trace: from here on the publisher knows of it.
        fs::write(folder().join(format!("yielded-{number}")), b"").unwrap();
    }
    fs::write(folder().join("failed"), failed.to_string()).unwrap();
}

/// One line of a trace: the call, its text, and whether it succeeded.
#[derive(Debug)]
struct Call {
    name: String,
    text: String,
}

struct Traced {
    calls: Vec<Call>,
    failed: u32,
    /// The lines of the calls that were made to fail.
    injected: Vec<String>,
    folder: PathBuf,
}

/// Runs the part under strace, which makes `inject` happen.
fn trace(durability: &str, inject: Option<&str>) -> Traced {
    trace_with(durability, inject, |_| {})
}

/// The same after something was prepared in the folder.
fn trace_with(durability: &str, inject: Option<&str>, prepare: impl FnOnce(&Path)) -> Traced {
    trace_part("stores_three_segments", durability, inject, prepare)
}

fn trace_part(
    part: &str,
    durability: &str,
    inject: Option<&str>,
    prepare: impl FnOnce(&Path),
) -> Traced {
    let work = tempdir().unwrap();
    prepare(work.path());
    trace_in(&work, part, durability, inject)
}

fn trace_in(work: &TempDir, part: &str, durability: &str, inject: Option<&str>) -> Traced {
    let path = fs::canonicalize(work.path()).unwrap();
    let file = path.join("trace");
    let only = format!("trace={CALLS}");
    let mut prefix = vec![
        "strace",
        "-f",
        "-y",
        "-e",
        &only,
        "-o",
        file.to_str().unwrap(),
    ];
    let inject = inject.map(|it| format!("inject={it}"));
    if let Some(inject) = &inject {
        prefix.extend(["-e", inject]);
    }
    must_pass(again(&prefix, part, &path).env(DURABILITY, durability));
    let text = fs::read_to_string(&file).unwrap();
    let failed = fs::read_to_string(path.join("failed")).unwrap();
    Traced {
        calls: text.lines().filter_map(parse).collect(),
        failed: failed.parse().unwrap(),
        injected: text
            .lines()
            .filter(|line| line.contains("(INJECTED)"))
            .map(str::to_owned)
            .collect(),
        folder: path,
    }
}

/// `123 fsync(5</path>) = 0`; lines of calls that failed are no events.
fn parse(line: &str) -> Option<Call> {
    let (_, call) = line.split_once(' ')?;
    let (name, text) = call.trim_start().split_once('(')?;
    (!line.contains(" = -1 ")).then(|| Call {
        name: name.to_owned(),
        text: with_whole_paths(text),
    })
}

/// `4</folder>, "name"` as `4</folder>, "/folder/name"`.
fn with_whole_paths(text: &str) -> String {
    let mut parts = text.split(">, \"");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let folder = whole.rsplit('<').next().unwrap_or_default().to_owned();
        whole += ">, \"";
        if !part.starts_with('/') {
            whole = whole + &folder + "/";
        }
        whole += part;
    }
    whole
}

impl Traced {
    /// The positions of the calls of this name whose text contains all of these.
    fn all(&self, name: &str, parts: &[&str]) -> Vec<usize> {
        (0..)
            .zip(&self.calls)
            .filter(|(_, call)| {
                call.name.starts_with(name) && parts.iter().all(|part| call.text.contains(part))
            })
            .map(|(position, _)| position)
            .collect()
    }

    fn the(&self, name: &str, parts: &[&str]) -> usize {
        let found = self.all(name, parts);
        assert_eq!(found.len(), 1, "{name} {parts:?} in {:#?}", self.calls);
        found[0]
    }

    fn synced(&self, path: &Path) -> Vec<usize> {
        self.all("fsync", &[&format!("<{}>", path.display())])
    }

    /// Where the temp file of this segment was written, synced (if it was), and renamed.
    fn steps(&self, hint: &str) -> (usize, Option<usize>, usize) {
        let target = format!("{}\"", self.folder.join("root").join(hint).display());
        let renamed = self.the("rename", &[&target]);
        let temp = self.calls[renamed]
            .text
            .split('"')
            .find(|part| part.contains(".segment-"))
            .expect("it is renamed from a temp file");
        let held = format!("<{temp}>");
        let synced = self.all("fsync", &[&held]);
        assert!(
            synced.len() <= 1,
            "a sync is never repeated on the same file"
        );
        (
            self.the("write", &[&held]),
            synced.first().copied(),
            renamed,
        )
    }

    fn yielded(&self, number: usize) -> usize {
        self.the("openat", &[&format!("yielded-{number}\"")])
    }
}

#[test]
fn without_durability_nothing_is_synced() {
    if !have_tools("without_durability_nothing_is_synced", &["strace"]) {
        return;
    }
    let traced = trace("none", None);
    assert_eq!(traced.failed, 0);
    assert!(traced.all("fsync", &[]).is_empty() && traced.all("fdatasync", &[]).is_empty());
    for (number, hint) in HINTS.iter().enumerate() {
        let (written, _, renamed) = traced.steps(hint);
        assert!(written < renamed && renamed < traced.yielded(number));
    }
}

#[test]
fn a_durable_file_is_synced_before_it_gets_its_name() {
    if !have_tools(
        "a_durable_file_is_synced_before_it_gets_its_name",
        &["strace"],
    ) {
        return;
    }
    let traced = trace("file", None);
    for (number, hint) in HINTS.iter().enumerate() {
        let (written, synced, renamed) = traced.steps(hint);
        let synced = synced.expect("it is synced");
        assert!(written < synced && synced < renamed && renamed < traced.yielded(number));
    }
    assert_eq!(
        traced.all("fsync", &[]).len(),
        HINTS.len(),
        "folders are left alone"
    );
}

#[test]
fn full_durability_syncs_file_name_and_every_new_folder_before_the_segment_is_yielded() {
    if !have_tools("full_durability_syncs_…", &["strace"]) {
        return;
    }
    let traced = trace("full", None);
    let root = traced.folder.join("root");
    for (number, hint) in HINTS.iter().enumerate() {
        let (written, synced, renamed) = traced.steps(hint);
        let synced = synced.expect("it is synced");
        assert!(written < synced && synced < renamed);
        let parent = root.join(hint).parent().unwrap().to_path_buf();
        let until = traced.yielded(number);
        let synced_name = |position: &usize| *position > renamed && *position < until;
        assert!(traced.synced(&parent).iter().any(synced_name));
        // Every folder that it stands in is found again after a power cut.
        for folder in parent.ancestors().take_while(|it| it.starts_with(&root)) {
            let made = traced.the("mkdir", &[&format!("{}\"", folder.display())]);
            let above = traced.synced(folder.parent().unwrap());
            assert!(
                above
                    .iter()
                    .any(|position| *position > made && *position < until)
            );
        }
    }
}

/// By handle, `mkdir` makes the root, and `mkdirat` the folders below it.
const CALLS_THAT_FAIL: &[&str] = if cfg!(feature = "confined") {
    &["fsync", "renameat2", "mkdir", "mkdirat"]
} else {
    &["fsync", "renameat2", "mkdir"]
};

#[test]
fn a_system_call_that_fails_once_costs_that_segment_and_no_other() {
    if !have_tools("a_system_call_that_fails_once_…", &["strace"]) {
        return;
    }
    for durability in ["none", "full"] {
        for call in CALLS_THAT_FAIL.iter().copied() {
            let mut number = 1;
            loop {
                // Counted in each thread by itself; of these calls only the writer makes any.
                let traced = trace(durability, Some(&format!("{call}:error=EIO:when={number}")));
                let [injected] = traced.injected.as_slice() else {
                    break;
                };
                // The names of folders that were there before are not the sink's to answer for.
                let expected = u32::from(injected.contains(traced.folder.to_str().unwrap()));
                assert_eq!(traced.failed, expected, "{durability}: {injected}");
                number += 1;
            }
            let expected = (durability, call) != ("none", "fsync");
            assert_eq!(
                number > 1,
                expected,
                "{durability}: {call} was tried {number} times"
            );
        }
    }
}

#[test]
fn a_system_call_that_fails_for_ever_costs_every_segment_and_nothing_hangs() {
    if !have_tools("a_system_call_that_fails_for_ever_…", &["strace"]) {
        return;
    }
    for call in CALLS_THAT_FAIL {
        let traced = trace("full", Some(&format!("{call}:error=EIO")));
        assert!(!traced.injected.is_empty());
        assert_eq!(traced.failed, 3, "{call}");
    }
}

#[test]
fn a_failed_sync_of_a_file_is_tried_again_on_another_file_and_never_on_that_one() {
    if !have_tools("a_failed_sync_of_a_file_is_…", &["strace"]) {
        return;
    }
    let check = |durability: &str| {
        let traced = trace(&format!("{durability}{AGAIN}"), Some("fsync:error=EIO"));
        // For as long as the segments last, every sync fails, and every time it is a new file.
        let synced: Vec<_> = traced.injected.iter().map(|it| named(it)).collect();
        let files: Vec<_> = synced
            .iter()
            .filter(|it| it.contains("/.segment-"))
            .collect();
        let different: BTreeSet<_> = files.iter().collect();
        assert_eq!(different.len(), files.len(), "{synced:?}");
        assert_eq!(traced.failed, 3);
        if durability == "file" {
            assert!(files.len() > 3 * 2, "no attempt but the first: {synced:?}");
        }
    };
    // Each lasts as long as its retries.
    thread::scope(|scope| {
        scope.spawn(|| check("file"));
        check("full");
    });
}

#[test]
fn a_failed_sync_of_a_folder_is_not_tried_again() {
    if !have_tools("a_failed_sync_of_a_folder_is_not_tried_again", &["strace"]) {
        return;
    }
    let clean = trace(&format!("full{AGAIN}"), None);
    let syncs = clean.calls.iter().filter(|it| it.name == "fsync").count();
    for number in 1..=syncs {
        let traced = trace(
            &format!("full{AGAIN}"),
            Some(&format!("fsync:error=EIO:when={number}")),
        );
        let [injected] = traced.injected.as_slice() else {
            panic!("one was to fail: {:?}", traced.injected);
        };
        let is_folder = !named(injected).contains("/.segment-");
        let is_ours = injected.contains(traced.folder.to_str().unwrap());
        assert_eq!(traced.failed, u32::from(is_folder && is_ours), "{injected}");
    }
}

/// The path of the descriptor in the line of a call: `fsync(3</path>)`.
fn named(line: &str) -> String {
    let (_, rest) = line.split_once('<').unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}

#[test]
fn a_lock_that_fails_costs_nothing() {
    if !have_tools("a_lock_that_fails_costs_nothing", &["strace"]) {
        return;
    }
    let traced = trace("full", Some("flock:error=ENOLCK"));
    assert!(!traced.injected.is_empty());
    assert_eq!(traced.failed, 0);
}

/// The segments are whole all the same, and no longer than they are.
#[test]
fn a_pre_allocation_that_fails_costs_nothing() {
    if !have_tools("a_pre_allocation_that_fails_costs_nothing", &["strace"]) {
        return;
    }
    for durability in ["none", "full"] {
        for error in ["EPERM", "EOPNOTSUPP", "EIO", "ENOSPC", "EFBIG", "EDQUOT"] {
            let traced = trace(durability, Some(&format!("ftruncate:error={error}")));
            assert_eq!(traced.injected.len(), 3);
            assert_eq!(traced.failed, 0, "{durability}: {error}");
        }
    }
}

#[test]
fn a_file_system_that_cannot_rename_without_replacing_is_no_obstacle() {
    if !have_tools(
        "a_file_system_that_cannot_rename_without_replacing_…",
        &["strace"],
    ) {
        return;
    }
    // As NFS answers, where a link takes its place; and as one that knows no links either.
    for error in ["EINVAL", "EPERM"] {
        let traced = trace("none", Some(&format!("renameat2:error={error}")));
        assert_eq!(traced.injected.len(), 3);
        assert_eq!(traced.failed, 0, "{error}");
    }
}

#[test]
fn the_names_of_folders_that_were_there_before_are_synced_once() {
    let test = "the_names_of_folders_that_were_there_before_are_synced_once";
    if !have_tools(test, &["strace"]) {
        return;
    }
    let traced = trace_with("full", None, |folder| {
        fs::create_dir_all(folder.join("root/new/a")).unwrap();
    });
    let root = traced.folder.join("root");
    // Twice for the folder of two segments, by their own names; else by the names of the folders.
    assert_eq!(traced.synced(&root.join("new/a")).len(), 2);
    assert_eq!(traced.synced(&root.join("new")).len(), 1);
    assert_eq!(traced.synced(&traced.folder).len(), 1);
    assert_eq!(traced.failed, 0);
}

/// It is no name on that disk.
#[test]
fn the_name_of_a_mount_point_is_not_synced() {
    let test = "the_name_of_a_mount_point_is_not_synced";
    let work = in_memory();
    let path = fs::canonicalize(work.path()).unwrap();
    let disk = |path: &Path| fs::metadata(path).unwrap().dev();
    let mut above = path.ancestors().skip(1);
    let mounted = above.find(|it| it.parent().is_some_and(|above| disk(above) != disk(it)));
    let Some(mounted) = mounted else {
        skip(test, "the folder is on the disk of \"/\"");
        return;
    };
    if !have_tools(test, &["strace"]) {
        return;
    }
    let traced = trace_in(&work, "stores_three_segments", "full", None);
    assert_eq!(traced.synced(mounted).len(), 1);
    assert_eq!(traced.synced(mounted.parent().unwrap()).len(), 0);
    assert_eq!(traced.failed, 0);
}

#[test]
#[ignore = "the part of the next test that is traced"]
fn stores_into_a_folder_that_is_exchanged() {
    let root = folder().join("root");
    let (mut stream, sender) = SegmentStream::with_sink(
        SegmentStreamConfig::default(),
        DiskSink::rooted(&root).durability(Durability::Full),
    )
    .unwrap();
    for number in 0..2 {
        sender.send(segment_at(number, "a/0.ts")).unwrap();
        stream.next().unwrap().unwrap();
        fs::write(folder().join(format!("yielded-{number}")), b"").unwrap();
        fs::remove_dir_all(root.join("a")).unwrap();
        fs::create_dir(root.join("a")).unwrap();
    }
    fs::write(folder().join("failed"), b"0").unwrap();
}

#[test]
fn a_folder_that_was_exchanged_is_synced_again() {
    if !have_tools("a_folder_that_was_exchanged_is_synced_again", &["strace"]) {
        return;
    }
    let traced = trace_part(
        "stores_into_a_folder_that_is_exchanged",
        "full",
        None,
        |_| {},
    );
    let synced = traced.synced(&traced.folder.join("root"));
    let between = |from: usize, until: usize| {
        synced
            .iter()
            .filter(|position| (from..until).contains(position))
            .count()
    };
    let (first, second) = (traced.yielded(0), traced.yielded(1));
    assert_eq!((between(0, first), between(first, second)), (1, 1));
}
