//! Replies and connections with every fault. A write is `Ok` only after the whole head of a 2xx.

use std::io::ErrorKind;
use std::time::Duration;

use segment_stream::{
    HttpSink, ProducedSegment, RetryPolicy, SegmentSink, SegmentStream, SegmentStreamConfig,
    SinkError, SinkErrorKind,
};

use super::common::segments::segment_at;
use super::server::{Server, Then, hang, timely, within};

/// Longer than all buffers between the sink and the server.
const LARGE: usize = 64 * 1024 * 1024;

/// The error of a write to this server, whose deadline is met.
fn failed(server: &Server, milliseconds: u64) -> SinkError {
    let segment = segment_at(7, "00007.ts");
    timely(milliseconds, |context| {
        server.sink().write(&segment, context).unwrap_err()
    })
}

fn large() -> ProducedSegment {
    ProducedSegment::media(0, vec![0x47; LARGE], 2.0).with_path("large.ts")
}

#[test]
fn a_503_with_retry_after_is_obeyed_on_a_new_connection() {
    let server = Server::start(|exchange| match exchange.number {
        1 => exchange.reply(503, "Retry-After: 1\n"),
        _ => exchange.reply(201, ""),
    });
    let error = failed(&server, 10_000);
    assert_eq!(error.kind(), SinkErrorKind::Transient);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    assert!(!error.has_unknown_outcome());
    assert!(
        error
            .to_string()
            .contains("\"00007.ts\": the server replied 503 Service Unavailable"),
        "{error}"
    );
    drop(server);

    let server = Server::start(|exchange| match exchange.number {
        1 => exchange.reply(503, "Retry-After: 0\n"),
        _ => exchange.reply(201, ""),
    });
    let config = SegmentStreamConfig::default();
    let (stream, sender) = SegmentStream::with_sink(config, server.sink()).unwrap();
    sender.send(segment_at(0, "00000.ts")).unwrap();
    drop(sender);
    assert!(stream.map(Result::unwrap).eq([segment_at(0, "00000.ts")]));
    let connections: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(connections, [1, 2]);
}

#[test]
fn a_retry_after_beyond_the_deadline_is_final() {
    let server = Server::start(|exchange| exchange.reply(429, "Retry-After: 3600\n"));
    let config = SegmentStreamConfig::default();
    let (stream, sender) = SegmentStream::with_sink(config, server.sink()).unwrap();
    sender.send(segment_at(0, "00000.ts")).unwrap();
    drop(sender);
    let errors: Vec<_> = stream.map(Result::unwrap_err).collect();
    assert_eq!(errors.len(), 1);
    assert_eq!(server.lines(), ["PUT /live/00000.ts"]);
}

#[test]
fn a_server_error_is_retried_until_the_deadline_and_no_longer() {
    let server = Server::start(|exchange| exchange.reply(500, ""));
    let config = SegmentStreamConfig {
        retry: RetryPolicy {
            most: Duration::from_secs(2),
            ..Default::default()
        },
        ..Default::default()
    };
    let (stream, sender) = SegmentStream::with_sink(config, server.sink()).unwrap();
    sender.send(segment_at(0, "00000.ts")).unwrap();
    drop(sender);
    let errors: Vec<_> = stream.map(Result::unwrap_err).collect();
    assert_eq!(errors.len(), 1);
    let requests = server.requests().len();
    // The last attempt may have come too late for a request.
    assert!(
        (2..=errors[0].attempts() as usize).contains(&requests),
        "{requests}"
    );
}

