//! A deadline that moves on for as long as the stream has room
//! ([`RetryPolicy::while_there_is_room`](super::RetryPolicy::while_there_is_room)).

use std::time::Duration;

use super::shared::{Lifecycle, Shared};

/// A writer that retries beyond its first deadline. A sender that begins to wait, or a drop,
/// hurries it.
pub(super) struct Extension<'a> {
    shared: &'a Shared,
    /// How often writers had been hurried when this one was granted.
    hurries: u64,
}

impl<'a> Extension<'a> {
    /// Granted if there are a free slot and free bytes, and nobody waits for them.
    pub(super) fn request(shared: &'a Shared) -> Option<Self> {
        let mut state = shared.lock();
        let is_granted = state.lifecycle == Lifecycle::Open
            && state.waiters.len() == 0
            && state.slots.has_spare_room();
        is_granted.then(|| {
            // Under the lock, so that whoever takes the room after this moment sees that there is
            // an extension.
            state.extensions += 1;
            Self {
                shared,
                hurries: shared.cancel.hurries(),
            }
        })
    }

    pub(super) fn is_hurried(&self) -> bool {
        self.shared.cancel.hurries() > self.hurries
    }

    /// Waits for `pause`; returns whether that was cut short.
    pub(super) fn wait(&self, pause: Duration) -> bool {
        self.shared.cancel.wait_unhurried(pause, self.hurries)
    }
}

impl Drop for Extension<'_> {
    fn drop(&mut self) {
        self.shared.lock().extensions -= 1;
    }
}
