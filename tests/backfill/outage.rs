//! Sinks that upload, with a server that refuses everything for a while.

#[allow(dead_code, reason = "the tests of the sinks use the rest")]
#[path = "../http/server.rs"]
mod server;
#[cfg(feature = "s3")]
#[allow(dead_code, reason = "the tests of the S3 sink use the rest")]
#[path = "../s3/store.rs"]
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Origin};
use segment_stream::{
    Backfill, BackfillOptions, DiskSink, RetryPolicy, SegmentSink, SegmentStream,
    SegmentStreamConfig,
};

use crate::common::sync::Mutex;
use crate::common::threads::must_end;
use crate::origin::named;
use crate::{LONG, NO_LIMIT, media, name};
use server::Server;

const SEGMENTS: u64 = 40;
const OUTAGE: std::ops::Range<u64> = 12..25;

type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A server that is up or down, and a sink for it.
trait Uploads {
    type Sink: SegmentSink + Clone + Send + 'static;

    fn start(is_down: Arc<AtomicBool>) -> Self;
    fn sink(&self) -> Self::Sink;
    fn object(&self, name: &str) -> Option<Vec<u8>>;
}

struct Http(Server, Objects);

impl Uploads for Http {
    type Sink = segment_stream::HttpSink;

    fn start(is_down: Arc<AtomicBool>) -> Self {
        let objects = Objects::default();
        let server = Server::start({
            let objects = Arc::clone(&objects);
            move |exchange| {
                let body = exchange.body();
                if is_down.load(Ordering::SeqCst) {
                    return exchange.reply_only(503);
                }
                let name = exchange.request.line.rsplit('/').next().unwrap().to_owned();
                objects.lock().unwrap().insert(name, body);
                exchange.reply_only(201)
            }
        });
        Self(server, objects)
    }

    fn sink(&self) -> Self::Sink {
        self.0.sink()
    }

    fn object(&self, name: &str) -> Option<Vec<u8>> {
        self.1.lock().unwrap().get(name).cloned()
    }
}

#[cfg(feature = "s3")]
mod s3 {
    use super::store::{Instead, Rules, Store};
    use super::{Arc, AtomicBool, Ordering, Uploads};

    impl Uploads for Store {
        type Sink = segment_stream::S3Sink;

        fn start(is_down: Arc<AtomicBool>) -> Self {
            Self::start_with(Rules::default(), move |_| {
                if is_down.load(Ordering::SeqCst) {
                    Instead::Refuse(503, "SlowDown")
                } else {
                    Instead::Nothing
                }
            })
        }

        fn sink(&self) -> Self::Sink {
            Self::sink(self)
        }

        fn object(&self, name: &str) -> Option<Vec<u8>> {
            Self::object(self, &format!("live/{name}")).map(|it| it.data)
        }
    }
}

/// The live playlist keeps its gaps, and the one of the recording has none.
fn run<U: Uploads>() {
    let is_down = Arc::new(AtomicBool::new(false));
    let origin = U::start(Arc::clone(&is_down));
    let root = tempfile::tempdir().unwrap();
    let disk = DiskSink::rooted(root.path());
    let options = BackfillOptions::holding(NO_LIMIT);
    let path = root.path().join(".backfill");
    let backfill = Backfill::open(path, disk.clone(), origin.sink(), options).unwrap();
    let manifests = backfill.recorder(disk.clone()).with_manifests();
    let all = MediaPlaylist::vod("all.m3u8");
    let mut recording = MediaPlaylistPublisher::new(all, manifests).unwrap();
    let live = MediaPlaylist::event("live.m3u8").target_duration(Duration::from_secs(2));
    let mut live = MediaPlaylistPublisher::new(live, Origin::new(origin.sink())).unwrap();
    let (mut on_disk, sender) =
        SegmentStream::with_sink(SegmentStreamConfig::default(), backfill.recorder(disk)).unwrap();
    let config = SegmentStreamConfig::default().retry(RetryPolicy::never());
    let (mut at_origin, live_edge) = SegmentStream::with_sink(config, origin.sink()).unwrap();
    for number in 0..SEGMENTS {
        is_down.store(OUTAGE.contains(&number), Ordering::SeqCst);
        sender.send(media(number)).unwrap();
        let item = on_disk.with_info().next().unwrap();
        assert!(item.result.is_ok(), "the origin disturbs the recording");
        recording.push(&item).unwrap();
        backfill.forward(item, &live_edge);
        let item = at_origin.with_info().next().unwrap();
        assert_eq!(item.result.is_err(), OUTAGE.contains(&number), "{number}");
        backfill.note(&item.result);
        live.push(&item).unwrap();
    }
    drop((sender, live_edge));
    recording.finish().unwrap();
    live.finish().unwrap();
    assert_eq!(backfill.finish_timeout(LONG).owed, 0);
    for number in 0..SEGMENTS {
        let object = origin.object(&name(number));
        assert_eq!(object, Some(media(number).data), "{number}");
    }
    let text = |name| String::from_utf8(origin.object(name).unwrap()).unwrap();
    let all = text("all.m3u8");
    assert!(all.ends_with("#EXT-X-ENDLIST\n") && !all.contains("#EXT-X-GAP"));
    assert_eq!(named(&all), (0..SEGMENTS).map(name).collect::<Vec<_>>());
    let stored = (0..SEGMENTS).filter(|number| !OUTAGE.contains(number));
    assert_eq!(
        named(&text("live.m3u8")),
        stored.map(name).collect::<Vec<_>>()
    );
}

#[test]
fn an_http_origin_gets_what_it_missed_in_an_outage() {
    must_end(run::<Http>);
}

#[cfg(feature = "s3")]
#[test]
fn a_store_gets_what_it_missed_in_an_outage() {
    must_end(run::<store::Store>);
}
