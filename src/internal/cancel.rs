//! The signal that cuts a pause short when the stream shuts down.

use std::time::Duration;

use crate::internal::sync::{self, Condvar, Mutex, now};

/// Raised once, and never lowered.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Cancel {
    pub(crate) fn raise(&self) {
        *sync::lock(&self.raised) = true;
        self.changed.notify_all();
    }

    /// Waits for `duration` or until it is raised; returns whether it is.
    pub(crate) fn wait(&self, duration: Duration) -> bool {
        let deadline = now().checked_add(duration);
        let mut raised = sync::lock(&self.raised);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(now()));
            if *raised || left.is_some_and(|left| left.is_zero()) {
                return *raised;
            }
            raised = sync::wait(&self.raised, &self.changed, raised, left);
        }
    }
}
