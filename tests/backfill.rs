//! Disk first, origin second: recordings with a journal, and what an origin missed.

mod common;

#[path = "backfill/chained.rs"]
mod chained;
#[path = "backfill/ends.rs"]
mod ends;
#[path = "backfill/journal.rs"]
mod journal;
#[cfg(target_os = "linux")]
#[path = "backfill/live_first.rs"]
mod live_first;
#[path = "backfill/origin.rs"]
mod origin;
#[cfg(all(feature = "hls", feature = "http"))]
#[path = "backfill/outage.rs"]
mod outage;
#[cfg(feature = "hls")]
#[path = "backfill/playlists.rs"]
mod playlists;
#[cfg(all(feature = "hls", feature = "http"))]
#[path = "backfill/restarts.rs"]
mod restarts;
#[path = "backfill/retention.rs"]
mod retention;
#[cfg(all(feature = "hls", feature = "http"))]
#[path = "backfill/server.rs"]
mod server;

use std::path::Path;
use std::thread;
use std::time::Duration;

use segment_stream::{
    Backfill, BackfillOptions, BackfillStats, DiskSink, ProducedSegment, SegmentSink, WriteContext,
};

use origin::Origin;

/// Far longer than any test takes.
const LONG: Duration = Duration::from_secs(1_000);

const NO_LIMIT: u64 = u64::MAX;

fn media(number: u64) -> ProducedSegment {
    ProducedSegment::media(number, vec![0x47; 10], 2.0).with_path(name(number))
}

fn name(number: u64) -> String {
    format!("{number:03}.ts")
}

fn open(root: &Path, origin: &Origin, options: BackfillOptions) -> Backfill {
    let local = DiskSink::rooted(root);
    Backfill::open(root.join(".backfill"), local, origin.sink(), options).expect("it opens")
}

fn write(sink: &mut impl SegmentSink, number: u64) {
    sink.write(&media(number), &WriteContext::default())
        .expect("the disk works");
}

/// Waits until the figures are so, for as long as it takes.
fn wait_for(backfill: &Backfill, is_so: impl Fn(&BackfillStats) -> bool) {
    while !is_so(&backfill.stats()) {
        thread::yield_now();
    }
}
