//! Losses, of the producer and of a stream that drops the oldest: each comes out in its place,
//! wakes whoever waits for it, and loses nothing of its information.

use std::time::Duration;

use segment_stream::{
    ProducedSegment, SegmentInfo, SegmentSender, SegmentStream, StreamStats, WriteErrorKind,
    Yielded,
};
use shuttle::sync::mpsc::{self, Receiver};
use shuttle::thread::{self, JoinHandle};

use crate::books::{depth, dropping, join_all, segment};
use crate::gate::Gate;

const SECS: Duration = Duration::from_secs(2);

/// What came out: the number of the first segment, and how it ended.
type Out = (u64, Option<WriteErrorKind>);

fn out(yielded: &Yielded) -> Out {
    match &yielded.result {
        Ok(segment) => (segment.sequence, None),
        Err(error) => {
            assert_eq!(*error.info(), yielded.info);
            (error.sequence(), Some(error.kind()))
        }
    }
}

/// A consumer that says of each one when it is out, and ends with the stream.
fn consumer(mut stream: SegmentStream) -> (JoinHandle<SegmentStream>, Receiver<Out>) {
    let (tell, told) = mpsc::channel();
    let consumer = thread::spawn(move || {
        for yielded in stream.with_info() {
            tell.send(out(&yielded)).unwrap();
        }
        stream
    });
    (consumer, told)
}

fn stream(writers: usize, channel_depth: usize) -> (SegmentStream, SegmentSender) {
    SegmentStream::with_writers(depth(channel_depth), writers, |_| passing()).unwrap()
}

fn passing() -> impl segment_stream::SegmentSink {
    segment_stream::sink::from_fn(|_| {
        thread::yield_now();
        Ok(())
    })
}

/// Whatever was accepted has come out, once, and losses of the producer are apart from that.
fn check_law(stats: &StreamStats) {
    let of = |of: fn(segment_stream::Tally) -> u64| {
        let parts = [
            stats.yielded,
            stats.failed,
            stats.discarded,
            stats.dropped,
            stats.in_flight,
        ];
        assert_eq!(of(stats.accepted), parts.map(of).iter().sum(), "{stats:?}");
    };
    of(|it| it.segments);
    of(|it| it.bytes);
}

/// Nothing else happens until it is out, so nothing else could wake the consumer.
pub(crate) fn a_loss_wakes_a_sleeping_iterator() {
    for writers in [1, 2] {
        let (stream, sender) = stream(writers, 2);
        let (consumer, told) = consumer(stream);
        for number in 0..2 {
            sender.lost(number, SECS, SegmentInfo::new()).unwrap();
            let expected = (number, Some(WriteErrorKind::GivenUp));
            assert_eq!(told.recv().unwrap(), expected);
        }
        // Behind one that is on its way to a writer.
        sender.send(segment(2)).unwrap();
        sender.lost(3, SECS, SegmentInfo::new()).unwrap();
        assert_eq!(told.recv().unwrap(), (2, None));
        assert_eq!(told.recv().unwrap(), (3, Some(WriteErrorKind::GivenUp)));
        drop(sender);
        let stats = consumer.join().unwrap().stats();
        assert_eq!((stats.given_up.segments, stats.accepted.segments), (3, 1));
        check_law(&stats);
    }
}

/// It was refused by a full stream, and is given up once that is empty.
pub(crate) fn a_segment_given_up_wakes_a_sleeping_iterator() {
    let (stream, sender) = stream(1, 1);
    sender.send(segment(0)).unwrap();
    let refused = sender.try_send(segment(1)).unwrap_err();
    let (consumer, told) = consumer(stream);
    assert_eq!(told.recv().unwrap(), (0, None));
    sender.give_up(refused).unwrap();
    assert_eq!(told.recv().unwrap(), (1, Some(WriteErrorKind::GivenUp)));
    drop(sender);
    let stats = consumer.join().unwrap().stats();
    assert_eq!((stats.given_up.segments, stats.given_up.bytes), (1, 3));
    check_law(&stats);
}

