//! A writer thread: takes each segment, has its sink write it, and enters what became of it.

use std::sync::Arc;

use log::Level;

use super::attempt::{Finish, Guarded};
use super::log::log_end_of_sink;
use super::shared::{IteratorState, Lifecycle, Shared, State};
use super::slots::{Job, Outcome};
use crate::error::{SinkError, WriteErrorKind};
use crate::internal::log::log;
use crate::internal::sync::channel::Sender;
use crate::internal::sync::{MutexGuard, Spin, now};
use crate::internal::unwind::dispose;
use crate::sink::SegmentSink;

/// The name of a writer's thread, of at most 15 bytes: Linux cuts longer ones.
pub(super) fn thread_name(writer: usize, writers: usize) -> String {
    if writers == 1 {
        "segment-writer".to_owned()
    } else {
        format!("seg-writer-{writer}")
    }
}

/// The work of a writer thread. Whatever happens to the thread, its `Drop` leaves nobody waiting
/// and no queued segment unaccounted for.
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Rings for the iterator. If all of them are gone and no writer has said that it ended, the
    /// iterator knows that the writers have died.
    done: Sender<()>,
    spin: Spin,
    has_ended: bool,
}

/// What a writer does next.
enum Next {
    Write(Job),
    WaitForWork,
    End,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, done: Sender<()>) -> Self {
        Self {
            shared,
            done,
            spin: Spin::default(),
            has_ended: false,
        }
    }

    /// Runs until the stream is closed and nothing is left for this writer.
    pub(super) fn run<S: SegmentSink>(mut self, sink: S) {
        let mut sink = Guarded::new(sink);
        self.write_all(&mut sink);
        let lifecycle = self.shared.lock().lifecycle;
        let finish = match lifecycle {
            Lifecycle::FailedToStart => Finish::No,
            Lifecycle::Open | Lifecycle::Closing | Lifecycle::Ended => Finish::Yes,
        };
        // The sink is gone before the writer ends, so that the end of the iteration is the end of
        // the sink.
        let errors = sink.end(finish).into_iter().filter_map(Result::err);
        self.end(errors.collect());
    }

    fn write_all<S: SegmentSink>(&self, sink: &mut Guarded<S>) {
        let mut completed = None;
        loop {
            let job = match self.complete_and_take(completed.take()) {
                Next::Write(job) => job,
                Next::WaitForWork => {
                    self.wait_for_work();
                    continue;
                }
                Next::End => return,
            };
            let outcome = sink.write(job.segment, &self.shared);
            match &outcome {
                Ok((segment, _)) => self.shared.log.succeeded(segment.sequence),
                Err(error) if error.kind() == WriteErrorKind::Panicked => {
                    // First of all, so that whoever sees the error finds the stream closed.
                    let aborted = self.abort_queued();
                    self.shared.log.failed(error);
                    self.complete(job.index, outcome);
                    return log_aborted(aborted);
                }
                Err(error) => self.shared.log.failed(error),
            }
            completed = Some((job.index, outcome));
        }
    }

    /// Enters what became of the last segment and takes the next one, in one go.
    fn complete_and_take(&self, completed: Option<(u64, Outcome)>) -> Next {
        let mut state = self.shared.lock();
        let untaken = completed.and_then(|(index, outcome)| state.slots.complete(index, outcome));
        let next = match state.slots.take(now()) {
            Some(job) => Next::Write(job),
            None if state.lifecycle == Lifecycle::Open => {
                state.idle_writers += 1;
                Next::WaitForWork
            }
            // A queued segment that is left has a path that another writer has, and that one will
            // look again.
            None => Next::End,
        };
        self.unlock_and_ring(state);
        dispose(untaken);
        next
    }

    /// Closes the stream, and has what is queued fail. Returns how many that are.
    fn abort_queued(&self) -> u64 {
        let (aborted, untaken) = self.shared.close_with(|state| state.slots.abort_queued());
        dispose(untaken);
        aborted
    }

    fn complete(&self, index: u64, outcome: Outcome) {
        let mut state = self.shared.lock();
        let untaken = state.slots.complete(index, outcome);
        self.unlock_and_ring(state);
        dispose(untaken);
    }

    /// Gives the lock back, and wakes the iterator if it sleeps and there is something for it.
    fn unlock_and_ring(&self, mut state: MutexGuard<'_, State>) {
        let is_iterator_asleep = state.claim_sleeping_iterator();
        drop(state);
        if is_iterator_asleep {
            // Full is good enough: there is a ring that it has not taken.
            let _ = self.done.try_send(());
        }
    }

    fn wait_for_work(&self) {
        // It cannot fail, as the other end of the bell is in the shared state.
        let rings = &self.shared.rings;
        if self.spin.poll(|| rings.try_recv().ok()).is_none() {
            let _ = self.spin.wait(|| rings.recv());
        }
    }

    /// Enters that this writer has ended. There is room for one error, and the first is the cause
    /// of the others.
    fn end(&mut self, errors: Vec<SinkError>) {
        self.has_ended = true;
        let mut errors = errors.into_iter();
        let first = errors.next();
        errors.for_each(log_end_of_sink);
        let mut state = self.shared.lock();
        let is_unattended = state.iterator == IteratorState::Gone;
        let unreported = if is_unattended {
            first
        } else {
            state.sink_errors.extend(first);
            None
        };
        state.running_writers -= 1;
        let is_last = state.running_writers == 0;
        let mut untaken = Vec::new();
        if is_last {
            state.lifecycle = Lifecycle::Ended;
            untaken = state.slots.fail_writing();
        }
        self.unlock_and_ring(state);
        dispose(untaken);
        unreported.into_iter().for_each(log_end_of_sink);
        if is_last && is_unattended {
            self.shared.log.end();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.has_ended {
            // Foreign code is guarded, so that this should never be.
            let aborted = self.abort_queued();
            log_aborted(aborted);
            self.end(vec![SinkError::permanent("the writer thread panicked")]);
        }
    }
}

fn log_aborted(count: u64) {
    if count > 0 {
        log(
            Level::Error,
            format_args!("{count} queued segments were not written, as the sink panicked"),
        );
    }
}
