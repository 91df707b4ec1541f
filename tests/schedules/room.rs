//! Deadlines that move on for as long as there is room. A pause here lasts for ever, unless
//! somebody ends it.

use std::time::Duration;

use segment_stream::{
    RetryPolicy, SegmentSink, SegmentStream, SegmentStreamConfig, SinkError, WriteErrorKind,
};
use shuttle::thread;

use crate::books::{Books, Ending, depth, dropping, segment};

/// A pause that no schedule waits out, as it is longer than any of `src/internal/sync/shuttle.rs`. It is
/// shortened by up to a half, and a deadline can still be after it.
const FOREVER: Duration = Duration::from_secs(3_000_000_000);

/// The deadline is a second, and no pause would end before it.
fn with_room(config: SegmentStreamConfig) -> SegmentStreamConfig {
    let second = Duration::from_secs(1);
    let policy = RetryPolicy {
        least: second,
        most: second,
        first_pause: FOREVER,
        longest_pause: FOREVER,
        ..RetryPolicy::default()
    };
    config.retry(policy.while_there_is_room())
}

/// Fails the first segment, at every attempt.
fn failing_zero(books: &Books, writer: usize) -> impl SegmentSink + use<> {
    books.sink(writer, |segment, context| {
        thread::yield_now();
        assert!(context.attempt() <= 2, "one more, and no other");
        if segment.sequence == 0 {
            return Err(SinkError::transient("it was made to fail"));
        }
        Ok(())
    })
}

/// There is room for one more beside the first, and then for none: whoever waits for some ends the
/// pause.
fn against_a_sender(last: Duration) {
    for writers in [1, 2] {
        let books = Books::default();
        let (mut stream, sender) =
            SegmentStream::with_writers(with_room(depth(2)), writers, |number| {
                failing_zero(&books, number)
            })
            .unwrap();
        let handle = stream.handle();
        let producer = {
            let books = books.clone();
            thread::spawn(move || {
                assert!(books.send(&sender, segment(0)));
                assert!(books.send(&sender, segment(1)));
                // One that does not wait would have taken nothing from anybody.
                let sent = books.hand_over(segment(2), |it| sender.send_timeout(it, last));
                sent.is_ok() || last < Duration::MAX
            })
        };
        // It closes the stream, but that is when the last sender is gone.
        books.iterate(&mut stream);
        assert!(producer.join().unwrap());
        assert_eq!(books.failed(WriteErrorKind::Failed), 1);
        drop(stream);
        books.audit(&handle, Ending::HandedOut);
    }
}

pub(crate) fn a_sender_that_waits_ends_an_extension() {
    against_a_sender(Duration::MAX);
}

/// It has begun to wait, and whether it has the time to wait for long is all the same.
pub(crate) fn a_timed_sender_that_waits_ends_an_extension() {
    against_a_sender(Duration::from_secs(1));
}

pub(crate) fn a_drop_ends_an_extension() {
    let books = Books::default();
    let config = with_room(dropping(2));
    let (mut stream, sender) = SegmentStream::with_sink(config, failing_zero(&books, 0)).unwrap();
    let handle = stream.handle();
    let producer = books.producer(sender, (0..3).map(segment));
    books.iterate(&mut stream);
    producer.join().unwrap();
    let dropped = books.failed(WriteErrorKind::Dropped);
    let failed = books.failed(WriteErrorKind::Failed);
    // It may be dropped itself, before it was begun.
    assert!(failed <= 1 && failed + dropped >= 1);
    assert_eq!(books.came_out(), 3);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

pub(crate) fn a_close_ends_an_extension() {
    for writers in [1, 2] {
        let books = Books::default();
        let (mut stream, sender) =
            SegmentStream::with_writers(with_room(depth(8)), writers, |number| {
                failing_zero(&books, number)
            })
            .unwrap();
        let handle = stream.handle();
        let producer = books.producer(sender.clone(), [segment(0), segment(1)]);
        let closing = {
            let handle = handle.clone();
            thread::spawn(move || handle.close())
        };
        books.iterate(&mut stream);
        closing.join().unwrap();
        producer.join().unwrap();
        assert!(sender.is_closed());
        drop(stream);
        books.audit(&handle, Ending::HandedOut);
    }
}

/// It heals after three deadlines, and nobody needs the room meanwhile.
pub(crate) fn a_segment_is_kept_while_there_is_room() {
    let books = Books::default();
    let second = Duration::from_secs(1);
    let policy = RetryPolicy {
        least: second,
        most: second,
        first_pause: second,
        longest_pause: second,
        ..RetryPolicy::default()
    };
    let config = depth(8).retry(policy.while_there_is_room());
    let sink = books.sink(0, |_, context| {
        thread::yield_now();
        // A pause of at least half a second, and no other time: so six of them are three deadlines.
        if context.attempt() <= 6 {
            return Err(SinkError::transient("it was made to fail"));
        }
        Ok(())
    });
    let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, segment(0)));
    let item = stream.next().expect("one was sent");
    assert!(item.is_ok(), "{item:?}");
    books.yielded(item);
    drop(sender);
    books.iterate(&mut stream);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}
