//! One segment at one sink: tried once, and again for as long as that is worth it.

use std::time::Instant;

use crate::contain::contained;
use crate::error::SinkError;
use crate::intake::Intake;
use crate::retry::random;
use crate::segment::ProducedSegment;
use crate::sink::{Pause, SegmentSink, WriteContext};
use crate::sync::now;

/// How it ended, after this many calls of the sink.
pub(crate) struct Outcome {
    pub(crate) attempts: u32,
    pub(crate) result: Written,
}

pub(crate) enum Written {
    Stored,
    /// Passed by a sink that had nowhere to put it.
    Passed,
    Failed(SinkError),
    /// With the message of the panic. The sink must not be called again.
    Panicked(String),
}

/// Has the sink write it.
pub(crate) fn write<S: SegmentSink>(
    sink: &mut S,
    segment: &ProducedSegment,
    intake: &Intake,
) -> Outcome {
    let mut started = now();
    let budget = intake.retry().budget(segment);
    let deadline = budget.and_then(|budget| started.checked_add(budget));
    let mut is_last = budget.is_none();
    let mut attempts = 0_u32;
    loop {
        attempts = attempts.saturating_add(1);
        let context = WriteContext::new(attempts, deadline, intake.interrupt().clone());
        let written = contained(|| sink.write(segment, &context));
        let ended = now();
        let took = ended.saturating_duration_since(started);
        intake.meter().record_attempt(attempts, took);
        let cause = match written {
            Ok(Ok(())) if context.had_no_destination() => return done(attempts, Written::Passed),
            Ok(Ok(())) => return done(attempts, Written::Stored),
            Err(panic) => return done(attempts, Written::Panicked(panic)),
            Ok(Err(cause)) => cause,
        };
        // What a cause says of itself is somebody else's code, and may panic.
        if is_last || !contained(|| cause.may_heal()).unwrap_or(false) {
            return done(attempts, Written::Failed(cause));
        }
        let pause = intake.retry().pause_after(attempts, random());
        let is_too_late = |deadline: Instant| deadline.saturating_duration_since(ended) <= pause;
        if deadline.is_some_and(is_too_late) {
            return done(attempts, Written::Failed(cause));
        }
        intake.teller().retrying(segment, &cause, attempts);
        // To drop somebody else's error may panic too, and the segment must survive that.
        let _ = contained(move || drop(cause));
        is_last = context.sleep(pause) == Pause::CutShort;
        started = now();
    }
}

fn done(attempts: u32, result: Written) -> Outcome {
    Outcome { attempts, result }
}
