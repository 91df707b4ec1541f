//! A real store that checks signatures and digests: `s3s-fs`, on loopback.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use segment_stream::{
    ObjectKind, ProducedSegment, S3Bucket, S3Integrity, S3Keys, S3Options, S3Sink, SegmentSink,
    SegmentStream, SegmentStreamConfig, SinkErrorKind,
};
use tempfile::TempDir;

use super::common::means::have_tools;
use super::common::segments::{payload, segment_at};
use super::server::within;
use super::store::{BUCKET, KEY, REGION, SECRET, keys};

const PART: usize = 5 * 1024 * 1024;

struct Real {
    directory: TempDir,
    address: SocketAddr,
    child: Child,
}

impl Real {
    /// Says that the test is skipped if there is no such store.
    fn start(test: &str) -> Option<Self> {
        have_tools(test, &["s3s-fs"]).then(|| {
            // The port is free now, and nobody else here asks for a certain one.
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            drop(listener);
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join(BUCKET)).unwrap();
            let child = Command::new("s3s-fs")
                .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
                .args(["--access-key", KEY, "--secret-key", SECRET])
                .arg(directory.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut store = Self {
                directory,
                address,
                child,
            };
            let started = Instant::now();
            while TcpStream::connect(address).is_err() {
                assert!(store.child.try_wait().unwrap().is_none(), "the store ended");
                assert!(started.elapsed() < Duration::from_secs(60));
                std::thread::yield_now();
            }
            store
        })
    }

    fn bucket(&self) -> S3Bucket {
        S3Bucket::new(format!("http://{}", self.address), REGION, BUCKET).prefix("live")
    }

    fn sink_with(&self, options: S3Options) -> S3Sink {
        S3Sink::with_options(&self.bucket(), keys(), options).unwrap()
    }

    fn stored(&self, name: &str) -> Option<Vec<u8>> {
        let file = self.directory.path().join(BUCKET).join("live").join(name);
        fs::read(file).ok()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_stream_is_stored_and_a_playlist_is_read_back() {
    let Some(real) = Real::start("a_stream_is_stored_and_a_playlist_is_read_back") else {
        return;
    };
    let mut sink = real.sink_with(S3Options::default());
    let config = SegmentStreamConfig::default();
    let (stream, sender) = SegmentStream::with_writers(config, 4, |_| sink.clone()).unwrap();
    let producer = std::thread::spawn(move || {
        for number in 0..40 {
            sender
                .send(segment_at(number, format!("{number:05}.ts")))
                .unwrap();
        }
    });
    let manifest = within(10_000).for_object(ObjectKind::Manifest);
    let mut text = "#EXTM3U\n".to_owned();
    for segment in stream {
        let segment = segment.unwrap();
        assert_eq!(
            real.stored(&format!("{:05}.ts", segment.sequence)),
            Some(segment.data)
        );
        text.push_str("#EXTINF:2,\n");
        let playlist =
            ProducedSegment::media(0, text.clone().into_bytes(), 0.0).with_path("live.m3u8");
        sink.write(&playlist, &manifest).unwrap();
        if segment.sequence >= 5 {
            let old = format!("{:05}.ts", segment.sequence - 5);
            sink.remove(Path::new(&old), &within(10_000)).unwrap();
            assert_eq!(real.stored(&old), None);
        }
    }
    producer.join().unwrap();
    let found = sink.read(Path::new("live.m3u8"), &within(10_000)).unwrap();
    assert_eq!(found, Some(text.into_bytes()));
    assert_eq!(
        sink.read(Path::new("00000.ts"), &within(10_000)).unwrap(),
        None
    );
}

#[test]
fn every_digest_and_every_name_is_accepted() {
    let Some(real) = Real::start("every_digest_and_every_name_is_accepted") else {
        return;
    };
    for (number, integrity) in (0..).zip([
        S3Integrity::Md5,
        S3Integrity::Crc32,
        S3Integrity::Crc32c,
        S3Integrity::Crc64Nvme,
        S3Integrity::Sha256,
    ]) {
        let mut sink = real.sink_with(S3Options::default().integrity(integrity));
        let name = format!("a b/{number}+&='*~%2F\u{e9}.ts");
        let stored = sink.write(&segment_at(number, &name), &within(10_000));
        stored.unwrap_or_else(|error| panic!("{integrity:?}: {error}"));
        assert_eq!(real.stored(&name), Some(payload(number, 64)));
        let found = sink.read(Path::new(&name), &within(10_000)).unwrap();
        assert_eq!(found, Some(payload(number, 64)));
    }
}

#[test]
fn a_large_object_goes_in_parts() {
    let Some(real) = Real::start("a_large_object_goes_in_parts") else {
        return;
    };
    for integrity in [
        S3Integrity::Md5,
        S3Integrity::Crc32,
        S3Integrity::Crc32c,
        S3Integrity::Crc64Nvme,
        S3Integrity::Sha256,
    ] {
        let options = S3Options::default().part_size(PART).integrity(integrity);
        let data = payload(7, 2 * PART + 100);
        let segment = ProducedSegment::media(0, data, 2.0).with_path("0.ts");
        let stored = real.sink_with(options).write(&segment, &within(60_000));
        stored.unwrap_or_else(|error| panic!("{integrity:?}: {error}"));
        assert!(real.stored("0.ts") == Some(segment.data), "another object");
    }
}

#[test]
fn a_store_that_cannot_list_uploads_says_so() {
    let Some(real) = Real::start("a_store_that_cannot_list_uploads_says_so") else {
        return;
    };
    let mut sink = real.sink_with(S3Options::default());
    let error = sink.sweep(Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Unsupported);
    assert!(error.to_string().contains("501 Not Implemented"), "{error}");
}

#[test]
fn wrong_keys_are_one_clear_error_each() {
    let Some(real) = Real::start("wrong_keys_are_one_clear_error_each") else {
        return;
    };
    for (keys, expected) in [
        (S3Keys::new(KEY, "OTHER"), "SignatureDoesNotMatch"),
        (S3Keys::new("OTHER", SECRET), "NotSignedUp"),
    ] {
        let mut sink = S3Sink::new(&real.bucket(), keys).unwrap();
        let error = sink
            .write(&segment_at(0, "0.ts"), &within(10_000))
            .unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Permanent);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(real.stored("0.ts"), None);
    }
}
