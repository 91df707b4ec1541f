//! A shutdown of the stream.

use std::time::{Duration, Instant};

use segment_stream::{HttpOptions, HttpSink, SegmentSink, SegmentStream, SegmentStreamConfig};

use super::common::gate::Gate;
use super::common::segments::segment_at;
use super::server::{Exchange, Server, Then, hang};

/// Far beyond the time that a test may take.
const LONG: Duration = Duration::from_secs(600);

fn options(grace: Duration) -> HttpOptions {
    HttpOptions::default().timeout(LONG).shutdown_grace(grace)
}

#[test]
fn a_stalled_upload_is_cut_short_by_a_shutdown() {
    type Stall = fn(&mut Exchange<'_>) -> Then;
    let stalls: [Stall; 2] = [hang, |exchange| {
        exchange.wait_for_the_end();
        Then::Close
    }];
    for stall in stalls {
        let arrived = Gate::default();
        arrived.open();
        let server = Server::start({
            let arrived = arrived.clone();
            move |exchange| {
                arrived.pass();
                stall(exchange)
            }
        });
        let config = SegmentStreamConfig {
            retry: segment_stream::RetryPolicy {
                least: LONG,
                most: LONG,
                ..Default::default()
            },
            ..Default::default()
        };
        let sink = server.sink_with(options(Duration::from_millis(100)));
        let (stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        let mut large = segment_at(0, "large.ts");
        large.data = vec![0x47; 64 * 1024 * 1024];
        sender.send(large).unwrap();
        arrived.wait_for_arrivals(1);
        let started = Instant::now();
        let report = stream.finish().unwrap_err().into_report();
        assert!(started.elapsed() < LONG / 2, "{:?}", started.elapsed());
        assert_eq!(report.failed.len(), 1);
        let error = report.failed[0].sink_error();
        assert!(
            error.to_string().contains("the stream shuts down"),
            "{error}"
        );
        assert!(error.has_unknown_outcome());
    }
}

#[test]
fn queued_segments_are_still_uploaded_during_a_shutdown() {
    let gate = Gate::default();
    let server = Server::start({
        let gate = gate.clone();
        move |exchange| {
            gate.pass();
            exchange.reply(201, "")
        }
    });
    let config = SegmentStreamConfig::default();
    let (stream, sender) = SegmentStream::with_sink(config, server.sink()).unwrap();
    for number in 0..5 {
        sender
            .send(segment_at(number, format!("{number}.ts")))
            .unwrap();
    }
    gate.wait_for_arrivals(1);
    stream.handle().close();
    gate.open();
    let report = stream.finish().unwrap();
    assert_eq!((report.written.len(), report.failed.len()), (5, 0));
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn a_hanging_resolver_is_left_at_a_shutdown() {
    let gate = Gate::default();
    let lookup = gate.clone();
    let options = options(Duration::ZERO).resolve_with(move |_, _| {
        lookup.pass();
        Ok(Vec::new())
    });
    let mut sink = HttpSink::with_options("http://origin.invalid/", options).unwrap();
    let context = segment_stream::WriteContext::default().during_shutdown();
    let error = sink.write(&segment_at(0, "0.ts"), &context).unwrap_err();
    assert!(
        error.to_string().contains("the stream shuts down"),
        "{error}"
    );
    gate.open();
}
