//! The consumer's end: takes what the writers have done as it comes, and puts it back into the order of
//! acceptance.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::backlog::Job;
use crate::error::{SinkError, WriteError, WriteErrorKind};
use crate::intake::{Fate, Intake, Patience};
use crate::report::not_in_time;
use crate::segment::ProducedSegment;
use crate::sync::channel::{Receiver, RecvTimeoutError, TryRecvError};
use crate::sync::thread::JoinHandle;
use crate::writer::{Completed, Completion, Event};

/// Why there is no next segment, at least not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoNext {
    /// None is done yet.
    NotYet,
    /// There will be none: the iteration has ended.
    Ended,
}

impl fmt::Display for NoNext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotYet => "no segment is done yet",
            Self::Ended => "the stream has ended",
        })
    }
}

impl std::error::Error for NoNext {}

/// How an accepted segment comes out.
pub(crate) enum Arrival {
    Landed(ProducedSegment),
    Failed(WriteError),
    /// Taken out of the queue at a shutdown.
    Discarded(ProducedSegment),
    /// Its write was under way when the time was over. Without its payload.
    InDoubt(ProducedSegment),
}

impl Arrival {
    /// What the iterator makes of it. The last two stand in a report, unless the report was asked for
    /// inside the sink, which could not wait for what comes before them.
    pub(crate) fn into_item(self) -> Result<ProducedSegment, WriteError> {
        match self {
            Self::Landed(segment) => Ok(segment),
            Self::Failed(error) => Err(error),
            Self::Discarded(segment) | Self::InDoubt(segment) => Err(WriteError::new(
                segment,
                WriteErrorKind::Discarded,
                SinkError::permanent("the stream was drained"),
                0,
            )),
        }
    }
}

/// Came, and waits for what was accepted before it.
enum Early {
    Completed(Completion),
    Discarded(ProducedSegment),
    InDoubt(ProducedSegment),
}

pub(crate) struct Arrivals {
    intake: Arc<Intake>,
    events: Receiver<Event>,
    /// Taken by whoever joins them.
    writers: Vec<JoinHandle<()>>,
    /// How many writers have not said their last word.
    running: usize,
    /// The index of the next segment in the order of acceptance.
    next: u64,
    /// By index. Each of them holds a slot, so there are never more than the depth.
    early: VecDeque<(u64, Early)>,
    /// How the sinks ended that did not end well, until a report takes it.
    sink_errors: Vec<SinkError>,
}

impl Arrivals {
    pub(crate) fn new(
        intake: Arc<Intake>,
        events: Receiver<Event>,
        writers: Vec<JoinHandle<()>>,
    ) -> Self {
        Self {
            intake,
            events,
            running: writers.len(),
            writers,
            next: 0,
            early: VecDeque::new(),
            sink_errors: Vec::new(),
        }
    }

    /// The next one in the order of acceptance.
    pub(crate) fn next(&mut self, patience: Patience) -> Result<Arrival, NoNext> {
        loop {
            if let Some(arrival) = self.in_order() {
                return Ok(arrival);
            }
            if self.running == 0 {
                return Err(NoNext::Ended);
            }
            self.receive(patience)?;
        }
    }

    /// The next one if it is here. What was dropped rides along with whatever was accepted after it.
    fn in_order(&mut self) -> Option<Arrival> {
        if self.early.is_empty() && self.running > 0 {
            return None;
        }
        if let Some(early) = self.take_next() {
            self.next += 1;
            return Some(self.hand_out(self.next - 1, early));
        }
        if let Some(loss) = self.intake.take_loss(self.next) {
            self.next = loss.end;
            return Some(Arrival::Failed(WriteError::dropped(loss)));
        }
        if self.running > 0 {
            return None;
        }
        // Nothing more will come. A gap is left only by a writer that did not survive.
        let (index, early) = self.early.pop_front()?;
        self.next = index + 1;
        Some(self.hand_out(index, early))
    }

    fn take_next(&mut self) -> Option<Early> {
        let is_next = self.early.front().is_some_and(|it| it.0 == self.next);
        let (_, early) = is_next.then(|| self.early.pop_front())??;
        Some(early)
    }

