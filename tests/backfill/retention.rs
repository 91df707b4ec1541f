//! Files that retention wants to delete, and files that are lost.

use std::path::Path;

use segment_stream::{Backfill, BackfillOptions, DiskSink, SegmentSink, WriteContext};

use crate::common::threads::must_end;
use crate::origin::Origin;
use crate::{LONG, NO_LIMIT, media, name, open, wait_for, write};

fn remove(sink: &mut impl SegmentSink, number: u64) {
    let path = name(number);
    sink.remove(Path::new(&path), &WriteContext::default())
        .unwrap();
}

fn is_there(root: &Path, number: u64) -> bool {
    root.join(name(number)).exists()
}

#[test]
fn a_file_that_the_origin_lacks_is_deleted_once_it_is_there() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let origin = Origin::default().down();
        let backfill = open(root.path(), &origin, BackfillOptions::holding(NO_LIMIT));
        let mut disk = backfill.recorder(DiskSink::rooted(root.path()));
        for number in 0..3 {
            write(&mut disk, number);
        }
        remove(&mut disk, 0);
        remove(&mut disk, 1);
        assert_eq!(
            (backfill.stats().held, backfill.stats().held_bytes),
            (2, 20)
        );
        assert!(is_there(root.path(), 0) && is_there(root.path(), 1));
        backfill.note(&Ok(media(0)));
        wait_for(&backfill, |_| !is_there(root.path(), 0));
        assert!(is_there(root.path(), 1));
        // What the origin has goes at once.
        backfill.note(&Ok(media(2)));
        remove(&mut disk, 2);
        assert!(!is_there(root.path(), 2));
        // The next session uploads and deletes it.
        drop((backfill, disk));
        let origin = Origin::default();
        let backfill = open(root.path(), &origin, BackfillOptions::holding(NO_LIMIT));
        assert_eq!(backfill.finish_timeout(LONG).owed, 0);
        assert_eq!(origin.stored(), [name(1)]);
        assert!(!is_there(root.path(), 1));
    });
}

#[test]
fn beyond_the_limit_the_oldest_are_lost_and_counted() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let origin = Origin::default().down();
        let options = BackfillOptions::holding(20);
        let backfill = open(root.path(), &origin, options.clone());
        let mut disk = backfill.recorder(DiskSink::rooted(root.path()));
        for number in 0..5 {
            write(&mut disk, number);
            remove(&mut disk, number);
        }
        let there: Vec<_> = (0..5).filter(|it| is_there(root.path(), *it)).collect();
        assert_eq!(there, [3, 4]);
        let stats = backfill.stats();
        assert_eq!((stats.lost, stats.held, stats.owed), (3, 2, 2));
        drop((backfill, disk));
        let origin = Origin::default();
        assert_eq!(
            open(root.path(), &origin, options)
                .finish_timeout(LONG)
                .owed,
            0
        );
        assert_eq!(origin.stored(), [3, 4].map(name));
    });
}

#[test]
fn local_copies_go_once_the_origin_has_them_if_asked() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let origin = Origin::default();
        let options = BackfillOptions::holding(NO_LIMIT).delete_local();
        let backfill = open(root.path(), &origin, options);
        let mut disk = backfill.recorder(DiskSink::rooted(root.path()));
        for number in 0..3 {
            write(&mut disk, number);
        }
        backfill.note(&Ok(media(2)));
        wait_for(&backfill, |_| !is_there(root.path(), 2));
        assert!(is_there(root.path(), 0));
        assert_eq!(backfill.finish_timeout(LONG).owed, 0);
        assert_eq!(origin.stored(), [0, 1].map(name));
        assert!(!is_there(root.path(), 0) && !is_there(root.path(), 1));
    });
}

#[test]
fn a_file_stays_until_each_of_two_origins_has_it() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let (one, other) = (Origin::default().down(), Origin::default().down());
        let options = BackfillOptions::holding(NO_LIMIT);
        let disk = DiskSink::rooted(root.path());
        let path = root.path().join(".other");
        let second = Backfill::open(path, disk.clone(), other.sink(), options.clone()).unwrap();
        let local = second.recorder(disk.clone());
        let path = root.path().join(".one");
        let first = Backfill::open(path, local, one.sink(), options).unwrap();
        let mut disk = first.recorder(second.recorder(disk));
        for number in 0..2 {
            write(&mut disk, number);
            remove(&mut disk, number);
        }
        first.note(&Ok(media(0)));
        wait_for(&second, |stats| stats.held == 1);
        assert!(is_there(root.path(), 0));
        second.note(&Ok(media(0)));
        wait_for(&first, |_| !is_there(root.path(), 0));
        // In the other order.
        second.note(&Ok(media(1)));
        assert!(is_there(root.path(), 1));
        first.note(&Ok(media(1)));
        wait_for(&first, |_| !is_there(root.path(), 1));
        assert_eq!((one.attempts(), other.attempts()), (0, 0));
    });
}

/// Somebody else has deleted it.
#[test]
fn a_file_that_is_gone_is_lost_and_holds_up_no_other() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let origin = Origin::default();
        let backfill = open(root.path(), &origin, BackfillOptions::holding(NO_LIMIT));
        let mut disk = backfill.recorder(DiskSink::rooted(root.path()));
        for number in 0..2 {
            write(&mut disk, number);
        }
        std::fs::remove_file(root.path().join(name(0))).unwrap();
        let stats = backfill.finish_timeout(LONG);
        assert_eq!((stats.lost, stats.owed), (1, 0));
        assert_eq!(origin.stored(), [name(1)]);
    });
}

#[test]
fn a_refused_object_holds_up_no_other_and_is_left_for_the_next_session() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let origin = Origin::default();
        origin.refuse(&name(0));
        let options = BackfillOptions::holding(NO_LIMIT);
        let backfill = open(root.path(), &origin, options.clone());
        let mut disk = backfill.recorder(DiskSink::rooted(root.path()));
        for number in 0..3 {
            write(&mut disk, number);
        }
        drop(disk);
        let stats = backfill.finish_timeout(LONG);
        assert_eq!((stats.owed, stats.uploaded), (1, 2));
        origin.refuse("");
        assert_eq!(
            open(root.path(), &origin, options)
                .finish_timeout(LONG)
                .owed,
            0
        );
        assert_eq!(origin.stored(), [1, 2, 0].map(name));
    });
}

/// The write of a new file waits until the old one is deleted, so that it is not deleted instead.
#[test]
fn a_name_that_is_used_again_is_uploaded_again_and_stays() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let origin = Origin::default();
        let options = BackfillOptions::holding(NO_LIMIT).delete_local();
        let backfill = open(root.path(), &origin, options);
        let mut disk = backfill.recorder(DiskSink::rooted(root.path()));
        for _ in 0..100 {
            write(&mut disk, 0);
            backfill.note(&Ok(media(0)));
        }
        write(&mut disk, 0);
        // An older one of this name.
        let mut older = media(0);
        older.sequence = 9;
        backfill.note(&Ok(older));
        assert!(backfill.is_owed(name(0)) && is_there(root.path(), 0));
        assert_eq!(backfill.finish_timeout(LONG).uploaded, 1);
    });
}
