//! A simulated origin, and the schedule before it, on a virtual clock.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::SinkError;
use crate::presentation::driver::document::{Document, Role};
use crate::presentation::driver::origin::attempt;
use crate::presentation::driver::origin::options::OriginOptions;
use crate::presentation::driver::origin::report::{Fate, Refused, Removal, Report};
use crate::presentation::driver::origin::schedule::Schedule;
use crate::presentation::driver::origin::step::{Next, Note};
use crate::segment::ProducedSegment;
use crate::sink::{ObjectKind, SegmentSink, WriteContext};

/// The target duration of all tests.
pub(super) const TARGET: Duration = Duration::from_secs(2);

pub(super) fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

/// A document whose text is the number of its version.
pub(super) fn document(path: &str, version: u64, role: Role) -> Document {
    Document::new(path, version.to_string().into_bytes(), role)
}

pub(super) fn manifest(version: u64) -> Vec<Document> {
    vec![document("live", version, Role::Rendition)]
}

/// A call to the sink, as the origin sees it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) path: PathBuf,
    pub(super) text: u64,
    pub(super) at: Duration,
    pub(super) attempt: u32,
    pub(super) deadline: Option<Duration>,
}

/// How the origin answers a call.
pub(super) struct Answer {
    /// How long the call takes.
    takes: Duration,
    /// When the object is stored, counted from the end of the call.
    stores: Option<Duration>,
    result: Result<(), SinkError>,
}

pub(super) fn stored(takes: Duration) -> Answer {
    Answer {
        takes,
        stores: Some(Duration::ZERO),
        result: Ok(()),
    }
}

pub(super) fn refused(takes: Duration, error: SinkError) -> Answer {
    Answer {
        takes,
        stores: None,
        result: Err(error),
    }
}

/// No answer comes, and the object is stored later all the same.
pub(super) fn late(takes: Duration, delay: Duration) -> Answer {
    Answer {
        takes,
        stores: Some(delay),
        result: Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

#[derive(Default)]
struct State {
    now: Duration,
    calls: Vec<Call>,
    stored: Vec<(Duration, PathBuf, u64)>,
}

/// The origin and the clock.
#[derive(Clone)]
pub(super) struct Origin {
    start: Instant,
    state: Arc<Mutex<State>>,
}

impl Origin {
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.with(|state| state.calls.clone())
    }

    /// The texts that were put at a path, in order.
    pub(super) fn texts(&self, path: &str) -> Vec<u64> {
        let calls = self.calls().into_iter();
        let calls = calls.filter(|call| call.path == Path::new(path));
        calls.map(|call| call.text).collect()
    }

    /// The text that a client gets at this time.
    pub(super) fn shown(&self, path: &str, at: Duration) -> Option<u64> {
        self.with(|state| {
            let stored = state.stored.iter();
            let stored = stored.filter(|(time, it, _)| *time <= at && it == Path::new(path));
            // Of two at the same time the later one in the list wins.
            stored.max_by_key(|(time, ..)| *time).map(|it| it.2)
        })
    }

    fn now(&self) -> Instant {
        self.start + self.with(|state| state.now)
    }

    /// A sink that answers as the closure says, and lets that much time pass.
    pub(super) fn sink<F>(&self, answer: F) -> Simulated<F>
    where
        F: FnMut(&Call) -> Answer + Send,
    {
        Simulated(self.clone(), answer)
    }
}

pub(super) struct Simulated<F>(Origin, F);

impl<F: FnMut(&Call) -> Answer + Send> Simulated<F> {
    fn call(&mut self, path: &Path, text: u64, context: &WriteContext) -> Result<(), SinkError> {
        let start = self.0.start;
        let call = Call {
            path: path.to_owned(),
            text,
            at: self.0.with(|state| state.now),
            attempt: context.attempt(),
            deadline: context.deadline().map(|deadline| deadline - start),
        };
        let answer = (self.1)(&call);
        self.0.with(|state| {
            state.now += answer.takes;
            state.calls.push(call);
            if let Some(delay) = answer.stores {
                let time = state.now + delay;
                state.stored.push((time, path.to_owned(), text));
            }
        });
        answer.result
    }
}

impl<F: FnMut(&Call) -> Answer + Send> SegmentSink for Simulated<F> {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let path = segment.path_hint.clone().expect("every document has one");
        let is_state = path == Path::new("state");
        assert_eq!(context.object() == ObjectKind::State, is_state);
        let text = std::str::from_utf8(&segment.data).expect("it is a number");
        self.call(&path, text.parse().expect("it is a number"), context)
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        self.call(path, u64::MAX, context)
    }
}

enum Event {
    Submit(u64, Vec<Document>),
    Remove(PathBuf),
    Close(Option<Duration>),
}

