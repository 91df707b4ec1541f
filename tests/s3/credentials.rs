//! Keys that change.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use segment_stream::{S3Credentials, S3Sink, SegmentSink, SinkError, SinkErrorKind};

use super::common::segments::segment_at;
use super::server::within;
use super::store::{KEY, Rules, SECRET, Store, keys};

fn with_token() -> Store {
    Store::start(Rules {
        token: Some("new+/=="),
        ..Rules::default()
    })
}

#[test]
fn refused_keys_are_replaced_once_and_then_kept() {
    let store = with_token();
    let asked = Arc::new(AtomicU64::new(0));
    let credentials = S3Credentials::from_fn({
        let asked = Arc::clone(&asked);
        move || {
            let token = match asked.fetch_add(1, Ordering::SeqCst) {
                0 => "old",
                _ => "new+/==",
            };
            Ok(keys().session_token(token))
        }
    });
    let mut sink = S3Sink::new(&store.bucket(), credentials).unwrap();
    for number in 0..3 {
        let segment = segment_at(number, format!("{number}.ts"));
        sink.write(&segment, &within(10_000)).unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(store.server.requests().len(), 4);
    assert_eq!(store.server.connections(), 1);
}

#[test]
fn keys_that_are_refused_again_are_an_error() {
    let store = with_token();
    let asked = Arc::new(AtomicU64::new(0));
    let credentials = S3Credentials::from_fn({
        let asked = Arc::clone(&asked);
        move || {
            let number = asked.fetch_add(1, Ordering::SeqCst);
            Ok(keys().session_token(format!("old{number}")))
        }
    });
    let mut sink = S3Sink::new(&store.bucket(), credentials).unwrap();
    let error = sink
        .write(&segment_at(0, "0.ts"), &within(10_000))
        .unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Permanent);
    assert!(
        error.to_string().ends_with("the session token has expired"),
        "{error}"
    );
    assert_eq!(store.server.requests().len(), 2);
}

#[test]
fn a_profile_is_read_again_after_a_refusal() {
    let store = with_token();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let write = |token: &str| {
        let text = format!(
            "[live]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n\
             aws_session_token = {token}\n"
        );
        fs::write(&file, text).unwrap();
    };
    write("old");
    let credentials = S3Credentials::from_file(&file, "live").unwrap();
    let mut sink = S3Sink::new(&store.bucket(), credentials).unwrap();
    // The same keys again are no reason for a second request.
    sink.write(&segment_at(0, "0.ts"), &within(10_000))
        .unwrap_err();
    assert_eq!(store.server.requests().len(), 1);
    write("new+/==");
    sink.write(&segment_at(0, "0.ts"), &within(10_000)).unwrap();
    let error = S3Credentials::from_file(&file, "other").unwrap_err();
    assert_eq!(error.path(), Some(file.as_path()));
    assert!(
        error.to_string().ends_with("there is no profile \"other\""),
        "{error}"
    );
}

#[test]
fn a_callback_that_fails_or_panics_is_an_error_of_the_write() {
    let store = Store::start(Rules::default());
    let failing = S3Credentials::from_fn(|| Err(SinkError::transient("no answer")));
    let panicking = S3Credentials::from_fn(|| panic!("oh"));
    for (credentials, expected) in [
        (failing, "no answer"),
        (panicking, "the callback for keys panicked: oh"),
    ] {
        let mut sink = S3Sink::new(&store.bucket(), credentials).unwrap();
        let error = sink
            .write(&segment_at(0, "0.ts"), &within(10_000))
            .unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
        assert!(!error.has_unknown_outcome());
    }
    assert!(store.server.requests().is_empty());
}
