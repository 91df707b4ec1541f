//! The line of senders: everybody who could get in gets in, in the order in which they came, and
//! nobody is forgotten. A wake-up that is lost is a deadlock here, as nothing else would wake the
//! sender.

use std::time::Duration;

use segment_stream::{
    ProducedSegment, SegmentSender, SegmentStream, SegmentStreamConfig, StreamHandle,
    WriteErrorKind,
};
use shuttle::sync::mpsc;
use shuttle::thread::{self, JoinHandle};

use crate::books::{Books, Ending, depth, depth_and_bytes, dropping, join_all, segment, sized};
use crate::gate::Gate;
use crate::logged;

const SOON: Duration = Duration::from_secs(1);

/// Waits until so many senders wait for room.
fn wait_for_line(handle: &StreamHandle, waiting: u64) {
    while handle.stats().waiting_senders < waiting {
        thread::yield_now();
    }
}

/// A thread that sends it with a deadline, and says whether it was let in.
fn hasty(
    books: &Books,
    sender: &SegmentSender,
    segment: ProducedSegment,
    time: Duration,
) -> JoinHandle<bool> {
    let (books, sender) = (books.clone(), sender.clone());
    thread::spawn(move || {
        let sent = books.hand_over(segment, |it| sender.send_timeout(it, time));
        sent.map_err(|error| assert!(error.is_timeout(), "{error}"))
            .is_ok()
    })
}

fn take(books: &Books, stream: &mut SegmentStream) {
    let item = stream.next().expect("there is one more");
    books.yielded(item);
}

/// Three wait for one slot each, and every slot that is freed lets one of them in.
pub(crate) fn everybody_in_the_line_is_let_in() {
    let books = Books::default();
    let (mut stream, sender) = SegmentStream::with_sink(depth(2), books.plain(0)).unwrap();
    let handle = stream.handle();
    let (tell, told) = mpsc::channel();
    let producers = [0, 10, 20].map(|number| {
        let (books, sender, tell) = (books.clone(), sender.clone(), tell.clone());
        thread::spawn(move || {
            for number in number..number + 2 {
                assert!(books.send(&sender, segment(number)));
                tell.send(()).unwrap();
            }
        })
    });
    // Each time everybody who fits gets in before the consumer takes anything more.
    (0..2).for_each(|_| told.recv().unwrap());
    for _ in 0..4 {
        take(&books, &mut stream);
        told.recv().unwrap();
    }
    join_all(producers);
    drop(sender);
    books.iterate(&mut stream);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// A large segment that comes out makes room for three small ones at once.
pub(crate) fn one_release_lets_several_in() {
    let books = Books::default();
    let config = depth_and_bytes(8, 10);
    let (mut stream, sender) = SegmentStream::with_sink(config, books.plain(0)).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, sized(0, 10)));
    let producers = [1, 2, 3].map(|number| books.producer(sender.clone(), [sized(number, 3)]));
    take(&books, &mut stream);
    join_all(producers);
    assert_eq!(handle.stats().accepted.segments, 4);
    drop(sender);
    books.iterate(&mut stream);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// A large segment waits, and a small one behind it that would fit; the large one is not overtaken.
pub(crate) fn a_release_for_a_large_one_lets_nobody_else_in() {
    let books = Books::default();
    let config = depth_and_bytes(8, 10);
    let (mut stream, sender) = SegmentStream::with_sink(config, books.plain(0)).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, sized(0, 4)));
    assert!(books.send(&sender, sized(1, 4)));
    let large = books.producer(sender.clone(), [sized(2, 9)]);
    wait_for_line(&handle, 1);
    let small = books.producer(sender.clone(), [sized(3, 1)]);
    let refused = books.hand_over(sized(4, 1), |it| sender.try_send(it));
    assert!(refused.unwrap_err().is_full());
    take(&books, &mut stream);
    let refused = books.hand_over(sized(5, 1), |it| sender.try_send(it));
    assert!(refused.unwrap_err().is_full());
    take(&books, &mut stream);
    large.join().unwrap();
    small.join().unwrap();
    assert_eq!(books.accepted()[..2], [0, 1]);
    for expected in [2, 3] {
        let segment = stream.next().unwrap().unwrap();
        assert_eq!(segment.sequence, expected, "first come, first in");
        books.yielded(Ok(segment));
    }
    drop(sender);
    books.iterate(&mut stream);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// The first in the line does not fit and gives up; the one behind it would have fitted all along.
pub(crate) fn whoever_gives_up_wakes_the_next() {
    let books = Books::default();
    let config = depth_and_bytes(8, 10);
    let (mut stream, sender) = SegmentStream::with_sink(config, books.plain(0)).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, sized(0, 8)));
    let large = hasty(&books, &sender, sized(1, 5), SOON);
    let small = [2, 3].map(|number| books.producer(sender.clone(), [sized(number, 1)]));
    // Nothing comes out until all three have ended.
    assert!(!large.join().unwrap());
    join_all(small);
    drop(sender);
    books.iterate(&mut stream);
    assert_eq!(books.came_out(), 3);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// A slot comes free just as the first in the line gives up: it is let in, or the next one is.
