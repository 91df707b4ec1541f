//! The segments' sink may not overwrite the playlist.

use std::sync::Mutex;

use segment_stream::hls::MediaPlaylist;
use segment_stream::{SegmentSink, SinkError, WriteContext};

use super::*;

/// Every call that it gets, in one word each, and all of them fail.
#[derive(Default)]
struct Calls(Mutex<Vec<String>>);

impl Calls {
    fn call(&self, call: String) -> Result<(), SinkError> {
        self.0.lock().expect("no call panics").push(call);
        Err(SinkError::permanent("it came through"))
    }
}

impl SegmentSink for &Calls {
    fn write(&mut self, segment: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        self.call(format!("write {:?}", segment.path_hint))
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        self.call(format!("remove {}", path.display()))
    }

    fn read(&mut self, path: &Path, _: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        self.call(format!("read {}", path.display())).map(|()| None)
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.call("finish".into())
    }
}

#[test]
fn the_names_of_the_playlist_are_refused_and_all_else_goes_through() {
    let calls = Calls::default();
    let mut sink = MediaPlaylist::event("live/all.m3u8").reserve(&calls);
    let context = WriteContext::default();
    for own in [
        "live/all.m3u8",
        "./live//all.m3u8",
        "live/.all.m3u8.state",
        // FAT, exFAT, NTFS and APFS take these for the same.
        "live/ALL.m3u8",
        "Live/all.M3U8",
        "live/all.m3u8.",
        "live/all.m3u8 . ",
        "live./all.m3u8",
        "LIVE /.All.m3u8.STATE..",
        // The parts of the side file, and the lists of what clips pin.
        "live/.all.m3u8.state.a0",
        "live/.ALL.m3u8.state.clip-x",
    ] {
        let written = sink.write(&media(0, 2.0).with_path(own), &context);
        for refused in [
            written,
            sink.remove(Path::new(own), &WriteContext::default()),
        ] {
            let error = refused.expect_err(own).to_string();
            assert!(error.contains("the name of the manifest"), "{error}");
        }
    }
    assert!(calls.0.lock().expect("no call panics").is_empty());

    let near = [
        "live/all.m3u",
        " live/all.m3u8",
        "live/ all.m3u8",
        "live/.all.m3u8",
    ];
    for other in near {
        let through = sink.write(&media(0, 2.0).with_path(other), &context);
        let error = through.expect_err("the sink fails").to_string();
        assert!(error.contains("it came through"), "{error}");
    }
    calls.0.lock().expect("no call panics").clear();

    let unnamed = ProducedSegment::media(0, Vec::new(), 2.0);
    for through in [
        sink.write(&unnamed, &context),
        sink.write(&media(0, 2.0), &context),
        sink.remove(Path::new("all.m3u8"), &WriteContext::default()),
        // A read overwrites nothing, so the own names may be read.
        sink.read(Path::new("live/all.m3u8"), &context).map(drop),
        sink.finish(),
    ] {
        let error = through.expect_err("the sink fails").to_string();
        assert!(error.contains("it came through"), "{error}");
    }
    assert_eq!(
        *calls.0.lock().expect("no call panics"),
        [
            "write None",
            "write Some(\"0.ts\")",
            "remove all.m3u8",
            "read live/all.m3u8",
            "finish"
        ]
    );
}
