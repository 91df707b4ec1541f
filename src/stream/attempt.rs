//! One segment at one sink: attempted once, and again for as long as that is worth it.

use std::time::{Duration, Instant};

use super::extension::Extension;
use super::retry::{AtDeadline, random};
use super::shared::Shared;
use super::slots::{Destination, Outcome};
use crate::error::{SinkError, WriteError, WriteErrorKind};
use crate::internal::sync::now;
use crate::internal::unwind::{catch, dispose};
use crate::segment::ProducedSegment;
use crate::sink::{ObjectKind, Pause, SegmentSink, WriteContext};

/// A sink, called where its panics do no harm. After one it is not called again.
pub(super) struct Guarded<S> {
    sink: S,
    has_panicked: bool,
}

impl<S: SegmentSink> Guarded<S> {
    pub(super) fn new(sink: S) -> Self {
        Self {
            sink,
            has_panicked: false,
        }
    }

    /// Has the sink write it. A panic becomes an error of the kind [`WriteErrorKind::Panicked`].
    pub(super) fn write(&mut self, segment: ProducedSegment, shared: &Shared) -> Outcome {
        let object = ObjectKind::of(&segment);
        let mut started = now();
        let budget = shared.retry.budget(&segment);
        let mut deadline = budget.and_then(|budget| started.checked_add(budget));
        let mut extension = None;
        let mut is_last = budget.is_none();
        let mut attempts = 0_u32;
        loop {
            attempts = attempts.saturating_add(1);
            let cancel = shared.cancel.clone();
            let context = WriteContext::of_stream(object, attempts, deadline, cancel);
            let written = catch(|| self.sink.write(&segment, &context));
            let ended = now();
            shared
                .meter
                .record_attempt(attempts, ended.saturating_duration_since(started));
            let cause = match written {
                Ok(Ok(())) => {
                    let destination = if context.had_no_destination() {
                        Destination::None
                    } else {
                        Destination::Stored
                    };
                    return Ok((segment, destination));
                }
                Ok(Err(cause)) => cause,
                Err(panic) => {
                    self.has_panicked = true;
                    let cause = SinkError::permanent(format!("the sink panicked: {panic}"));
                    let kind = WriteErrorKind::Panicked;
                    return Err(WriteError::new(segment, kind, cause, attempts));
                }
            };
            let pause = shared.retry.pause_after(attempts, random());
            let pause = pause.max(cause.retry_after().unwrap_or_default());
            let is_too_late =
                |deadline: Instant| deadline.saturating_duration_since(ended) <= pause;
            // `is_transient` calls foreign code, which may panic.
            let is_hurried = extension.as_ref().is_some_and(Extension::is_hurried);
            let is_transient = || catch(|| cause.is_transient()).unwrap_or(false);
            let mut is_final = is_last || is_hurried || !is_transient();
            if !is_final && deadline.is_some_and(is_too_late) {
                extension = match shared.retry.at_deadline {
                    AtDeadline::GiveUp => None,
                    AtDeadline::MoveOnWhileThereIsRoom => Extension::request(shared),
                };
                is_final = extension.is_none();
                let moved = deadline.zip(budget).and_then(|(at, budget)| {
                    moved_on(at.max(ended), budget, ended.checked_add(pause)?)
                });
                // A pause without an end is not worth it.
                is_final |= moved.is_none();
                deadline = moved;
            }
            if is_final {
                let kind = WriteErrorKind::Failed;
                return Err(WriteError::new(segment, kind, cause, attempts));
            }
            shared.log.retrying(&segment, &cause, attempts);
            dispose(cause);
            is_last = match &extension {
                None => context.sleep(pause) == Pause::CutShort,
                Some(extension) => extension.wait(pause),
            };
            started = now();
        }
    }

    /// Ends the sink, and drops it. Two errors may come of it.
    pub(super) fn end(self, is_to_finish: Finish) -> [Result<(), SinkError>; 2] {
        let Self {
            mut sink,
            has_panicked,
        } = self;
        let finished = match is_to_finish {
            _ if has_panicked => Err(SinkError::permanent(
                "it panicked on a segment, so this was not called",
            )
            .with_operation("finish")),
            Finish::No => Ok(()),
            Finish::Yes => catch(|| sink.finish())
                .unwrap_or_else(|panic| Err(SinkError::permanent(format!("it panicked: {panic}"))))
                .map_err(|error| error.or_during("finish", None)),
        };
        let dropped = catch(move || drop(sink)).map_err(|panic| {
            SinkError::permanent(format!("it panicked as it was dropped: {panic}"))
        });
        [finished, dropped]
    }
}

/// The deadline after it has moved on by the budget, as often as it takes to come after `end`:
/// once, unless a sink asks for a pause that is longer than the budget.
fn moved_on(deadline: Instant, budget: Duration, end: Instant) -> Option<Instant> {
    let missing = end.saturating_duration_since(deadline).as_nanos();
    let budgets = missing / budget.as_nanos().max(1) + 1;
    let move_by = budget.checked_mul(u32::try_from(budgets).ok()?)?;
    deadline.checked_add(move_by)
}

/// Whether a sink has something to finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    Yes,
    No,
}
