//! Objects in parts.

use std::sync::{Arc, Condvar, Mutex};

use segment_stream::{ProducedSegment, S3Integrity, S3Options, S3Sink, SegmentSink, SinkErrorKind};

use super::common::segments::payload;
use super::server::{timely, within};
use super::store::{Instead, Rules, Signed, Store, error};

const PART: usize = 5 * 1024 * 1024;

/// An object of three parts, of which the last is shorter.
fn large() -> ProducedSegment {
    ProducedSegment::media(0, payload(7, 2 * PART + 100), 2.0).with_path("0.ts")
}

fn sink(store: &Store) -> S3Sink {
    store.sink_with(S3Options::default().part_size(PART))
}

fn store(instead: impl Fn(&Signed) -> Instead + Send + Sync + 'static) -> Store {
    Store::start_with(Rules::default(), instead)
}

#[test]
fn a_large_object_goes_in_equal_parts() {
    let store = store(|_| Instead::Nothing);
    sink(&store).write(&large(), &within(60_000)).unwrap();
    assert_eq!(
        store.actions(),
        ["create", "part", "part", "part", "complete"]
    );
    let object = store.object("live/0.ts").unwrap();
    assert!(object.data == large().data, "another object");
    assert_eq!(object.header("content-type"), Some("video/mp2t"));
    assert_eq!(object.header("cache-control"), Some("max-age=3600"));
    assert_eq!(store.server.connections(), 1);
    for request in store.server.requests() {
        if request.line.contains("partNumber") {
            assert!(request.header("content-md5").is_some());
        }
    }
}

/// The store compares the checksum of each part, wants it again in the completion, and allows a
/// checksum of the whole object or of checksums as Amazon does.
#[test]
fn the_checksum_of_each_part_is_in_the_completion() {
    for integrity in [
        S3Integrity::Crc32,
        S3Integrity::Crc32c,
        S3Integrity::Crc64Nvme,
        S3Integrity::Sha256,
    ] {
        let store = store(|_| Instead::Nothing);
        let options = S3Options::default().part_size(PART).integrity(integrity);
        let mut segment = large();
        segment.data.truncate(PART + 1);
        let stored = store.sink_with(options).write(&segment, &within(60_000));
        stored.unwrap_or_else(|error| panic!("{integrity:?}: {error}"));
        assert_eq!(store.actions(), ["create", "part", "part", "complete"]);
        let object = store.object("live/0.ts").unwrap();
        assert!(object.data == segment.data, "another object");
    }
}

#[test]
fn an_object_of_one_part_goes_as_a_whole() {
    let store = store(|_| Instead::Nothing);
    let mut segment = large();
    segment.data.truncate(PART);
    sink(&store).write(&segment, &within(60_000)).unwrap();
    assert_eq!(store.actions(), ["put"]);
}

#[test]
fn an_upload_whose_part_fails_is_aborted() {
    let store = store(|signed| match signed.parameter("partNumber") {
        Some("2") => Instead::Refuse(503, "SlowDown"),
        _ => Instead::Nothing,
    });
    let error = sink(&store).write(&large(), &within(60_000)).unwrap_err();
    assert!(
        error.is_transient() && !error.has_unknown_outcome(),
        "{error}"
    );
    assert!(error.to_string().ends_with("SlowDown"), "{error}");
    assert_eq!(store.actions(), ["create", "part", "part", "abort"]);
    store.with_state(|state| assert!(state.objects.is_empty() && state.uploads.is_empty()));
}

#[test]
fn an_error_behind_a_success_is_an_error() {
    for (code, kind) in [
        ("InternalError", SinkErrorKind::Transient),
        ("InvalidPart", SinkErrorKind::Permanent),
    ] {
        let store = store(move |signed| match signed.action() {
            "complete" => {
                // Spaces keep the connection alive while the store works.
                let text = format!("  {}", error(code, ""));
                let length = text.len();
                Instead::Reply(format!(
                    "HTTP/1.1 200 X\r\nContent-Length: {length}\r\n\r\n{text}"
                ))
            }
            _ => Instead::Nothing,
        });
        let error = sink(&store).write(&large(), &within(60_000)).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.to_string().ends_with(&format!("200 OK, {code}")),
            "{error}"
        );
        assert_eq!(*store.actions().last().unwrap(), "abort");
        store.with_state(|state| assert!(state.objects.is_empty() && state.uploads.is_empty()));
    }
}

