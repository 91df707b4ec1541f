//! The publisher thread.

use std::sync::Arc;
use std::time::Instant;

use super::attempt::{self, HasPanicked};
use super::log::OriginLog;
use super::port::{Owner, Port};
use super::report::Removal;
use super::shared::{Shared, State};
use super::step::{Next, Note, Outcome, Put};
use crate::error::SinkError;
use crate::internal::sync::MutexGuard;
use crate::internal::unwind::{catch, dispose};
use crate::sink::SegmentSink;
use crate::stream::random;

/// The name of the thread, of at most 15 bytes: Linux cuts longer ones.
pub(super) const THREAD_NAME: &str = "origin-driver";

/// The work of the publisher thread. Whatever happens to the thread, its `Drop` leaves nobody
/// waiting.
pub(super) struct Worker {
    shared: Arc<Shared>,
    owner: Box<dyn Owner>,
    has_ended: bool,
}

/// What a step came to.
pub(super) enum Step<'a> {
    Busy,
    /// Nothing is to be done until this time or the next change. The lock is held since, so that no
    /// change is missed.
    Idle(MutexGuard<'a, State>, Option<Instant>),
    Over(HasPanicked),
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, owner: Box<dyn Owner>) -> Self {
        Self {
            shared,
            owner,
            has_ended: false,
        }
    }

    pub(super) fn run<S: SegmentSink>(mut self, mut sink: S) {
        let mut error = None;
        let has_panicked = self.put_all(&mut sink, &mut error);
        let ended = attempt::end(sink, has_panicked);
        // The first error is the cause of the others.
        match (error, ended) {
            (Some(first), Err(second)) => {
                OriginLog::sink_error(second);
                self.end(Some(first));
            }
            (first, ended) => self.end(first.or(ended.err())),
        }
    }

    fn put_all<S: SegmentSink>(
        &mut self,
        sink: &mut S,
        error: &mut Option<SinkError>,
    ) -> HasPanicked {
        let shared = Arc::clone(&self.shared);
        loop {
            match self.step(&shared, sink, error) {
                // The ends of pauses, and what was submitted meanwhile, are seen by the next step.
                Step::Idle(state, until) => drop(shared.wait(state, until)),
                Step::Busy => {}
                Step::Over(has_panicked) => return has_panicked,
            }
        }
    }

    /// One call to the sink, or none if there is nothing to do.
    pub(super) fn step<'a, S: SegmentSink>(
        &mut self,
        shared: &'a Shared,
        sink: &mut S,
        error: &mut Option<SinkError>,
    ) -> Step<'a> {
        shared.check_alarm();
        let mut state = shared.lock();
        let now = shared.now();
        match state.schedule.next(now) {
            Next::Put(put) => {
                drop(state);
                let outcome = attempt::put(sink, &put, &shared.cancel);
                let panic = match &outcome {
                    Outcome::Panicked(panic) => Some(panic.clone()),
                    Outcome::Landed | Outcome::Failed(_) => None,
                };
                self.done(*put, outcome);
                if panic.is_some() {
                    *error = panic;
                    return Step::Over(HasPanicked::Yes);
                }
            }
            Next::Remove(removal) => {
                let deadline = state.schedule.patience(now);
                drop(state);
                if let Err(panic) = self.remove(sink, removal, deadline) {
                    *error = Some(panic);
                    return Step::Over(HasPanicked::Yes);
                }
            }
            Next::Wait(until) => return Step::Idle(state, until),
            Next::End => return Step::Over(HasPanicked::No),
        }
        Step::Busy
    }

    /// Removes an object, unless its name is in use again. Returns the panic of the sink.
    fn remove<S: SegmentSink>(
        &mut self,
        sink: &mut S,
        removal: Removal,
        deadline: Option<Instant>,
    ) -> Result<(), SinkError> {
        if !self.owner.may_remove(&removal) {
            self.shared.lock().schedule.spared();
            self.report();
            return Ok(());
        }
        let cancel = &self.shared.cancel;
        let (result, has_panicked) = attempt::remove(sink, &removal, deadline, cancel);
        let error = result.as_ref().err().cloned();
        let mut state = self.shared.lock();
        let untaken = state.schedule.removed(removal, result);
        if has_panicked == HasPanicked::Yes {
            state.schedule.abort("the sink panicked");
        }
        drop(state);
        dispose(untaken);
        self.report();
        match error {
            Some(error) if has_panicked == HasPanicked::Yes => Err(error),
            error => {
                dispose(error);
                Ok(())
            }
        }
    }

    /// Has the reports taken.
    fn report(&mut self) {
        let port = Port(Arc::clone(&self.shared));
        self.owner.reported(&port);
    }

    fn done(&mut self, put: Put, outcome: Outcome) {
        let random = random();
        let mut state = self.shared.lock();
        let note = state.schedule.done(put, outcome, self.shared.now(), random);
        drop(state);
        note.into_iter().for_each(|note| self.log(note));
        self.report();
    }

    fn log(&self, note: Note) {
        self.shared.log.note(note);
    }

    fn end(&mut self, error: Option<SinkError>) {
        self.has_ended = true;
        let mut state = self.shared.lock();
        // After a panic it has ended already.
        state.schedule.abort("the publisher thread has ended");
        drop(state);
        // Before anybody is told that it has ended, so that no report is missing then.
        let reported = catch(|| self.report());
        let mut state = self.shared.lock();
        state.has_ended = true;
        let is_unattended = state.is_unattended;
        let unreported = if is_unattended {
            error
        } else {
            state.sink_error = error;
            None
        };
        self.shared.unlock_and_wake(state);
        unreported.into_iter().for_each(OriginLog::sink_error);
        if let Err(panic) = reported {
            OriginLog::sink_error(SinkError::permanent(panic));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.has_ended {
            // Foreign code is guarded, so that this should never be.
            self.end(Some(SinkError::permanent("the publisher thread panicked")));
        }
    }
}
