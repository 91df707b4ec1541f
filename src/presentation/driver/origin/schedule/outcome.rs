//! The outcomes of puts: landings, retries, and what is given up.

use std::time::Instant;

use super::{Lifecycle, Progress, Schedule};
use crate::error::SinkError;
use crate::presentation::driver::document::Role;
use crate::presentation::driver::origin::lane::Kept;
use crate::presentation::driver::origin::pending::{Pending, take_behind};
use crate::presentation::driver::origin::report::{Fate, Report};
use crate::presentation::driver::origin::step::{Failure, Note, Outcome, Put, Reason};
use crate::stream::AtDeadline;

impl Schedule {
    /// Enters the outcome of a put. `random` shortens the pause before the next attempt.
    pub(in super::super) fn done(
        &mut self,
        put: Put,
        outcome: Outcome,
        now: Instant,
        random: u64,
    ) -> Option<Note> {
        self.in_flight = None;
        if self.lifecycle == Lifecycle::Ended {
            return match outcome {
                Outcome::Landed => None,
                Outcome::Failed(Failure { error, .. }) | Outcome::Panicked(error) => {
                    Some(Note::Late { error })
                }
            };
        }
        let interval = self.options.min_interval;
        if let Some(lane) = self.lanes.get_mut(&put.pending.path) {
            lane.not_before = None;
            if !interval.is_zero()
                && let Some(time) = now.checked_add(interval)
            {
                lane.pause_until(time);
            }
        }
        match outcome {
            Outcome::Landed => self.landed(put, now),
            Outcome::Failed(failure) => self.failed(put, failure, now, random),
            Outcome::Panicked(error) => {
                self.last_error = Some(error.to_string());
                let note = self.not_put(&put, error);
                self.abort("the sink panicked");
                Some(note)
            }
        }
    }

    fn landed(&mut self, put: Put, now: Instant) -> Option<Note> {
        let Put {
            pending,
            reason,
            started,
            ..
        } = put;
        let (path, version, role) = (pending.path.clone(), pending.version, pending.role);
        self.last_error = None;
        let lane = self.lanes.get_mut(&path)?;
        lane.failures = 0;
        let is_settled = lane.doubtful_until.is_none_or(|until| started >= until);
        if is_settled {
            lane.settle();
        } else {
            lane.keep(pending, true);
        }
        if reason == Reason::Version {
            self.progress = Progress::Underway;
            if self.pass.is_empty() {
                self.progress = Progress::Open;
                self.removals.turn();
            }
        }
        let is_new = reason != (Reason::Repeat { has_landed: true });
        if is_new {
            let report = Report::document(&path, version, Fate::Landed);
            self.reports.push(report);
        }
        if is_settled {
            let path = path.clone();
            self.reports.push(Report::Settled { path, version });
        }
        if !is_new || role == Role::State {
            return None;
        }
        self.failures = 0;
        let after = self.alarm.stop(now)?;
        Some(Note::Recovered { path, after })
    }

    fn failed(&mut self, put: Put, failure: Failure, now: Instant, random: u64) -> Option<Note> {
        let Failure {
            error,
            message,
            is_transient,
            has_unknown_outcome,
        } = failure;
        self.last_error = Some(message);
        self.failures += 1;
        let lane = self.lanes.get_mut(&put.pending.path)?;
        lane.failures = lane.failures.saturating_add(1);
        if has_unknown_outcome {
            lane.doubt(now, self.options.target_duration);
        }
        let pause = self.options.retry.pause_after(lane.failures, random);
        let pause = pause.max(error.retry_after().unwrap_or_default());
        let retry_at = now.checked_add(pause).map(|time| {
            lane.pause_until(time);
            lane.not_before.unwrap_or(time)
        });
        let is_retried = is_transient && self.is_worth_a_retry(&put.pending, retry_at);
        let attempts = put.pending.attempts;
        match put.reason {
            Reason::Version => {
                self.progress = Progress::Open;
                if is_retried {
                    self.pass.push(put.pending);
                    return Some(Note::Retrying { attempts, error });
                }
                let note = self.not_put(&put, error);
                let lane = self.lanes.get_mut(&put.pending.path)?;
                let is_current = has_unknown_outcome || lane.kept.is_none();
                if lane.doubtful_until.is_some() && is_current {
                    lane.keep(put.pending, false);
                }
                Some(note)
            }
            Reason::Repeat { has_landed } => {
                let lane = self.lanes.get_mut(&put.pending.path)?;
                if is_retried {
                    lane.kept = Some(Kept {
                        pending: put.pending,
                        has_landed,
                        due: retry_at,
                    });
                    return Some(Note::Retrying { attempts, error });
                }
                if has_unknown_outcome {
                    lane.keep(put.pending, has_landed);
                } else {
                    lane.settle();
                    let path = put.pending.path.clone();
                    let error = error.clone();
                    self.reports.push(Report::Unreplaced { path, error });
                }
                Some(Note::NotRepeated { error })
            }
        }
    }

    fn is_worth_a_retry(&self, pending: &Pending, retry_at: Option<Instant>) -> bool {
        // A pause without an end is not worth it.
        let Some(retry_at) = retry_at else {
            return false;
        };
        if self.mailbox.has_newer(&pending.path) {
            // Which is put instead.
            return true;
        }
        if self.options.retry.budget(&pending.file).is_none() {
            return false;
        }
        let deadline = self.deadline_of(pending);
        let moves_on = self.options.retry.at_deadline == AtDeadline::MoveOnWhileThereIsRoom
            && self.lifecycle == Lifecycle::Open
            && !self.mailbox.is_full();
        moves_on || deadline.is_none_or(|deadline| retry_at < deadline)
    }

    /// Reports that a document failed for good, and those that must not be put without it.
    fn not_put(&mut self, put: &Put, error: SinkError) -> Note {
        let Pending {
            path,
            version,
            role,
            ..
        } = &put.pending;
        if put.reason != Reason::Version {
            return Note::NotRepeated { error };
        }
        let fate = Fate::Failed(error.clone());
        let report = Report::document(path, *version, fate);
        self.reports.push(report);
        if !self.mailbox.has_newer(path) {
            let mut behind = take_behind(&mut self.pass, *role);
            behind.extend(self.mailbox.take_behind(path, *role));
            self.retire(behind, |_| Fate::HeldBack {
                behind: path.clone(),
            });
        }
        Note::NotPut {
            version: *version,
            error,
        }
    }
}
