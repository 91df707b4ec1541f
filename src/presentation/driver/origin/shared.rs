//! The state that the handle and the publisher thread share.

use std::sync::Arc;
use std::time::Instant;

use super::log::OriginLog;
use super::options::OriginOptions;
use super::schedule::Schedule;
use crate::error::SinkError;
use crate::internal::cancel::Cancel;
use crate::internal::sync::{self, Condvar, Mutex, MutexGuard, now};

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something was submitted or closed, or the thread has ended.
    changed: Condvar,
    /// Cuts a sleeping sink short.
    pub(super) cancel: Arc<Cancel>,
    pub(super) log: OriginLog,
    pub(super) clock: Clock,
}

/// Where the time comes from.
#[derive(Debug)]
pub(super) enum Clock {
    System,
    #[cfg(all(test, not(shuttle)))]
    Virtual(super::virtual_clock::VirtualClock),
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) schedule: Schedule,
    /// The sink is gone.
    pub(super) has_ended: bool,
    pub(super) sink_error: Option<SinkError>,
    /// The caller has gone, and nobody takes what is reported.
    pub(super) is_unattended: bool,
}

impl Shared {
    pub(super) fn new(options: OriginOptions) -> Self {
        Self {
            state: Mutex::new(State {
                schedule: Schedule::new(options),
                has_ended: false,
                sink_error: None,
                is_unattended: false,
            }),
            changed: Condvar::new(),
            cancel: Arc::default(),
            log: OriginLog::default(),
            clock: Clock::System,
        }
    }

    pub(super) fn now(&self) -> Instant {
        match &self.clock {
            Clock::System => now(),
            #[cfg(all(test, not(shuttle)))]
            Clock::Virtual(clock) => clock.now(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        sync::lock(&self.state)
    }

    /// Gives the lock back and wakes the other side.
    pub(super) fn unlock_and_wake(&self, state: MutexGuard<'_, State>) {
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for a change, at most until `deadline`.
    pub(super) fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, State> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(now()));
        if left.is_some_and(|left| left.is_zero()) {
            return state;
        }
        sync::wait(&self.state, &self.changed, state, left)
    }

    /// Waits until the thread has ended, at most until `deadline`. Returns whether it has.
    pub(super) fn wait_for_end(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.lock();
        loop {
            let is_over = || deadline.is_some_and(|deadline| deadline <= now());
            if state.has_ended || is_over() {
                return state.has_ended;
            }
            state = self.wait(state, deadline);
        }
    }

    /// Logs, once, that nothing was published for too long.
    pub(super) fn check_alarm(&self) {
        let mut state = self.lock();
        let now = self.now();
        let Some(time) = state.schedule.ring(now) else {
            return;
        };
        let health = state.schedule.health(now);
        drop(state);
        self.log.overdue(time, &health);
    }
}
