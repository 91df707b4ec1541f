//! What a running stream tells the log: few messages, each with its key-value pairs, and of what repeats
//! itself the first at once and then how many more there were, at most every ten seconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log::Level;

use crate::contain::{TARGET, contained, tell};
use crate::error::{SinkError, WriteError};
use crate::gate::{Gate, and_more};
use crate::segment::ProducedSegment;
use crate::stats::Tally;
use crate::sync::{self, Mutex, MutexGuard, now};

#[derive(Debug, Default)]
struct Gates {
    failures: Gate,
    retries: Gate,
    drops: Gate,
    stalls: Gate,
    recoveries: Gate,
    /// Failures since the last success.
    failed_in_a_row: u64,
}

/// A message that is to be told now, and how many were held back before it.
#[must_use]
pub(crate) struct Due {
    held_back: u64,
}

/// One for each stream.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    gates: Mutex<Gates>,
    /// Whether `failed_in_a_row` is worth a look: a success is the usual case, and should cost nothing.
    is_failing: AtomicBool,
}

impl Teller {
    pub(crate) fn failed(&self, error: &WriteError) {
        let held_back = {
            let mut gates = self.lock();
            gates.failed_in_a_row += 1;
            self.is_failing.store(true, Ordering::Relaxed);
            gates.failures.pass(now())
        };
        let Some(held_back) = held_back else {
            return;
        };
        let sequence = error.sequence();
        let message = displayed(error);
        let path = error.path().map(|path| path.display().to_string());
        let more = and_more(held_back);
        // There is nobody left to be told that telling failed, here and below.
        let _ = contained(|| {
            log::error!(
                target: TARGET,
                sequence,
                operation = error.operation(),
                path = path.as_deref(),
                kind:? = error.kind(),
                attempts = error.attempts(),
                code = error.raw_os_error(),
                held_back;
                "{message}{more}"
            );
        });
    }

    pub(crate) fn succeeded(&self, sequence: u64) {
        if !self.is_failing.load(Ordering::Relaxed) {
            return;
        }
        let (failed, held_back) = {
            let mut gates = self.lock();
            self.is_failing.store(false, Ordering::Relaxed);
            let failed = std::mem::take(&mut gates.failed_in_a_row);
            // Another writer's success came first.
            if failed == 0 {
                return;
            }
            (failed, gates.recoveries.pass(now()))
        };
        let Some(held_back) = held_back else {
            return;
        };
        let more = and_more(held_back);
        let _ = contained(|| {
            log::info!(
                target: TARGET,
                sequence,
                failed,
                held_back;
                "segment {sequence} is written, after {failed} that failed{more}"
            );
        });
    }

    /// An attempt failed and may heal.
    pub(crate) fn retrying(&self, segment: &ProducedSegment, cause: &SinkError, attempts: u32) {
        let Some(held_back) = self.pass(|gates| &mut gates.retries) else {
            return;
        };
        let sequence = segment.sequence;
        let message = displayed(cause);
        let more = and_more(held_back);
        let _ = contained(|| {
            log::warn!(
                target: TARGET,
                sequence,
                attempts,
                code = cause.raw_os_error(),
                held_back;
                "segment {sequence}: {message}; it is tried again{more}"
            );
        });
    }

    /// Counts that segments were dropped to make room: while the stream cannot end, so that [`end`](Self::end)
    /// knows of it. The log is told afterwards, where nobody waits for it.
    pub(crate) fn count_drop(&self) -> Option<Due> {
        let held_back = self.pass(|gates| &mut gates.drops)?;
        Some(Due { held_back })
    }

    /// Counts that a `send` waits for long, as [`count_drop`](Self::count_drop) does.
    pub(crate) fn count_stall(&self) -> Option<Due> {
        let held_back = self.pass(|gates| &mut gates.stalls)?;
        Some(Due { held_back })
    }

    /// Tells what is still held back, at the end.
    pub(crate) fn end(&self) {
        let held_back = {
            let Gates {
                failures,
                retries,
                drops,
                stalls,
                recoveries,
                ..
            } = &mut *self.lock();
            [
                (Level::Error, failures, "segments were not written"),
                (Level::Warn, retries, "attempts were made again"),
                (Level::Warn, drops, "times segments were dropped"),
                (Level::Warn, stalls, "times a send had waited for long"),
                (
                    Level::Info,
                    recoveries,
                    "times a segment was written after some that failed",
                ),
            ]
            .map(|(level, gate, what)| (level, gate.take_held_back(), what))
        };
        for (level, count, what) in held_back {
            if count > 0 {
                tell(
                    level,
                    format_args!("{count} more {what} since the last message"),
                );
            }
        }
    }

    fn pass(&self, gate: impl FnOnce(&mut Gates) -> &mut Gate) -> Option<u64> {
        gate(&mut self.lock()).pass(now())
    }

    // Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Gates> {
        sync::lock(&self.gates)
    }
}

impl Due {
    /// Segments were dropped to make room, so many of them so far.
    pub(crate) fn dropped(self, dropped: Tally) {
        let Self { held_back } = self;
        let Tally { segments, bytes } = dropped;
        let _ = contained(|| {
            log::warn!(
                target: TARGET,
                segments,
                bytes,
                held_back;
                "the stream is full: {segments} queued segments were dropped so far, {bytes} bytes"
            );
        });
    }

    /// A `send` has been waiting for this long.
    pub(crate) fn blocked(
        self,
        sequence: u64,
        waited: Duration,
        in_flight: u64,
        held: Option<(u64, Duration)>,
    ) {
        let Self { held_back } = self;
        let waited_ms = millis(waited);
        let why = match held {
            Some((held, age)) => format!("the sink has had segment {held} for {age:.1?}"),
            None => "what is written waits to be yielded".to_owned(),
        };
        let more = and_more(held_back);
        let _ = contained(|| {
            log::warn!(
                target: TARGET,
                sequence,
                waited_ms,
                in_flight,
                held_back;
                "a send of segment {sequence} has waited for {waited:.1?}: the stream is full, with \
                 {in_flight} segments in flight, and {why}{more}"
            );
        });
    }
}

/// The message of a cause is somebody else's code, and may panic.
fn displayed(error: &impl std::fmt::Display) -> String {
    contained(|| error.to_string()).unwrap_or_else(|_| "an error that cannot be displayed".into())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
