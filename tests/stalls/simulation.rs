//! A live source, a sink that stalls once, and a consumer that takes at once what is there, on a
//! clock that only this moves.
//!
//! The threads are real, and so are the waits for one another; the time is not. Before the clock
//! moves, everything has happened that can happen without it: what was sent is with the sink and
//! what the sink has done is yielded, or the sink stands at its gate. So every number is exact.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use segment_stream::{
    NoNext, ProducedSegment, SegmentSender, SegmentStream, SegmentStreamConfig, SendError,
    StreamStats, WhenFull, WriteError, WriteErrorKind, sink,
};

use super::common::gate::Gate;

/// Milliseconds.
pub(crate) type Millis = u64;

/// A segment is due this often, and lasts as long: 25 in a second.
pub(crate) const SEGMENT: Millis = 40;
/// The write that begins now is the one that stalls.
pub(crate) const STALL_BEGINS: Millis = 2_000;

/// How long this thread waits for another one before it looks again at what that one is waiting
/// for. Of the real time; no outcome depends on it.
const MOMENT: Duration = Duration::from_millis(1);

/// How the source sends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Send(WhenFull),
    /// A refused segment is thrown away.
    TrySend,
    /// The same, after this time.
    SendTimeout(Millis),
}

impl Way {
    fn send(self, sender: &SegmentSender, segment: ProducedSegment) -> Answer {
        match self {
            Self::Send(_) => sender.send(segment),
            Self::TrySend => sender.try_send(segment),
            // Its time is the simulation's, and passes there.
            Self::SendTimeout(_) => sender.send_timeout(segment, Duration::ZERO),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) way: Way,
    pub(crate) stall: Millis,
    /// How many the source makes.
    pub(crate) segments: u64,
    /// The payload of each, in bytes.
    pub(crate) payload: usize,
    /// Whether the source has a thread to wait on. Should it wait all the same, nothing goes on.
    pub(crate) may_wait: bool,
}

/// The outcome of a simulation.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Yielded as `Ok`.
    pub(crate) delivered: u64,
    /// Yielded as `Err`: accepted, and dropped to make room for a newer one.
    pub(crate) dropped: u64,
    /// Not accepted.
    pub(crate) refused: u64,
    /// How many `Err`s there were for all those that were dropped.
    pub(crate) errors: u64,
    pub(crate) dropped_bytes: u64,
    pub(crate) dropped_secs: f64,
    /// How late the source came back from sending at worst, against the time at which the segment
    /// was due.
    pub(crate) worst_late: Millis,
    /// How late the last one was.
    pub(crate) last_late: Millis,
    /// How old was what had waited in the queue when the stall ended, in the order in which it
    /// came out.
    pub(crate) waited: Vec<Millis>,
    pub(crate) stats: StreamStats,
}

impl Outcome {
    pub(crate) fn lost(&self) -> u64 {
        self.dropped + self.refused
    }

    /// The greatest and the least age of what waited.
    pub(crate) fn ages(&self) -> (Millis, Millis) {
        let (oldest, newest) = (self.waited.iter().max(), self.waited.iter().min());
        (*oldest.unwrap(), *newest.unwrap())
    }
}

pub(crate) fn due(number: u64) -> Millis {
    number * SEGMENT
}

/// A segment that is known from its number, cheaply: an hour of them is a lot of bytes.
fn segment(number: u64, length: usize) -> ProducedSegment {
    let mut data = vec![0x47; length];
    let head = number.to_le_bytes();
    data[..head.len()].copy_from_slice(&head);
    ProducedSegment::media(number, data, 0.04).with_path(format!("live/{number:08}.m4s"))
}

/// Runs it all. `look` is called before each segment is sent, with its number.
pub(crate) fn run(case: Case, mut look: impl FnMut(u64)) -> Outcome {
    let mut simulation = Simulation::start(case);
    for number in 0..case.segments {
        look(number);
        simulation.produce(number);
    }
    simulation.end()
}

