//! Several writers that make the same folders at the same time, while syncs fail, and folders
//! cannot be taken back.

use std::collections::HashMap;
use std::path::PathBuf;
use std::thread;

use super::common::threads::must_end;
use super::*;
use crate::interposed::disk::Disk;
use crate::store::trace;

const WRITERS: u64 = 4;
/// Each writer's, in turn: the same folders as the others', in another order.
const FOLDERS: [&str; 6] = ["a/b", "a", "a/c/d", "a/c", "e/f", "a/b/g"];

/// Numbers that look as if drawn.
struct Draw(u64);

impl Draw {
    fn one_in(&mut self, count: u64) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.is_multiple_of(count)
    }
}

/// The code of a sync that has not failed by itself: it is told of one that has.
const TOLD: i32 = libc::ENOSPC;

/// The sync of a directory fails from time to time. As in the kernel, only those who had the
/// directory open at the time get the error.
fn fails_now_and_then(seed: u64) -> interposed::Plan {
    let mut draw = Draw(seed + 1);
    let mut last_to_be_told: HashMap<PathBuf, u64> = HashMap::new();
    Box::new(move |_, call| {
        let code = match call.kind {
            Kind::Sync if call.path.extension().is_none() => {
                if draw.one_in(5) {
                    last_to_be_told.insert(call.path.clone(), call.openings);
                    Some(libc::EIO)
                } else {
                    let last = last_to_be_told.get(&call.path);
                    last.is_some_and(|last| call.handle <= *last)
                        .then_some(TOLD)
                }
            }
            Kind::RemoveFolder => draw.one_in(5).then_some(libc::EIO),
            Kind::MakeFolder => draw.one_in(20).then_some(libc::EIO),
            _ => None,
        };
        code.map(Fault::Code)
    })
}

/// Stored by a writer that was told so when this many calls had been made.
struct Stored {
    hint: PathBuf,
    position: usize,
}

fn round(seed: u64) -> usize {
    let base = in_memory();
    let mut disk = Disk::of(base.path());
    interposed::begin(fails_now_and_then(seed));
    let sink = DiskSink::rooted(base.path().join("root")).durability(Durability::Full);
    let write_all = |writer: u64| {
        let mut sink = sink.clone();
        move || {
            let mut stored = Vec::new();
            for turn in 0..FOLDERS.len() as u64 {
                let folder = FOLDERS[usize::try_from((turn + writer + seed) % 6).unwrap()];
                let hint = format!("{folder}/{writer}-{turn}.ts");
                let segment = segment(writer, &hint);
                let written = counted(|| sink.write(&segment, &WriteContext::default()));
                let position = interposed::position();
                let hint = Path::new("root").join(hint);
                stored.extend(written.is_ok().then_some(Stored { hint, position }));
            }
            stored
        }
    };
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| thread::spawn(write_all(writer)))
        .collect();
    let mut stored = Vec::new();
    for writer in writers {
        stored.extend(writer.join().unwrap());
    }
    stored.sort_by_key(|stored| stored.position);
    let count = stored.len();
    let mut stored = stored.into_iter().peekable();
    for (position, call) in (1..).zip(&interposed::recorded()) {
        if call.code() != Some(TOLD) {
            disk.go_on(call);
        }
        while let Some(Stored { hint, .. }) = stored.next_if(|it| it.position == position) {
            let is_durable = disk.least().contains_key(&hint);
            let hint = hint.display();
            assert!(is_durable, "{hint}, {seed}\n{}", trace(base.path()));
        }
    }
    assert!(stored.next().is_none());
    count
}

#[test]
fn what_one_of_several_writers_has_stored_stands_in_durable_folders() {
    let _alone = alone();
    must_end(|| {
        let rounds = cases(400, 20_000);
        let stored: usize = (0..rounds).map(round).sum();
        let writes = usize::try_from(rounds * WRITERS).unwrap() * FOLDERS.len();
        eprintln!("several writers: {stored} of {writes} were stored");
        assert!(stored > writes / 10 && stored < writes);
    });
}
