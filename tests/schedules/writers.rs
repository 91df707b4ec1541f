//! Several writers: equal paths one after the other, and nobody asleep while there is something to
//! write.

use segment_stream::{ProducedSegment, SegmentSink, SegmentStream};
use shuttle::thread;

use crate::books::{Books, Ending, depth, join_all, segment, segment_at};
use crate::gate::Gate;

/// What is accepted last at a path is written last, however many write.
fn equal_paths(writers: usize, first: [(u64, &'static str); 3], second: [(u64, &'static str); 2]) {
    let books = Books::default();
    let (mut stream, sender) =
        SegmentStream::with_writers(depth(3), writers, |number| books.plain(number)).unwrap();
    let handle = stream.handle();
    let at = |(number, path)| segment_at(number, path);
    let producers = [
        books.producer(sender.clone(), first.map(at)),
        books.producer(sender, second.map(at)),
    ];
    books.iterate(&mut stream);
    join_all(producers);
    assert_eq!(books.came_out(), 5);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
    let written = books.written();
    let at = |number| written.iter().position(|it| *it == number);
    for pair in first.windows(2).chain(second.windows(2)) {
        let [(earlier, path), (later, other)] = pair else {
            unreachable!("two each");
        };
        assert!(path != other || at(*earlier) < at(*later), "{written:?}");
    }
}

pub(crate) fn two_writers_and_equal_paths() {
    equal_paths(2, [(0, "a"), (1, "a"), (2, "b")], [(10, "b"), (11, "b")]);
}

pub(crate) fn three_writers_and_equal_paths() {
    equal_paths(3, [(0, "a"), (1, "a"), (2, "a")], [(10, "b"), (11, "a")]);
}

/// Waits at its gate in the write of each segment that has one.
fn gated(books: &Books, writer: usize, gates: &[(u64, Gate)]) -> impl SegmentSink + use<> {
    let gates = gates.to_vec();
    books.sink(writer, move |segment, _| {
        let gate = gates.iter().find(|it| it.0 == segment.sequence);
        gate.iter().for_each(|(_, gate)| gate.pass());
        Ok(())
    })
}

fn gates<const N: usize>(numbers: [u64; N]) -> [(u64, Gate); N] {
    numbers.map(|number| (number, Gate::default()))
}

/// One is held up, and so is what has its path; all the rest is written meanwhile.
pub(crate) fn nobody_sleeps_while_there_is_something_to_write() {
    let books = Books::default();
    let gates = gates([0]);
    let (mut stream, sender) =
        SegmentStream::with_writers(depth(8), 2, |number| gated(&books, number, &gates)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [segment_at(0, "a"), segment_at(1, "a")]),
        books.producer(sender.clone(), [segment(10), segment(11)]),
    ];
    gates[0].1.wait_for_arrivals(1);
    while books.written().len() < 2 {
        thread::yield_now();
    }
    gates[0].1.open();
    // Nobody sends or closes any more, so nothing but the end of the first write lets the equal
    // path go.
    join_all(producers);
    for _ in 0..4 {
        books.yielded(stream.next().expect("all of them come out"));
    }
    drop(sender);
    books.iterate(&mut stream);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// As many segments as writers are begun before any of them ends.
pub(crate) fn every_writer_is_woken() {
    let books = Books::default();
    let gate = Gate::default();
    let (mut stream, sender) = SegmentStream::with_writers(depth(3), 3, |number| {
        let gate = gate.clone();
        books.sink(number, move |_: &ProducedSegment, _| {
            gate.pass();
            Ok(())
        })
    })
    .unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [segment(0), segment(1)]),
        books.producer(sender.clone(), [segment(10)]),
    ];
    gate.wait_for_arrivals(3);
    gate.open();
    join_all(producers);
    drop(sender);
    books.iterate(&mut stream);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// Everybody has gone to sleep when the path comes free.
pub(crate) fn an_equal_path_waits_and_is_written() {
    let books = Books::default();
    let gates = gates([0, 2]);
    let (mut stream, sender) =
        SegmentStream::with_writers(depth(4), 2, |number| gated(&books, number, &gates)).unwrap();
    let handle = stream.handle();
    assert!(books.send(&sender, segment_at(0, "a")));
    gates[0].1.wait_for_arrivals(1);
    assert!(books.send(&sender, segment_at(1, "a")));
    assert!(books.send(&sender, segment_at(2, "b")));
    gates[1].1.wait_for_arrivals(1);
    assert!(books.send(&sender, segment_at(3, "b")));
    let opening = gates.map(|(_, gate)| thread::spawn(move || gate.open()));
    for _ in 0..4 {
        books.yielded(stream.next().expect("all of them come out"));
    }
    join_all(opening);
    drop(sender);
    books.iterate(&mut stream);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

/// The stream is closed while the path is in a writer's hand: what has it too is still written.
pub(crate) fn an_equal_path_is_written_after_a_close() {
    let books = Books::default();
    let gates = gates([0]);
    let (mut stream, sender) =
        SegmentStream::with_writers(depth(4), 2, |number| gated(&books, number, &gates)).unwrap();
    let handle = stream.handle();
    for (number, path) in [(0, "a"), (1, "a"), (2, "b"), (3, "a")] {
        assert!(books.send(&sender, segment_at(number, path)));
    }
    let closing = thread::spawn(move || drop(sender));
    let [(_, gate)] = gates;
    let opening = thread::spawn(move || gate.open());
    books.iterate(&mut stream);
    assert_eq!(books.came_out(), 4);
    closing.join().unwrap();
    opening.join().unwrap();
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}

pub(crate) fn a_drain_with_two_writers() {
    let books = Books::default();
    let (mut stream, sender) =
        SegmentStream::with_writers(depth(3), 2, |number| books.plain(number)).unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [segment_at(0, "a"), segment_at(1, "a")]),
        books.producer(sender, [segment(10), segment_at(11, "a")]),
    ];
    if let Ok(item) = stream.try_next() {
        books.yielded(item);
    }
    assert_eq!(books.reported(stream.drain()), 0);
    join_all(producers);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}
