//! The consumer's end: takes what the writers have done as it comes, and puts it back into the order of
//! acceptance.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::contain::contained;
use crate::error::{SinkError, WriteError};
use crate::intake::{Intake, Patience};
use crate::report::{Report, not_in_time};
use crate::segment::ProducedSegment;
use crate::sync::channel::{Receiver, RecvTimeoutError, TryRecvError, unbounded};
use crate::sync::thread::JoinHandle;
use crate::sync::{Lookout, now};
use crate::writer::{Completed, Event, tell_of_end};

/// What the iterator yields.
pub(crate) type Item = Result<ProducedSegment, WriteError>;

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

pub(crate) struct Arrivals {
    intake: Arc<Intake>,
    events: Receiver<Event>,
    /// Taken by whoever joins them.
    writers: Vec<JoinHandle<()>>,
    /// How many writers have not said their last word.
    running: usize,
    /// The index of the next segment in the order of acceptance.
    next: u64,
    /// What came, or was taken out of the queue, before its turn. By index; what waits here to be yielded
    /// holds a slot, so there are never more than the depth.
    early: VecDeque<(u64, Early)>,
    /// How the sinks ended that did not end well, until a report takes it.
    sink_errors: Vec<SinkError>,
    lookout: Lookout,
}

enum Early {
    Completed(Completed),
    /// In a report already.
    Reported,
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
            lookout: Lookout::default(),
        }
    }

    /// The next one in the order of acceptance.
    pub(crate) fn next(&mut self, patience: Patience) -> Result<Item, NoNext> {
        loop {
            if let Some(item) = self.in_order() {
                return Ok(item);
            }
            if self.running == 0 {
                return Err(NoNext::Ended);
            }
            self.receive(patience)?;
        }
    }

    /// The next one if it is here. What was dropped rides along with whatever was accepted after it.
    fn in_order(&mut self) -> Option<Item> {
        loop {
            let first = self.early.front().map(|it| it.0);
            if first.is_none() && self.running > 0 {
                return None;
            }
            if first != Some(self.next) {
                // Of the end a hole may be left, by what is in doubt or by a writer that did not survive.
                let before = if self.running > 0 {
                    self.next + 1
                } else {
                    first.unwrap_or(u64::MAX)
                };
                if let Some(loss) = self.intake.take_loss(before) {
                    self.next = loss.end;
                    return Some(Err(WriteError::dropped(loss)));
                }
                if self.running > 0 {
                    return None;
                }
            }
            let (index, early) = self.early.pop_front()?;
            self.next = index + 1;
            if let Early::Completed(completed) = early {
                return Some(completed.into_item());
            }
        }
    }

    fn place_of(&self, index: u64) -> Result<usize, usize> {
        self.early.binary_search_by_key(&index, |it| it.0)
    }

    fn keep(&mut self, index: u64, early: Early) {
        if self.early.back().is_none_or(|last| last.0 < index) {
            self.early.push_back((index, early));
            return;
        }
        // No index comes twice.
        let (Ok(at) | Err(at)) = self.place_of(index);
        self.early.insert(at, (index, early));
    }

    fn receive(&mut self, patience: Patience) -> Result<(), NoNext> {
        let events = &self.events;
        let at_once = || match events.try_recv() {
            Ok(event) => Some(Ok(event)),
            Err(TryRecvError::Disconnected) => Some(Err(RecvTimeoutError::Disconnected)),
            Err(TryRecvError::Empty) => None,
        };
        let received = match (at_once(), patience) {
            (Some(received), _) => received,
            (None, Patience::None) => Err(RecvTimeoutError::Timeout),
            (None, Patience::Until(deadline)) => events.recv_deadline(deadline),
            (None, Patience::Endless) => self.lookout.look(at_once).unwrap_or_else(|| {
                let received = self.lookout.wait(|| events.recv());
                received.map_err(RecvTimeoutError::from)
            }),
        };
        match received {
            Ok(Event::Completed(completed)) => {
                self.keep(completed.index, Early::Completed(completed));
            }
            Ok(Event::Ended(word)) => {
                self.sink_errors.extend(word.take_error());
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

    /// Takes what comes until the writers have ended, or patience has.
    pub(crate) fn collect(&mut self, patience: Patience, report: &mut Report) {
        // A message that is there is received even after the time is over.
        let is_over = || matches!(patience, Patience::Until(deadline) if now() >= deadline);
        while !is_over()
            && let Ok(item) = self.next(patience)
        {
            match item {
                Ok(segment) => report.written.push(segment),
                Err(error) => report.failed.push(error),
            }
        }
    }

    /// Takes out what no writer has begun.
    pub(crate) fn discard_queued(&mut self, report: &mut Report) {
        for job in self.intake.close_and_take_queued() {
            self.keep(job.index, Early::Reported);
            report.discarded.push(job.segment);
        }
    }

    /// Gives the writers up that have not ended: reports what is here, what was never begun and what is in
    /// doubt. After that the iteration has ended.
    pub(crate) fn give_up(&mut self, report: &mut Report) {
        let (queued, mut held) = self.intake.close_and_give_up();
        held.sort_by_key(|held| held.index);
        // Whatever has been completed is here, and in doubt no more.
        while self.running > 0 && self.receive(Patience::None).is_ok() {}
        let in_doubt = held.into_iter().filter(|held| self.is_awaited(held.index));
        report.in_doubt.extend(in_doubt.map(|held| held.segment));
        let unfinished = self.running.max(usize::from(!queued.is_empty()));
        report
            .discarded
            .extend(queued.into_iter().map(|job| job.segment));
        self.sink_errors
            .extend((0..unfinished).map(|_| not_in_time()));
        // Before the log is told: a writer whose last word finds nobody says itself what it held back after that.
        self.events = unbounded().1;
        // The last writer would, and who knows when that ends.
        self.intake.teller().end();
        self.running = 0;
        self.collect(Patience::None, report);
    }

    /// Leaves the writers' threads to themselves.
    pub(crate) fn detach(&mut self) {
        self.writers.clear();
    }

    fn is_awaited(&self, index: u64) -> bool {
        index >= self.next && self.place_of(index).is_err()
    }

    /// Reports what came before its turn, where nobody can wait for that.
    pub(crate) fn collect_early(&mut self, report: &mut Report) {
        for (_, early) in std::mem::take(&mut self.early) {
            match early {
                Early::Completed(completed) => match completed.into_item() {
                    Ok(segment) => report.written.push(segment),
                    Err(error) => report.failed.push(error),
                },
                Early::Reported => {}
            }
        }
    }

    pub(crate) fn have_ended(&self) -> bool {
        self.running == 0
    }

    /// How the sinks ended that did not end well, once.
    pub(crate) fn take_sink_errors(&mut self) -> Vec<SinkError> {
        std::mem::take(&mut self.sink_errors)
    }

    /// Joins the writers, which have said their last words. Says of their own sink, which cannot wait for
    /// that, that it did not.
    pub(crate) fn join(&mut self) {
        if !self.have_ended() {
            let cause = io::Error::new(
                io::ErrorKind::Deadlock,
                "the stream is closed, but its own sink cannot wait for its end",
            );
            self.sink_errors.push(SinkError::permanent(cause));
            return;
        }
        let writers = std::mem::take(&mut self.writers);
        if !self.intake.is_writer_thread() {
            let died = writers.into_iter().filter_map(|it| it.join().err());
            self.sink_errors.extend(died.map(|_| writer_died()));
        }
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        // What is in the channel goes with it, and is released and told of as it is dropped.
        for error in self.take_sink_errors() {
            tell_of_end(error);
        }
        let early = std::mem::take(&mut self.early);
        let _ = contained(move || drop(early));
    }
}

fn writer_died() -> SinkError {
    SinkError::permanent("the writer thread panicked")
}
