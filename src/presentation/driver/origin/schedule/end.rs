//! The end of a schedule.

use std::time::Instant;

use super::{InFlight, Lifecycle, Schedule, not_put};
use crate::presentation::driver::origin::report::{Fate, Report};

impl Schedule {
    /// Takes nothing more, and puts what waits until `deadline`. Pauses that are longer are cut
    /// short: one attempt follows, and it is the last.
    pub(in super::super) fn close(&mut self, now: Instant, deadline: Option<Instant>) {
        if self.lifecycle != Lifecycle::Open {
            return;
        }
        self.lifecycle = Lifecycle::Closing { deadline };
        for lane in self.lanes.values_mut() {
            let is_too_late = |time: Instant| deadline.is_some_and(|deadline| time >= deadline);
            if lane.not_before.is_some_and(is_too_late) {
                lane.not_before = Some(now);
            }
        }
    }

    /// Ends it. What waits fails for this reason.
    pub(in super::super) fn abort(&mut self, reason: &'static str) {
        self.lifecycle = Lifecycle::Ended;
        let mut waiting = std::mem::take(&mut self.pass);
        waiting.extend(self.mailbox.take_all());
        self.report(&waiting, |it| {
            Fate::Failed(not_put("write", &it.path, reason))
        });
        for removal in self.removals.take_all() {
            let result = Err(not_put("remove", &removal.path, reason));
            self.reports.push(Report::Removal { removal, result });
        }
    }

    /// Ends it without waiting for the put that is under way.
    pub(in super::super) fn abandon(&mut self, reason: &'static str) {
        self.abort(reason);
        if let Some(InFlight { path, version, .. }) = &self.in_flight
            && let Some(version) = *version
        {
            let report = Report::document(path, version, Fate::InDoubt);
            self.reports.push(report);
        }
    }
}
