//! GET, for resume.

use std::path::Path;

use segment_stream::{SegmentSink, SinkError, SinkErrorKind};

use super::server::{Server, Then, timely, within};

/// What a GET with this limit makes of this reply, after which the server closes.
fn read(reply: &'static str, limit: u64) -> Result<Option<Vec<u8>>, SinkError> {
    let server = Server::start(move |exchange| {
        exchange.write(reply).unwrap();
        Then::Close
    });
    let context = within(10_000).with_read_limit(limit);
    let read = server.sink().read(Path::new("live.m3u8"), &context);
    assert_eq!(server.lines(), ["GET /live/live.m3u8"]);
    assert_eq!(
        server.requests()[0].header("accept-encoding"),
        Some("identity")
    );
    read
}

#[test]
fn a_whole_object_is_returned() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na\nb\0c",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n2\r\n\0c\r\n0\r\n\r\n",
    ] {
        for limit in [5, 6, u64::MAX] {
            assert_eq!(
                read(reply, limit).unwrap().as_deref(),
                Some(b"a\nb\0c".as_slice())
            );
        }
    }
    let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(read(empty, 0).unwrap(), Some(Vec::new()));
}

#[test]
fn a_missing_object_is_none() {
    for reply in [
        "HTTP/1.1 404 X\r\nContent-Length: 7\r\n\r\nmissing",
        "HTTP/1.1 410 X\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert_eq!(read(reply, 1000).unwrap(), None);
    }
}

#[test]
fn an_object_beyond_the_limit_is_refused_and_never_cut() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n",
    ] {
        let error = read(reply, 4).unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::TooLarge, "{error}");
    }
}

#[test]
fn an_object_that_is_cut_is_never_returned() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123",
        "HTTP/1.1 200 OK\r\nContent-Le",
    ] {
        let error = read(reply, 1000).unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
    // The end of the connection may be the end of the object, or not.
    assert!(read("HTTP/1.1 200 OK\r\n\r\n12345", 1000).is_err());
}

#[test]
fn any_other_status_is_an_error() {
    for (reply, is_transient) in [
        ("HTTP/1.1 204 X\r\n\r\n", false),
        ("HTTP/1.1 206 X\r\nContent-Length: 1\r\n\r\n1", false),
        ("HTTP/1.1 304 X\r\n\r\n", false),
        ("HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", true),
    ] {
        let error = read(reply, 1000).unwrap_err();
        assert_eq!(error.is_transient(), is_transient, "{error}");
    }
}

#[test]
fn a_large_object_is_read_and_an_endless_error_is_not() {
    let object = vec![7; 3_000_000];
    let server = Server::start(move |exchange| {
        if exchange.number == 1 {
            let length = object.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            exchange.write(head).unwrap();
            exchange.write(&object).unwrap();
            return Then::Keep;
        }
        let head = "HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n";
        exchange.write(head).unwrap();
        while exchange.write("1\r\nx\r\n").is_ok() {}
        Then::Close
    });
    let mut sink = server.sink();
    let read = timely(60_000, |context| sink.read(Path::new("a"), context)).unwrap();
    assert_eq!(read.map(|data| data.len()), Some(3_000_000));
    let error = timely(60_000, |context| sink.read(Path::new("a"), context)).unwrap_err();
    assert!(error.is_transient(), "{error}");
}
