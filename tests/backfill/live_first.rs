//! The live edge goes first. Linux tells when the thread of the backfill rests.

use std::io;
use std::sync::mpsc;
use std::thread;

use segment_stream::{
    Backfill, BackfillOptions, DiskSink, SegmentStream, SegmentStreamConfig, sink,
};

use crate::common::gate::Gate;
use crate::common::linux::{thread_number, wait_until_asleep};
use crate::common::threads::must_end;
use crate::{LONG, NO_LIMIT, media, name, write};

/// One was missed, and the thread is in an upload when the next segment is on its way.
#[test]
fn between_two_uploads_the_live_edge_goes_first() {
    must_end(|| {
        let root = tempfile::tempdir().unwrap();
        let gate = Gate::default();
        let (at_gate, threads) = (gate.clone(), mpsc::channel());
        let origin = sink::from_fn(move |_| {
            threads.0.send(thread_number()).map_err(io::Error::other)?;
            at_gate.pass();
            Ok(())
        });
        let disk = DiskSink::rooted(root.path());
        let path = root.path().join(".backfill");
        let options = BackfillOptions::holding(NO_LIMIT);
        let backfill = Backfill::open(path, disk.clone(), origin, options).unwrap();
        let config = SegmentStreamConfig::default();
        let recorder = backfill.recorder(disk);
        let (mut on_disk, sender) = SegmentStream::with_sink(config, recorder).unwrap();
        let (ended, closed) = SegmentStream::new(SegmentStreamConfig::default()).unwrap();
        drop(ended);
        let mut miss = |number| {
            sender.send(media(number)).unwrap();
            let item = on_disk.with_info().next().unwrap();
            backfill.forward(item, &closed);
        };
        miss(0);
        gate.wait_for_arrivals(1);
        miss(1);
        let mut recorder = backfill.recorder(DiskSink::rooted(root.path()));
        write(&mut recorder, 2);
        gate.admit(1);
        while backfill.is_owed(name(0)) {
            thread::yield_now();
        }
        wait_until_asleep(&threads.1.recv().unwrap());
        assert_eq!(gate.arrivals(), 1);
        backfill.note(&Ok(media(2)));
        gate.wait_for_arrivals(2);
        gate.open();
        assert_eq!(backfill.finish_timeout(LONG).owed, 0);
    });
}
