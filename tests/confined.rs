//! A rooted sink writes nothing outside its root, whatever the path hint says.
#![cfg(unix)]

mod common;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::again::{again, folder, must_pass};
use common::folder::{entries, in_memory, temps};
use common::segments::{segment, segment_at};
use proptest::prelude::*;
use segment_stream::{DiskSink, Durability, SegmentSink, WriteContext};
use tempfile::{TempDir, tempdir};

/// A root with something around it that must stay as it is.
struct Surroundings {
    around: TempDir,
    root: PathBuf,
    before: Vec<PathBuf>,
}

impl Surroundings {
    fn new() -> Self {
        let around = in_memory();
        let root = around.path().join("root");
        fs::create_dir_all(around.path().join("outside")).unwrap();
        fs::create_dir_all(root.join("inside")).unwrap();
        fs::write(around.path().join("outside/file"), b"untouched").unwrap();
        symlink("../outside", root.join("out")).unwrap();
        symlink(around.path().join("outside"), root.join("absolute")).unwrap();
        symlink("inside", root.join("in")).unwrap();
        symlink("../outside/file", root.join("file")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let before = Self::outside_of(&around);
        Self {
            around,
            root,
            before,
        }
    }

    fn outside_of(around: &TempDir) -> Vec<PathBuf> {
        let mut found = entries(around.path());
        found.retain(|path| !path.starts_with("root/"));
        found
    }

    fn assert_untouched(&self) {
        assert_eq!(Self::outside_of(&self.around), self.before);
        let file = fs::read(self.around.path().join("outside/file")).unwrap();
        assert_eq!(file, b"untouched");
        assert!(temps(self.around.path()).is_empty());
    }

    fn write(&self, hint: &Path) -> Result<(), segment_stream::SinkError> {
        DiskSink::rooted(&self.root).write(&segment_at(0, hint), &WriteContext::default())
    }
}

#[test]
fn hints_that_name_no_file_below_the_root_are_refused() {
    let hints: &[&[u8]] = &[
        b"",
        b".",
        b"..",
        b"/",
        b"./",
        b"../",
        b"../x",
        b"../outside/file",
        b"a/../../x",
        b"a/../x",
        b"inside/..",
        b"inside/../../outside/x",
        b"/etc/segment-stream-test",
        b"//etc/x",
        b"/",
        b"x/",
        b"inside/",
        b"x/.",
        b"x/./",
        b"nul\0byte",
        b"\0",
        b"inside/nul\0",
        b"out/x",
        b"out/file",
        b"absolute/x",
        b"in/x",
        b"./out/x",
        b"inside/../out/x",
        b".segment-abcdef123456.tmp",
        b"inside/.segment-ABCDEF123456.tmp",
    ];
    for hint in hints {
        let surroundings = Surroundings::new();
        let inside = entries(&surroundings.root);
        let hint = PathBuf::from(OsString::from_vec(hint.to_vec()));
        let error = surroundings.write(&hint).expect_err("it must be refused");
        assert_eq!(
            error.io_kind(),
            io::ErrorKind::InvalidInput,
            "{hint:?}: {error}"
        );
        assert_eq!(error.path(), Some(&*hint));
        assert_eq!(error.operation(), Some("use the path hint"));
        surroundings.assert_untouched();
        assert_eq!(entries(&surroundings.root), inside, "{hint:?}");
    }
}

#[test]
fn a_link_at_the_target_is_neither_followed_nor_replaced() {
    for hint in ["file", "dangling", "in", "out"] {
        let surroundings = Surroundings::new();
        let error = surroundings.write(Path::new(hint)).unwrap_err();
        assert_eq!(error.io_kind(), io::ErrorKind::AlreadyExists, "{error}");
        assert!(surroundings.root.join(hint).is_symlink());
        surroundings.assert_untouched();
    }
}

#[test]
fn a_missing_root_is_made_and_a_root_that_is_a_link_is_followed() {
    let surroundings = Surroundings::new();
    let root = surroundings.around.path().join("made/here");
    let mut sink = DiskSink::rooted(&root);
    sink.write(&segment_at(0, "0.ts"), &WriteContext::default())
        .unwrap();
    assert_eq!(entries(&root), [Path::new("0.ts")]);

    let link = surroundings.around.path().join("link");
    symlink(&surroundings.root, &link).unwrap();
    let mut sink = DiskSink::rooted(&link);
    sink.write(&segment_at(0, "inside/0.ts"), &WriteContext::default())
        .unwrap();
    assert!(surroundings.root.join("inside/0.ts").exists());
}

const DURABILITIES: [Durability; 3] = [Durability::None, Durability::File, Durability::Full];

#[test]
fn a_root_that_must_exist_is_not_made_and_what_is_below_it_is() {
    let work = tempdir().unwrap();
    let root = work.path().join("mount/root");
    for (number, durability) in (0..).zip(DURABILITIES) {
        let sink = DiskSink::rooted(&root).durability(durability);
        for mut sink in [sink.clone().root_must_exist(), sink.same_device()] {
            let segment = segment_at(number, format!("a/b/{number}.ts"));
            let mut write = || sink.write(&segment, &WriteContext::default());
            for above in ["", "mount"] {
                fs::create_dir_all(work.path().join(above)).unwrap();
                let error = write().unwrap_err();
                assert_eq!(error.io_kind(), io::ErrorKind::NotFound, "{error}");
                assert_eq!(error.operation(), Some("use the root"));
                assert_eq!(error.path(), Some(&*root));
                assert!(!root.exists());
            }
            fs::create_dir(&root).unwrap();
            write().unwrap();
            assert!(root.join(segment.path_hint.as_ref().unwrap()).exists());
            sink.remove(
                segment.path_hint.as_ref().unwrap(),
                &WriteContext::default(),
            )
            .unwrap();
            fs::remove_dir_all(work.path().join("mount")).unwrap();
        }
    }
}

#[test]
fn a_root_that_must_exist_and_is_a_file_is_an_error() {
    let work = tempdir().unwrap();
    let root = work.path().join("root");
    fs::write(&root, b"content").unwrap();
    let mut sink = DiskSink::rooted(&root).root_must_exist();
    let written = sink.write(&segment_at(0, "0.ts"), &WriteContext::default());
    let error = written.unwrap_err();
    assert_eq!(error.io_kind(), io::ErrorKind::NotADirectory, "{error}");
    assert!(!error.is_transient());
}

#[test]
fn a_planted_link_in_place_of_a_temp_file_is_not_followed() {
    // Names cannot be guessed, so here is the next best: links under every name that a sweep would
    // take for a temp file. It leaves them alone, and a write beside them succeeds.
    let surroundings = Surroundings::new();
    let planted = surroundings.root.join(".segment-abcdef123456.tmp");
    symlink("../outside/file", &planted).unwrap();
    assert!(
        DiskSink::sweep(&surroundings.root)
            .unwrap()
            .removed
            .is_empty()
    );
    surroundings.write(Path::new("0.ts")).unwrap();
    assert!(planted.is_symlink());
    let file = fs::read(surroundings.around.path().join("outside/file")).unwrap();
    assert_eq!(file, b"untouched");
}

/// The current folder is that of the whole process, so these have one of their own.
#[test]
fn a_relative_root_stays_where_it_was_when_the_sink_was_made() {
    let work = tempdir().unwrap();
    let part = "writes_below_a_relative_root";
    must_pass(again(&[], part, work.path()).current_dir(work.path()));
    for root in ["here", "here/root"] {
        assert!(work.path().join(root).join("a/0.ts").exists());
        assert!(work.path().join(root).join("a/1.ts").exists());
    }
    assert!(entries(&work.path().join("elsewhere")).is_empty());
}

#[test]
#[ignore = "a part of a_relative_root_stays_where_it_was_when_the_sink_was_made"]
fn writes_below_a_relative_root() {
    fs::create_dir("here").unwrap();
    fs::create_dir("elsewhere").unwrap();
    env::set_current_dir(folder().join("here")).unwrap();
    for durability in [Durability::None, Durability::Full] {
        for root in ["", ".", "root", "./root"] {
            env::set_current_dir(folder().join("here")).unwrap();
            let mut sink = DiskSink::rooted(root).durability(durability);
            let context = WriteContext::default();
            sink.write(&segment_at(0, "a/0.ts"), &context).unwrap();
            env::set_current_dir(folder().join("elsewhere")).unwrap();
            sink.write(&segment_at(1, "a/1.ts"), &context).unwrap();
            sink.remove(Path::new("a/0.ts"), &WriteContext::default())
                .unwrap();
            sink.write(&segment_at(0, "a/0.ts"), &context).unwrap();
        }
    }
}

#[test]
fn a_relative_root_without_a_current_folder_is_an_error_of_each_write() {
    let work = tempdir().unwrap();
    let part = "writes_without_a_current_folder";
    must_pass(again(&[], part, work.path()).current_dir(work.path()));
    assert!(entries(work.path()).is_empty());
}

#[test]
#[ignore = "a part of a_relative_root_without_a_current_folder_is_an_error_of_each_write"]
fn writes_without_a_current_folder() {
    let gone = folder().join("gone");
    fs::create_dir(&gone).unwrap();
    env::set_current_dir(&gone).unwrap();
    fs::remove_dir(&gone).unwrap();
    let mut sink = DiskSink::rooted("root");
    env::set_current_dir(folder()).unwrap();
    for _ in 0..2 {
        let written = sink.write(&segment_at(0, "0.ts"), &WriteContext::default());
        let error = written.expect_err("nobody knows where the root is");
        assert_eq!(error.operation(), Some("resolve the root"));
        assert_eq!(error.path(), Some(Path::new("root")));
        assert_eq!(error.raw_os_error(), Some(2), "{error}");
    }
    assert!(
        sink.remove(Path::new("0.ts"), &WriteContext::default())
            .is_err()
    );
}

/// Parts that attack, parts that are links in the surroundings, and any bytes at all.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&[u8]> = vec![
        b"..",
        b".",
        b"",
        b"/",
        b"out",
        b"absolute",
        b"in",
        b"inside",
        b"file",
        b"dangling",
        b"x",
        b"...",
        b"~",
        b" ",
        b"outside",
    ];
    prop_oneof![
        4 => prop::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => (200_usize..300).prop_map(|length| vec![b'n'; length]),
    ]
}

