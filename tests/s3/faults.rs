//! What a store may refuse: one clear error each, and no second request unless it may help.

use std::path::Path;
use std::time::Duration;

use segment_stream::{
    ProducedSegment, S3Bucket, S3Keys, S3Options, S3Sink, SegmentSink, SinkError, SinkErrorKind,
};

use super::common::segments::segment_at;
use super::server::{Server, Then, timely, within};
use super::store::{BUCKET, Instead, KEY, REGION, Rules, SECRET, Store, error, keys};

/// The error of a write that the store refuses.
fn refused(store: &Store, sink: &mut S3Sink) -> SinkError {
    let before = store.server.requests().len();
    let error = sink
        .write(&segment_at(0, "0.ts"), &within(10_000))
        .unwrap_err();
    assert_eq!(store.server.requests().len() - before, 1, "{error}");
    assert_eq!(error.path(), Some(Path::new("0.ts")));
    let text = error.to_string();
    for secret in [
        SECRET,
        "Signature=",
        "StringToSign",
        "AWS4",
        "text of the server",
    ] {
        assert!(!text.contains(secret), "{text}");
    }
    error
}

fn assert_permanent(error: &SinkError, expected: &str) {
    assert_eq!(error.kind(), SinkErrorKind::Permanent, "{error}");
    assert!(!error.has_unknown_outcome(), "{error}");
    assert!(error.to_string().ends_with(expected), "{error}");
}

#[test]
fn a_wrong_access_key_is_named() {
    let store = Store::start(Rules::default());
    let mut sink = S3Sink::new(&store.bucket(), S3Keys::new("OTHER", SECRET)).unwrap();
    let error = refused(&store, &mut sink);
    let expected =
        "the server replied 403 Forbidden, InvalidAccessKeyId: the access key is not known";
    assert_permanent(&error, expected);
    let operation = format!(
        "upload to s3://{BUCKET} of http://{}",
        store.server.address()
    );
    assert_eq!(error.operation(), Some(operation.as_str()));
}

#[test]
fn a_wrong_secret_key_is_named() {
    let store = Store::start(Rules::default());
    let mut sink = S3Sink::new(&store.bucket(), S3Keys::new(KEY, "OTHER")).unwrap();
    let error = refused(&store, &mut sink);
    assert_permanent(
        &error,
        "SignatureDoesNotMatch: the secret key is not that of the access key",
    );
}

#[test]
fn a_missing_bucket_is_named_and_is_no_missing_object() {
    let store = Store::start(Rules::default());
    let bucket = S3Bucket::new(
        format!("http://{}", store.server.address()),
        REGION,
        "other",
    );
    let mut sink = S3Sink::new(&bucket, keys()).unwrap();
    let expected = "the server replied 404 Not Found, NoSuchBucket: the bucket does not exist";
    assert_permanent(&refused(&store, &mut sink), expected);
    let context = within(10_000);
    assert_permanent(&sink.read(Path::new("0"), &context).unwrap_err(), expected);
    assert_permanent(
        &sink.remove(Path::new("0"), &context).unwrap_err(),
        expected,
    );
    let error = sink.sweep(Duration::ZERO).unwrap_err();
    assert!(error.to_string().ends_with(expected), "{error}");
}

#[test]
fn the_right_region_is_named() {
    let store = Store::start(Rules {
        region: "us-west-2",
        ..Rules::default()
    });
    let error = refused(&store, &mut store.sink());
    assert_permanent(
        &error,
        "the bucket is in the region us-west-2 and not in eu-west-1",
    );
}

#[test]
fn an_expired_token_is_named() {
    let store = Store::start(Rules {
        token: Some("new"),
        ..Rules::default()
    });
    let mut sink = S3Sink::new(&store.bucket(), keys().session_token("old")).unwrap();
    let expected =
        "the server replied 400 Bad Request, ExpiredToken: the session token has expired";
    assert_permanent(&refused(&store, &mut sink), expected);
}

#[test]
fn a_wrong_clock_is_named() {
    for (ahead, expected) in [
        (
            3600 + 30,
            "the clock of this machine is 60 minutes behind that of the store",
        ),
        (
            -3600 - 30,
            "the clock of this machine is 60 minutes ahead of that of the store",
        ),
    ] {
        let store = Store::start(Rules {
            ahead,
            ..Rules::default()
        });
        assert_permanent(&refused(&store, &mut store.sink()), expected);
    }
    // A signature holds for a while.
    for ahead in [600, -600] {
        let store = Store::start(Rules {
            ahead,
            ..Rules::default()
        });
        let mut sink = store.sink();
        sink.write(&segment_at(0, "0.ts"), &within(10_000)).unwrap();
    }
}

