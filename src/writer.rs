//! A writer thread: takes each segment, has its sink write it, reports what became of it.

use std::sync::Arc;

use log::Level;

use crate::attempts::{Outcome, Written, write};
use crate::backlog::Job;
use crate::contain::{contained, tell};
use crate::error::{SinkError, WriteError, WriteErrorKind};
use crate::intake::{Fate, Intake, Work};
use crate::segment::ProducedSegment;
use crate::sink::SegmentSink;
use crate::sync::Lookout;
use crate::sync::channel::Sender;

/// The name of its thread, of at most 15 bytes: Linux cuts what is longer.
pub(crate) fn thread_name(writer: usize, writers: usize) -> String {
    if writers == 1 {
        "segment-writer".to_owned()
    } else {
        format!("seg-writer-{writer}")
    }
}

/// What a writer tells the stream. A message that nobody takes any more, because the stream is gone,
/// still does what it must when it is dropped.
pub(crate) enum Event {
    /// One accepted segment is done with.
    Completed(Completed),
    /// There will be no more from this writer; its sink is gone.
    Ended(LastWord),
}

/// What became of one accepted segment. It has its slot until this is taken apart, or dropped.
pub(crate) struct Completed {
    pub(crate) index: u64,
    result: Option<Completion>,
    intake: Arc<Intake>,
}

enum Completion {
    Written(ProducedSegment),
    /// Passed by a sink that had nowhere to put it.
    Passed(ProducedSegment),
    Failed(WriteError),
}

impl Completed {
    /// Gives the slot back, and the segment to the consumer.
    pub(crate) fn into_item(mut self) -> Result<ProducedSegment, WriteError> {
        self.release();
        match self.result.take() {
            Some(Completion::Written(segment) | Completion::Passed(segment)) => Ok(segment),
            Some(Completion::Failed(error)) => Err(error),
            None => unreachable!("BUG: it is taken apart once, as that takes it by value"),
        }
    }

    fn release(&self) {
        let (segment, fate) = match &self.result {
            Some(Completion::Written(segment)) => (segment, Fate::Written),
            Some(Completion::Passed(segment)) => (segment, Fate::WithoutDestination),
            Some(Completion::Failed(error)) => (error.segment(), Fate::Failed),
            None => return,
        };
        self.intake.release(self.index, segment.data.len(), fate);
    }
}

impl Drop for Completed {
    fn drop(&mut self) {
        self.release();
        // The cause in it is somebody else's, and may panic as it is dropped.
        let result = self.result.take();
        let _ = contained(move || drop(result));
    }
}

/// How a writer's sink ended. If nobody takes it, it is logged.
pub(crate) struct LastWord(Result<(), SinkError>);

impl LastWord {
    pub(crate) fn take_error(mut self) -> Option<SinkError> {
        std::mem::replace(&mut self.0, Ok(())).err()
    }
}

impl Drop for LastWord {
    fn drop(&mut self) {
        if let Err(error) = std::mem::replace(&mut self.0, Ok(())) {
            tell_of_end(error);
        }
    }
}

/// Logs how a sink ended, where nobody is left to be told.
pub(crate) fn tell_of_end(error: SinkError) {
    tell(
        Level::Error,
        format_args!("the sink did not end well: {error}"),
    );
    let _ = contained(move || drop(error));
}

/// What a writer thread works with. Whatever happens to the thread, its `Drop` leaves nobody waiting
/// and no queued segment unaccounted for.
pub(crate) struct Writer {
    intake: Arc<Intake>,
    number: usize,
    /// Without a bound of its own, so that no writer ever waits for a consumer.
    events: Sender<Event>,
    lookout: Lookout,
    has_ended: bool,
}

impl Writer {
    pub(crate) fn new(intake: Arc<Intake>, number: usize, events: Sender<Event>) -> Self {
        Self {
            intake,
            number,
            events,
            lookout: Lookout::default(),
            has_ended: false,
        }
    }

