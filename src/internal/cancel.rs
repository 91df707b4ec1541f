//! The signal that cuts a pause short when the stream shuts down.

use std::time::Duration;

use crate::internal::sync::{self, Condvar, Mutex, now};

/// Raised once, and never lowered. It also counts requests to hurry, for writers that retry beyond
/// their deadline.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    signals: Mutex<Signals>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Signals {
    is_raised: bool,
    hurries: u64,
}

impl Cancel {
    pub(crate) fn raise(&self) {
        sync::lock(&self.signals).is_raised = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_raised(&self) -> bool {
        sync::lock(&self.signals).is_raised
    }

    /// Ends every [`wait_unhurried`](Self::wait_unhurried).
    pub(crate) fn hurry(&self) {
        sync::lock(&self.signals).hurries += 1;
        self.changed.notify_all();
    }

    /// The number of requests to hurry so far.
    pub(crate) fn hurries(&self) -> u64 {
        sync::lock(&self.signals).hurries
    }

    /// Waits for `duration` or until it is raised; returns whether it is.
    pub(crate) fn wait(&self, duration: Duration) -> bool {
        self.wait_until(duration, |signals| signals.is_raised)
    }

    /// The same, but ends as well once there were more than `hurries`.
    pub(crate) fn wait_unhurried(&self, duration: Duration, hurries: u64) -> bool {
        self.wait_until(duration, |signals| {
            signals.is_raised || signals.hurries > hurries
        })
    }

    fn wait_until(&self, duration: Duration, is_over: impl Fn(&Signals) -> bool) -> bool {
        let deadline = now().checked_add(duration);
        let mut signals = sync::lock(&self.signals);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(now()));
            if is_over(&signals) || left.is_some_and(|left| left.is_zero()) {
                return is_over(&signals);
            }
            signals = sync::wait(&self.signals, &self.changed, signals, left);
        }
    }
}
