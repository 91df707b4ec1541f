//! Deadlines, which come at any moment, and pauses that a shutdown cuts short.

use std::time::Duration;

use segment_stream::{
    FinishError, Pause, RetryPolicy, SegmentSink, SegmentStream, SegmentStreamConfig, SinkError,
    WriteErrorKind,
};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;

use crate::books::{Books, Ending, depth, join_all, segment, segment_at};
use crate::gate::Gate;

/// Ends it after this time, with senders under way, and with `writers` that have equal paths to
/// write.
fn end_within(time: Duration, writers: usize) {
    let books = Books::default();
    let (mut stream, sender) =
        SegmentStream::with_writers(depth(3), writers, |number| books.plain(number)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(
            sender.clone(),
            [segment_at(0, "a"), segment_at(1, "a"), segment_at(2, "b")],
        ),
        books.producer(sender, [segment_at(10, "b")]),
    ];
    if let Ok(item) = stream.try_next() {
        books.yielded(item);
    }
    let late = books.reported(stream.finish_timeout(time));
    assert!(late <= writers);
    join_all(producers);
    // Those that were given up end all the same, when their sinks return.
    books.wait_until_gone();
    books.audit(&handle, Ending::HandedOut);
}

pub(crate) fn no_time_at_all() {
    end_within(Duration::ZERO, 1);
}

pub(crate) fn a_deadline_at_any_moment() {
    end_within(Duration::from_secs(1), 1);
}

pub(crate) fn a_deadline_with_two_writers_and_equal_paths() {
    end_within(Duration::from_secs(1), 2);
}

/// The sink hangs for as long as somebody waits for the end, and goes on later.
pub(crate) fn a_deadline_after_a_stuck_write() {
    let books = Books::default();
    let gate = Gate::default();
    let (stream, sender) = SegmentStream::with_writers(depth(4), 2, |number| {
        let gate = gate.clone();
        books.sink(number, move |segment, _| {
            if segment.sequence == 0 {
                gate.pass();
            }
            Ok(())
        })
    })
    .unwrap();
    let handle = stream.handle();
    // The equal path is held up by the stuck one, and the other is not.
    assert!(books.send(&sender, segment_at(0, "a")));
    gate.wait_for_arrivals(1);
    for (number, path) in [(1, "a"), (2, "b")] {
        assert!(books.send(&sender, segment_at(number, path)));
    }
    let producer = books.producer(sender, [segment(10)]);
    let error = stream.finish_timeout(Duration::from_secs(1)).unwrap_err();
    assert!(error.is_timeout());
    let in_doubt: Vec<_> = error
        .report()
        .in_doubt
        .iter()
        .map(|it| it.segment.sequence)
        .collect();
    assert_eq!(in_doubt[0], 0);
    let discarded = error.report().discarded.iter();
    assert!(discarded.map(|it| it.segment.sequence).any(|it| it == 1));
    books.reported(Err(error));
    gate.open();
    producer.join().unwrap();
    books.wait_until_gone();
    books.audit(&handle, Ending::HandedOut);
}

/// Nothing is being written any more, so nothing is in doubt, however little time there is.
pub(crate) fn no_doubt_about_what_has_ended() {
    let books = Books::default();
    let (stream, sender) =
        SegmentStream::with_writers(depth(2), 2, |number| books.plain(number)).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, segment(0)));
    assert!(books.send(&sender, segment(1)));
    loop {
        let stats = handle.stats();
        if stats.queued.segments == 0 && stats.writing == 0 {
            break;
        }
        thread::yield_now();
    }
    let result = stream.finish_timeout(Duration::ZERO);
    let report = result.unwrap_or_else(FinishError::into_report);
    assert!(report.in_doubt.is_empty() && report.discarded.is_empty());
    assert_eq!(report.written.len(), 2);
    books.reported(Ok(report));
    books.wait_until_gone();
    books.audit(&handle, Ending::HandedOut);
}

