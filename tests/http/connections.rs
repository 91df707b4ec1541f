//! Names, addresses and connections.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use segment_stream::{HttpOptions, HttpSink, SegmentSink};

use super::common::gate::Gate;
use super::common::segments::segment_at;
use super::server::{Server, timely};

fn accepting() -> Server {
    Server::start(|exchange| exchange.reply(201, ""))
}

/// A sink whose origin has a name that only this function resolves.
fn resolving<F>(lookup: F) -> HttpSink
where
    F: Fn() -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
{
    let options = HttpOptions::default().resolve_with(move |host, port| {
        assert_eq!((host, port), ("origin.invalid", 80));
        lookup()
    });
    HttpSink::with_options("http://origin.invalid/live/", options).unwrap()
}

fn write(sink: &mut HttpSink, milliseconds: u64) -> Result<(), segment_stream::SinkError> {
    timely(milliseconds, |context| {
        sink.write(&segment_at(0, "0.ts"), context)
    })
}

/// An address that answers to nothing, and what keeps it so.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn black_hole() -> (SocketAddr, impl Sized) {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Nobody accepts, and the queue has room for one.
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queued.push(stream);
        assert!(queued.len() < 10, "the queue has no end");
    }
    (address, (listener, queued))
}

#[test]
fn one_connection_serves_every_kind_of_request() {
    let server = Server::start(|exchange| match exchange.number {
        3 => exchange.reply(404, ""),
        _ => exchange.reply(200, ""),
    });
    let mut sink = server.sink();
    for _ in 0..3 {
        write(&mut sink, 10_000).unwrap();
        timely(10_000, |context| sink.remove(Path::new("0.ts"), context)).unwrap();
        timely(10_000, |context| sink.read(Path::new("0.ts"), context)).unwrap();
    }
    assert_eq!(server.requests().len(), 9);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_reply_with_a_short_body_leaves_the_connection_usable() {
    let server = Server::start(|exchange| {
        exchange.body();
        exchange
            .write("HTTP/1.1 404 X\r\nContent-Length: 5\r\n\r\nhello")
            .unwrap();
        super::server::Then::Keep
    });
    let mut sink = server.sink();
    for _ in 0..3 {
        write(&mut sink, 10_000).unwrap_err();
        timely(10_000, |context| sink.remove(Path::new("0.ts"), context)).unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_name_is_resolved_once_and_again_after_a_transient_error() {
    let server = Server::start(|exchange| match exchange.number {
        3 => exchange.reply(503, ""),
        _ => exchange.reply(201, ""),
    });
    let (address, lookups) = (server.address(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&lookups);
    let mut sink = resolving(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(vec![address])
    });
    let mut clone = sink.clone();
    write(&mut sink, 10_000).unwrap();
    write(&mut clone, 10_000).unwrap();
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
    write(&mut sink, 10_000).unwrap_err();
    write(&mut sink, 10_000).unwrap();
    assert_eq!(lookups.load(Ordering::SeqCst), 2);
    // The connection of the clone had no error.
    write(&mut clone, 10_000).unwrap();
    let connections: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(connections, [1, 2, 1, 3, 2]);
}

#[test]
fn a_resolver_that_hangs_is_left_at_the_deadline_and_has_one_thread() {
    let (gate, lookups) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
    let server = accepting();
    let (address, passed, counted) = (server.address(), gate.clone(), Arc::clone(&lookups));
    let mut sink = resolving(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        passed.pass();
        Ok(vec![address])
    });
    for mut sink in [sink.clone(), sink.clone(), sink.clone()] {
        let error = write(&mut sink, 200).unwrap_err();
        assert!(error.is_transient() && !error.has_unknown_outcome());
        let end = "timed out while resolving the name of the origin";
        assert!(error.to_string().ends_with(end), "{error}");
    }
    gate.wait_for_arrivals(1);
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
    gate.open();
    write(&mut sink, 10_000).unwrap();
}

#[test]
fn the_last_known_addresses_are_used_while_the_resolver_fails_or_hangs() {
    for hangs in [false, true] {
        let server = Server::start(|exchange| match exchange.number {
            2 => exchange.reply(500, ""),
            _ => exchange.reply(201, ""),
        });
        let (gate, lookups) = (Gate::default(), AtomicUsize::new(0));
        let (address, passed) = (server.address(), gate.clone());
        let mut sink = resolving(move || match lookups.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(vec![address]),
            _ if hangs => {
                passed.pass();
                Err(io::Error::other("no"))
            }
            _ => Err(io::Error::other("no")),
        });
        write(&mut sink, 10_000).unwrap();
        write(&mut sink, 10_000).unwrap_err();
        write(&mut sink, 10_000).unwrap();
        gate.open();
    }
}

#[test]
fn a_name_without_an_address_is_transient() {
    for panics in [false, true] {
        let mut empty = resolving(move || {
            assert!(!panics, "on purpose");
            Ok(Vec::new())
        });
        let error = write(&mut empty, 10_000).unwrap_err();
        assert!(error.is_transient() && !error.has_unknown_outcome());
        assert!(
            error
                .to_string()
                .contains("cannot resolve \"origin.invalid\""),
            "{error}"
        );
    }
}

#[test]
fn an_address_that_refuses_gives_way_to_the_next() {
    let server = accepting();
    let refusing = accepting().address();
    let address = server.address();
    let mut sink = resolving(move || Ok(vec![refusing, address]));
    write(&mut sink, 10_000).unwrap();
}

#[test]
fn both_address_families_are_tried() {
    let server = accepting();
    let v6 = SocketAddr::new(
        std::net::Ipv6Addr::LOCALHOST.into(),
        server.address().port(),
    );
    let address = server.address();
    for addresses in [vec![v6, address], vec![address, v6]] {
        let mut sink = resolving(move || Ok(addresses.clone()));
        write(&mut sink, 10_000).unwrap();
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_black_hole_is_left_at_the_deadline() {
    let (hole, _kept) = black_hole();
    let mut sink = HttpSink::new(&format!("http://{hole}/")).unwrap();
    let error = write(&mut sink, 1_000).unwrap_err();
    assert!(error.is_transient() && !error.has_unknown_outcome());
    assert!(
        error.to_string().ends_with("timed out while connecting"),
        "{error}"
    );
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_black_hole_in_front_does_not_eat_the_deadline() {
    let (hole, _kept) = black_hole();
    let server = accepting();
    let address = server.address();
    let mut sink = resolving(move || Ok(vec![hole, hole, address]));
    // Two head starts of 250 ms, far from the connect time-out of 5 s.
    let written = timely(4_500, |context| sink.write(&segment_at(0, "0.ts"), context));
    written.unwrap();
    // The address that answered comes first from now on.
    let mut clone = sink.clone();
    timely(4_500, |context| {
        clone.write(&segment_at(1, "1.ts"), context)
    })
    .unwrap();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_connect_is_cut_short_by_a_shutdown() {
    let (hole, _kept) = black_hole();
    let options = HttpOptions::default().shutdown_grace(std::time::Duration::ZERO);
    let mut sink = HttpSink::with_options(&format!("http://{hole}/"), options).unwrap();
    let context = segment_stream::WriteContext::default().during_shutdown();
    let error = sink.write(&segment_at(0, "0.ts"), &context).unwrap_err();
    assert!(
        error.to_string().contains("the stream shuts down"),
        "{error}"
    );
}
