//! Sinks that wait, fail, panic and remember.

use std::io;
use std::sync::Arc;

use segment_stream::{ProducedSegment, SegmentSink, SinkError, WriteContext, sink};

use super::gate::Gate;
use super::sync::Mutex;

/// Waits at the gate in every write.
pub fn gated(gate: &Gate) -> impl SegmentSink + use<> {
    let gate = gate.clone();
    sink::from_fn(move |_| {
        gate.pass();
        Ok(())
    })
}

/// Panics on the segment with this number, after the gate.
pub fn panicking_on(sequence: u64, gate: &Gate) -> impl SegmentSink + use<> {
    let gate = gate.clone();
    sink::from_fn(move |segment| {
        gate.pass();
        assert_ne!(
            segment.sequence, sequence,
            "the sink was made to panic here"
        );
        Ok(())
    })
}

/// A full disk that will not heal, so that nothing waits for it to.
pub fn full_for_good() -> io::Error {
    SinkError::permanent(io::Error::from(io::ErrorKind::StorageFull)).into()
}

/// Fails every segment for which `fails` says so.
pub fn failing(fails: impl Fn(&ProducedSegment) -> bool + Send) -> impl SegmentSink {
    sink::from_fn(move |segment| {
        if fails(segment) {
            Err(full_for_good())
        } else {
            Ok(())
        }
    })
}

/// The calls of a [`Recording`] sink, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Write(u64),
    Finish,
    Drop,
}

/// Remembers its calls, and may fail its `finish`.
pub struct Recording {
    pub calls: Arc<Mutex<Vec<Call>>>,
    pub finish: Option<io::Error>,
}

impl Recording {
    pub fn new() -> (Self, Arc<Mutex<Vec<Call>>>) {
        let calls = Arc::default();
        let sink = Self {
            calls: Arc::clone(&calls),
            finish: None,
        };
        (sink, calls)
    }

    fn note(&self, call: Call) {
        self.calls.lock().unwrap().push(call);
    }
}

impl SegmentSink for Recording {
    fn write(&mut self, segment: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        self.note(Call::Write(segment.sequence));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.note(Call::Finish);
        match self.finish.take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.note(Call::Drop);
    }
}
