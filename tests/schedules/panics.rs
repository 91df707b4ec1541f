//! Sinks that panic, and sinks that end badly.
//!
//! They unwind without the panic hook, which would print a schedule for each of them; to whoever
//! catches a panic that is the same.

use std::panic::resume_unwind;
use std::time::Duration;

use segment_stream::{SegmentSink, SegmentStream, WriteErrorKind};
use shuttle::thread;

use crate::books::{Books, Ending, depth, join_all, segment, segment_at};
use crate::within::Place;

fn panicking_on(books: &Books, writer: usize, sequence: u64) -> impl SegmentSink + use<> {
    books.sink(writer, move |segment, _| {
        thread::yield_now();
        if segment.sequence == sequence {
            resume_unwind(Box::new("the sink was made to panic here"));
        }
        Ok(())
    })
}

pub(crate) fn a_panic_under_waiting_senders() {
    let books = Books::default();
    let sink = panicking_on(&books, 0, 1);
    let (mut stream, sender) = SegmentStream::with_sink(depth(2), sink).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [segment(0), segment(1), segment(2)]),
        books.producer(sender.clone(), [segment(10), segment(11)]),
    ];
    // At least one comes out before there is room for the one that panics; then nobody takes
    // anything.
    for _ in 0..3 {
        if let Some(item) = stream.next() {
            let panicked = item.as_ref().is_err();
            books.yielded(item);
            if panicked {
                assert!(handle.is_closed(), "whoever sees the error finds it closed");
                break;
            }
        }
    }
    if !handle.is_closed() {
        books.iterate(&mut stream);
    }
    join_all(producers);
    assert!(sender.is_closed());
    let errors = books.reported(stream.finish());
    assert_eq!(errors, books.failed(WriteErrorKind::Panicked));
    books.audit(&handle, Ending::HandedOut);
}

/// The other writer ends as usual, and what was queued comes back.
pub(crate) fn a_panic_beside_another_writer() {
    let books = Books::default();
    let (mut stream, sender) =
        SegmentStream::with_writers(depth(3), 2, |number| panicking_on(&books, number, 1)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(
            sender.clone(),
            [segment_at(0, "a"), segment_at(1, "a"), segment_at(2, "a")],
        ),
        books.producer(sender.clone(), [segment_at(10, "a"), segment(11)]),
    ];
    books.iterate(&mut stream);
    assert_eq!(books.failed(WriteErrorKind::Panicked), 1);
    join_all(producers);
    drop(sender);
    assert_eq!(books.reported(stream.finish()), 1);
    books.audit(&handle, Ending::HandedOut);
}

pub(crate) fn a_panic_against_a_deadline() {
    let books = Books::default();
    let (stream, sender) =
        SegmentStream::with_writers(depth(4), 2, |number| panicking_on(&books, number, 1)).unwrap();
    let handle = stream.handle();
    let producer = books.producer(
        sender,
        [
            segment_at(0, "a"),
            segment_at(1, "a"),
            segment_at(2, "a"),
            segment(3),
        ],
    );
    let errors = books.reported(stream.finish_timeout(Duration::from_secs(1)));
    assert!(errors <= 2);
    producer.join().unwrap();
    books.wait_until_gone();
    books.audit(&handle, Ending::HandedOut);
}

/// Nobody takes what is aborted, and it counts all the same.
pub(crate) fn a_panic_after_the_stream_was_dropped_inside() {
    for writers in [1, 2] {
        let books = Books::default();
        let place = Place::default();
        let (stream, sender) = SegmentStream::with_writers(depth(3), writers, |number| {
            let place = place.clone();
            books.sink(number, move |segment, _| {
                if segment.sequence == 0 {
                    drop(place.take());
                    resume_unwind(Box::new("the sink was made to panic here"));
                }
                Ok(())
            })
        })
        .unwrap();
        let handle = stream.handle();
        let producers = [
            books.producer(sender.clone(), [segment_at(0, "a"), segment_at(1, "a")]),
            books.producer(sender, [segment(10), segment(11)]),
        ];
        place.put(stream);
        join_all(producers);
        books.wait_until_gone();
        books.audit(&handle, Ending::Dropped);
    }
}

pub(crate) fn a_sink_that_ends_badly() {
    let books = Books::default();
    let (stream, sender) = SegmentStream::with_writers(depth(2), 2, |number| {
        books.sink(number, |_, _| Ok(())).ending_badly()
    })
    .unwrap();
    let handle = stream.handle();
    let producer = books.producer(sender, [segment(0), segment(1)]);
    assert_eq!(books.reported(stream.finish()), 2, "each is reported once");
    producer.join().unwrap();
    books.audit(&handle, Ending::HandedOut);
}
