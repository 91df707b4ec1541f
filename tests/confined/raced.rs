//! Another thread exchanges a directory for a link that leads outside, all the time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use segment_stream::{DiskSink, Durability, SegmentSink, WriteContext};

use crate::common::folder::{entries, in_memory, temps};
use crate::common::segments::{segment, segment_at};
use crate::common::threads::must_end;

/// Exchanges the two until it is dropped.
struct Exchanging {
    is_over: &'static AtomicBool,
    thread: Option<thread::JoinHandle<u64>>,
}

impl Exchanging {
    fn start(one: PathBuf, other: PathBuf) -> Self {
        let is_over: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        let exchange = move || {
            let mut count = 0;
            while !is_over.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                count += 1;
                thread::yield_now();
            }
            count
        };
        Self {
            is_over,
            thread: Some(thread::spawn(exchange)),
        }
    }

    fn end(&mut self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread
            .take()
            .map_or(0, |thread| thread.join().unwrap())
    }
}

impl Drop for Exchanging {
    fn drop(&mut self) {
        self.end();
    }
}

/// How often segments were stored, refused, and led outside.
#[derive(Debug, Default)]
struct Count {
    stored: usize,
    refused: usize,
    outside: usize,
}

/// Writes, reads, removes and sweeps below a directory that is exchanged for a link all the time,
/// until `is_enough`.
fn race(durability: Durability, is_enough: impl Fn(&Count) -> bool) -> Count {
    let base = in_memory();
    let at = |name: &str| base.path().join(name);
    for folder in ["root/a", "outside"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    std::os::unix::fs::symlink("../outside", at("root/b")).unwrap();
    let temp = ".segment-aaaaaaaaaaaa.tmp";
    let mut sink = DiskSink::rooted(at("root")).durability(durability);
    let context = WriteContext::default();
    let mut count = Count::default();
    let mut stored = Vec::new();
    let mut exchanging = Exchanging::start(at("root/a"), at("root/b"));
    for number in 0.. {
        fs::write(at("outside").join(temp), b"outside").unwrap();
        fs::write(at("outside/read.ts"), b"outside").unwrap();
        for hint in [
            format!("a/{number}.ts"),
            format!("a/{number}/new/0.ts"),
            "a/again.ts".to_owned(),
        ] {
            match sink.write(&segment_at(number, &hint), &context) {
                Ok(()) => {
                    count.stored += 1;
                    stored.push((number, hint));
                }
                Err(_) => count.refused += 1,
            }
        }
        let read = sink.read(Path::new("a/read.ts"), &context);
        let is_misled = read.is_ok_and(|content| content.is_some());
        let _ = sink.remove(Path::new("a/read.ts"), &context);
        let _ = DiskSink::sweep(at("root"));
        let expected = [Path::new(temp), Path::new("read.ts")];
        if is_misled || entries(&at("outside")) != expected {
            count.outside += 1;
            fs::remove_dir_all(at("outside")).unwrap();
            fs::create_dir(at("outside")).unwrap();
        }
        if is_enough(&count) {
            break;
        }
    }
    assert!(exchanging.end() > 0);
    if count.outside == 0 {
        let (a, b) = (at("root/a"), at("root/b"));
        let inside = if a.is_symlink() { b } else { a };
        for (number, hint) in stored {
            let path = inside.join(hint.strip_prefix("a/").unwrap());
            if hint != "a/again.ts" {
                assert_eq!(fs::read(path).unwrap(), segment(number).data, "{hint}");
            }
        }
        assert!(temps(&inside).is_empty());
    }
    count
}

const DURABILITIES: [Durability; 3] = [Durability::None, Durability::File, Durability::Full];

#[cfg(feature = "confined")]
#[test]
fn nothing_is_led_outside_by_a_directory_that_is_exchanged_all_the_time() {
    must_end(|| {
        for durability in DURABILITIES {
            let count = race(durability, |count| {
                count.stored > 100 && count.refused > 100
            });
            eprintln!("{durability:?}: {count:?}");
            assert_eq!(count.outside, 0);
        }
    });
}

/// The limit that the documentation of `DiskSink::rooted` names.
#[cfg(not(feature = "confined"))]
#[test]
fn without_the_feature_a_directory_that_is_exchanged_leads_outside() {
    must_end(|| {
        for durability in DURABILITIES {
            let count = race(durability, |count| count.outside > 0);
            eprintln!("{durability:?}: {count:?}");
        }
    });
}
