//! What a request says.

use std::sync::Mutex;
use std::time::Duration;

use segment_stream::{
    HttpCaching, HttpOptions, HttpSink, ObjectKind, ProducedSegment, SegmentSink, SinkError,
    WriteContext,
};

use super::common::segments::segment_at;
use super::server::{Request, Server, within};

fn accepting() -> Server {
    Server::start(|exchange| exchange.reply(201, ""))
}

fn one_request(options: HttpOptions, segment: &ProducedSegment, object: ObjectKind) -> Request {
    let server = accepting();
    let context = within(10_000).for_object(object);
    server.sink_with(options).write(segment, &context).unwrap();
    server.requests().remove(0)
}

#[test]
fn a_put_has_its_length_and_is_never_chunked() {
    let server = Server::start(|exchange| {
        let body = exchange.body();
        let expected = vec![0x47; exchange.request.length()];
        assert_eq!(body, expected);
        exchange.reply_only(201)
    });
    let mut sink = server.sink();
    for (number, length) in [0, 1, 188, 1_000_000].into_iter().enumerate() {
        let name = format!("{number}.ts");
        let segment = ProducedSegment::media(0, vec![0x47; length], 2.0).with_path(name);
        sink.write(&segment, &within(10_000)).unwrap();
        let request = server.requests().remove(number);
        assert_eq!(request.line, format!("PUT /live/{number}.ts"));
        assert_eq!(request.length(), length);
        assert_eq!(request.header("transfer-encoding"), None);
        assert_eq!(request.header("expect"), None);
        assert_eq!(
            request.header("host"),
            Some(server.address().to_string().as_str())
        );
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_segment_without_a_path_has_no_destination() {
    let server = accepting();
    let segment = ProducedSegment::media(0, vec![0; 10], 2.0);
    server.sink().write(&segment, &within(10_000)).unwrap();
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_name_that_leaves_the_url_is_refused_before_a_request() {
    let server = accepting();
    let mut sink = server.sink();
    for hint in ["../a.ts", "a/../../b.ts", "/a.ts", "", ".", "a/"] {
        let error = sink
            .write(&segment_at(0, hint), &within(10_000))
            .unwrap_err();
        assert!(!error.is_transient(), "{error}");
        assert!(sink.remove(hint.as_ref(), &within(10_000)).is_err());
        assert!(sink.read(hint.as_ref(), &within(10_000)).is_err());
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_name_cannot_add_a_header() {
    let server = accepting();
    let hint = "a b\r\nX-Evil: 1\r\n\r\n?x#y.ts";
    server
        .sink()
        .write(&segment_at(0, hint), &within(10_000))
        .unwrap();
    let request = server.requests().remove(0);
    let expected = "PUT /live/a%20b%0D%0AX-Evil%3A%201%0D%0A%0D%0A%3Fx%23y.ts";
    assert_eq!(request.line, expected);
    assert_eq!(request.header("x-evil"), None);
}

#[test]
fn a_query_that_ends_in_an_equals_sign_takes_the_name_as_it_is() {
    let server = accepting();
    let url = format!(
        "http://{}/http_upload_hls?cid=abc&copy=0&file=",
        server.address()
    );
    let mut sink = HttpSink::with_options(&url, HttpOptions::default().post()).unwrap();
    sink.write(&segment_at(0, "a/00000.ts"), &within(10_000))
        .unwrap();
    assert!(
        sink.write(&segment_at(0, "a&b.ts"), &within(10_000))
            .is_err()
    );
    assert_eq!(
        server.lines(),
        ["POST /http_upload_hls?cid=abc&copy=0&file=a/00000.ts"]
    );
}

#[test]
fn the_kind_of_the_object_decides_about_type_and_caching() {
    let caching = HttpCaching::default()
        .target_duration(Duration::from_secs(6))
        .retention(Duration::from_secs(120));
    let live = b"#EXTM3U\n".as_slice();
    let ended = b"#EXTM3U\n#EXT-X-ENDLIST\n".as_slice();
    for (name, object, data, content_type, control) in [
        (
            "0.ts",
            ObjectKind::MediaSegment,
            live,
            "video/mp2t",
            "max-age=120",
        ),
        (
            "init.mp4",
            ObjectKind::InitialisationSegment,
            live,
            "video/mp4",
            "max-age=120",
        ),
        (
            "a.m3u8",
            ObjectKind::Manifest,
            live,
            "application/vnd.apple.mpegurl",
            "max-age=3",
        ),
        (
            "a.m3u8",
            ObjectKind::Manifest,
            ended,
            "application/vnd.apple.mpegurl",
            "max-age=86400",
        ),
        (
            "a.journal",
            ObjectKind::State,
            live,
            "application/octet-stream",
            "no-store",
        ),
    ] {
        let segment = ProducedSegment::media(0, data.to_vec(), 2.0).with_path(name);
        let options = HttpOptions::default().caching(caching.clone());
        let request = one_request(options, &segment, object);
        assert_eq!(request.header("content-type"), Some(content_type), "{name}");
        assert_eq!(request.header("cache-control"), Some(control), "{name}");
    }
}

#[test]
fn headers_and_credentials_are_sent() {
    let options = HttpOptions::default()
        .header("X-Account", "7")
        .header("content-type", "video/x")
        .basic("Aladdin", "open sesame");
    let segment = segment_at(0, "0.ts");
    let request = one_request(options.clone(), &segment, ObjectKind::MediaSegment);
    assert_eq!(request.header("x-account"), Some("7"));
    assert_eq!(request.header("Content-Type"), Some("video/x"));
    let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    assert_eq!(request.header("authorization"), Some(basic));
    let request = one_request(options.bearer("abc"), &segment, ObjectKind::MediaSegment);
    assert_eq!(request.header("authorization"), Some("Bearer abc"));
}

#[test]
fn malformed_options_are_refused() {
    for options in [
        HttpOptions::default().header("X", "SECRET\r\nY: 1"),
        HttpOptions::default().header("Content-Length", "SECRET"),
        HttpOptions::default().bearer("SECRET\n"),
        HttpOptions::default().basic("a:b", "SECRET"),
        HttpOptions::default().content_type("ts", "SECRET\r\n"),
    ] {
        let error = HttpSink::with_options("http://localhost/", options).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
    }
}

/// Refuses every token but this one.
fn asking_for(token: &'static str) -> Server {
    Server::start(move |exchange| {
        let is_right = exchange.request.header("x-token") == Some(token);
        exchange.reply(if is_right { 201 } else { 401 }, "")
    })
}

#[test]
fn a_refused_request_gets_new_credentials_once() {
    let server = asking_for("new");
    let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
    let noted = std::sync::Arc::clone(&asked);
    let options = HttpOptions::default().headers_from(move |request| {
        let note = (
            request.method(),
            request.name().to_owned(),
            request.refusal(),
        );
        noted.lock().unwrap().push(note);
        let token = if request.refusal().is_some() {
            "new"
        } else {
            "old"
        };
        Ok(vec![("X-Token".to_owned(), token.to_owned())])
    });
    let mut sink = server.sink_with(options);
    sink.write(&segment_at(0, "0.ts"), &within(10_000)).unwrap();
    let name = || "0.ts".to_owned();
    assert_eq!(
        *asked.lock().unwrap(),
        [("PUT", name(), None), ("PUT", name(), Some(401))]
    );
    assert_eq!(server.requests().len(), 2);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_second_refusal_is_permanent() {
    let server = asking_for("another");
    let options =
        HttpOptions::default().headers_from(|_| Ok(vec![("X-Token".to_owned(), "old".to_owned())]));
    let error = server
        .sink_with(options)
        .write(&segment_at(0, "0.ts"), &within(10_000))
        .unwrap_err();
    assert!(!error.is_transient());
    assert_eq!(error.io_kind(), std::io::ErrorKind::PermissionDenied);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_callback_without_credentials_fails_the_request() {
    let server = accepting();
    let options = HttpOptions::default().headers_from(|_| Err(SinkError::transient("no token")));
    let error = server
        .sink_with(options)
        .write(&segment_at(0, "0.ts"), &WriteContext::default())
        .unwrap_err();
    assert!(error.is_transient() && !error.has_unknown_outcome());
    let malformed =
        HttpOptions::default().headers_from(|_| Ok(vec![("X".to_owned(), "a\r\nb".to_owned())]));
    let panicking = HttpOptions::default().headers_from(|_| panic!("no"));
    for options in [malformed, panicking] {
        let mut sink = server.sink_with(options);
        let error = sink
            .write(&segment_at(0, "0.ts"), &within(10_000))
            .unwrap_err();
        assert!(!error.is_transient(), "{error}");
    }
    assert_eq!(server.connections(), 0);
}