fn hint() -> impl Strategy<Value = PathBuf> {
    let separator = prop::sample::select(vec!["/", "//", "/./"]);
    (
        any::<bool>(),
        prop::collection::vec((part(), separator), 0..6),
        any::<bool>(),
    )
        .prop_map(|(absolute, parts, trailing)| {
            let mut bytes = if absolute { b"/".to_vec() } else { Vec::new() };
            for (number, (part, separator)) in parts.iter().enumerate() {
                if number > 0 {
                    bytes.extend_from_slice(separator.as_bytes());
                }
                bytes.extend_from_slice(part);
            }
            if trailing {
                bytes.push(b'/');
            }
            PathBuf::from(OsString::from_vec(bytes))
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn no_hint_touches_anything_outside_the_root(hint in hint(), full in any::<bool>()) {
        let surroundings = Surroundings::new();
        let durability = if full { Durability::Full } else { Durability::None };
        let mut sink = DiskSink::rooted(&surroundings.root).durability(durability);
        let written = sink.write(&segment_at(0, &hint), &WriteContext::default());
        surroundings.assert_untouched();
        if written.is_ok() {
            // It is below the root, links and all, and whole.
            let found = fs::canonicalize(surroundings.root.join(&hint)).unwrap();
            let root = fs::canonicalize(&surroundings.root).unwrap();
            prop_assert!(found.starts_with(root));
            prop_assert_eq!(fs::read(found).unwrap(), segment(0).data);
            sink.remove(&hint, &WriteContext::default()).unwrap();
        } else {
            let _ = sink.remove(&hint, &WriteContext::default());
        }
        surroundings.assert_untouched();
    }
}
