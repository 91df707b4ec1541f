//! Any bytes as a path hint of a rooted disk sink.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use segment_stream::{DiskSink, Durability, Existing, ProducedSegment, SegmentSink, WriteContext};
use tempfile::TempDir;

/// Longer ones only make more folders.
const LONGEST: usize = 300;
const PAYLOAD: &[u8] = b"the payload of the segment";

/// The entry at a path.
#[derive(Debug, PartialEq, Eq)]
enum What {
    Folder,
    File(Vec<u8>),
    Link(PathBuf),
    Other,
}

type Listing = BTreeMap<PathBuf, What>;

/// A root with what may be in the way inside, and what must stay as it is outside.
struct Surroundings {
    around: TempDir,
    root: PathBuf,
    before: Listing,
}

thread_local! {
    // They are left as they were found, so one will do for all inputs.
    static SURROUNDINGS: Surroundings = Surroundings::new();
}

/// The first byte is what the sink is told, the others are the hint.
pub(crate) fn check(data: &[u8]) {
    let (how, hint) = data.split_first().unwrap_or((&0, &[]));
    let hint = Path::new(OsStr::from_bytes(&hint[..hint.len().min(LONGEST)]));
    SURROUNDINGS.with(|surroundings| surroundings.check(*how, hint));
}

impl Surroundings {
    fn new() -> Self {
        // In memory, where the system has that: a disk is slow, and wears off.
        let around = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        let root = around.path().join("root");
        fs::create_dir_all(around.path().join("outside")).unwrap();
        fs::create_dir_all(root.join("inside")).unwrap();
        fs::write(around.path().join("outside/file"), b"outside").unwrap();
        fs::write(root.join("kept"), b"kept").unwrap();
        symlink("../outside", root.join("out")).unwrap();
        symlink(around.path().join("outside"), root.join("absolute")).unwrap();
        symlink("inside", root.join("in")).unwrap();
        symlink("../outside/file", root.join("link")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let fifo = Command::new("mkfifo").arg(root.join("fifo")).status();
        assert!(fifo.unwrap().success());
        let before = listing(around.path());
        Self {
            around,
            root,
            before,
        }
    }

    fn check(&self, how: u8, hint: &Path) {
        let durability = [Durability::None, Durability::Full][usize::from(how & 1)];
        let existing = [Existing::Replace, Existing::Refuse][usize::from(how >> 1 & 1)];
        let mut sink = DiskSink::rooted(&self.root)
            .durability(durability)
            .existing(existing);
        let segment = ProducedSegment::media(0, PAYLOAD.to_vec(), 2.0).with_path(hint);
        let written = sink.write(&segment, &WriteContext::default());
        let after = listing(self.around.path());
        let changed: Vec<_> = after
            .iter()
            .filter(|(path, what)| self.before.get(*path) != Some(what))
            .collect();
        assert!(
            self.before.keys().all(|path| after.contains_key(path)),
            "something vanished: {after:?}"
        );
        assert!(
            changed.iter().all(|(path, _)| path.starts_with("root")),
            "outside the root: {changed:?}"
        );
        let (folders, files): (Vec<_>, Vec<_>) = changed
            .iter()
            .partition(|(_, what)| matches!(what, What::Folder));
        match &written {
            Ok(()) => {
                // Where it is to be, whatever detours the hint takes.
                let names = hint.components().filter(|it| *it != Component::CurDir);
                let path = Path::new("root").join(names.collect::<PathBuf>());
                assert_eq!(files, [(&path, &What::File(PAYLOAD.to_vec()))]);
                assert!(
                    folders.iter().all(|(folder, _)| path.starts_with(folder)),
                    "other folders: {folders:?}"
                );
                assert!(
                    may_pass(hint),
                    "{} names no file below the root",
                    hint.display()
                );
            }
            Err(error) => {
                assert!(files.is_empty(), "after {error}: {files:?}");
                let is_refused_at_once = error.operation() == Some("use the path hint");
                assert!(is_refused_at_once || may_pass(hint), "{error}");
                let is_refused = existing == Existing::Refuse && is_kept(hint);
                assert!(
                    !is_harmless(hint) || is_refused,
                    "{}: {error}",
                    hint.display()
                );
            }
        }
        let removed = sink.remove(hint, &WriteContext::default());
        assert!(written.is_err() || removed.is_ok(), "{removed:?}");
        self.clean_up(hint);
    }

    /// Checks that a removal has removed nothing but what was written, or would have been
    /// replaced; and makes everything as it was.
    fn clean_up(&self, hint: &Path) {
        let kept = self.root.join("kept");
        if !kept.exists() {
            assert!(is_kept(hint), "it was another file");
            fs::write(kept, b"kept").unwrap();
        }
        let left = listing(self.around.path());
        for (path, what) in left.iter().rev() {
            if !self.before.contains_key(path) {
                assert_eq!(*what, What::Folder, "{} is left", path.display());
                fs::remove_dir(self.around.path().join(path)).unwrap();
            }
        }
        assert_eq!(listing(self.around.path()), self.before);
    }
}

fn listing(folder: &Path) -> Listing {
    let mut found = Listing::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(folder.join(&current)).unwrap() {
            let entry = entry.unwrap();
            let path = current.join(entry.file_name());
            let kind = entry.file_type().unwrap();
            let what = if kind.is_dir() {
                folders.push(path.clone());
                What::Folder
            } else if kind.is_file() {
                What::File(fs::read(entry.path()).unwrap())
            } else if kind.is_symlink() {
                What::Link(fs::read_link(entry.path()).unwrap())
            } else {
                What::Other
            };
            found.insert(path, what);
        }
    }
    found
}

fn is_kept(hint: &Path) -> bool {
    let names = hint.components().filter(|it| *it != Component::CurDir);
    names.eq([Component::Normal(OsStr::new("kept"))])
}

/// Whether the hint can name a file below the root at all, by its bytes alone.
fn may_pass(hint: &Path) -> bool {
    let bytes = hint.as_os_str().as_bytes();
    let parts: Vec<_> = bytes.split(|byte| *byte == b'/').collect();
    let last = parts.last().copied().unwrap_or_default();
    !bytes.starts_with(b"/")
        && !bytes.contains(&0)
        && !parts.contains(&&b".."[..])
        && !["", "."].map(str::as_bytes).contains(&last)
}

/// Whether nothing can be in the way of it, so that it has to be taken.
fn is_harmless(hint: &Path) -> bool {
    let bytes = hint.as_os_str().as_bytes();
    let parts: Vec<_> = bytes.split(|byte| *byte == b'/').collect();
    let mut names = parts
        .iter()
        .filter(|part| !["", "."].map(str::as_bytes).contains(part));
    let in_the_way = [
        "absolute", "dangling", "fifo", "in", "inside", "kept", "link", "out",
    ];
    let first = names.clone().next().copied().unwrap_or_default();
    let is_free = !in_the_way.map(str::as_bytes).contains(&first) || is_kept(hint);
    may_pass(hint)
        && is_free
        && names.all(|name| name.len() <= 255 && !name.starts_with(b".segment-"))
}