/// The schedule, the origin, and what is going to happen.
pub(super) struct World {
    pub(super) schedule: Schedule,
    pub(super) origin: Origin,
    events: VecDeque<(Duration, Event)>,
    pub(super) reports: Vec<Report>,
    pub(super) refused: Vec<u64>,
    pub(super) notes: Vec<Note>,
    /// When the alarm rang.
    pub(super) alarms: Vec<Duration>,
    pub(super) has_ended: bool,
    random: u64,
}

impl World {
    pub(super) fn new(options: OriginOptions) -> Self {
        Self {
            schedule: Schedule::new(options),
            origin: Origin {
                start: Instant::now(),
                state: Arc::default(),
            },
            events: VecDeque::new(),
            reports: Vec::new(),
            refused: Vec::new(),
            notes: Vec::new(),
            alarms: Vec::new(),
            has_ended: false,
            random: 0,
        }
    }

    pub(super) fn live() -> Self {
        Self::new(OriginOptions::new(TARGET))
    }

    /// Events are told in the order of their times.
    pub(super) fn submit(&mut self, at: Duration, version: u64, documents: Vec<Document>) {
        self.events
            .push_back((at, Event::Submit(version, documents)));
    }

    pub(super) fn remove(&mut self, at: Duration, path: &str) {
        self.events.push_back((at, Event::Remove(path.into())));
    }

    /// Closes it, with a deadline that is counted from the beginning.
    pub(super) fn close(&mut self, at: Duration, deadline: Option<Duration>) {
        self.events.push_back((at, Event::Close(deadline)));
    }

    fn happen(&mut self) {
        let now = self.origin.now();
        let start = self.origin.start;
        while self
            .events
            .front()
            .is_some_and(|(at, _)| start + *at <= now)
            && let Some((at, event)) = self.events.pop_front()
        {
            match event {
                Event::Submit(version, documents) => {
                    match self.schedule.submit(version, documents, start + at) {
                        Ok(()) => {}
                        Err(refused) => {
                            assert_eq!(refused, Refused::Full);
                            self.refused.push(version);
                        }
                    }
                }
                Event::Remove(path) => assert!(self.schedule.remove(Removal::segment(path))),
                Event::Close(deadline) => {
                    let deadline = deadline.map(|deadline| start + deadline);
                    self.schedule.close(start + at, deadline);
                }
            }
        }
        self.reports.extend(self.schedule.take_reports());
        if self.schedule.ring(now).is_some() {
            self.alarms.push(now - start);
        }
    }

    /// Runs until the end, or until this time.
    pub(super) fn run(&mut self, until: Duration, sink: &mut impl SegmentSink) {
        let start = self.origin.start;
        loop {
            self.happen();
            let now = self.origin.now();
            if now >= start + until {
                return;
            }
            match self.schedule.next(now) {
                Next::Put(put) => {
                    let outcome = attempt::put(sink, &put, &Arc::default());
                    self.happen();
                    let ended = self.origin.now();
                    self.random = self.random.wrapping_mul(25).wrapping_add(7);
                    let note = self.schedule.done(*put, outcome, ended, self.random);
                    self.notes.extend(note);
                }
                Next::Remove(removal) => {
                    let deadline = self.schedule.patience(now);
                    let (result, _) = attempt::remove(sink, &removal, deadline, &Arc::default());
                    self.happen();
                    assert!(self.schedule.removed(removal, result).is_none());
                }
                Next::Wait(time) => {
                    let event = self.events.front().map(|(at, _)| start + *at);
                    let next = [time, event, Some(start + until)];
                    let next = next.into_iter().flatten().min().expect("it has an end");
                    assert!(next > now, "it waits for nothing");
                    self.origin.with(|state| state.now = next - start);
                }
                Next::End => {
                    self.has_ended = true;
                    self.reports.extend(self.schedule.take_reports());
                    return;
                }
            }
        }
    }

    /// The fate of each version of a path, as one letter, in the order of the versions.
    pub(super) fn fates(&self, of: &str) -> String {
        let mut fates = Vec::new();
        for report in &self.reports {
            if let Report::Document {
                path,
                version,
                fate,
            } = report
                && path == Path::new(of)
            {
                fates.push((*version, format!("{version}{}", letter(fate))));
            }
        }
        fates.sort_by_key(|(version, _)| *version);
        let fates: Vec<_> = fates.into_iter().map(|(_, fate)| fate).collect();
        fates.join(" ")
    }
}

fn letter(fate: &Fate) -> &'static str {
    match fate {
        Fate::Landed => "L",
        Fate::Superseded => "S",
        Fate::HeldBack { .. } => "H",
        Fate::Failed(_) => "F",
        Fate::InDoubt => "D",
    }
}