/// A thread that sends or gives up these segments, in this order, until the stream is closed.
/// Returns what is to come out.
fn giving_up(sender: SegmentSender, numbers: [u64; 3]) -> JoinHandle<Vec<Out>> {
    thread::spawn(move || {
        let mut expected = Vec::new();
        for number in numbers {
            match sender.try_send(segment(number)) {
                Ok(()) => expected.push((number, None)),
                Err(error) => match sender.give_up(error) {
                    Ok(()) => expected.push((number, Some(WriteErrorKind::GivenUp))),
                    Err(error) => {
                        assert!(error.is_closed(), "{error}");
                        assert_eq!(error.into_segment(), segment(number), "it comes back");
                    }
                },
            }
        }
        expected
    })
}

pub(crate) fn losses_beside_writers_and_a_close() {
    for writers in [1, 2] {
        let (mut stream, sender) = stream(writers, writers);
        let handle = stream.handle();
        let producers = [[0, 1, 2], [10, 11, 12]].map(|it| giving_up(sender.clone(), it));
        let waiting = thread::spawn(move || sender.send(segment(20)).is_ok());
        let closing = {
            let handle = handle.clone();
            thread::spawn(move || handle.close())
        };
        let came: Vec<_> = stream.with_info().map(|it| out(&it)).collect();
        let mut count = usize::from(waiting.join().unwrap());
        for producer in producers {
            let expected = producer.join().unwrap();
            let first = expected.first().map_or(0, |it| it.0 / 10);
            let own = came.iter().filter(|it| it.0 / 10 == first && it.0 < 20);
            if !expected.is_empty() {
                assert_eq!(own.copied().collect::<Vec<_>>(), expected, "in its place");
            }
            count += expected.len();
        }
        closing.join().unwrap();
        assert_eq!(came.len(), count, "{came:?}");
        let lost = came.iter().filter(|it| it.1.is_some()).count() as u64;
        let stats = handle.stats();
        assert_eq!(stats.given_up.segments, lost);
        assert_eq!(stats.accepted.segments + lost, count as u64);
        check_law(&stats);
    }
}

/// The consumer sleeps already, and the segment that it waits for is dropped on its way to the
/// writer.
pub(crate) fn a_drop_at_the_front_wakes_a_sleeping_iterator() {
    for writers in [1, 2] {
        let (stream, sender) =
            SegmentStream::with_writers(dropping(2), writers, |_| passing()).unwrap();
        let (consumer, told) = consumer(stream);
        for number in 0..4 {
            sender.send(segment(number)).unwrap();
        }
        // No sender does anything more until all of it is out.
        for number in 0..4 {
            let (sequence, kind) = told.recv().unwrap();
            assert_eq!(sequence, number);
            assert!(kind.is_none_or(|it| it == WriteErrorKind::Dropped));
        }
        drop(sender);
        check_law(&consumer.join().unwrap().stats());
    }
}

fn marked(number: u64) -> (ProducedSegment, SegmentInfo) {
    let info = SegmentInfo::new().discontinuity();
    let info = info.key_lines([format!("#KEY-{number}")]).unwrap();
    (
        segment(number),
        info.event_line(format!("#EVENT-{number}")).unwrap(),
    )
}

/// What the playlist has to say in the end.
#[derive(Debug, Default, PartialEq)]
struct Told {
    segments: u64,
    discontinuities: u64,
    keys: Vec<String>,
    events: Vec<String>,
}

impl Told {
    fn add(&mut self, yielded: &Yielded) {
        let info = &yielded.info;
        assert_eq!(info.omitted_event_lines(), 0);
        self.segments += match &yielded.result {
            Ok(_) => 1,
            Err(error) => error.segments(),
        };
        self.discontinuities += info.discontinuities();
        if let Some(keys) = info.keys() {
            self.keys = keys.to_vec();
        }
        self.events.extend(info.event_lines().map(str::to_owned));
    }

    /// Of so many in order.
    fn all(count: u64) -> Self {
        Self {
            segments: count,
            discontinuities: count,
            keys: vec![format!("#KEY-{}", count - 1)],
            events: (0..count).map(|it| format!("#EVENT-{it}")).collect(),
        }
    }
}