struct Simulation {
    case: Case,
    now: Arc<AtomicU64>,
    gate: Gate,
    /// The stall has come to its end.
    is_over: bool,
    source: Source,
    stream: SegmentStream,
    /// The number of the next one to come out, unless it is refused.
    next: u64,
    /// Those from there on that were refused.
    refused: VecDeque<u64>,
    /// How many were queued when the stall ended and have not come out.
    waiting: u64,
    outcome: Outcome,
}

impl Simulation {
    fn start(case: Case) -> Self {
        let now = Arc::new(AtomicU64::new(0));
        let gate = Gate::default();
        let sink = sink::from_fn({
            let (now, gate) = (Arc::clone(&now), gate.clone());
            move |_| {
                if now.load(Ordering::SeqCst) == STALL_BEGINS {
                    gate.pass();
                }
                Ok(())
            }
        });
        let when_full = match case.way {
            Way::Send(when_full) => when_full,
            Way::TrySend | Way::SendTimeout(_) => WhenFull::Block,
        };
        let config = SegmentStreamConfig {
            when_full,
            // A sender that is to be told looks for room as well, and that would be by the real
            // clock.
            stall_warning: Duration::MAX,
            ..Default::default()
        };
        let (stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        Self {
            case,
            now,
            gate,
            is_over: false,
            source: Source::start(case, sender),
            stream,
            next: 0,
            refused: VecDeque::new(),
            waiting: 0,
            outcome: Outcome::default(),
        }
    }

    fn now(&self) -> Millis {
        self.now.load(Ordering::SeqCst)
    }

    fn stall_ends(&self) -> Millis {
        STALL_BEGINS + self.case.stall
    }

    fn is_stalled(&self) -> bool {
        self.gate.arrivals() > 0 && !self.is_over
    }

    /// Moves the clock, if that is forward. When the stall ends, the sink comes before the source.
    fn advance_to(&mut self, time: Millis) {
        if self.is_stalled() && time >= self.stall_ends() {
            self.now.store(self.stall_ends(), Ordering::SeqCst);
            self.waiting = self.stream.stats().queued.segments;
            self.is_over = true;
            self.gate.open();
            self.settle();
        }
        self.now.store(time.max(self.now()), Ordering::SeqCst);
    }

    /// The source sends this segment as soon as it is due and the one before it is off its hands.
    fn produce(&mut self, number: u64) {
        self.advance_to(due(number));
        let segment = segment(number, self.case.payload);
        let answer = self.source.send(segment, &self.stream);
        let answer = answer.unwrap_or_else(|| {
            // It waits for the sink, so nothing happens before the stall ends.
            assert!(self.is_stalled(), "segment {number} waits for nothing");
            self.advance_to(self.stall_ends());
            self.source.answer()
        });
        if let Err(error) = answer {
            self.refuse(number, error);
        }
        let late = self.now() - due(number);
        self.outcome.worst_late = self.outcome.worst_late.max(late);
        self.outcome.last_late = late;
        self.settle();
        if self.is_stalled() {
            // Once it is full it stays so: no more is dropped than is needed.
            let since = (due(number) - STALL_BEGINS) / SEGMENT + 1;
            let in_flight = self.stream.stats().in_flight.segments;
            assert_eq!(in_flight, since.min(8), "after segment {number}");
        }
    }

    fn refuse(&mut self, number: u64, error: SendError) {
        match self.case.way {
            Way::Send(_) => panic!("{error}"),
            Way::TrySend => assert!(error.is_full()),
            Way::SendTimeout(timeout) => {
                assert!(error.is_timeout());
                let in_vain = self.now() + timeout;
                // Or it would have got in, and this would have to see to that.
                assert!(in_vain < self.stall_ends());
                self.advance_to(in_vain);
            }
        }
        assert_eq!(error.into_segment(), segment(number, self.case.payload));
        self.refused.push_back(number);
        self.outcome.refused += 1;
    }

    /// Takes what comes until nothing more can come without the clock.
    fn settle(&mut self) {
        loop {
            let stats = self.stream.stats();
            assert!(stats.in_flight.segments <= 8, "the bound: {stats:?}");
            if stats.in_flight.segments == 0 || self.is_stalled() {
                assert_eq!(self.stream.try_next().unwrap_err(), NoNext::NotYet);
                return;
            }
            match self.stream.next_timeout(MOMENT) {
                Ok(item) => self.note(item),
                Err(NoNext::NotYet) => {}
                Err(NoNext::Ended) => panic!("nobody ended it"),
            }
        }
    }

    /// The number of what has to come out now.
    fn expected(&mut self) -> u64 {
        while self.refused.front() == Some(&self.next) {
            self.refused.pop_front();
            self.next += 1;
        }
        self.next
    }

    /// Each in its place.
    fn note(&mut self, item: Result<ProducedSegment, WriteError>) {
        let number = self.expected();
        match item {
            Ok(it) => {
                assert_eq!(it, segment(number, self.case.payload));
                self.next += 1;
                self.outcome.delivered += 1;
                // Behind the one that was being written.
                if self.waiting > 0 && due(number) > STALL_BEGINS {
                    self.waiting -= 1;
                    self.outcome.waited.push(self.now() - due(number));
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), WriteErrorKind::Dropped, "{error}");
                // Only one after the other are merged, and none of these were refused.
                self.next += error.segments();
                let numbers = (error.sequence(), error.last_sequence());
                assert_eq!(numbers, (number, self.next - 1));
                let outcome = &mut self.outcome;
                outcome.errors += 1;
                outcome.dropped += error.segments();
                outcome.dropped_bytes += error.byte_len();
                outcome.dropped_secs += error.duration_secs();
                let without_payload = ProducedSegment {
                    data: Vec::new(),
                    ..segment(number, self.case.payload)
                };
                assert_eq!(error.into_segment(), without_payload);
            }
        }
    }

