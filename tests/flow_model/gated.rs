//! Sinks that say what they have begun, and wait to be told how it ends.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use segment_stream::{ProducedSegment, SegmentSink, SinkError, WriteContext};

use super::steps::Answer;

/// A call of a sink that is under way.
pub(crate) struct Begun {
    pub(crate) writer: usize,
    pub(crate) segment: ProducedSegment,
    pub(crate) attempt: u32,
}

/// How many of the sinks had their `finish` called, and how many are gone.
#[derive(Default)]
pub(crate) struct Ends {
    pub(crate) finished: AtomicUsize,
    pub(crate) dropped: AtomicUsize,
}

pub(crate) struct Gated {
    writer: usize,
    begun: Sender<Begun>,
    answers: Receiver<Answer>,
    ends: Arc<Ends>,
}

/// The test's side of the sinks.
pub(crate) struct Gates {
    pub(crate) begun: Receiver<Begun>,
    tell: Sender<Begun>,
    /// One for each writer. Without them every sink stores whatever it gets.
    answers: Vec<Sender<Answer>>,
    pub(crate) ends: Arc<Ends>,
}

impl Gates {
    pub(crate) fn new() -> Self {
        let (tell, begun) = unbounded();
        Self {
            begun,
            tell,
            answers: Vec::new(),
            ends: Arc::default(),
        }
    }

    /// The sink of the next writer.
    pub(crate) fn sink(&mut self, writer: usize) -> Gated {
        assert_eq!(writer, self.answers.len(), "they are numbered from 0");
        let (answer, answers) = unbounded();
        self.answers.push(answer);
        Gated {
            writer,
            begun: self.tell.clone(),
            answers,
            ends: Arc::clone(&self.ends),
        }
    }

    pub(crate) fn answer(&self, writer: usize, answer: Answer) {
        // A sink that is gone is found out by what it does not do.
        let _ = self.answers[writer].send(answer);
    }

    /// Nobody waits any more.
    pub(crate) fn open(&mut self) {
        self.answers.clear();
    }
}

impl SegmentSink for Gated {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        // Nobody listens when the case has failed.
        let _ = self.begun.send(Begun {
            writer: self.writer,
            segment: segment.clone(),
            attempt: context.attempt(),
        });
        match self.answers.recv().unwrap_or(Answer::Stored) {
            Answer::Stored => Ok(()),
            Answer::Passed => {
                context.no_destination();
                Ok(())
            }
            Answer::Refused => Err(SinkError::permanent("refused")),
            Answer::Busy => Err(SinkError::transient("busy")),
            // Past the hook, which would print each of them.
            Answer::Panicked => resume_unwind(Box::new("made to panic")),
        }
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.ends.finished.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

impl Drop for Gated {
    fn drop(&mut self) {
        self.ends.dropped.fetch_add(1, Ordering::SeqCst);
    }
}