#[test]
fn a_permanent_status_is_tried_once() {
    for status in [400, 401, 403, 404, 405, 409, 413, 415, 501, 505] {
        let server = Server::start(move |exchange| exchange.reply(status, ""));
        let config = SegmentStreamConfig::default();
        let (stream, sender) = SegmentStream::with_sink(config, server.sink()).unwrap();
        sender.send(segment_at(0, "00000.ts")).unwrap();
        drop(sender);
        assert_eq!(stream.filter(Result::is_err).count(), 1);
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[test]
fn every_2xx_is_a_success() {
    for status in [200, 201, 202, 204] {
        let server = Server::start(move |exchange| {
            exchange.body();
            let length = if status == 204 {
                ""
            } else {
                "Content-Length: 0\r\n"
            };
            exchange
                .write(format!("HTTP/1.1 {status} X\r\n{length}\r\n"))
                .unwrap();
            Then::Keep
        });
        let written = server.sink().write(&segment_at(0, "0.ts"), &within(10_000));
        assert!(written.is_ok(), "{status}: {written:?}");
    }
}

#[test]
fn a_server_that_never_replies_is_left_at_the_deadline() {
    let server = Server::start(hang);
    let error = failed(&server, 2_000);
    assert_eq!(error.io_kind(), ErrorKind::TimedOut);
    assert!(error.is_transient() && error.has_unknown_outcome());
    assert!(
        error
            .to_string()
            .ends_with("timed out while waiting for the reply"),
        "{error}"
    );
}

#[test]
fn a_server_that_takes_no_body_is_left_at_the_deadline() {
    let server = Server::start(|exchange| {
        exchange.part(1000);
        // Until the end of the connection, without reading.
        exchange.wait_for_the_end();
        Then::Close
    });
    let large = large();
    let error = timely(2_000, |context| {
        server.sink().write(&large, context).unwrap_err()
    });
    assert!(error.is_transient() && error.has_unknown_outcome());
    assert!(
        error
            .to_string()
            .ends_with("timed out while sending the request"),
        "{error}"
    );
}

#[test]
fn a_reply_that_drips_is_left_at_the_deadline() {
    for part in ["HTTP/1.1 201 C", "HTTP/1.1 201 Created\r\nX-Drip: "] {
        let server = Server::start(move |exchange| {
            exchange.body();
            exchange.write(part).unwrap();
            // A byte whenever the machine has time for it.
            while exchange.write("a").is_ok() && !exchange.is_over() {
                std::thread::sleep(Duration::from_millis(20));
            }
            Then::Close
        });
        let error = failed(&server, 2_000);
        assert!(
            error.is_transient() && error.has_unknown_outcome(),
            "{error}"
        );
    }
}

#[test]
fn a_reset_in_the_middle_of_the_body_is_transient_and_of_unknown_outcome() {
    let server = Server::start(|exchange| {
        exchange.part(1000);
        Then::Close
    });
    let large = large();
    let error = timely(10_000, |context| {
        server.sink().write(&large, context).unwrap_err()
    });
    assert!(error.is_transient() && error.has_unknown_outcome());
    let kind = error.io_kind();
    assert!(
        matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
        "{error}"
    );
}

#[test]
fn a_refusal_in_the_middle_of_a_large_body_is_read() {
    for then_close in [true, false] {
        let server = Server::start(move |exchange| {
            exchange.part(1000);
            exchange
                .write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
            if !then_close {
                exchange.wait_for_the_end();
            }
            Then::Close
        });
        let large = large();
        let error = timely(10_000, |context| {
            server.sink().write(&large, context).unwrap_err()
        });
        assert_eq!(error.kind(), SinkErrorKind::Permanent, "{error}");
        assert!(error.to_string().contains("403 Forbidden"), "{error}");
        assert!(!error.has_unknown_outcome());
    }
}

#[test]
fn a_success_before_the_whole_body_is_none() {
    for then_close in [true, false] {
        let server = Server::start(move |exchange| {
            exchange.part(1000);
            exchange
                .write("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
            if !then_close {
                exchange.wait_for_the_end();
            }
            Then::Close
        });
        let large = large();
        let error = timely(10_000, |context| {
            server.sink().write(&large, context).unwrap_err()
        });
        assert!(
            error.is_transient() && error.has_unknown_outcome(),
            "{error}"
        );
    }
}

#[test]
fn a_success_that_is_cut_anywhere_is_none() {
    let reply = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    for length in 0..=reply.len() {
        let server = Server::start(move |exchange| {
            exchange.body();
            exchange.write(&reply[..length]).unwrap();
            Then::Close
        });
        let written = server.sink().write(&segment_at(0, "0.ts"), &within(10_000));
        if length == reply.len() {
            written.unwrap();
        } else {
            let error = written.unwrap_err();
            assert!(
                error.is_transient() && error.has_unknown_outcome(),
                "{length}: {error}"
            );
        }
    }
}

#[test]
fn garbage_is_transient_and_of_unknown_outcome() {
    for garbage in [
        "\0\u{1}\u{2}\r\n\r\n",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 2O1 X\r\n\r\n",
        "HTTP/2 201\r\n\r\n",
    ] {
        let server = Server::start(move |exchange| {
            exchange.body();
            exchange.write(garbage).unwrap();
            Then::Close
        });
        let error = failed(&server, 10_000);
        assert!(
            error.is_transient() && error.has_unknown_outcome(),
            "{error}"
        );
    }
}

#[test]
fn an_endless_reply_is_cut_after_64_kib() {
    for start in [
        "",
        "HTTP/1.1 201 Created\r\nX: ",
        "HTTP/1.1 201 Created\r\n",
    ] {
        let server = Server::start(move |exchange| {
            exchange.body();
            exchange.write(start).unwrap();
            let line = if start.ends_with("\r\n") {
                "X: y\r\n"
            } else {
                "y"
            }
            .repeat(1000);
            while exchange.write(&line).is_ok() {}
            Then::Close
        });
        let error = failed(&server, 60_000);
        assert!(
            error.is_transient() && error.has_unknown_outcome(),
            "{error}"
        );
        assert!(
            error.to_string().contains("longer than 65536 bytes"),
            "{error}"
        );
    }
}

#[test]
fn endless_interim_replies_are_cut_as_well() {
    let server = Server::start(|exchange| {
        exchange.body();
        while exchange.write("HTTP/1.1 102 Processing\r\n\r\n").is_ok() {}
        Then::Close
    });
    assert!(failed(&server, 60_000).is_transient());
}

#[test]
fn an_endless_body_of_a_success_is_left_unread() {
    let server = Server::start(|exchange| {
        exchange.body();
        if exchange.number == 1 {
            let head = format!(
                "HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n",
                u64::MAX
            );
            exchange.write(head).unwrap();
            while exchange.write("y".repeat(1000)).is_ok() {}
            return Then::Close;
        }
        exchange.reply_only(201)
    });
    let mut sink = server.sink();
    for number in 0..2 {
        let segment = segment_at(number, format!("{number}.ts"));
        timely(60_000, |context| sink.write(&segment, context).unwrap());
    }
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_redirect_is_an_error_that_names_its_target_and_is_not_followed() {
    let elsewhere = Server::start(|exchange| exchange.reply(201, ""));
    for status in [301, 302, 303, 307, 308] {
        let target = format!(
            "http://user:SECRET@{}/live/00007.ts?SECRET",
            elsewhere.address()
        );
        let server =
            Server::start(move |exchange| exchange.reply(status, &format!("Location: {target}\n")));
        let error = failed(&server, 10_000);
        assert_eq!(error.kind(), SinkErrorKind::Permanent);
        let text = format!("{error} {error:?}");
        let named = format!("a redirect to http://{}/…/00007.ts", elsewhere.address());
        assert!(text.contains(&named), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_refused_connection_is_transient_and_has_sent_nothing() {
    let address = Server::start(|exchange| exchange.reply(201, "")).address();
    let mut sink = HttpSink::new(&format!("http://{address}/")).unwrap();
    let error = timely(10_000, |context| {
        sink.write(&segment_at(0, "0.ts"), context).unwrap_err()
    });
    assert_eq!(error.io_kind(), ErrorKind::ConnectionRefused);
    assert!(error.raw_os_error().is_some());
    assert!(error.is_transient() && !error.has_unknown_outcome());
    let start = format!("cannot upload to http://{address} \"0.ts\": ");
    assert!(error.to_string().starts_with(&start), "{error}");
}

#[test]
fn a_connection_that_is_closed_as_the_next_put_arrives_is_transient() {
    let server = Server::start(|exchange| match exchange.number {
        2 => Then::Close,
        _ => exchange.reply(201, ""),
    });
    let mut sink = server.sink();
    let write = |sink: &mut HttpSink, number| {
        let segment = segment_at(number, format!("{number}.ts"));
        timely(10_000, |context| sink.write(&segment, context))
    };
    write(&mut sink, 0).unwrap();
    let error = write(&mut sink, 1).unwrap_err();
    assert!(
        error.is_transient() && error.has_unknown_outcome(),
        "{error}"
    );
    write(&mut sink, 1).unwrap();
    let connections: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(connections, [1, 1, 2]);
}

#[test]
fn a_deadline_that_has_passed_sends_nothing() {
    let server = Server::start(|exchange| exchange.reply(201, ""));
    let error = failed(&server, 0);
    assert_eq!(error.io_kind(), ErrorKind::TimedOut);
    assert!(!error.has_unknown_outcome());
    assert_eq!(server.connections(), 0);
}
