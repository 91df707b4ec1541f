//! No secret in an error, a log line or `Debug`, with every crate logging at the level `trace`.

use std::path::Path;
use std::sync::{Mutex, Once};

use segment_stream::{HttpOptions, HttpSink, SegmentSink};

use super::common::segments::segment_at;
use super::server::{Server, Then, within};

/// One letter many times, so that a part of it can be seen as well. No other test logs it.
const SECRET: &str = "QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ";
/// A part of it as text, in base64 (which has two other parts), and as bytes of a dump.
const PARTS: [&str; 6] = ["QQQQ", "UVFRUVFR", "FRUVFRUV", "51 51", "5151", "81, 81"];

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

fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Recorder).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

fn assert_clean(text: &str) {
    for part in PARTS {
        assert!(!text.contains(part), "{text}");
    }
}

#[test]
fn no_secret_is_logged_or_in_an_error() {
    record();
    // The server repeats everything that it gets.
    let server = Server::start(|exchange| {
        let body = exchange.body();
        let echo = format!("{:?}", exchange.request.headers);
        let has_secret = PARTS.iter().any(|part| echo.contains(part));
        assert!(has_secret, "the secret was not sent: {echo}");
        let target = exchange.request.line.rsplit(' ').next().unwrap().to_owned();
        let status = [201, 302, 401, 404, 500, 200, 0][exchange.number % 7];
        let reply = format!(
            "HTTP/1.1 {status} {SECRET}\r\nX-Echo: {SECRET}\r\nLocation: http://u:{SECRET}@o{target}\
             \r\nSet-Cookie: {SECRET}\r\nContent-Length: {}\r\n\r\n{SECRET}",
            SECRET.len()
        );
        drop(body);
        exchange.write(reply).unwrap_or_default();
        Then::Keep
    });
    let mut urls = Vec::new();
    for end in ["{SECRET}/", "live/?sig={SECRET}", "up?cid={SECRET}&file="] {
        let end = end.replace("{SECRET}", SECRET);
        urls.push(format!("http://{}/{end}", server.address()));
    }
    for url in urls {
        for options in [
            HttpOptions::default().basic("user", SECRET),
            HttpOptions::default().bearer(SECRET),
            HttpOptions::default().header("X-Key", SECRET),
            HttpOptions::default()
                .headers_from(|_| Ok(vec![("X-Key".to_owned(), SECRET.to_owned())])),
        ] {
            let mut sink = HttpSink::with_options(&url, options).unwrap();
            assert_clean(&format!("{sink:?}"));
            for number in 0..7 {
                let name = format!("{number}.ts");
                let context = within(10_000);
                let errors = [
                    sink.write(&segment_at(number, &name), &context).err(),
                    sink.remove(Path::new(&name), &context).err(),
                    // An object that is asked for may be logged, and this one is the secret.
                    None,
                ];
                for error in errors.into_iter().flatten() {
                    assert_clean(&format!("{error} {error:?}"));
                }
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

#[test]
fn a_server_that_does_not_delete_is_logged_once() {
    record();
    let server = Server::start(|exchange| exchange.reply(405, ""));
    let mut sink = server.sink();
    for _ in 0..3 {
        sink.remove(Path::new("0.ts"), &within(10_000)).unwrap_err();
    }
    let line = format!(
        "WARN segment_stream: http://{} replied 405 to DELETE: old objects stay there from now on",
        server.address()
    );
    let lines = LINES.lock().unwrap();
    assert_eq!(lines.iter().filter(|logged| **logged == line).count(), 1);
}
