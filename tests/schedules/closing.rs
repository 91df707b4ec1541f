//! Senders against whatever ends a stream.

use std::time::Duration;

use segment_stream::{NoNext, SegmentStream};
use shuttle::thread;

use crate::books::{Books, Ending, depth, depth_and_bytes, join_all, segment, sized};

pub(crate) fn producers_against_a_close() {
    let books = Books::default();
    let (mut stream, sender) = SegmentStream::with_sink(depth(1), books.plain(0)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [segment(0), segment(1)]),
        books.producer(sender, [segment(10), segment(11)]),
    ];
    let closing = {
        let handle = handle.clone();
        thread::spawn(move || handle.close())
    };
    books.iterate(&mut stream);
    closing.join().unwrap();
    // They are told, though the consumer has ended and does nothing more.
    join_all(producers);
    assert_eq!(books.reported(stream.finish()), 0);
    books.audit(&handle, Ending::HandedOut);
}

pub(crate) fn the_last_sender_against_the_consumer() {
    let books = Books::default();
    let (mut stream, sender) = SegmentStream::with_sink(depth(2), books.plain(0)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [segment(0), segment(1)]),
        books.producer(sender.clone(), [segment(10)]),
    ];
    // A clone that never sends is as good as any.
    let idle = thread::spawn(move || drop(sender.clone()));
    books.iterate(&mut stream);
    assert_eq!(
        books.came_out(),
        3,
        "nobody closed it before the last sender"
    );
    join_all(producers);
    idle.join().unwrap();
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

pub(crate) fn a_stream_dropped_under_waiting_senders() {
    let books = Books::default();
    let (mut stream, sender) = SegmentStream::with_sink(depth(1), books.plain(0)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [segment(0), segment(1)]),
        books.producer(sender.clone(), [segment(10)]),
        books.producer(sender, [segment(20)]),
    ];
    if let Some(item) = stream.next() {
        books.yielded(item);
    }
    drop(stream);
    join_all(producers);
    books.audit(&handle, Ending::Dropped);
    assert_eq!(books.written().len(), books.accepted().len());
}

pub(crate) fn a_drain_against_sends() {
    let books = Books::default();
    let (mut stream, sender) = SegmentStream::with_sink(depth(2), books.plain(0)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [segment(0), segment(1), segment(2)]),
        books.producer(sender.clone(), [segment(10), segment(11)]),
    ];
    if let Ok(item) = stream.try_next() {
        books.yielded(item);
    }
    assert_eq!(books.reported(stream.drain()), 0);
    assert!(stream.next().is_none());
    join_all(producers);
    // It had not waited for this one.
    assert!(sender.try_send(segment(99)).unwrap_err().is_closed());
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

pub(crate) fn a_finish_against_sends() {
    let books = Books::default();
    let (mut stream, sender) = SegmentStream::with_sink(depth(2), books.plain(0)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [segment(0), segment(1), segment(2)]),
        books.producer(sender, [segment(10), segment(11)]),
    ];
    if let Ok(item) = stream.try_next() {
        books.yielded(item);
    }
    assert_eq!(books.reported(stream.finish()), 0);
    join_all(producers);
    books.audit(&handle, Ending::HandedOut);
    assert_eq!(books.written().len(), books.accepted().len());
}

pub(crate) fn leaked_senders() {
    let books = Books::default();
    let (stream, sender) = SegmentStream::with_sink(depth(2), books.plain(0)).unwrap();
    let handle = stream.handle();
    let leaking = {
        let (books, sender) = (books.clone(), sender.clone());
        thread::spawn(move || {
            books.send(&sender, segment(0));
            std::mem::forget(sender);
        })
    };
    books.send(&sender, segment(10));
    std::mem::forget(sender);
    drop(stream);
    leaking.join().unwrap();
    books.audit(&handle, Ending::Dropped);
}

pub(crate) fn polling() {
    let books = Books::default();
    let (mut stream, sender) = SegmentStream::with_sink(depth(1), books.plain(0)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [segment(0), segment(1)]),
        books.producer(sender, [segment(10)]),
    ];
    let mut times = [Duration::ZERO, Duration::from_secs(1)].into_iter().cycle();
    loop {
        let polled = match times.next() {
            Some(time) if !time.is_zero() => stream.next_timeout(time),
            _ => stream.try_next(),
        };
        match polled {
            Ok(item) => books.yielded(item),
            Err(NoNext::NotYet) => thread::yield_now(),
            Err(NoNext::Ended) => break,
        }
    }
    join_all(producers);
    assert_eq!(books.came_out(), 3);
    assert_eq!(books.reported(stream.finish()), 0);
    books.audit(&handle, Ending::HandedOut);
}

/// Whenever somebody looks, the bounds hold and the numbers go together.
pub(crate) fn what_watchers_see() {
    let books = Books::default();
    let config = depth_and_bytes(2, 6);
    let (mut stream, sender) =
        SegmentStream::with_writers(config, 2, |number| books.plain(number)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [sized(0, 4), sized(1, 1), sized(2, 1)]),
        books.producer(sender, [sized(10, 2), sized(11, 3)]),
    ];
    let watching = {
        let handle = handle.clone();
        thread::spawn(move || {
            for _ in 0..4 {
                let stats = handle.stats();
                let in_flight = stats.in_flight;
                assert!(in_flight.segments <= 2 && in_flight.bytes <= 6, "{stats:?}");
                assert!(stats.queued.segments + stats.writing <= in_flight.segments);
                assert!(stats.writing <= 2 && stats.waiting_senders <= 2);
                assert_eq!(stats.oldest_age.is_some(), in_flight.segments > 0);
                let rest = stats.accepted.segments - stats.yielded.segments;
                assert_eq!(rest, in_flight.segments, "{stats:?}");
                thread::yield_now();
            }
        })
    };
    books.iterate(&mut stream);
    join_all(producers);
    watching.join().unwrap();
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}
