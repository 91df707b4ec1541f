//! What a sink is told about a write besides the segment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::internal::cancel::Cancel;

/// What a sink is told about a write besides the segment, and what it may say besides the result.
///
/// The stream makes one for each call. [`WriteContext::default`] makes one for calling a sink
/// oneself: a first attempt, without a deadline, whose pauses nobody cuts short.
#[derive(Debug)]
pub struct WriteContext {
    attempt: u32,
    deadline: Option<Instant>,
    cancel: Arc<Cancel>,
    // Atomic and not a Cell only so that a sink may share the context with threads of its own.
    no_destination: AtomicBool,
}

/// How a [`WriteContext::sleep`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use = "a sink that sleeps again after it was cut short delays the shutdown"]
pub enum Pause {
    /// The time has passed.
    Elapsed,
    /// The stream is shutting down: stop waiting, and decide.
    CutShort,
}

impl Default for WriteContext {
    fn default() -> Self {
        Self::new(1, None, Arc::default())
    }
}

impl WriteContext {
    pub(crate) fn new(attempt: u32, deadline: Option<Instant>, cancel: Arc<Cancel>) -> Self {
        Self {
            attempt,
            deadline,
            cancel,
            no_destination: AtomicBool::new(false),
        }
    }

    /// Which attempt at this segment it is, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Until when the segment is worth trying, where there is such a limit: the
    /// [`RetryPolicy`](crate::RetryPolicy)'s, the same for each attempt. A sink that waits for others
    /// should give up by then, as nothing takes the segment away from it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Waits for `duration`, or until the stream is shut down: closed, finished, drained or
    /// dropped. That the last sender is gone does not count; what is queued then has all its time.
    pub fn sleep(&self, duration: Duration) -> Pause {
        if self.cancel.wait(duration) {
            Pause::CutShort
        } else {
            Pause::Elapsed
        }
    }

    /// Says that the sink lets this segment pass because it has nowhere to put it, so that the
    /// stream counts it apart
    /// ([`StreamStats::without_destination`](crate::StreamStats::without_destination)).
    pub fn no_destination(&self) {
        self.no_destination.store(true, Ordering::Relaxed);
    }

    pub(crate) fn had_no_destination(&self) -> bool {
        self.no_destination.load(Ordering::Relaxed)
    }
}
