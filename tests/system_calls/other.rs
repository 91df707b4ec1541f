//! The sink behind a stream, and the sweep, each with a call that fails.

use std::fs;
use std::path::{Path, PathBuf};

use segment_stream::{
    DiskSink, Durability, SegmentStream, SegmentStreamConfig, SinkError, Swept, WriteError,
};

use crate::common::folder::in_memory;
use crate::interposed::{self, Call, Counted, counted};
use crate::store::{found, open_handles, segment, syncs_once, temps, trace};
use crate::table::{At, plan};

pub(crate) const HINTS: [&str; 3] = ["new/0.ts", "new/1.ts", "b/2.ts"];

/// Three segments through a stream; returns its calls and what it yielded.
pub(crate) fn stream(
    config: SegmentStreamConfig,
    faults: &[At],
) -> (Vec<Call>, Vec<Option<WriteError>>) {
    let base = in_memory();
    let root = base.path().join("root");
    let handles = open_handles();
    interposed::begin(plan(faults, &[]));
    let sink = Counted(DiskSink::rooted(&root).durability(Durability::Full));
    let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
    let mut failed = Vec::new();
    for (number, hint) in (0..).zip(HINTS) {
        sender.send(segment(number, hint)).unwrap();
        let item = stream.next().expect("every segment is yielded");
        let there = fs::read(root.join(hint)).ok();
        let is_whole = there.as_deref() == Some(&segment(number, hint).data[..]);
        let why = || format!("{item:?} with {faults:?}\n{}", trace(base.path()));
        match &item {
            Ok(_) => assert!(is_whole, "{}", why()),
            Err(error) => assert!(
                there.is_none() || is_whole && error.operation() == "sync the directory",
                "{}",
                why()
            ),
        }
        failed.push(item.err());
    }
    stream.finish().unwrap();
    let calls = interposed::recorded();
    assert_eq!(syncs_once(&calls), Ok(()));
    assert_eq!(open_handles(), handles, "with {faults:?}");
    (calls, failed)
}

/// A sweep of a folder with temp files and other files in it; returns its calls and what it came
/// to.
pub(crate) fn sweep(faults: &[At]) -> (Vec<Call>, Result<Swept, SinkError>) {
    const TEMPS: [&str; 3] = [
        ".segment-aaaaaaaaaaaa.tmp",
        "x/.segment-bbbbbbbbbbbb.tmp",
        "x/y/.segment-cccccccccccc.tmp",
    ];
    const OTHERS: [&str; 4] = [
        "0.ts",
        "x/.segment-short.tmp",
        "x/1.ts",
        "x/y/.video.m3u8.state",
    ];
    let base = in_memory();
    let root = base.path();
    fs::create_dir_all(root.join("x/y")).unwrap();
    for name in TEMPS.iter().chain(&OTHERS) {
        fs::write(root.join(name), name).unwrap();
    }
    let others = || {
        let left = OTHERS.iter().filter(|name| root.join(name).exists());
        left.count()
    };
    let handles = open_handles();
    interposed::begin(plan(faults, &[]));
    let result = counted(|| DiskSink::sweep(root));
    let calls = interposed::recorded();
    let why = || format!("{result:?} with {faults:?}\n{}", trace(root));
    let left = TEMPS.iter().filter(|name| root.join(name).exists());
    let left: Vec<_> = left.map(|name| root.join(name)).collect();
    assert_eq!(others(), OTHERS.len(), "{}", why());
    let (swept, errors) = match &result {
        Ok(swept) => (Some(swept), &swept.errors[..]),
        Err(error) => (None, std::slice::from_ref(error)),
    };
    for error in errors {
        let code = error.raw_os_error();
        let is_injected = |call: &Call| call.is_injected && call.code() == code;
        assert!(code.is_some() && calls.iter().any(is_injected), "{}", why());
        assert!(error.operation().is_some(), "{}", why());
        assert!(error.path().is_some_and(Path::is_absolute), "{}", why());
    }
    if let Some(swept) = swept {
        // One that seemed to be in use stays, and so does one that seemed to be gone.
        let was_lied_to = calls
            .iter()
            .any(|call| call.is_injected && call.code() == Some(libc::ENOENT));
        // And one that an error tells of, or of the folder that it is in.
        let is_told = |path: &Path| {
            let mut told = errors.iter().filter_map(SinkError::path);
            told.any(|told| path.starts_with(told))
        };
        let stays = |path: &PathBuf| swept.in_use.contains(path) || was_lied_to || is_told(path);
        assert!(left.iter().all(stays), "{}", why());
        let removed = swept.removed.len();
        assert_eq!(removed + left.len(), TEMPS.len(), "{}", why());
    }
    interposed::heal();
    DiskSink::sweep(root).unwrap();
    let left = TEMPS.iter().filter(|name| root.join(name).exists());
    assert_eq!(left.count(), 0, "{}", why());
    assert_eq!(
        (others(), temps(root).len()),
        (OTHERS.len(), 1),
        "{}",
        why()
    );
    assert_eq!(found(root).len(), OTHERS.len() - 1);
    assert_eq!(open_handles(), handles, "{}", why());
    (calls, result)
}