#[test]
fn a_result_that_is_cut_short_is_no_success() {
    let store = store(|signed| match signed.action() {
        "complete" => {
            let text = "<CompleteMultipartUploadResult><ETag>";
            let length = text.len();
            Instead::Reply(format!(
                "HTTP/1.1 200 X\r\nContent-Length: {length}\r\n\r\n{text}"
            ))
        }
        _ => Instead::Nothing,
    });
    let error = sink(&store).write(&large(), &within(60_000)).unwrap_err();
    assert!(
        error.is_transient() && error.has_unknown_outcome(),
        "{error}"
    );
    assert_eq!(store.actions()[4..], ["complete", "head", "abort"]);
}

#[test]
fn a_completion_whose_reply_was_lost_is_looked_up() {
    let store = store(|signed| match signed.action() {
        "complete" => Instead::DoAndClose,
        _ => Instead::Nothing,
    });
    sink(&store).write(&large(), &within(60_000)).unwrap();
    assert_eq!(store.actions()[4..], ["complete", "head"]);
    assert!(
        store.object("live/0.ts").unwrap().data == large().data,
        "another object"
    );
}

#[test]
fn an_older_object_is_no_proof_of_a_completion() {
    let store = store(|signed| match (signed.action(), signed.number) {
        ("complete", 6..) => Instead::Close,
        _ => Instead::Nothing,
    });
    let mut sink = sink(&store);
    // Of the same length.
    let mut older = large();
    older.data[PART] ^= 1;
    sink.write(&older, &within(60_000)).unwrap();
    let error = sink.write(&large(), &within(60_000)).unwrap_err();
    assert!(
        error.is_transient() && error.has_unknown_outcome(),
        "{error}"
    );
    assert_eq!(store.actions()[9..], ["complete", "head", "abort"]);
    assert!(
        store.object("live/0.ts").unwrap().data == older.data,
        "another object"
    );
}

#[test]
fn an_upload_that_could_not_be_aborted_is_aborted_at_the_end() {
    let store = store(|signed| match (signed.action(), signed.number) {
        ("part", _) => Instead::Refuse(403, "AccessDenied"),
        ("abort", ..4) => Instead::Refuse(503, "SlowDown"),
        _ => Instead::Nothing,
    });
    let sink = sink(&store);
    sink.clone().write(&large(), &within(60_000)).unwrap_err();
    assert_eq!(store.with_state(|state| state.uploads.len()), 1);
    // Any clone does it.
    sink.clone().finish().unwrap();
    assert_eq!(store.actions(), ["create", "part", "abort", "abort"]);
    assert_eq!(store.with_state(|state| state.uploads.len()), 0);
    sink.clone().finish().unwrap();
    assert_eq!(store.actions().len(), 4);
}

#[test]
fn an_upload_that_cannot_be_aborted_at_all_is_reported() {
    let store = store(|signed| match signed.action() {
        "part" | "abort" => Instead::Refuse(403, "AccessDenied"),
        _ => Instead::Nothing,
    });
    let mut sink = sink(&store);
    sink.write(&large(), &within(60_000)).unwrap_err();
    let error = sink.finish().unwrap_err();
    let operation = error.operation().unwrap();
    assert!(
        operation.starts_with("abort an unfinished upload at s3://media of http://"),
        "{error}"
    );
    assert_eq!(error.path().unwrap().to_str(), Some("live/0.ts"));
}

#[test]
fn a_part_that_hangs_ends_by_the_deadline_and_is_aborted_later() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let store = store({
        let gate = Arc::clone(&gate);
        move |signed| match signed.action() {
            "part" => {
                let (is_open, opened) = &*gate;
                let is_open = is_open.lock().unwrap();
                drop(opened.wait_while(is_open, |is_open| !*is_open).unwrap());
                Instead::Close
            }
            _ => Instead::Nothing,
        }
    });
    let mut sink = sink(&store);
    let large = large();
    let error = timely(3_000, |context| sink.write(&large, context)).unwrap_err();
    assert!(
        error.is_transient() && !error.has_unknown_outcome(),
        "{error}"
    );
    assert!(error.to_string().contains("timed out"), "{error}");
    assert_eq!(store.actions(), ["create", "part"]);
    sink.finish().unwrap();
    assert_eq!(store.actions(), ["create", "part", "abort"]);
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
}
