//! The order in which documents are put. It knows no lock, no clock and no thread.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::alarm::Alarm;
use super::health::OriginHealth;
use super::lane::{Kept, Lane};
use super::options::OriginOptions;
use super::pending::{Mailbox, Pending, take_behind};
use super::report::{Fate, Refused, RefusedKind, Report};
use crate::error::SinkError;
use crate::presentation::driver::document::{Document, Role};
use crate::stream::AtDeadline;

/// The documents that wait, one memory for each URL, and what is under way.
///
/// A *pass* is the set of documents that is being put, role by role. While a pass makes progress,
/// newer versions wait in the mailbox: if each replaced its state at once, a slow destination would
/// get states only. After a failed put, and while the pass has to wait, the newer texts take their
/// places.
#[derive(Debug)]
pub(super) struct Schedule {
    options: OriginOptions,
    lifecycle: Lifecycle,
    lanes: BTreeMap<PathBuf, Lane>,
    pass: Vec<Pending>,
    progress: Progress,
    mailbox: Mailbox,
    removals: VecDeque<PathBuf>,
    /// A pass has ended since the last removal. So removals come to their turn at a destination
    /// that is never idle.
    is_removal_due: bool,
    in_flight: Option<InFlight>,
    reports: Vec<Report>,
    alarm: Alarm,
    last_error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifecycle {
    Open,
    /// What waits is put, until the deadline.
    Closing {
        deadline: Option<Instant>,
    },
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Newer texts may take the places of older ones.
    Open,
    /// A document has landed, and those after it belong to the same version.
    Underway,
}

#[derive(Debug)]
struct InFlight {
    path: PathBuf,
    /// `None` for a removal, and for a text that has its report.
    version: Option<u64>,
    since: Instant,
}

/// The next thing to do.
#[derive(Debug)]
pub(super) enum Next {
    Put(Box<Put>),
    Remove(PathBuf),
    /// Nothing, until this time or the next change.
    Wait(Option<Instant>),
    End,
}

/// A put that is under way.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) pending: Pending,
    pub(super) reason: Reason,
    pub(super) started: Instant,
    /// The sink should give up by then.
    pub(super) deadline: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Version,
    /// To replace what a put of unknown outcome may have left.
    Repeat {
        has_landed: bool,
    },
}

/// The outcome of a put.
#[derive(Debug)]
pub(super) enum Outcome {
    Landed,
    Failed(Failure),
    /// The sink is not to be called again.
    Panicked(SinkError),
}

#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: SinkError,
    pub(super) message: String,
    pub(super) is_transient: bool,
    pub(super) has_unknown_outcome: bool,
}

/// A message for the log, which is written without the lock.
#[derive(Debug)]
pub(super) enum Note {
    /// A manifest landed after the alarm had rung.
    Recovered {
        path: PathBuf,
        after: Duration,
    },
    Retrying {
        attempts: u32,
        error: SinkError,
    },
    NotPut {
        version: u64,
        error: SinkError,
    },
    /// The text that replaces what a put of unknown outcome may have left was not put.
    NotRepeated {
        error: SinkError,
    },
    /// The put ended after the caller had stopped waiting.
    Late {
        error: SinkError,
    },
}

impl Schedule {
    pub(super) fn new(options: OriginOptions) -> Self {
        Self {
            options,
            lifecycle: Lifecycle::Open,
            lanes: BTreeMap::new(),
            pass: Vec::new(),
            progress: Progress::Open,
            mailbox: Mailbox::new(options.delivery),
            removals: VecDeque::new(),
            is_removal_due: false,
            in_flight: None,
            reports: Vec::new(),
            alarm: Alarm::new(options.target_duration),
            last_error: None,
        }
    }

    /// Takes a version, or gives it back.
    pub(super) fn submit(
        &mut self,
        version: u64,
        documents: Vec<Document>,
        now: Instant,
    ) -> Result<(), Refused> {
        let kind = if self.lifecycle != Lifecycle::Open {
            RefusedKind::Ended
        } else if self.mailbox.is_full() {
            RefusedKind::Full
        } else {
            self.alarm.start(now);
            self.add(version, documents);
            return Ok(());
        };
        Err(Refused { kind, documents })
    }

    fn add(&mut self, version: u64, documents: Vec<Document>) {
        let pending = documents.into_iter().map(|it| Pending::new(version, it));
        let (newer, older): (Vec<_>, Vec<_>) = pending.partition(|it| {
            let lane = self.lanes.entry(it.path.clone()).or_default();
            // Two threads may submit in the other order.
            let is_newer = version >= lane.newest;
            lane.newest = lane.newest.max(version);
            is_newer
        });
        let replaced = self.mailbox.add(newer);
        self.report(&older, |_| Fate::Superseded);
        self.report(&replaced, |_| Fate::Superseded);
    }

    /// Takes an object that is to be removed when there is time. Returns whether it was taken.
    pub(super) fn remove(&mut self, path: PathBuf) -> bool {
        let is_open = self.lifecycle == Lifecycle::Open;
        if is_open {
            self.removals.push_back(path);
        }
        is_open
    }

