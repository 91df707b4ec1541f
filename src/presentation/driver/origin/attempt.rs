//! One call to the sink, where its panic does no harm.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::report::Removal;
use super::step::{Failure, Outcome, Put};
use crate::error::SinkError;
use crate::internal::cancel::Cancel;
use crate::internal::unwind::{catch, message_of};
use crate::sink::{SegmentSink, WriteContext};

/// Has the sink write a document.
pub(super) fn put<S: SegmentSink>(sink: &mut S, put: &Put, cancel: &Arc<Cancel>) -> Outcome {
    let pending = &put.pending;
    let object = pending.role.object();
    let cancel = Arc::clone(cancel);
    let context = WriteContext::of_stream(object, pending.attempts, put.deadline, cancel);
    match catch(|| sink.write(&pending.file, &context)) {
        Ok(Ok(())) => Outcome::Landed,
        Ok(Err(error)) => Outcome::Failed(failure(error, &pending.path)),
        Err(panic) => Outcome::Panicked(panicked("write", &pending.path, &panic)),
    }
}

/// Has the sink remove an object, and says whether it panicked.
pub(super) fn remove<S: SegmentSink>(
    sink: &mut S,
    removal: &Removal,
    deadline: Option<Instant>,
    cancel: &Arc<Cancel>,
) -> (Result<(), SinkError>, HasPanicked) {
    let path = &removal.path;
    let context = WriteContext::of_stream(removal.object, 1, deadline, Arc::clone(cancel));
    match catch(|| sink.remove(path, &context)) {
        Ok(result) => {
            let result = result.map_err(|error| error.or_during("remove", Some(path)));
            (result, HasPanicked::No)
        }
        Err(panic) => (Err(panicked("remove", path, &panic)), HasPanicked::Yes),
    }
}

/// Whether a sink may be called again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HasPanicked {
    Yes,
    No,
}

/// Ends the sink and drops it. Returns the first error.
pub(super) fn end<S: SegmentSink>(mut sink: S, has_panicked: HasPanicked) -> Result<(), SinkError> {
    let finished = match has_panicked {
        HasPanicked::Yes => Ok(()),
        HasPanicked::No => catch(|| sink.finish())
            .unwrap_or_else(|panic| Err(SinkError::permanent(format!("it panicked: {panic}"))))
            .map_err(|error| error.or_during("finish", None)),
    };
    let dropped = catch(move || drop(sink))
        .map_err(|panic| SinkError::permanent(format!("it panicked as it was dropped: {panic}")));
    finished.and(dropped)
}

fn panicked(operation: &'static str, path: &Path, panic: &str) -> SinkError {
    SinkError::permanent(format!("the sink panicked: {panic}"))
        .with_operation(operation)
        .with_path(path)
}

/// What the schedule asks of an error. The answers call foreign code, so they are taken before the
/// lock.
fn failure(error: SinkError, path: &Path) -> Failure {
    let error = error.or_during("write", Some(path));
    let is_transient = catch(|| error.is_transient()).unwrap_or(false);
    let has_unknown_outcome = catch(|| error.has_unknown_outcome()).unwrap_or(true);
    Failure {
        message: message_of(&error),
        is_transient,
        has_unknown_outcome,
        error,
    }
}
