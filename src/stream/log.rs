//! What a running stream logs: few messages, each with its key-value pairs. Of each kind the first
//! is logged at once, then one in ten seconds with the number of those held back, and at the end
//! the rest.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log::Level;
use log::kv::{ToValue, Value};

use super::stats::Tally;
use crate::error::{SinkError, WriteError};
use crate::internal::log::{log, log_with};
use crate::internal::rate_limit::{RateLimit, and_more};
use crate::internal::sync::{self, Mutex, MutexGuard, now};
use crate::internal::unwind::message_of;
use crate::segment::ProducedSegment;

/// The kinds of messages that may repeat.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Failure,
    Retry,
    Drop,
    Stall,
    Recovery,
}

/// Each kind, with its level and what is said at the end of those held back.
const KINDS: [(Kind, Level, &str); 5] = [
    (Kind::Failure, Level::Error, "segments were not written"),
    (Kind::Retry, Level::Warn, "attempts were made again"),
    (Kind::Drop, Level::Warn, "times segments were dropped"),
    (Kind::Stall, Level::Warn, "times a send had waited for long"),
    (
        Kind::Recovery,
        Level::Info,
        "times a segment was written after some that failed",
    ),
];

#[derive(Debug, Default)]
struct Limits {
    limits: [RateLimit; KINDS.len()],
    failed_in_a_row: u64,
}

/// A message that is to be logged now, and how many were held back before it.
#[must_use]
pub(super) struct Due {
    held_back: u64,
}

/// One for each stream.
#[derive(Debug, Default)]
pub(super) struct StreamLog {
    limits: Mutex<Limits>,
    /// Whether `failed_in_a_row` is worth a look: a success is the usual case, and should cost
    /// nothing.
    is_failing: AtomicBool,
}

impl StreamLog {
    pub(super) fn failed(&self, error: &WriteError) {
        let held_back = {
            let mut limits = self.lock();
            limits.failed_in_a_row += 1;
            self.is_failing.store(true, Ordering::Relaxed);
            limits.pass(Kind::Failure)
        };
        let Some(held_back) = held_back else {
            return;
        };
        let (message, more) = (message_of(error), and_more(held_back));
        let path = error.path().map(|path| path.display().to_string());
        let (path, code) = (path.as_deref(), error.raw_os_error());
        log_with(
            Level::Error,
            format_args!("{message}{more}"),
            &[
                ("sequence", error.sequence().into()),
                ("operation", error.operation().into()),
                ("path", path.to_value()),
                ("kind", Value::from_debug(&error.kind())),
                ("attempts", error.attempts().into()),
                ("code", code.to_value()),
                ("held_back", held_back.into()),
            ],
        );
    }

    pub(super) fn succeeded(&self, sequence: u64) {
        if !self.is_failing.load(Ordering::Relaxed) {
            return;
        }
        let (failed, held_back) = {
            let mut limits = self.lock();
            self.is_failing.store(false, Ordering::Relaxed);
            let failed = std::mem::take(&mut limits.failed_in_a_row);
            // Another writer's success came first.
            if failed == 0 {
                return;
            }
            (failed, limits.pass(Kind::Recovery))
        };
        let Some(held_back) = held_back else {
            return;
        };
        let more = and_more(held_back);
        log_with(
            Level::Info,
            format_args!("segment {sequence} is written, after {failed} that failed{more}"),
            &[
                ("sequence", sequence.into()),
                ("failed", failed.into()),
                ("held_back", held_back.into()),
            ],
        );
    }

    /// An attempt failed and is to be retried.
    pub(super) fn retrying(&self, segment: &ProducedSegment, cause: &SinkError, attempts: u32) {
        let Some(held_back) = self.lock().pass(Kind::Retry) else {
            return;
        };
        let (sequence, code) = (segment.sequence, cause.raw_os_error());
        let (message, more) = (message_of(cause), and_more(held_back));
        log_with(
            Level::Warn,
            format_args!("segment {sequence}: {message}; it is tried again{more}"),
            &[
                ("sequence", sequence.into()),
                ("attempts", attempts.into()),
                ("code", code.to_value()),
                ("held_back", held_back.into()),
            ],
        );
    }

    /// Counts that segments were dropped, while the stream cannot end, so that [`end`](Self::end)
    /// knows of it.
    pub(super) fn count_drop(&self) -> Option<Due> {
        let held_back = self.lock().pass(Kind::Drop)?;
        Some(Due { held_back })
    }

    /// Counts that a sender waits for long, as [`count_drop`](Self::count_drop) does.
    pub(super) fn count_stall(&self) -> Option<Due> {
        let held_back = self.lock().pass(Kind::Stall)?;
        Some(Due { held_back })
    }

    /// Logs, at the end of the stream, what is still held back.
    pub(super) fn end(&self) {
        let held_back = KINDS.map(|(kind, level, what)| {
            let count = self.lock().limits[kind as usize].take_held_back();
            (level, count, what)
        });
        for (level, count, what) in held_back {
            if count > 0 {
                log(
                    level,
                    format_args!("{count} more {what} since the last message"),
                );
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Limits> {
        sync::lock(&self.limits)
    }
}

impl Limits {
    fn pass(&mut self, kind: Kind) -> Option<u64> {
        self.limits[kind as usize].pass(now())
    }
}

impl Due {
    /// Segments were dropped to make room, so many of them so far.
    pub(super) fn dropped(self, dropped: Tally) {
        let Tally { segments, bytes } = dropped;
        log_with(
            Level::Warn,
            format_args!(
                "the stream is full: {segments} queued segments were dropped so far, {bytes} bytes"
            ),
            &[
                ("segments", segments.into()),
                ("bytes", bytes.into()),
                ("held_back", self.held_back.into()),
            ],
        );
    }

    /// A sender has been waiting for this long. `writing` is the segment that the sink has had for
    /// the longest time.
    pub(super) fn blocked(
        self,
        sequence: u64,
        waited: Duration,
        in_flight: u64,
        writing: Option<(u64, Duration)>,
    ) {
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        let why = match writing {
            Some((writing, age)) => format!("the sink has had segment {writing} for {age:.1?}"),
            None => "what is written waits to be yielded".to_owned(),
        };
        let more = and_more(self.held_back);
        log_with(
            Level::Warn,
            format_args!(
                "a send of segment {sequence} has waited for {waited:.1?}: the stream is full, with \
                 {in_flight} segments in flight, and {why}{more}"
            ),
            &[
                ("sequence", sequence.into()),
                ("waited_ms", waited_ms.into()),
                ("in_flight", in_flight.into()),
                ("held_back", self.held_back.into()),
            ],
        );
    }
}

/// Logs how a sink ended, if nobody is left to be told.
pub(super) fn log_end_of_sink(error: SinkError) {
    let message = message_of(&error);
    log(
        Level::Error,
        format_args!("the sink did not end well: {message}"),
    );
    crate::internal::unwind::dispose(error);
}