    /// Takes nothing more, and puts what waits until `deadline`. Pauses that are longer are cut
    /// short: one attempt follows, and it is the last.
    pub(super) fn close(&mut self, now: Instant, deadline: Option<Instant>) {
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
    pub(super) fn abort(&mut self, reason: &'static str) {
        self.lifecycle = Lifecycle::Ended;
        let mut waiting = std::mem::take(&mut self.pass);
        waiting.extend(self.mailbox.take_all());
        self.report(&waiting, |it| {
            Fate::Failed(not_put("write", &it.path, reason))
        });
        for path in std::mem::take(&mut self.removals) {
            let result = Err(not_put("remove", &path, reason));
            self.reports.push(Report::Removal { path, result });
        }
    }

    /// Ends it without waiting for the put that is under way.
    pub(super) fn abandon(&mut self, reason: &'static str) {
        self.abort(reason);
        if let Some(InFlight { path, version, .. }) = &self.in_flight
            && let Some(version) = *version
        {
            let report = Report::document(path, version, Fate::InDoubt);
            self.reports.push(report);
        }
    }

    /// The next thing to do. Nothing must be under way.
    pub(super) fn next(&mut self, now: Instant) -> Next {
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
        if (self.is_removal_due || ready.is_err())
            && let Some(path) = self.removals.pop_front()
        {
            self.is_removal_due = false;
            self.set_in_flight(&path, None, now);
            return Next::Remove(path);
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
    pub(super) fn patience(&self, now: Instant) -> Option<Instant> {
        now.checked_add(self.options.target_duration)
    }

    fn set_in_flight(&mut self, path: &Path, version: Option<u64>, since: Instant) {
        self.in_flight = Some(InFlight {
            path: path.to_owned(),
            version,
            since,
        });
    }

    fn deadline_of(&self, pending: &Pending) -> Option<Instant> {
        match self.lifecycle {
            Lifecycle::Closing {
                deadline: Some(deadline),
            } => Some(deadline),
            _ => pending.deadline,
        }
    }

    /// Waits for a pause to end, for a text to be put again, or for the next change.
    fn wait(&self, ready_at: Option<Instant>) -> Next {
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
            return Next::End;
        }
        let rings_at = self.alarm.rings_at().filter(|_| closing.is_none());
        Next::Wait(until.into_iter().chain(rings_at).chain(deadline).min())
    }

    fn is_waiting(&self, path: &Path) -> bool {
        self.pass.iter().any(|it| it.path == path) || self.mailbox.has(path)
    }

    /// Enters the outcome of a put. `random` shortens the pause before the next attempt.
    pub(super) fn done(
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
        if lane.doubtful_until.is_none_or(|until| started >= until) {
            lane.settle();
        } else {
            lane.keep(pending, true);
        }
        if reason == Reason::Version {
            self.progress = Progress::Underway;
            if self.pass.is_empty() {
                self.progress = Progress::Open;
                self.is_removal_due = true;
            }
        }
        if reason == (Reason::Repeat { has_landed: true }) {
            return None;
        }
        let report = Report::document(&path, version, Fate::Landed);
        self.reports.push(report);
        if role == Role::State {
            return None;
        }
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

    /// Enters the result of a removal. Gives it back if nobody takes it any more.
    pub(super) fn removed(
        &mut self,
        path: PathBuf,
        result: Result<(), SinkError>,
    ) -> Option<SinkError> {
        self.in_flight = None;
        if self.lifecycle == Lifecycle::Ended {
            return result.err();
        }
        self.reports.push(Report::Removal { path, result });
        None
    }

    /// Reports documents that are not put any more. A text that may be at its destination already is
    /// kept: unless a newer one lands, it has to be put again.
    fn retire(&mut self, documents: Vec<Pending>, fate: impl Fn(&Pending) -> Fate) {
        self.report(&documents, fate);
        for document in documents {
            if document.attempts > 0
                && let Some(lane) = self.lanes.get_mut(&document.path)
                && lane.doubtful_until.is_some()
            {
                lane.keep(document, false);
            }
        }
    }

    fn report(&mut self, documents: &[Pending], fate: impl Fn(&Pending) -> Fate) {
        let reports = documents
            .iter()
            .map(|it| Report::document(&it.path, it.version, fate(it)));
        self.reports.extend(reports);
    }

    pub(super) fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// URLs at which a put of unknown outcome may still replace what landed last.
    pub(super) fn unsettled(&self) -> Vec<PathBuf> {
        let lanes = self.lanes.iter();
        let unsettled = lanes.filter(|(_, lane)| lane.doubtful_until.is_some());
        unsettled.map(|(path, _)| path.clone()).collect()
    }

    /// The number of documents that are not put yet.
    pub(super) fn waiting(&self) -> usize {
        self.pass.len() + self.mailbox.documents().count()
    }

    /// Returns the time without a publication, once, when it has become too long.
    pub(super) fn ring(&mut self, now: Instant) -> Option<Duration> {
        let is_open = self.lifecycle == Lifecycle::Open;
        is_open.then(|| self.alarm.ring(now)).flatten()
    }

    pub(super) fn health(&self, now: Instant) -> OriginHealth {
        let in_flight = self.in_flight.as_ref();
        OriginHealth {
            is_running: self.lifecycle != Lifecycle::Ended,
            is_overdue: self.alarm.is_overdue(now),
            unpublished_for: self.alarm.time(now),
            waiting: self.waiting(),
            in_flight_for: in_flight.map(|it| now.saturating_duration_since(it.since)),
            in_doubt: self.unsettled().len(),
            last_error: self.last_error.clone(),
        }
    }
}

fn not_put(operation: &'static str, path: &Path, reason: &'static str) -> SinkError {
    SinkError::permanent(reason)
        .with_operation(operation)
        .with_path(path)
}
