//! The consumer's end: takes from the front of the ring, waits for it to be ready, and ends the
//! stream.

use std::io;
use std::sync::Arc;

use super::log::log_end_of_sink;
use super::report::{Report, timed_out};
use super::shared::{IteratorState, Lifecycle, Shared, wake};
use super::yielded::{NoNext, Yielded};
use crate::error::SinkError;
use crate::internal::deadline::Deadline;
use crate::internal::sync::Spin;
use crate::internal::sync::channel::{Receiver, RecvTimeoutError};
use crate::internal::sync::now;
use crate::internal::sync::thread::JoinHandle;
use crate::internal::unwind::dispose;

pub(super) struct Iteration {
    shared: Arc<Shared>,
    done: Receiver<()>,
    /// Taken by whoever joins them.
    writers: Vec<JoinHandle<()>>,
    has_ended: bool,
    spin: Spin,
}

impl Iteration {
    pub(super) fn new(
        shared: Arc<Shared>,
        done: Receiver<()>,
        writers: Vec<JoinHandle<()>>,
    ) -> Self {
        Self {
            shared,
            done,
            has_ended: false,
            writers,
            spin: Spin::default(),
        }
    }

    /// The next one in the order of acceptance.
    pub(super) fn next(&mut self, deadline: Deadline) -> Result<Yielded, NoNext> {
        // It may have been given up while writers still run.
        if self.has_ended {
            return Err(NoNext::Ended);
        }
        loop {
            let mut state = self.shared.lock();
            if let Some(yielded) = state.slots.pop() {
                let sender = state.wake_first();
                drop(state);
                wake(sender);
                return Ok(yielded);
            }
            if state.lifecycle == Lifecycle::Ended {
                drop(state);
                self.end();
                return Err(NoNext::Ended);
            }
            if deadline.left().is_some_and(|left| left.is_zero()) {
                return Err(NoNext::NotYet);
            }
            state.iterator = IteratorState::Asleep;
            drop(state);
            let rung = self.wait(deadline);
            let mut state = self.shared.lock();
            state.iterator = IteratorState::Awake;
            if let Err(RecvTimeoutError::Disconnected) = rung
                && state.lifecycle != Lifecycle::Ended
            {
                // A writer that died did not enter its own end.
                state.running_writers = 0;
                state.lifecycle = Lifecycle::Ended;
                state.sink_errors.push(writer_died());
                // All of it comes out here, so that nothing is left over.
                let _ = state.slots.fail_writing();
            }
        }
    }

