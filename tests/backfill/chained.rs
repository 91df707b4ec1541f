//! Two streams, one feeding the other, with an origin that is down in the middle.

use std::sync::mpsc;
use std::thread;

use segment_stream::{
    BackfillOptions, DiskSink, RetryPolicy, SegmentInfo, SegmentStream, SegmentStreamConfig,
    WhenFull, WriteErrorKind,
};

use crate::common::folder::entries;
use crate::common::gate::Gate;
use crate::common::threads::must_end;
use crate::origin::Origin;
use crate::{LONG, NO_LIMIT, media, name, open, write};

/// No origin is tried twice by the live edge.
fn live_config() -> SegmentStreamConfig {
    SegmentStreamConfig::default()
        .channel_depth(3)
        .when_full(WhenFull::DropOldest)
        .retry(RetryPolicy::never())
}

/// The origin hangs while 200 segments are recorded, then is down, then up.
#[test]
fn the_recording_never_waits_for_an_origin_and_what_was_missed_follows_oldest_first() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let gate = Gate::default();
        let (live, later) = (Origin::behind(&gate), Origin::default().down());
        let backfill = open(root.path(), &later, BackfillOptions::holding(NO_LIMIT));
        let disk = backfill.recorder(DiskSink::rooted(root.path()));
        let (mut on_disk, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), disk).unwrap();
        let (at_origin, live_edge) = SegmentStream::with_sink(live_config(), live.sink()).unwrap();
        let (recorded, all_recorded) = mpsc::channel();
        let (all, missed) = thread::scope(|scope| {
            let backfill = &backfill;
            scope.spawn(move || {
                for number in 0..200 {
                    sender.send(media(number)).unwrap();
                }
            });
            scope.spawn(move || {
                for item in on_disk.with_info() {
                    backfill.forward(item, &live_edge);
                }
                recorded.send(()).unwrap();
            });
            // The live edge hangs in its first upload all the time.
            all_recorded.recv().unwrap();
            assert_eq!(live.attempts(), 1);
            assert_eq!(later.attempts(), 0, "the live edge is busy");
            gate.open();
            let mut missed = Vec::new();
            let mut all = 0;
            for item in at_origin {
                backfill.note(&item);
                match item {
                    Ok(_) => all += 1,
                    Err(error) => {
                        all += error.segments();
                        missed.extend(error.sequence()..=error.last_sequence());
                    }
                }
            }
            (all, missed)
        });
        assert_eq!((all, live.stored().len() + missed.len()), (200, 200));
        assert!(missed.len() >= 196, "{missed:?}");
        later.set_down(false);
        let stats = backfill.finish_timeout(LONG);
        assert_eq!((stats.owed, stats.uploaded), (0, missed.len() as u64));
        let expected: Vec<_> = missed.into_iter().map(name).collect();
        assert_eq!(later.stored(), expected);
    });
}

#[test]
fn nothing_is_uploaded_from_disk_while_the_live_edge_is_busy() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let origin = Origin::default();
        let backfill = open(root.path(), &origin, BackfillOptions::holding(NO_LIMIT));
        let mut disk = backfill.recorder(DiskSink::rooted(root.path()));
        for number in 0..3 {
            write(&mut disk, number);
        }
        backfill.note(&Ok(media(2)));
        assert_eq!(origin.attempts(), 0);
        backfill.note(&Ok(media(0)));
        assert!(!backfill.is_owed(name(0)) && backfill.is_owed(name(1)));
        assert_eq!((origin.attempts(), backfill.stats().owed), (0, 1));
        // The end of the live edge.
        assert_eq!(backfill.finish_timeout(LONG).owed, 0);
        assert_eq!(origin.stored(), [name(1)]);
    });
}

/// A loss on disk has its place at the live edge, and so has what does not fit there.
#[test]
fn each_item_of_the_recording_has_one_at_the_live_edge() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let origin = Origin::default();
        let backfill = open(root.path(), &origin, BackfillOptions::holding(NO_LIMIT));
        let config = SegmentStreamConfig::default().retry(RetryPolicy::never());
        let disk = DiskSink::rooted(root.path());
        std::fs::create_dir(root.path().join(name(1))).unwrap();
        let (mut on_disk, sender) =
            SegmentStream::with_sink(config, backfill.recorder(disk)).unwrap();
        let gate = Gate::default();
        let blocking = live_config().when_full(WhenFull::Block).channel_depth(1);
        let (at_origin, live_edge) =
            SegmentStream::with_sink(blocking, Origin::behind(&gate)).unwrap();
        for number in 0..4 {
            let info = SegmentInfo::new();
            let info = if number == 1 {
                info.discontinuity()
            } else {
                info
            };
            sender.send((media(number), info)).unwrap();
        }
        drop(sender);
        for item in on_disk.with_info() {
            let is_first = item.result.as_ref().is_ok_and(|it| it.sequence == 0);
            backfill.forward(item, &live_edge);
            if is_first {
                gate.wait_for_arrivals(1);
            }
        }
        drop(live_edge);
        gate.open();
        let items: Vec<_> = at_origin.collect();
        items.iter().for_each(|item| backfill.note(item));
        let errors = items[1..].iter().map(|item| item.as_ref().unwrap_err());
        let found: Vec<_> = errors
            .map(|it| (it.sequence(), it.kind(), it.info().discontinuities()))
            .collect();
        let lost = WriteErrorKind::GivenUp;
        assert_eq!(found, [(1, lost, 1), (2, lost, 0), (3, lost, 0)]);
        // The disk does not have 1.
        assert_eq!(backfill.finish_timeout(LONG).owed, 0);
        assert_eq!(origin.stored(), [2, 3].map(name));
        assert!(entries(root.path()).iter().any(|it| it.ends_with(name(3))));
    });
}

#[test]
fn a_live_edge_that_has_ended_leaves_everything_to_the_backfill() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let origin = Origin::default();
        let backfill = open(root.path(), &origin, BackfillOptions::holding(NO_LIMIT));
        let disk = backfill.recorder(DiskSink::rooted(root.path()));
        let (mut on_disk, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), disk).unwrap();
        let (at_origin, live_edge) =
            SegmentStream::with_sink(live_config(), origin.sink()).unwrap();
        drop(at_origin);
        sender.send(media(0)).unwrap();
        drop(sender);
        for item in on_disk.with_info() {
            backfill.forward_copy(&item, &live_edge);
            backfill.forward(item, &live_edge);
        }
        origin.wait_for(1);
        assert_eq!(origin.stored(), [name(0)]);
    });
}
