//! The way to the publisher thread and back.

use std::fmt;
use std::sync::Arc;

use super::health::OriginHealth;
use super::report::{Refused, Removal, Report};
use super::shared::Shared;
use crate::presentation::driver::document::Document;

/// The way to the publisher thread. Nothing here waits for the sink.
#[derive(Clone)]
pub(crate) struct Port(pub(super) Arc<Shared>);

/// The publisher on whose behalf the thread puts.
pub(crate) trait Owner: Send {
    /// Called after each call to the sink, without a lock, as there may be
    /// [reports](Port::take_reports).
    fn reported(&mut self, port: &Port);

    /// Whether an object may be removed now. Its name may be in use again.
    fn may_remove(&mut self, removal: &Removal) -> bool;
}

/// Nobody: whoever submits takes the reports.
#[cfg(test)]
impl Owner for () {
    fn reported(&mut self, _: &Port) {}

    fn may_remove(&mut self, _: &Removal) -> bool {
        true
    }
}

impl Port {
    /// Hands a version over.
    ///
    /// Versions of one URL count upwards. A document that failed or was held back has to be
    /// submitted again, with the next version.
    ///
    /// # Errors
    ///
    /// The version was not taken.
    pub(crate) fn submit(&self, version: u64, documents: Vec<Document>) -> Result<(), Refused> {
        let mut state = self.0.lock();
        let submitted = state.schedule.submit(version, documents, self.0.now());
        self.0.unlock_and_wake(state);
        submitted
    }

    /// Has an object removed when there is time. Returns whether it was taken; the thread may have
    /// ended. It is tried once.
    pub(crate) fn remove(&self, removal: Removal) -> bool {
        let mut state = self.0.lock();
        let is_taken = state.schedule.remove(removal);
        self.0.unlock_and_wake(state);
        is_taken
    }

    /// Has an object removed before anything else is put. It is tried once.
    pub(crate) fn remove_first(&self, removal: Removal) -> bool {
        let mut state = self.0.lock();
        let is_taken = state.schedule.remove_first(removal);
        self.0.unlock_and_wake(state);
        is_taken
    }

    /// Returns the reports since the last call.
    pub(crate) fn take_reports(&self) -> Vec<Report> {
        self.0.lock().schedule.take_reports()
    }

    /// No newer manifest is due, so nothing is overdue.
    pub(crate) fn rest(&self) {
        self.0.lock().schedule.rest();
    }

    /// Logs, once, that nothing was published for too long. The thread cannot tell while it is in
    /// a call.
    pub(crate) fn check_alarm(&self) {
        self.0.check_alarm();
    }

    /// Whether a version would be refused for want of room.
    pub(crate) fn is_full(&self) -> bool {
        self.0.lock().schedule.is_full()
    }

    /// Whether the thread puts what is submitted.
    pub(crate) fn is_running(&self) -> bool {
        self.health().is_running
    }

    /// Returns the state of the thread.
    pub(crate) fn health(&self) -> OriginHealth {
        self.0.lock().schedule.health(self.0.now())
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").finish_non_exhaustive()
    }
}
