//! The signal that cuts a sink's pause short when the stream shuts down.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Raised once, for ever.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Interrupt {
    pub(crate) fn raise(&self) {
        *self.lock() = true;
        self.changed.notify_all();
    }

    /// Waits for `duration` or until it is raised; returns whether it is.
    pub(crate) fn wait(&self, duration: Duration) -> bool {
        let (raised, _) = self
            .changed
            .wait_timeout_while(self.lock(), duration, |raised| !*raised)
            .unwrap_or_else(PoisonError::into_inner);
        *raised
    }

    // Nothing panics while it holds the lock, and a bool is never half written.
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