    fn end(mut self) -> Outcome {
        assert!(self.is_over, "the source ended before the stall");
        assert_eq!(self.expected(), self.case.segments);
        self.outcome.stats = self.stream.stats();
        self.source.end();
        assert!(self.stream.next().is_none());
        let report = self.stream.finish().unwrap();
        assert!(report.written.is_empty() && report.discarded.is_empty());
        self.outcome
    }
}

type Answer = Result<(), SendError>;

enum Source {
    Here(Way, SegmentSender),
    Apart {
        orders: Sender<ProducedSegment>,
        answers: Receiver<Answer>,
        thread: thread::JoinHandle<()>,
    },
}

impl Source {
    fn start(case: Case, sender: SegmentSender) -> Self {
        if !case.may_wait {
            return Self::Here(case.way, sender);
        }
        let (orders, to_send) = bounded(1);
        let (answer, answers) = bounded(1);
        let thread = thread::spawn(move || {
            for segment in to_send {
                answer.send(case.way.send(&sender, segment)).unwrap();
            }
        });
        Self::Apart {
            orders,
            answers,
            thread,
        }
    }

    /// The stream's answer to the segment; `None` if the source waits in the line.
    fn send(&self, segment: ProducedSegment, stream: &SegmentStream) -> Option<Answer> {
        let (orders, answers) = match self {
            Self::Here(way, sender) => return Some(way.send(sender, segment)),
            Self::Apart {
                orders, answers, ..
            } => (orders, answers),
        };
        orders.send(segment).unwrap();
        loop {
            match answers.recv_timeout(MOMENT) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Timeout) if stream.stats().waiting_senders > 0 => {
                    return None;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("the source has panicked"),
            }
        }
    }

    /// The stream's answer to the segment that waited.
    fn answer(&self) -> Answer {
        let Self::Apart { answers, .. } = self else {
            unreachable!("it never waits");
        };
        answers.recv().unwrap()
    }

    fn end(self) {
        if let Self::Apart { orders, thread, .. } = self {
            drop(orders);
            thread.join().unwrap();
        }
    }
}
