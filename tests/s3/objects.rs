//! Objects that are put, read and removed.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use segment_stream::{
    HttpCaching, HttpOptions, ObjectKind, ProducedSegment, RetryPolicy, S3Bucket, S3Integrity,
    S3Options, S3Sink, SegmentSink, SegmentStream, SegmentStreamConfig, SinkErrorKind,
    WriteContext,
};

use super::common::segments::{payload, segment_at};
use super::server::within;
use super::store::{BUCKET, Instead, REGION, Rules, Store, keys};

#[test]
fn an_object_is_put_read_and_removed() {
    let store = Store::start(Rules::default());
    let mut sink = store.sink();
    let name = "a b/\u{e9}+&='*~%2F.ts";
    sink.write(&segment_at(7, name), &within(10_000)).unwrap();
    let object = store.object(&format!("live/{name}")).unwrap();
    assert_eq!(object.data, payload(7, 64));
    assert_eq!(object.header("content-type"), Some("video/mp2t"));
    assert_eq!(object.header("cache-control"), Some("max-age=3600"));
    let read = sink.read(Path::new(name), &within(10_000)).unwrap();
    assert_eq!(read, Some(payload(7, 64)));
    // Also if it is already gone.
    for _ in 0..2 {
        sink.remove(Path::new(name), &within(10_000)).unwrap();
        assert_eq!(store.object(&format!("live/{name}")), None);
    }
    assert_eq!(sink.read(Path::new(name), &within(10_000)).unwrap(), None);
    assert_eq!(store.server.connections(), 1);
}

#[test]
fn an_empty_object_is_an_object() {
    let store = Store::start(Rules::default());
    let segment = ProducedSegment::media(0, Vec::new(), 2.0).with_path("0.ts");
    let mut sink = store.sink();
    sink.write(&segment, &within(10_000)).unwrap();
    assert_eq!(store.object("live/0.ts").unwrap().data, b"");
    let read = sink.read(Path::new("0.ts"), &within(10_000)).unwrap();
    assert_eq!(read, Some(Vec::new()));
}

#[test]
fn headers_of_the_options_are_signed_and_go_with_objects() {
    let store = Store::start(Rules::default());
    let http = HttpOptions::default()
        .header("X-Amz-Storage-Class", "STANDARD_IA")
        .header("Cache-Control", "no-cache")
        .content_type("ts", "video/x");
    let mut sink = store.sink_with(S3Options::default().http(http));
    sink.write(&segment_at(0, "0.ts"), &within(10_000)).unwrap();
    let object = store.object("live/0.ts").unwrap();
    for (name, value) in [
        ("x-amz-storage-class", "STANDARD_IA"),
        ("cache-control", "no-cache"),
        ("content-type", "video/x"),
    ] {
        assert_eq!(object.header(name), Some(value), "{name}");
    }
}

#[test]
fn the_kind_of_an_object_decides_how_long_it_is_cached() {
    let store = Store::start(Rules::default());
    let caching = HttpCaching::default().target_duration(Duration::from_secs(6));
    let http = HttpOptions::default().caching(caching);
    let mut sink = store.sink_with(S3Options::default().http(http));
    for (object, expected) in [
        (ObjectKind::Manifest, "max-age=3"),
        (ObjectKind::State, "no-store"),
        (ObjectKind::MediaSegment, "max-age=3600"),
    ] {
        let context = within(10_000).for_object(object);
        sink.write(&segment_at(0, "0"), &context).unwrap();
        let stored = store.object("live/0").unwrap();
        assert_eq!(stored.header("cache-control"), Some(expected));
    }
}

#[test]
fn each_digest_is_signed() {
    let store = Store::start(Rules::default());
    for (integrity, header) in [
        (S3Integrity::Md5, "content-md5"),
        (S3Integrity::Crc32, "x-amz-checksum-crc32"),
        (S3Integrity::Crc32c, "x-amz-checksum-crc32c"),
        (S3Integrity::Crc64Nvme, "x-amz-checksum-crc64nvme"),
        (S3Integrity::Sha256, "x-amz-checksum-sha256"),
    ] {
        let mut sink = store.sink_with(S3Options::default().integrity(integrity));
        sink.write(&segment_at(0, "0"), &within(10_000)).unwrap();
        assert!(
            store.object("live/0").unwrap().header(header).is_some(),
            "{header}"
        );
    }
}

#[test]
fn the_bucket_may_be_in_the_host() {
    let store = Store::start(Rules {
        domain: Some("s3.invalid"),
        ..Rules::default()
    });
    let address: SocketAddr = store.server.address();
    let bucket = S3Bucket::new(
        format!("http://s3.invalid:{}", address.port()),
        REGION,
        BUCKET,
    )
    .virtual_host();
    let http = HttpOptions::default().resolve_with(move |host, _| {
        assert_eq!(host, "media.s3.invalid");
        Ok(vec![address])
    });
    let options = S3Options::default().http(http);
    let mut sink = S3Sink::with_options(&bucket, keys(), options).unwrap();
    sink.write(&segment_at(0, "0.ts"), &within(10_000)).unwrap();
    assert!(store.object("0.ts").is_some());
}

#[test]
fn an_object_above_the_limit_is_not_read() {
    let store = Store::start(Rules::default());
    let mut sink = store.sink();
    sink.write(&segment_at(0, "0"), &within(10_000)).unwrap();
    let context = within(10_000).with_read_limit(63);
    let error = sink.read(Path::new("0"), &context).unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::TooLarge);
    assert!(
        error
            .to_string()
            .contains("larger than the limit of 63 bytes"),
        "{error}"
    );
}

#[test]
fn a_segment_without_a_hint_goes_nowhere() {
    let store = Store::start(Rules::default());
    let segment = ProducedSegment::media(0, vec![1], 2.0);
    store
        .sink()
        .write(&segment, &WriteContext::default())
        .unwrap();
    assert!(store.server.requests().is_empty());
}

#[test]
fn a_stream_with_writers_repeats_what_the_store_is_too_busy_for() {
    let store = Store::start_with(Rules::default(), |signed| match signed.number % 3 {
        0 => Instead::Refuse(503, "SlowDown"),
        _ => Instead::Nothing,
    });
    let config = SegmentStreamConfig {
        retry: RetryPolicy {
            least: Duration::from_secs(120),
            most: Duration::from_secs(120),
            first_pause: Duration::ZERO,
            ..Default::default()
        },
        ..SegmentStreamConfig::default()
    };
    let sink = store.sink();
    let (stream, sender) = SegmentStream::with_writers(config, 4, |_| sink.clone()).unwrap();
    let producer = std::thread::spawn(move || {
        for number in 0..40 {
            sender
                .send(segment_at(number, format!("{number}.ts")))
                .unwrap();
        }
    });
    let stored: Vec<_> = stream.map(|segment| segment.unwrap().sequence).collect();
    producer.join().unwrap();
    assert_eq!(stored, (0..40).collect::<Vec<_>>());
    for number in 0..40 {
        let object = store.object(&format!("live/{number}.ts")).unwrap();
        assert_eq!(object.data, payload(number, 64));
    }
}