    /// Runs until the stream is closed and there is nothing left for this writer.
    pub(crate) fn run<S: SegmentSink>(mut self, mut sink: S) {
        let outcome = match self.write_all(&mut sink) {
            // Of a stream that never was: the sink has nothing to finish.
            Ok(()) if self.intake.is_stillborn() => Ok(()),
            Ok(()) => contained(|| sink.finish()).unwrap_or_else(|panic| {
                Err(SinkError::permanent(format!("it panicked: {panic}")).with_operation("finish"))
            }),
            Err(SinkPanicked) => {
                let cause = "it panicked on a segment, so this was not called";
                Err(SinkError::permanent(cause).with_operation("finish"))
            }
        };
        // Gone before the last word, so that the end of the iteration is the end of the sink.
        let outcome = match contained(move || drop(sink)) {
            Ok(()) => outcome,
            Err(panic) => {
                let panicked =
                    SinkError::permanent(format!("it panicked as it was dropped: {panic}"));
                match outcome {
                    Ok(()) => Err(panicked),
                    // What came first is reported, and there is room for one.
                    Err(first) => {
                        tell_of_end(panicked);
                        Err(first)
                    }
                }
            }
        };
        self.end(outcome);
    }

    fn write_all<S: SegmentSink>(&self, sink: &mut S) -> Result<(), SinkPanicked> {
        while let Some(Job { index, segment }) = self.next_job() {
            let Outcome { attempts, result } = write(sink, &segment, &self.intake);
            match result {
                Written::Stored => self.succeeded(index, Completion::Written(segment)),
                Written::Passed => self.succeeded(index, Completion::Passed(segment)),
                Written::Failed(cause) => {
                    let kind = WriteErrorKind::Failed;
                    self.failed(index, WriteError::new(segment, kind, cause, attempts));
                }
                Written::Panicked(panic) => {
                    // First of all, so that whoever sees the error finds the stream closed.
                    let aborted = self.close_and_abort_queued();
                    let cause = SinkError::permanent(format!("the sink panicked: {panic}"));
                    let kind = WriteErrorKind::Panicked;
                    self.failed(index, WriteError::new(segment, kind, cause, attempts));
                    self.intake.put_down(self.number);
                    tell_of_aborted(aborted);
                    return Err(SinkPanicked);
                }
            }
        }
        Ok(())
    }

    fn next_job(&self) -> Option<Job> {
        loop {
            match self.intake.work(self.number) {
                Work::Job(job) => return Some(job),
                Work::Over => return None,
                Work::NotYet => self.intake.wait_for_ring(&self.lookout),
            }
        }
    }

    fn succeeded(&self, index: u64, completion: Completion) {
        if let Completion::Written(segment) | Completion::Passed(segment) = &completion {
            self.intake.teller().succeeded(segment.sequence);
        }
        self.complete(index, completion);
    }

    fn failed(&self, index: u64, error: WriteError) {
        self.intake.teller().failed(&error);
        self.complete(index, Completion::Failed(error));
    }

    /// Never waits.
    fn complete(&self, index: u64, completion: Completion) {
        let completed = Completed {
            index,
            result: Some(completion),
            intake: Arc::clone(&self.intake),
        };
        // If nobody takes it any more, dropping it does what is left to do.
        let _ = self.events.send(Event::Completed(completed));
    }

    /// Gives back what was queued when the sink panicked; returns how many that were. They are queued no
    /// more and completed in the same moment, so that nobody finds them nowhere.
    fn close_and_abort_queued(&self) -> usize {
        let mut unsent = Vec::new();
        let count = self.intake.close_and_abort(|Job { index, segment }| {
            let cause = SinkError::permanent("the sink panicked on an earlier segment");
            let error = WriteError::new(segment, WriteErrorKind::Aborted, cause, 0);
            let completed = Completed {
                index,
                result: Some(Completion::Failed(error)),
                intake: Arc::clone(&self.intake),
            };
            let sent = self.events.send(Event::Completed(completed));
            // To drop it takes the lock.
            unsent.extend(sent.err());
        });
        drop(unsent);
        count
    }

    fn end(&mut self, outcome: Result<(), SinkError>) {
        self.has_ended = true;
        if self.events.send(Event::Ended(LastWord(outcome))).is_err() {
            self.intake.teller().end();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.has_ended {
            // What is not ours is contained, so that this should never be.
            tell_of_aborted(self.close_and_abort_queued());
            self.end(Err(SinkError::permanent("the writer thread panicked")));
        }
    }
}

fn tell_of_aborted(count: usize) {
    if count > 0 {
        tell(
            Level::Error,
            format_args!("{count} queued segments were not written, as the sink panicked"),
        );
    }
}

/// The sink panicked on a segment and must not be called again.
struct SinkPanicked;