    fn place_of(&self, index: u64) -> Result<usize, usize> {
        self.early.binary_search_by_key(&index, |it| it.0)
    }

    /// Keeps it until its turn; what is known of it already is replaced.
    fn keep(&mut self, index: u64, early: Early) {
        match self.place_of(index) {
            Ok(at) => self.early[at].1 = early,
            Err(at) => self.early.insert(at, (index, early)),
        }
    }

    fn hand_out(&self, index: u64, early: Early) -> Arrival {
        match early {
            Early::Completed(completion) => {
                let completed = Completed { index, completion };
                completed.release(&self.intake);
                match completed.completion {
                    Completion::Written(segment) | Completion::Passed(segment) => {
                        Arrival::Landed(segment)
                    }
                    Completion::Failed(error) => Arrival::Failed(error),
                }
            }
            Early::Discarded(segment) => {
                self.intake.release(index, &segment, Fate::Discarded);
                Arrival::Discarded(segment)
            }
            // Its slot stays taken until its write has ended.
            Early::InDoubt(segment) => Arrival::InDoubt(segment),
        }
    }

    fn receive(&mut self, patience: Patience) -> Result<(), NoNext> {
        let received = match patience {
            Patience::None => self.events.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            }),
            Patience::Until(deadline) => self.events.recv_deadline(deadline),
            Patience::Endless => self.events.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok(Event::Completed(Completed { index, completion })) => {
                self.keep(index, Early::Completed(completion));
            }
            Ok(Event::Ended(outcome)) => {
                self.sink_errors.extend(outcome.err());
                self.running -= 1;
            }
            Err(RecvTimeoutError::Timeout) => return Err(NoNext::NotYet),
            Err(RecvTimeoutError::Disconnected) => {
                self.sink_errors.push(writer_died());
                self.running = 0;
            }
        }
        if self.running == 0 {
            self.intake.teller().end();
        }
        Ok(())
    }

    /// Takes out what no writer has begun, to be handed out in its place.
    pub(crate) fn discard_queued(&mut self) {
        let queued = self.intake.close_and_take_queued();
        self.discard(queued);
    }

    fn discard(&mut self, queued: impl IntoIterator<Item = Job>) {
        for Job { index, segment } in queued {
            self.keep(index, Early::Discarded(segment));
        }
    }

    /// Gives the writers up that have not ended: what is here, what was never begun and what is in doubt
    /// can be handed out then, and after that the iteration has ended.
    pub(crate) fn give_up(&mut self) {
        let (queued, held) = self.intake.close_and_take_everything();
        self.discard(queued);
        for held in held {
            if held.is_being_written() {
                self.keep(held.index, Early::InDoubt(held.segment));
                continue;
            }
            // Put down, so its completion is here, or will be in a moment.
            while self.running > 0 && held.index >= self.next && self.place_of(held.index).is_err()
            {
                let _ = self.receive(Patience::Endless);
            }
        }
        // What has been completed meanwhile takes the place of what was in doubt.
        while self.running > 0 && self.receive(Patience::None).is_ok() {}
        self.sink_errors
            .extend((0..self.running).map(|_| not_in_time()));
        if self.running > 0 {
            self.intake.teller().end();
        }
        self.running = 0;
        self.writers.clear();
    }

    pub(crate) fn have_ended(&self) -> bool {
        self.running == 0
    }

    /// Joins the writers, which have said their last words, and hands those out, once.
    pub(crate) fn settle(&mut self) -> Vec<SinkError> {
        let mut errors = std::mem::take(&mut self.sink_errors);
        if !self.have_ended() {
            let cause = io::Error::new(
                io::ErrorKind::Deadlock,
                "the stream is closed, but its own sink cannot wait for its end",
            );
            errors.push(SinkError::permanent(cause));
            return errors;
        }
        let writers = std::mem::take(&mut self.writers);
        if !self.intake.is_writer_thread() {
            let died = writers.into_iter().filter_map(|it| it.join().err());
            errors.extend(died.map(|_| writer_died()));
        }
        errors
    }
}

fn writer_died() -> SinkError {
    SinkError::permanent("the writer thread panicked")
}