/// Sleeps for ever unless it is cut short.
fn sleeping(books: &Books) -> impl SegmentSink + use<> {
    books.sink(0, |_, context| {
        // Also when the stream has been closed before the pause begins.
        assert_eq!(context.sleep(Duration::MAX), Pause::CutShort);
        Ok(())
    })
}

pub(crate) fn a_pause_cut_short() {
    let books = Books::default();
    let (mut stream, sender) = SegmentStream::with_sink(depth(2), sleeping(&books)).unwrap();
    let handle = stream.handle();
    let producer = books.producer(sender, [segment(0), segment(1)]);
    let closing = {
        let handle = handle.clone();
        thread::spawn(move || handle.close())
    };
    books.iterate(&mut stream);
    closing.join().unwrap();
    producer.join().unwrap();
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// What is queued when the last sender goes has all the time that it needs.
pub(crate) fn the_last_sender_cuts_nothing_short() {
    let books = Books::default();
    let sink = books.sink(0, |_, context| {
        assert_eq!(context.sleep(Duration::from_secs(1)), Pause::Elapsed);
        Ok(())
    });
    let (mut stream, sender) = SegmentStream::with_sink(depth(2), sink).unwrap();
    let handle = stream.handle();
    let producer = books.producer(sender, [segment(0), segment(1)]);
    books.iterate(&mut stream);
    assert_eq!(books.written(), [0, 1]);
    producer.join().unwrap();
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// What is told of the time that writes take is of the sink alone.
pub(crate) fn a_pause_is_no_part_of_an_attempt() {
    let books = Books::default();
    let pause = Duration::from_secs(10);
    let config = SegmentStreamConfig {
        retry: RetryPolicy {
            least: Duration::MAX,
            most: Duration::MAX,
            fallback: Duration::MAX,
            first_pause: pause,
            longest_pause: pause,
            ..RetryPolicy::default()
        },
        ..depth(2)
    };
    let sink = books.sink(0, move |_, context| match context.attempt() {
        1 => Err(SinkError::transient("it was made to fail")),
        _ => Ok(()),
    });
    let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, segment(0)));
    drop(sender);
    books.iterate(&mut stream);
    assert_eq!(books.written(), [0]);
    let stats = handle.stats();
    // Time goes by in pauses only.
    assert_eq!((stats.retries, stats.longest_write), (1, Duration::ZERO));
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// The first attempt at each segment fails, and at one of them every attempt; the pause between
/// them would last for ever.
pub(crate) fn a_retry_cut_short() {
    let books = Books::default();
    let forever = RetryPolicy {
        least: Duration::MAX,
        most: Duration::MAX,
        fallback: Duration::MAX,
        first_pause: Duration::MAX,
        longest_pause: Duration::MAX,
        ..RetryPolicy::default()
    };
    let config = SegmentStreamConfig {
        retry: forever,
        ..depth(2)
    };
    let is_closed = Arc::new(AtomicBool::new(false));
    let sink = {
        let is_closed = Arc::clone(&is_closed);
        books.sink(0, move |segment, context| {
            if context.attempt() > 1 {
                let is_closed = is_closed.load(Ordering::SeqCst);
                assert!(is_closed, "nothing else ends the pause");
                assert_eq!(context.attempt(), 2, "one more, and no other");
            }
            if context.attempt() == 1 || segment.sequence == 1 {
                return Err(SinkError::transient("it was made to fail"));
            }
            Ok(())
        })
    };
    let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
    let handle = stream.handle();
    let producer = books.producer(sender, [segment(0), segment(1)]);
    let closing = {
        let handle = handle.clone();
        thread::spawn(move || {
            is_closed.store(true, Ordering::SeqCst);
            handle.close();
        })
    };
    books.iterate(&mut stream);
    closing.join().unwrap();
    producer.join().unwrap();
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
    let failed = books.failed(WriteErrorKind::Failed);
    assert_eq!(failed == 1, books.accepted().contains(&1));
}
