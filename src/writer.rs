//! The writer thread: takes each segment, has the sink write it, reports what became of it.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use log::Level;

use crate::contain::{contained, tell};
use crate::error::{SinkError, WriteError, WriteErrorKind};
use crate::intake::{Fate, Intake};
use crate::segment::ProducedSegment;
use crate::sink::{SegmentSink, WriteContext};

/// Its name, of at most 15 bytes: Linux cuts what is longer.
pub(crate) const THREAD_NAME: &str = "segment-writer";

/// What the writer tells the stream.
pub(crate) enum Event {
    /// One accepted segment is done with.
    Completed(Completion),
    /// There will be no more; the sink is gone.
    Ended(Result<(), SinkError>),
}

/// What became of one accepted segment.
pub(crate) enum Completion {
    Written(ProducedSegment),
    /// Passed by a sink that had nowhere to put it.
    Passed(ProducedSegment),
    Failed(WriteError),
    Discarded(ProducedSegment),
}

impl Completion {
    pub(crate) fn into_item(self) -> Result<ProducedSegment, WriteError> {
        match self {
            Self::Written(segment) | Self::Passed(segment) => Ok(segment),
            Self::Failed(error) => Err(error),
            // Only where a sink drained its own stream, which could not wait for the rest.
            Self::Discarded(segment) => Err(WriteError::new(
                segment,
                WriteErrorKind::Discarded,
                SinkError::permanent("the stream was drained"),
                0,
            )),
        }
    }

    /// Gives the segment's slot back and enters it into the books.
    pub(crate) fn release(&self, intake: &Intake) {
        match self {
            Self::Written(segment) => intake.release(segment, Fate::Written),
            Self::Passed(segment) => intake.release(segment, Fate::WithoutDestination),
            Self::Failed(error) => intake.release(error.segment(), Fate::Failed),
            Self::Discarded(segment) => intake.release(segment, Fate::Discarded),
        }
    }
}

/// What the writer thread works with. Whatever happens to the thread, its `Drop` leaves nobody
/// waiting and no accepted segment unaccounted for.
pub(crate) struct Writer {
    intake: Arc<Intake>,
    queue: Receiver<ProducedSegment>,
    /// Has room for every slot and for the last word, so that the writer never waits for a consumer.
    events: Sender<Event>,
    has_ended: bool,
}

impl Writer {
    pub(crate) fn new(
        intake: Arc<Intake>,
        queue: Receiver<ProducedSegment>,
        events: Sender<Event>,
    ) -> Self {
        Self {
            intake,
            queue,
            events,
            has_ended: false,
        }
    }

    /// Runs until the queue has run dry.
    pub(crate) fn run<S: SegmentSink>(mut self, mut sink: S) {
        self.intake.enter_writer_thread();
        let outcome = if self.write_all(&mut sink).is_ok() {
            contained(|| sink.finish()).unwrap_or_else(|panic| {
                Err(SinkError::permanent(format!("it panicked: {panic}")).with_operation("finish"))
            })
        } else {
            self.abort_queued();
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
        for segment in &self.queue {
            if self.intake.is_discarding() {
                self.complete(Completion::Discarded(segment));
                continue;
            }
            let context = WriteContext::new(self.intake.interrupt());
            let started = Instant::now();
            let written = contained(|| sink.write(&segment, &context));
            self.intake.record_write(started.elapsed());
            match written {
                Ok(Ok(())) if context.had_no_destination() => {
                    self.complete(Completion::Passed(segment));
                }
                Ok(Ok(())) => self.complete(Completion::Written(segment)),
                Ok(Err(cause)) => self.fail(segment, WriteErrorKind::Failed, cause, 1),
                Err(panic) => {
                    // First of all, so that whoever sees the error finds the stream closed.
                    self.intake.close();
                    let cause = SinkError::permanent(format!("the sink panicked: {panic}"));
                    self.fail(segment, WriteErrorKind::Panicked, cause, 1);
                    return Err(SinkPanicked);
                }
            }
        }
        Ok(())
    }

    /// Gives back what was queued when the sink panicked. The stream is closed by then, so the queue
    /// runs dry.
    fn abort_queued(&self) {
        for segment in &self.queue {
            let cause = SinkError::permanent("the sink panicked on an earlier segment");
            self.fail(segment, WriteErrorKind::Aborted, cause, 0);
        }
    }

    fn fail(
        &self,
        segment: ProducedSegment,
        kind: WriteErrorKind,
        cause: SinkError,
        attempts: u32,
    ) {
        let sequence = segment.sequence;
        let error = WriteError::new(segment, kind, cause, attempts);
        // The message of the cause is somebody else's code, and may panic.
        let message = contained(|| error.to_string())
            .unwrap_or_else(|_| format!("segment {sequence}: an error that cannot be displayed"));
        self.complete(Completion::Failed(error));
        tell(Level::Error, format_args!("{message}"));
    }

    fn complete(&self, completion: Completion) {
        let Err(unsent) = self.events.send(Event::Completed(completion)) else {
            return;
        };
        // The stream was dropped on this very thread, and nobody takes it any more.
        if let Event::Completed(completion) = unsent.into_inner() {
            completion.release(&self.intake);
            if let Completion::Discarded(segment) = completion {
                let sequence = segment.sequence;
                tell(
                    Level::Warn,
                    format_args!("segment {sequence} was discarded unwritten"),
                );
            }
        }
    }

    fn end(&mut self, outcome: Result<(), SinkError>) {
        self.has_ended = true;
        if let Err(unsent) = self.events.send(Event::Ended(outcome))
            && let Event::Ended(Err(error)) = unsent.into_inner()
        {
            tell(
                Level::Error,
                format_args!("the sink did not end well: {error}"),
            );
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.has_ended {
            // What is not ours is contained, so that this should never be.
            self.intake.close();
            self.abort_queued();
            self.end(Err(SinkError::permanent("the writer thread panicked")));
        }
    }
}

/// The sink panicked on a segment and must not be called again.
struct SinkPanicked;
