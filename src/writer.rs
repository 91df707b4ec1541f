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
use crate::sync::channel::Sender;

/// The name of its thread, of at most 15 bytes: Linux cuts what is longer.
pub(crate) fn thread_name(writer: usize, writers: usize) -> String {
    if writers == 1 {
        "segment-writer".to_owned()
    } else {
        format!("seg-writer-{writer}")
    }
}

/// What a writer tells the stream.
pub(crate) enum Event {
    /// One accepted segment is done with.
    Completed(Completed),
    /// There will be no more from this writer; its sink is gone.
    Ended(Result<(), SinkError>),
}

/// What became of one accepted segment.
pub(crate) struct Completed {
    pub(crate) index: u64,
    pub(crate) completion: Completion,
}

pub(crate) enum Completion {
    Written(ProducedSegment),
    /// Passed by a sink that had nowhere to put it.
    Passed(ProducedSegment),
    Failed(WriteError),
}

impl Completed {
    /// Gives the segment's slot back and enters it into the books.
    pub(crate) fn release(&self, intake: &Intake) {
        let (segment, fate) = match &self.completion {
            Completion::Written(segment) => (segment, Fate::Written),
            Completion::Passed(segment) => (segment, Fate::WithoutDestination),
            Completion::Failed(error) => (error.segment(), Fate::Failed),
        };
        intake.release(self.index, segment, fate);
    }
}

/// What a writer thread works with. Whatever happens to the thread, its `Drop` leaves nobody waiting
/// and no queued segment unaccounted for.
pub(crate) struct Writer {
    intake: Arc<Intake>,
    number: usize,
    /// Has room for every slot and for the last words, so that no writer ever waits for a consumer.
    events: Sender<Event>,
    has_ended: bool,
}

impl Writer {
    pub(crate) fn new(intake: Arc<Intake>, number: usize, events: Sender<Event>) -> Self {
        Self {
            intake,
            number,
            events,
            has_ended: false,
        }
    }

    /// Runs until the stream is closed and there is nothing left for this writer.
    pub(crate) fn run<S: SegmentSink>(mut self, mut sink: S) {
        let outcome = if self.write_all(&mut sink).is_ok() {
            contained(|| sink.finish()).unwrap_or_else(|panic| {
                Err(SinkError::permanent(format!("it panicked: {panic}")).with_operation("finish"))
            })
        } else {
            let cause = "it panicked on a segment, so this was not called";
            Err(SinkError::permanent(cause).with_operation("finish"))
        };
        // Gone before the last word, so that the end of the iteration is the end of the sink.
        let outcome = match contained(move || drop(sink)) {
            Ok(()) => outcome,
            Err(panic) => outcome.and(Err(SinkError::permanent(format!(
                "it panicked as it was dropped: {panic}"
            )))),
        };
        self.end(outcome);
    }

    fn write_all<S: SegmentSink>(&self, sink: &mut S) -> Result<(), SinkPanicked> {
        while let Some(Job { index, segment }) = self.next_job() {
            let Outcome { attempts, result } = write(sink, &segment, &self.intake);
            let (completion, panicked) = match result {
                Written::Stored => (Completion::Written(segment), Ok(())),
                Written::Passed => (Completion::Passed(segment), Ok(())),
                Written::Failed(cause) => {
                    let kind = WriteErrorKind::Failed;
                    (failed(segment, kind, cause, attempts), Ok(()))
                }
                Written::Panicked(panic) => {
                    // First of all, so that whoever sees the error finds the stream closed.
                    self.close_and_abort_queued();
                    let cause = SinkError::permanent(format!("the sink panicked: {panic}"));
                    let kind = WriteErrorKind::Panicked;
                    (failed(segment, kind, cause, attempts), Err(SinkPanicked))
                }
            };
            self.tell(&completion);
            self.intake.put_down(self.number);
            self.complete(Completed { index, completion });
            panicked?;
        }
        Ok(())
    }

    fn next_job(&self) -> Option<Job> {
        loop {
            match self.intake.work(self.number) {
                Work::Job(job) => return Some(job),
                Work::Over => return None,
                Work::NotYet => self.intake.wait_for_ring(),
            }
        }
    }

    /// Gives back what was queued when the sink panicked.
    fn close_and_abort_queued(&self) {
        for Job { index, segment } in self.intake.close_and_take_queued() {
            let cause = SinkError::permanent("the sink panicked on an earlier segment");
            let completion = failed(segment, WriteErrorKind::Aborted, cause, 0);
            self.tell(&completion);
            self.complete(Completed { index, completion });
        }
    }

    fn tell(&self, completion: &Completion) {
        match completion {
            Completion::Written(segment) | Completion::Passed(segment) => {
                self.intake.teller().succeeded(segment);
            }
            Completion::Failed(error) => self.intake.teller().failed(error),
        }
    }

    fn complete(&self, completed: Completed) {
        if let Err(unsent) = self.events.send(Event::Completed(completed))
            && let Event::Completed(completed) = unsent.into_inner()
        {
            // The stream is gone, and nobody takes it any more.
            completed.release(&self.intake);
        }
    }

    fn end(&mut self, outcome: Result<(), SinkError>) {
        self.has_ended = true;
        if let Err(unsent) = self.events.send(Event::Ended(outcome))
            && let Event::Ended(outcome) = unsent.into_inner()
        {
            self.intake.teller().end();
            if let Err(error) = outcome {
                tell(
                    Level::Error,
                    format_args!("the sink did not end well: {error}"),
                );
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.has_ended {
            // What is not ours is contained, so that this should never be.
            self.close_and_abort_queued();
            self.end(Err(SinkError::permanent("the writer thread panicked")));
        }
    }
}

fn failed(
    segment: ProducedSegment,
    kind: WriteErrorKind,
    cause: SinkError,
    attempts: u32,
) -> Completion {
    Completion::Failed(WriteError::new(segment, kind, cause, attempts))
}

/// The sink panicked on a segment and must not be called again.
struct SinkPanicked;