pub(crate) fn whoever_gives_up_against_a_release() {
    let books = Books::default();
    let (mut stream, sender) = SegmentStream::with_sink(depth(1), books.plain(0)).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, segment(0)));
    let (tell, told) = mpsc::channel();
    let senders = [(1, SOON), (2, SOON), (3, Duration::MAX)].map(|(number, time)| {
        let hasty = hasty(&books, &sender, segment(number), time);
        let tell = tell.clone();
        thread::spawn(move || tell.send(hasty.join().unwrap()).unwrap())
    });
    // From here on either a slot is free, and somebody who waits takes it or gives up, or it is
    // taken by one that tells of it and can be taken out.
    take(&books, &mut stream);
    for _ in 0..3 {
        if told.recv().unwrap() {
            take(&books, &mut stream);
        }
    }
    join_all(senders);
    drop(sender);
    books.iterate(&mut stream);
    assert!(
        books.accepted().contains(&3),
        "it had all the time in the world"
    );
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// Those who wait are let in or told, whichever comes first, and the line of a closed stream is
/// empty.
pub(crate) fn a_sender_let_in_against_a_close() {
    let books = Books::default();
    let (mut stream, sender) = SegmentStream::with_sink(depth(1), books.plain(0)).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, segment(0)));
    let hasty = {
        let (books, sender) = (books.clone(), sender.clone());
        thread::spawn(move || {
            let sent = books.hand_over(segment(1), |it| sender.send_timeout(it, SOON));
            sent.map_err(|error| assert!(error.is_timeout() || error.is_closed()))
                .is_ok()
        })
    };
    let patient = [
        books.producer(sender.clone(), [segment(10)]),
        books.producer(sender, [segment(20)]),
    ];
    let closing = {
        let handle = handle.clone();
        thread::spawn(move || handle.close())
    };
    take(&books, &mut stream);
    join_all(patient);
    hasty.join().unwrap();
    closing.join().unwrap();
    assert_eq!(handle.stats().waiting_senders, 0);
    books.iterate(&mut stream);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// Those who wait go and tell the log of it, and are not in the others' way meanwhile.
pub(crate) fn those_who_tell_the_log_come_back() {
    let books = Books::default();
    let config = SegmentStreamConfig {
        stall_warning: Duration::ZERO,
        ..depth_and_bytes(2, 10)
    };
    let (mut stream, sender) = SegmentStream::with_sink(config, books.plain(0)).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, sized(0, 8)));
    let (tell, told) = mpsc::channel();
    let large = hasty(&books, &sender, sized(1, 5), SOON);
    let producers = [2, 3].map(|number| {
        let (books, sender, tell) = (books.clone(), sender.clone(), tell.clone());
        thread::spawn(move || {
            assert!(books.send(&sender, sized(number, 1)));
            tell.send(()).unwrap();
        })
    });
    // Whether or not the large one is there and away, one of the others fits beside the first.
    told.recv().unwrap();
    take(&books, &mut stream);
    if large.join().unwrap() {
        take(&books, &mut stream);
    }
    join_all(producers);
    drop(sender);
    books.iterate(&mut stream);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// The first in the line is held up by the log; the one behind it does not wait for that.
pub(crate) fn nobody_waits_for_the_log() {
    let books = Books::default();
    let log = logged::of_segment(1);
    let config = SegmentStreamConfig {
        stall_warning: SOON,
        ..depth_and_bytes(8, 10)
    };
    let (mut stream, sender) = SegmentStream::with_sink(config, books.plain(0)).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, sized(0, 8)));
    let large = books.producer(sender.clone(), [sized(1, 5)]);
    let small = books.producer(sender.clone(), [sized(2, 1)]);
    // Nothing comes out before that, and the large one has not come back.
    small.join().unwrap();
    log.open();
    take(&books, &mut stream);
    large.join().unwrap();
    drop(sender);
    books.iterate(&mut stream);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

fn init(number: u64) -> ProducedSegment {
    ProducedSegment {
        is_init: true,
        ..sized(number, 3)
    }
}

pub(crate) fn dropping_the_oldest() {
    let books = Books::default();
    let (mut stream, sender) = SegmentStream::with_sink(dropping(2), books.plain(0)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [init(0), segment(1), segment(2)]),
        books.producer(sender, [segment(10), init(11)]),
    ];
    books.iterate(&mut stream);
    join_all(producers);
    assert_eq!(books.came_out(), 5);
    let dropped = books.failed(WriteErrorKind::Dropped);
    assert_eq!(books.written().len(), 5 - dropped);
    let written = books.written();
    assert!(written.contains(&0) && written.contains(&11), "{written:?}");
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// Everything in the stream is an initialisation segment or in the sink's hand: then it is as with
/// a stream that blocks.
pub(crate) fn where_nothing_can_be_dropped() {
    let books = Books::default();
    let gate = Gate::default();
    let sink = {
        let gate = gate.clone();
        books.sink(0, move |_, _| {
            gate.pass();
            Ok(())
        })
    };
    let (mut stream, sender) = SegmentStream::with_sink(dropping(2), sink).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, init(0)));
    assert!(books.send(&sender, init(1)));
    let producers = [
        books.producer(sender.clone(), [segment(10), segment(11)]),
        books.producer(sender, [segment(20)]),
    ];
    wait_for_line(&handle, 2);
    gate.open();
    books.iterate(&mut stream);
    join_all(producers);
    assert_eq!(books.came_out(), 5);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}
