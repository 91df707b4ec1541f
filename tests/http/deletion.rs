//! DELETE.

use std::path::Path;

use segment_stream::{HttpOptions, SegmentSink, SinkErrorKind};

use super::server::{Server, within};

#[test]
fn an_object_that_is_deleted_or_gone_is_a_success() {
    for status in [200, 202, 204, 404, 410] {
        let server = Server::start(move |exchange| exchange.reply(status, ""));
        let removed = server.sink().remove(Path::new("a/0.ts"), &within(10_000));
        assert!(removed.is_ok(), "{status}: {removed:?}");
        assert_eq!(server.lines(), ["DELETE /live/a/0.ts"]);
        assert_eq!(server.requests()[0].header("content-length"), None);
    }
}

#[test]
fn a_server_that_does_not_delete_is_asked_once_by_all_clones() {
    for status in [405, 415, 501] {
        let server = Server::start(move |exchange| exchange.reply(status, ""));
        let mut sink = server.sink();
        let mut clone = sink.clone();
        for sink in [&mut sink, &mut clone] {
            for _ in 0..2 {
                let error = sink.remove(Path::new("0.ts"), &within(10_000)).unwrap_err();
                assert_eq!(error.kind(), SinkErrorKind::Unsupported, "{error}");
            }
        }
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[test]
fn any_other_refusal_leaves_deletion_on() {
    for status in [400, 403, 409, 500, 503] {
        let server = Server::start(move |exchange| exchange.reply(status, ""));
        let mut sink = server.sink();
        for _ in 0..2 {
            let error = sink.remove(Path::new("0.ts"), &within(10_000)).unwrap_err();
            assert_ne!(error.kind(), SinkErrorKind::Unsupported, "{error}");
        }
        assert_eq!(server.requests().len(), 2, "{status}");
    }
}

#[test]
fn deletion_that_is_off_sends_nothing() {
    let server = Server::start(|exchange| exchange.reply(200, ""));
    let mut sink = server.sink_with(HttpOptions::default().without_deletion());
    let error = sink.remove(Path::new("0.ts"), &within(10_000)).unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Unsupported);
    assert_eq!(server.connections(), 0);
}