    fn wait(&self, deadline: Deadline) -> Result<(), RecvTimeoutError> {
        let done = &self.done;
        match deadline {
            Deadline::Now => Err(RecvTimeoutError::Timeout),
            Deadline::At(instant) => done.recv_deadline(instant),
            Deadline::Never => self.spin.poll(|| done.try_recv().ok()).map_or_else(
                || {
                    let rung = self.spin.wait(|| done.recv());
                    rung.map_err(RecvTimeoutError::from)
                },
                Ok,
            ),
        }
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.shared.log.end();
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes what comes until the writers have ended, or the deadline has passed.
    pub(super) fn collect(&mut self, deadline: Deadline, report: &mut Report) {
        // With `Now` it takes what is there; with a time, nothing after it.
        let is_over = || matches!(deadline, Deadline::At(instant) if now() >= instant);
        while !is_over()
            && let Ok(yielded) = self.next(deadline)
        {
            report.add(yielded);
        }
    }

    /// Takes out what no writer has begun.
    pub(super) fn discard_queued(&mut self, report: &mut Report) {
        let discarded = self.shared.close_with(|state| state.slots.discard_queued());
        report.discarded.extend(discarded);
    }

    /// Gives the writers up that have not ended: reports what is done, what was never begun and
    /// what is in doubt. After that the iteration has ended.
    pub(super) fn give_up(&mut self, report: &mut Report) {
        let (finished, unfinished) = self.shared.close_with(|state| {
            report.discarded.extend(state.slots.discard_queued());
            report.in_doubt.extend(state.slots.in_doubt());
            report.sink_errors.append(&mut state.sink_errors);
            state.iterator = IteratorState::Gone;
            (state.slots.abandon(), state.running_writers)
        });
        finished.into_iter().for_each(|yielded| report.add(yielded));
        report
            .sink_errors
            .extend((0..unfinished).map(|_| timed_out()));
        // The last writer would log what is held back, and nobody knows when that ends.
        self.end();
    }

    /// Leaves the writers' threads to themselves.
    pub(super) fn detach(&mut self) {
        self.writers.clear();
    }

    /// Reports what came before its turn, for a caller that cannot wait for that.
    pub(super) fn collect_finished(&mut self, report: &mut Report) {
        let finished = self.shared.lock().slots.take_finished();
        finished.into_iter().for_each(|yielded| report.add(yielded));
    }

    /// Reports how the sinks ended that did not end well, once.
    pub(super) fn collect_sink_errors(&mut self, report: &mut Report) {
        let mut state = self.shared.lock();
        report.sink_errors.append(&mut state.sink_errors);
    }

    /// Joins the writers, which have ended. Called inside the stream's own sink, which cannot wait
    /// for its own end, it reports that instead.
    pub(super) fn join(&mut self, report: &mut Report) {
        if !self.has_ended {
            let cause = io::Error::new(
                io::ErrorKind::Deadlock,
                "the stream is closed, but its own sink cannot wait for its end",
            );
            report.sink_errors.push(SinkError::permanent(cause));
            return;
        }
        let writers = std::mem::take(&mut self.writers);
        if !self.shared.is_writer_thread() {
            let died = writers.into_iter().filter_map(|it| it.join().err());
            report.sink_errors.extend(died.map(|_| writer_died()));
        }
    }
}

impl Drop for Iteration {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.iterator = IteratorState::Gone;
        let finished = state.slots.abandon();
        let errors = std::mem::take(&mut state.sink_errors);
        drop(state);
        errors.into_iter().for_each(log_end_of_sink);
        dispose(finished);
    }
}

fn writer_died() -> SinkError {
    SinkError::permanent("the writer thread panicked")
}

// Real threads, which the exploration of schedules has none of.
#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::thread;

    use super::*;
    use crate::error::WriteErrorKind;
    use crate::internal::sync::channel::bounded;
    use crate::segment::ProducedSegment;
    use crate::stream::config::SegmentStreamConfig;
    use crate::stream::sender::SegmentSender;
    use crate::stream::writer::Writer;

    #[test]
    fn a_writer_that_dies_with_a_segment_leaves_no_hole() {
        let shared = Arc::new(Shared::new(&SegmentStreamConfig::default(), 1));
        let (done, rings) = bounded(1);
        let sender = SegmentSender::new(Arc::clone(&shared));
        for number in 0..3 {
            let segment = ProducedSegment::media(number, vec![0; 10], 2.0);
            sender.send(segment).unwrap();
        }
        let writer = Writer::new(Arc::clone(&shared), done);
        let ring = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let _writer = writer;
            let _job = ring.lock().slots.take(now());
            panic!("a defect of this crate");
        });
        let mut iteration = Iteration::new(Arc::clone(&shared), rings, vec![thread]);
        let found: Vec<_> = std::iter::from_fn(|| iteration.next(Deadline::Never).ok())
            .map(|yielded| yielded.result.unwrap_err())
            .map(|error| (error.sequence(), error.kind()))
            .collect();
        let expected = [
            (0, WriteErrorKind::Panicked),
            (1, WriteErrorKind::Aborted),
            (2, WriteErrorKind::Aborted),
        ];
        assert_eq!(found, expected);
        assert!(matches!(iteration.next(Deadline::Now), Err(NoNext::Ended)));
        let stats = shared.stats();
        assert_eq!((stats.in_flight.segments, stats.in_flight.bytes), (0, 0));
        assert_eq!((stats.failed.segments, stats.failed.bytes), (3, 30));
        assert_eq!(shared.lock().sink_errors.len(), 1);
    }
}
