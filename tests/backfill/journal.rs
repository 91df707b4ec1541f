//! The journal across sessions, and files that are none.

use std::fs;
use std::io;

use segment_stream::{
    Backfill, BackfillOptions, DiskSink, ProducedSegment, SegmentSink, WriteContext, sink,
};

use crate::common::threads::must_end;
use crate::origin::Origin;
use crate::{LONG, NO_LIMIT, media, name, open, write};

fn options() -> BackfillOptions {
    BackfillOptions::holding(NO_LIMIT)
}

/// A process that is killed leaves the journal after some byte of it. The next one uploads what the
/// whole lines say, never forgets a segment whose line is whole, and needs no more than the journal.
#[test]
fn the_next_session_uploads_what_is_left_whatever_byte_the_journal_ends_with() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(".backfill");
        let origin = Origin::default().down();
        let backfill = open(root.path(), &origin, options());
        let mut disk = backfill.recorder(DiskSink::rooted(root.path()));
        let mut ends = vec![fs::read(&path).unwrap().len()];
        for number in 0..4 {
            write(&mut disk, number);
            ends.push(fs::read(&path).unwrap().len());
        }
        let owed_before_settled = ends.clone();
        backfill.note(&Ok(media(1)));
        let text = fs::read(&path).unwrap();
        drop((backfill, disk));
        for cut in 0..=text.len() {
            fs::write(&path, &text[..cut]).unwrap();
            let origin = Origin::default();
            let backfill = open(root.path(), &origin, options());
            assert_eq!(backfill.finish_timeout(LONG).owed, 0);
            let whole = owed_before_settled
                .iter()
                .filter(|end| **end <= cut)
                .count() as u64;
            let mut expected: Vec<_> = (0..whole.saturating_sub(1)).map(name).collect();
            if cut == text.len() {
                expected.retain(|it| *it != name(1));
            }
            assert_eq!(origin.stored(), expected, "cut at {cut}");
        }
    });
}

/// A segment is in the journal before it is on disk, or a kill between would forget it.
#[test]
fn a_segment_is_noted_before_it_is_written() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(".backfill");
        let backfill = open(root.path(), &Origin::default().down(), options());
        let seen = std::sync::Arc::new(crate::common::sync::Mutex::new(String::new()));
        let at_write = std::sync::Arc::clone(&seen);
        let mut disk = backfill.recorder(sink::from_fn(move |_| {
            *at_write.lock().unwrap() = fs::read_to_string(&path)?;
            Ok(())
        }));
        write(&mut disk, 7);
        let seen = seen.lock().unwrap().clone();
        assert!(seen.contains(" 007.ts\n"), "{seen}");
    });
}

#[test]
fn the_journal_stays_short_however_long_the_session() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(".backfill");
        let backfill = open(root.path(), &Origin::default().down(), options());
        let mut disk = backfill.recorder(sink::from_fn(|_| Ok(())));
        write(&mut disk, 0);
        for number in 1..5_000 {
            write(&mut disk, number);
            backfill.note(&Ok(media(number)));
            let lines = || fs::read_to_string(&path).unwrap().lines().count();
            assert!(number % 500 != 0 || lines() < 1_040, "{}", lines());
        }
        assert!(backfill.is_owed(name(0)));
    });
}

/// It records all the same, and the journal is whole again once it can be written.
#[cfg(unix)]
#[test]
fn a_journal_that_cannot_be_written_holds_up_nothing() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("journals");
        let path = folder.join("first");
        let origin = Origin::default().down();
        let local = DiskSink::rooted(root.path());
        let backfill = Backfill::open(&path, local.clone(), origin.sink(), options()).unwrap();
        let mut disk = backfill.recorder(local.clone());
        for number in 0..2_000 {
            write(&mut disk, number);
            // The journal is written anew when most of it is of no use.
            backfill.note(&Ok(media(number)));
            if number == 10 {
                fs::rename(&folder, root.path().join("moved")).unwrap();
            }
        }
        let error = backfill.stats().journal_error;
        assert!(error.is_some_and(|error| error.contains("No such file")));
        fs::rename(root.path().join("moved"), &folder).unwrap();
        write(&mut disk, 3_000);
        assert_eq!(backfill.stats().journal_error, None);
        drop((backfill, disk));
        let origin = Origin::default();
        let next = Backfill::open(&path, local, origin.sink(), options()).unwrap();
        assert_eq!(next.finish_timeout(LONG).owed, 0);
        assert_eq!(origin.stored(), [name(3_000)]);
    });
}

#[test]
fn a_journal_has_one_backfill_and_no_other_file_is_taken_for_one() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(".backfill");
        let first = open(root.path(), &Origin::default(), options());
        let open = || {
            let disk = DiskSink::rooted(root.path());
            Backfill::open(&path, disk, Origin::default(), options())
        };
        let error = open().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy, "{error}");
        drop(first);
        fs::write(&path, "#EXTM3U\n").unwrap();
        let error = open().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"#EXTM3U\n");
        let expected =
            format!("cannot open the journal {path:?}: it was not written by a backfill");
        assert_eq!(error.to_string(), expected);
    });
}

#[test]
fn initialisation_segments_are_uploaded_as_such_and_segments_without_a_name_pass() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let kinds = std::sync::Arc::new(crate::common::sync::Mutex::new(Vec::new()));
        let seen = std::sync::Arc::clone(&kinds);
        let origin = sink::from_fn_with_context(move |segment, context| {
            let kind = (segment.is_init, context.object());
            seen.lock()
                .unwrap()
                .push((segment.sequence, segment.duration_secs, kind));
            Ok(())
        });
        let disk = DiskSink::rooted(root.path());
        let path = root.path().join(".backfill");
        let backfill = Backfill::open(path, disk.clone(), origin, options()).unwrap();
        let mut disk = backfill.recorder(disk);
        let init = ProducedSegment::init(vec![1]).with_path("init.mp4");
        let object = segment_stream::ObjectKind::InitialisationSegment;
        disk.write(&init, &WriteContext::default().for_object(object))
            .unwrap();
        disk.write(
            &ProducedSegment::media(1, vec![0], 2.0),
            &WriteContext::default(),
        )
        .unwrap();
        write(&mut disk, 2);
        assert_eq!(backfill.stats().owed, 2);
        assert_eq!(backfill.finish_timeout(LONG).owed, 0);
        let media = segment_stream::ObjectKind::MediaSegment;
        let expected = [(0, 0.0, (true, object)), (2, 2.0, (false, media))];
        assert_eq!(*kinds.lock().unwrap(), expected);
    });
}
