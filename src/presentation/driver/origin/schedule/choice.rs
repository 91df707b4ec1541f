//! What is put next, and when.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{InFlight, Lifecycle, Progress, Schedule};
use crate::presentation::driver::origin::lane::{Kept, Lane};
use crate::presentation::driver::origin::pending::Pending;
use crate::presentation::driver::origin::report::{Fate, Removal};
use crate::presentation::driver::origin::step::{Next, Put, Reason};

impl Schedule {
    /// The next thing to do. Nothing must be under way.
    pub(in super::super) fn next(&mut self, now: Instant) -> Next {
        if let Lifecycle::Closing {
            deadline: Some(deadline),
        } = self.lifecycle
            && deadline <= now
        {
            self.abort("the time to finish is over");
        }
        if self.lifecycle == Lifecycle::Ended {
            return Next::End;
        }
        if let Some(removal) = self.removals.next_urgent() {
            self.set_in_flight(&removal.path, None, now);
            return Next::Remove(removal);
        }
        if let Some(put) = self.next_repeat(now) {
            return Next::Put(Box::new(put));
        }
        if self.progress == Progress::Open {
            self.refill();
        }
        let mut ready = self.ready(now);
        if ready.is_err() {
            self.refill();
            ready = self.ready(now);
        }
        let lanes = &self.lanes;
        // A text that is to be put again would come back after its removal.
        let has_no_text = |removal: &Removal| {
            let lane = lanes.get(&removal.path);
            lane.is_none_or(|lane| lane.kept.is_none())
        };
        if let Some(removal) = self.removals.next(ready.is_err(), now, has_no_text) {
            self.set_in_flight(&removal.path, None, now);
            return Next::Remove(removal);
        }
        match ready {
            Ok(place) => Next::Put(Box::new(self.begin(place, now))),
            Err(ready_at) => self.wait(ready_at),
        }
    }

    fn refill(&mut self) {
        let replaced = self.mailbox.refill(&mut self.pass);
        self.retire(replaced, |_| Fate::Superseded);
        self.progress = Progress::Open;
    }

    /// The place of the document that is put next, or the time when one is ready. A document that
    /// failed goes behind the others of its role, so that it does not starve them.
    fn ready(&self, now: Instant) -> Result<usize, Option<Instant>> {
        let Some(first) = self.pass.iter().map(|it| it.role).min() else {
            return Err(None);
        };
        let of_role = self.pass.iter().enumerate();
        let of_role = of_role.filter(|(_, it)| it.role == first);
        let lanes = of_role.filter_map(|(place, it)| Some((place, self.lanes.get(&it.path)?)));
        match lanes.clone().find(|(_, lane)| lane.is_ready(now)) {
            Some((place, _)) => Ok(place),
            None => Err(lanes.filter_map(|(_, lane)| lane.not_before).min()),
        }
    }

    fn begin(&mut self, place: usize, now: Instant) -> Put {
        let mut pending = self.pass.remove(place);
        pending.attempts = pending.attempts.saturating_add(1);
        if pending.attempts == 1 {
            let budget = self.options.retry.budget(&pending.file);
            pending.deadline = budget.and_then(|budget| now.checked_add(budget));
        }
        let version = Some(pending.version);
        self.set_in_flight(&pending.path, version, now);
        self.put(pending, Reason::Version, now)
    }

    /// A text whose URL is no longer in doubt once it has landed again. A newer one does as well.
    fn next_repeat(&mut self, now: Instant) -> Option<Put> {
        let is_due = |(path, lane): (&PathBuf, &Lane)| {
            let is_due = lane.repeat_at().is_some_and(|time| time <= now);
            (is_due && !self.is_waiting(path)).then(|| path.clone())
        };
        let path = self.lanes.iter().find_map(is_due)?;
        let Kept {
            mut pending,
            has_landed,
            ..
        } = self.lanes.get_mut(&path)?.kept.take()?;
        pending.attempts = pending.attempts.saturating_add(1);
        if pending.attempts == 1 {
            let budget = self.options.retry.budget(&pending.file);
            pending.deadline = budget.and_then(|budget| now.checked_add(budget));
        }
        self.set_in_flight(&path, None, now);
        Some(self.put(pending, Reason::Repeat { has_landed }, now))
    }

    fn put(&self, pending: Pending, reason: Reason, now: Instant) -> Put {
        let deadline = [self.deadline_of(&pending), self.patience(now)];
        Put {
            pending,
            reason,
            started: now,
            deadline: deadline.into_iter().flatten().min(),
        }
    }

    /// The deadline of one call. A call that hangs must not take the time of newer versions.
    pub(in super::super) fn patience(&self, now: Instant) -> Option<Instant> {
        now.checked_add(self.options.target_duration)
    }

    fn set_in_flight(&mut self, path: &Path, version: Option<u64>, since: Instant) {
        self.in_flight = Some(InFlight {
            path: path.to_owned(),
            version,
            since,
        });
    }

    pub(super) fn deadline_of(&self, pending: &Pending) -> Option<Instant> {
        match self.lifecycle {
            Lifecycle::Closing {
                deadline: Some(deadline),
            } => Some(deadline),
            _ => pending.deadline,
        }
    }

    /// Waits for a pause to end, for a text to be put again, or for the next change.
    fn wait(&mut self, ready_at: Option<Instant>) -> Next {
        let closing = match self.lifecycle {
            Lifecycle::Closing { deadline } => Some(deadline),
            _ => None,
        };
        let deadline = closing.flatten();
        let is_in_time = |time: &Instant| deadline.is_none_or(|deadline| *time < deadline);
        let lanes = self.lanes.iter();
        let repeats = lanes.filter(|(path, _)| !self.is_waiting(path));
        let repeats = repeats.filter_map(|(_, lane)| lane.repeat_at());
        let until = repeats.filter(is_in_time).chain(ready_at).min();
        if until.is_none() && self.pass.is_empty() && closing.is_some() {
            self.lifecycle = Lifecycle::Ended;
            return Next::End;
        }
        let rings_at = self.alarm.rings_at().filter(|_| closing.is_none());
        Next::Wait(until.into_iter().chain(rings_at).chain(deadline).min())
    }

    fn is_waiting(&self, path: &Path) -> bool {
        self.pass.iter().any(|it| it.path == path) || self.mailbox.has(path)
    }
}
