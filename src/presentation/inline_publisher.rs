//! Publishing on the caller's thread: the manifest of the handle's rendition, and every other one that is due.

use super::deletion::{A_PUSH, Bound};
use super::driver::inline::{Busy, Shared, Sinks};
use super::error::PublishError;
use super::format::Format;
use super::job::{Outcome, Request, Write};
use super::notice::Notice;
use super::outlet::Outlet;
use super::publisher::{Handle, Pushed};
use super::time::to_duration;
use crate::internal::deadline::Deadline;
use crate::sink::SegmentSink;

impl<F: Format, S: SegmentSink> Handle<F, S> {
    pub(super) fn publish(
        &mut self,
        notices: Vec<Notice>,
        busy: Busy,
    ) -> Result<Pushed, PublishError> {
        let request = publish(A_PUSH);
        self.carry_out(request, busy, notices)
    }

    /// Does what the rendition's own manifest needs, and then what every other one needs that has
    /// changed, so that no rendition is late by a segment.
    pub(super) fn carry_out(
        &mut self,
        request: Request,
        busy: Busy,
        notices: Vec<Notice>,
    ) -> Result<Pushed, PublishError> {
        if let Some(port) = self.port().cloned() {
            return match busy {
                Busy::Pass => self.push_to(&port, notices),
                Busy::Wait => self.end_at(&port, Deadline::Never, notices),
            };
        }
        let mut outcome = Outcome {
            notices,
            ..Outcome::default()
        };
        self.drive_own(request, busy, &mut outcome);
        let mut tried = Vec::new();
        loop {
            let due = self.core().due();
            let Some(p) = due.into_iter().find(|p| !tried.contains(p)) else {
                break;
            };
            tried.push(p);
            let done = self.drive(p, publish(A_PUSH), Busy::Pass);
            done.into_iter().for_each(|done| outcome.append(done));
        }
        self.report(&outcome);
        if outcome.errors.is_empty() {
            Ok(Pushed {
                notices: outcome.notices,
            })
        } else {
            Err(PublishError::new(outcome.errors, outcome.notices))
        }
    }

    pub(super) fn drive_own(&mut self, request: Request, busy: Busy, outcome: &mut Outcome) {
        let own = self.own();
        let done = self.drive(own, request, busy);
        done.into_iter().for_each(|done| outcome.append(done));
    }

    fn drive(&mut self, p: usize, request: Request, busy: Busy) -> Option<Outcome> {
        self.with_sinks(|shared, sinks| shared.drive(p, request, busy, sinks))?
    }

    /// Calls with the sinks of this publisher; an origin has none here.
    pub(super) fn with_sinks<T>(
        &mut self,
        call: impl FnOnce(&Shared<F>, &mut Sinks<'_, S>) -> T,
    ) -> Option<T> {
        let target = self.core().settings.target().unwrap_or_default();
        let Outlet::Inline(inline) = &mut self.outlet else {
            return None;
        };
        let clock = &self.clock;
        let mut sinks = Sinks {
            sink: &mut inline.sink,
            state: inline.state.as_deref_mut(),
            context: &inline.context,
            target: to_duration(target),
            clock: &|| clock.now(),
        };
        Some(call(&self.shared, &mut sinks))
    }
}

fn publish(deletion: Bound) -> Request {
    Request {
        write: Write::Manifest,
        deletion: Some(deletion),
    }
}
