//! A clock for tests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A clock that a test moves.
#[derive(Debug, Clone)]
pub(crate) struct VirtualClock {
    start: Instant,
    passed: Arc<Mutex<Duration>>,
}

impl VirtualClock {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            passed: Arc::default(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.start + self.passed()
    }

    pub(crate) fn passed(&self) -> Duration {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait(&self, time: Duration) {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner) += time;
    }
}
