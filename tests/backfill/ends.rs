//! Ends: sinks that hang and panic.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use segment_stream::{Backfill, BackfillOptions, DiskSink, sink};

use crate::common::gate::Gate;
use crate::common::threads::must_end;
use crate::origin::Origin;
use crate::{LONG, NO_LIMIT, name, open, wait_for, write};

fn options() -> BackfillOptions {
    BackfillOptions::holding(NO_LIMIT)
}

/// Segments of an earlier session, which need no live edge.
fn leave(root: &Path, count: u64) {
    let backfill = open(root, &Origin::default().down(), options());
    let mut disk = backfill.recorder(DiskSink::rooted(root));
    (0..count).for_each(|number| write(&mut disk, number));
}

#[test]
fn an_end_does_not_wait_longer_for_a_sink_that_hangs() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        leave(root.path(), 2);
        let gate = Gate::default();
        let backfill = open(root.path(), &Origin::behind(&gate), options());
        gate.wait_for_arrivals(1);
        assert_eq!(backfill.finish_timeout(Duration::ZERO).owed, 2);
        gate.open();
    });
}

/// The drop waits for the sink, which learns of it.
#[test]
fn a_drop_cuts_an_upload_short() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        leave(root.path(), 2);
        let (begun, has_begun) = mpsc::channel();
        let origin = sink::from_fn_with_context(move |_, context| {
            begun.send(()).unwrap();
            while !context.is_shutting_down() {
                let _ = context.sleep(LONG);
            }
            Err(segment_stream::SinkError::transient("cut short"))
        });
        let path = root.path().join(".backfill");
        let local = DiskSink::rooted(root.path());
        let backfill = Backfill::open(path, local, origin, options()).unwrap();
        has_begun.recv().unwrap();
        drop(backfill);
        assert!(has_begun.recv().is_err(), "there is no second attempt");
        let origin = Origin::default();
        assert_eq!(
            open(root.path(), &origin, options())
                .finish_timeout(LONG)
                .owed,
            0
        );
        assert_eq!(origin.stored(), [0, 1].map(name));
    });
}

/// The recording goes on, and so does the journal.
#[test]
fn a_sink_that_panics_ends_the_upload_and_nothing_else() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        leave(root.path(), 1);
        let path = root.path().join(".backfill");
        let local = DiskSink::rooted(root.path());
        let origin = sink::from_fn(|_| std::panic::resume_unwind(Box::new("made to panic here")));
        let backfill = Backfill::open(path, local.clone(), origin, options()).unwrap();
        wait_for(&backfill, |stats| !stats.is_running);
        let error = backfill.stats().last_error.unwrap();
        assert_eq!(error, "a sink panicked: made to panic here");
        let mut disk = backfill.recorder(local);
        write(&mut disk, 1);
        drop(disk);
        assert_eq!(backfill.finish_timeout(LONG).owed, 2);
        let origin = Origin::default();
        assert_eq!(
            open(root.path(), &origin, options())
                .finish_timeout(LONG)
                .owed,
            0
        );
        assert_eq!(origin.stored(), [0, 1].map(name));
    });
}