pub(crate) fn information_of_dropped_segments() {
    for writers in [1, 2] {
        let (mut stream, sender) =
            SegmentStream::with_writers(dropping(2), writers, |_| passing()).unwrap();
        let producer = thread::spawn(move || {
            (0..4).for_each(|number| sender.send(marked(number)).unwrap());
        });
        let mut told = Told::default();
        stream.with_info().for_each(|yielded| told.add(&yielded));
        assert_eq!(told, Told::all(4));
        join_all([producer]);
        check_law(&stream.stats());
    }
}

/// More than have a record each.
const MANY: u64 = 70;

pub(crate) fn information_of_merged_losses() {
    let gate = Gate::default();
    let sink = {
        let gate = gate.clone();
        segment_stream::sink::from_fn(move |_| {
            gate.pass();
            Ok(())
        })
    };
    let (mut stream, sender) = SegmentStream::with_sink(dropping(2), sink).unwrap();
    sender.send(marked(0)).unwrap();
    gate.wait_for_arrivals(1);
    for number in 1..MANY {
        let (segment, info) = marked(number);
        if number % 2 == 0 {
            sender.lost(segment.sequence, SECS, info).unwrap();
        } else {
            sender.send((segment, info)).unwrap();
        }
    }
    // Those records are shared already; the rest comes while they come out.
    let producer = thread::spawn(move || {
        (MANY..MANY + 4).for_each(|number| sender.send(marked(number)).unwrap());
    });
    gate.open();
    let (mut told, mut merged) = (Told::default(), 0);
    for yielded in stream.with_info() {
        told.add(&yielded);
        merged += u64::from(yielded.result.is_err_and(|error| error.segments() > 1));
    }
    assert_eq!(told, Told::all(MANY + 4));
    assert!(merged > 0, "there were too many for a record each");
    join_all([producer]);
    check_law(&stream.stats());
}

/// A stuck write, with drops and losses behind it: the numbers agree all the time, and when it ends
/// nothing is in flight.
pub(crate) fn losses_before_a_deadline() {
    let gate = Gate::default();
    let gone = Gate::default();
    gone.open();
    let sink = StuckOnZero {
        gate: gate.clone(),
        gone: gone.clone(),
    };
    let (mut stream, sender) = SegmentStream::with_sink(dropping(3), sink).unwrap();
    let handle = stream.handle();
    sender.send(segment(0)).unwrap();
    gate.wait_for_arrivals(1);
    let producer = thread::spawn(move || {
        for number in 1..4 {
            if sender.send(segment(number)).is_err() {
                return;
            }
        }
        let _ = sender.lost(4, SECS, SegmentInfo::new());
    });
    let polled = stream.try_next();
    let mut came = usize::from(polled.is_ok_and(|it| it.is_err()));
    let result = stream.finish_timeout(Duration::from_secs(1));
    let report = result.unwrap_err().into_report();
    came += report.written.len() + report.failed.len();
    came += report.in_doubt.len() + report.discarded.len();
    join_all([producer]);
    let stats = handle.stats();
    check_law(&stats);
    let expected = stats.accepted.segments + stats.given_up.segments;
    assert_eq!(came as u64, expected, "{report:?}");
    gate.open();
    gone.wait_for_arrivals(1);
    let stats = handle.stats();
    check_law(&stats);
    assert_eq!((stats.in_flight.segments, stats.writing), (0, 0));
    assert_eq!(stats.discarded.segments, report.discarded.len() as u64);
    let written = report.written.len() + report.in_doubt.len();
    assert_eq!(stats.yielded.segments, written as u64);
}

struct StuckOnZero {
    gate: Gate,
    gone: Gate,
}

impl segment_stream::SegmentSink for StuckOnZero {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        _: &segment_stream::WriteContext,
    ) -> Result<(), segment_stream::SinkError> {
        if segment.sequence == 0 {
            self.gate.pass();
        }
        Ok(())
    }
}

impl Drop for StuckOnZero {
    fn drop(&mut self) {
        self.gone.pass();
    }
}