#[test]
fn a_store_that_is_busy_or_was_waiting_is_asked_again() {
    for (status, code) in [
        (400, "RequestTimeout"),
        (409, "OperationAborted"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
        (503, "SlowDown"),
    ] {
        let store = Store::start_with(Rules::default(), move |signed| match signed.number {
            1 => Instead::Refuse(status, code),
            _ => Instead::Nothing,
        });
        let mut sink = store.sink();
        let error = refused(&store, &mut sink);
        assert!(error.is_transient(), "{error}");
        assert!(error.to_string().ends_with(code), "{error}");
        sink.write(&segment_at(0, "0.ts"), &within(10_000)).unwrap();
        // The next attempt has a new connection.
        assert_eq!(store.server.connections(), 2, "{code}");
    }
}

#[test]
fn the_time_of_the_next_attempt_counts() {
    let store = Store::start_with(Rules::default(), |_| {
        let text = error("SlowDown", "");
        let length = text.len();
        Instead::Reply(format!(
            "HTTP/1.1 503 X\r\nRetry-After: 7\r\nContent-Length: {length}\r\n\r\n{text}"
        ))
    });
    let error = refused(&store, &mut store.sink());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[test]
fn a_redirect_is_named_and_not_followed() {
    for (location, text) in [
        (
            "Location: http://media.s3.other/live/0.ts?X-Amz-Signature=1\r\n",
            String::new(),
        ),
        (
            "",
            error("TemporaryRedirect", "<Endpoint>media.s3.other</Endpoint>"),
        ),
    ] {
        let store = Store::start_with(Rules::default(), move |_| {
            let length = text.len();
            Instead::Reply(format!(
                "HTTP/1.1 307 X\r\n{location}Content-Length: {length}\r\n\r\n{text}"
            ))
        });
        let error = refused(&store, &mut store.sink());
        assert_eq!(error.kind(), SinkErrorKind::Permanent);
        let text = error.to_string();
        assert!(
            text.contains("a redirect to ") && text.contains("media.s3.other"),
            "{text}"
        );
        assert!(!text.contains('?'), "{text}");
    }
}

#[test]
fn what_the_store_cannot_do_is_no_reason_to_ask_again() {
    for (status, code, kind) in [
        (400, "BadDigest", SinkErrorKind::Permanent),
        (400, "EntityTooLarge", SinkErrorKind::TooLarge),
        (403, "AccessDenied", SinkErrorKind::Permanent),
        (501, "NotImplemented", SinkErrorKind::Unsupported),
    ] {
        let store = Store::start_with(Rules::default(), move |_| Instead::Refuse(status, code));
        let error = refused(&store, &mut store.sink());
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(code), "{error}");
    }
}

#[test]
fn a_lost_reply_leaves_the_outcome_unknown() {
    let store = Store::start_with(Rules::default(), |_| Instead::DoAndClose);
    let error = refused(&store, &mut store.sink());
    assert!(
        error.is_transient() && error.has_unknown_outcome(),
        "{error}"
    );
    assert!(store.object("live/0.ts").is_some());
}

#[test]
fn a_text_without_end_is_not_read_to_its_end() {
    let server = Server::start(|exchange| {
        exchange.body();
        let head = "HTTP/1.1 403 X\r\nTransfer-Encoding: chunked\r\n\r\n";
        exchange.write(head).unwrap_or_default();
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while exchange.write(&chunk).is_ok() {}
        Then::Close
    });
    let bucket = S3Bucket::new(format!("http://{}", server.address()), REGION, BUCKET);
    let mut sink = S3Sink::new(&bucket, keys()).unwrap();
    let error = timely(10_000, |context| {
        sink.write(&segment_at(0, "0.ts"), context)
    })
    .unwrap_err();
    assert_permanent(&error, "the server replied 403 Forbidden");
}

#[test]
fn a_text_that_stalls_is_waited_for_until_the_deadline() {
    let server = Server::start(|exchange| {
        exchange.body();
        let head = "HTTP/1.1 503 X\r\nContent-Length: 1000\r\n\r\n<Error>";
        exchange.write(head).unwrap_or_default();
        exchange.wait_for_the_end();
        Then::Close
    });
    let bucket = S3Bucket::new(format!("http://{}", server.address()), REGION, BUCKET);
    let mut sink = S3Sink::with_options(&bucket, keys(), S3Options::default()).unwrap();
    let error = timely(300, |context| sink.write(&segment_at(0, "0.ts"), context)).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("the server replied 503 Service Unavailable"),
        "{error}"
    );
}

#[test]
fn a_refusal_in_the_middle_of_a_large_object_is_named() {
    let server = Server::start(|exchange| {
        exchange.part(1024);
        let text = error("AccessDenied", "");
        let length = text.len();
        let reply = format!("HTTP/1.1 403 X\r\nContent-Length: {length}\r\n\r\n{text}");
        exchange.write(reply).unwrap_or_default();
        // It takes no more of the object, and keeps the connection.
        exchange.wait_for_the_end();
        Then::Close
    });
    let bucket = S3Bucket::new(format!("http://{}", server.address()), REGION, BUCKET);
    let mut sink = S3Sink::new(&bucket, keys()).unwrap();
    let data = vec![0x47; 50_000_000];
    let segment = ProducedSegment::media(0, data, 2.0).with_path("0.ts");
    let error = timely(10_000, |context| sink.write(&segment, context)).unwrap_err();
    assert_permanent(&error, "AccessDenied: the keys have no permission");
}
