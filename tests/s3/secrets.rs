//! No secret in an error, a log line or `Debug`, with every crate logging at the level `trace`.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use segment_stream::{
    ProducedSegment, S3Bucket, S3Credentials, S3Keys, S3Options, S3Sink, SegmentSink,
};

use super::common::segments::segment_at;
use super::server::{Server, Then, within};
use super::store::{BUCKET, REGION};

/// One letter many times, so that a part of it can be seen as well. No other test logs it.
const SECRET: &str = "QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ";
/// A part of it as text, in base64, and as bytes of a dump; and parts of a signed query.
const PARTS: [&str; 9] = [
    "QQQQ",
    "UVFRUVFR",
    "FRUVFRUV",
    "51 51",
    "5151",
    "81, 81",
    "X-Amz-",
    "AWS4-HMAC",
    "aws4_request",
];

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Recorder;

impl log::Log for Recorder {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}: {}", record.level(), record.target(), record.args());
        LINES.lock().unwrap().push(line);
    }

    fn flush(&self) {}
}

fn assert_clean(text: &str) {
    for part in PARTS {
        assert!(!text.contains(part), "{text}");
    }
}

#[test]
fn no_secret_is_logged_or_in_an_error() {
    log::set_logger(&Recorder).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    // The server repeats everything that it gets.
    let count = AtomicUsize::new(0);
    let server = Server::start(move |exchange| {
        exchange.body();
        let number = count.fetch_add(1, Ordering::SeqCst);
        let line = exchange.request.line.clone();
        assert!(
            line.contains(SECRET) && line.contains("X-Amz-Signature="),
            "{line}"
        );
        let target = line.split(' ').nth(1).unwrap().to_owned();
        let status = [200, 307, 400, 403, 404, 500, 503, 0][number % 8];
        let text = match number % 3 {
            0 => format!(
                "<Error><Code>ExpiredToken</Code><Message>{SECRET}</Message><Token-0>{SECRET}\
                 </Token-0><Region>{SECRET}</Region><StringToSign>{line}</StringToSign></Error>"
            ),
            1 => format!("<Error><Code>{SECRET}+</Code><UploadId>{SECRET}</UploadId></Error>"),
            _ => format!("{SECRET} {line}"),
        };
        let framing = match number % 2 {
            0 => format!("Content-Length: {}\r\n\r\n{text}", text.len()),
            _ => format!(
                "Transfer-Encoding: chunked\r\n\r\n{:x};{SECRET}\r\n{text}\r\n0\r\n\r\n",
                text.len()
            ),
        };
        let is_get = line.starts_with("GET ") && !line.contains("uploads=");
        // An object that is asked for may be logged, and this one is the secret.
        let status = if is_get && status == 200 { 404 } else { status };
        let reply = format!(
            "HTTP/1.1 {status} {SECRET}\r\nX-Echo: {SECRET}\r\nETag: {SECRET}\r\n\
             x-amz-bucket-region: {SECRET}\r\nLocation: http://u:{SECRET}@o{target}\r\n{framing}"
        );
        exchange.write(reply).unwrap_or_default();
        Then::Keep
    });
    let bucket = S3Bucket::new(format!("http://{}", server.address()), REGION, BUCKET);
    // The access key is no secret, but nobody has to know it.
    let keys = || S3Keys::new(SECRET, SECRET).session_token(SECRET);
    let large = ProducedSegment::media(0, vec![0; 6 * 1024 * 1024], 2.0).with_path("large");
    for credentials in [keys().into(), S3Credentials::from_fn(move || Ok(keys()))] {
        assert_clean(&format!("{credentials:?} {:?}", keys()));
        let options = S3Options::default().part_size(5 * 1024 * 1024);
        let mut sink = S3Sink::with_options(&bucket, credentials, options).unwrap();
        assert_clean(&format!("{sink:?}"));
        for number in 0..24 {
            let name = format!("{number}.ts");
            let context = within(10_000);
            let errors = [
                sink.write(&segment_at(number, &name), &context).err(),
                sink.write(&large, &context).err(),
                sink.remove(Path::new(&name), &context).err(),
                sink.read(Path::new(&name), &context).err(),
                sink.sweep(Duration::ZERO).err(),
                sink.finish().err(),
            ];
            for error in errors.into_iter().flatten() {
                assert_clean(&format!("{error} {error:?}"));
            }
        }
    }
    let lines = LINES.lock().unwrap().clone();
    assert!(
        lines.iter().any(|line| line.contains("ureq")),
        "ureq logged nothing"
    );
    for line in lines {
        assert_clean(&line);
    }
}
