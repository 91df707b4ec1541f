//! The order in which documents are put. It knows no lock, no clock and no thread.

mod choice;
mod end;
mod outcome;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::alarm::Alarm;
use super::health::OriginHealth;
use super::lane::Lane;
use super::options::OriginOptions;
use super::pending::{Mailbox, Pending};
use super::removals::Removals;
use super::report::{Fate, Refused, Removal, Report};
use crate::error::SinkError;
use crate::presentation::driver::document::Document;

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
    removals: Removals,
    in_flight: Option<InFlight>,
    reports: Vec<Report>,
    alarm: Alarm,
    last_error: Option<String>,
    /// Failed puts since a manifest landed.
    failures: u64,
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

impl Schedule {
    pub(super) fn new(options: OriginOptions) -> Self {
        Self {
            options,
            lifecycle: Lifecycle::Open,
            lanes: BTreeMap::new(),
            pass: Vec::new(),
            progress: Progress::Open,
            mailbox: Mailbox::new(options.delivery),
            removals: Removals::new(options.target_duration),
            in_flight: None,
            reports: Vec::new(),
            alarm: Alarm::new(options.target_duration),
            last_error: None,
            failures: 0,
        }
    }

    /// Takes a version, or refuses it. What the outcomes of the last versions bring is taken
    /// after a [`close`](Self::close) as well.
    pub(super) fn submit(
        &mut self,
        version: u64,
        documents: Vec<Document>,
        now: Instant,
    ) -> Result<(), Refused> {
        if self.lifecycle == Lifecycle::Ended {
            return Err(Refused::Ended);
        }
        if self.mailbox.is_full() {
            return Err(Refused::Full);
        }
        self.alarm.start(now);
        self.add(version, documents);
        Ok(())
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

    pub(super) fn is_full(&self) -> bool {
        self.mailbox.is_full()
    }

    /// Takes an object that is to be removed when there is time. Returns whether it was taken.
    pub(super) fn remove(&mut self, removal: Removal) -> bool {
        let is_open = self.lifecycle == Lifecycle::Open;
        if is_open {
            self.removals.push(removal);
        }
        is_open
    }

    /// Takes an object that is to be removed before anything else is put.
    pub(super) fn remove_first(&mut self, removal: Removal) -> bool {
        let is_open = self.lifecycle == Lifecycle::Open;
        if is_open {
            self.removals.push_urgent(removal);
        }
        is_open
    }

    /// No newer manifest is due, so nothing is overdue.
    pub(super) fn rest(&mut self) {
        self.alarm.end();
    }

    /// A removal was not tried.
    pub(super) fn spared(&mut self) {
        self.in_flight = None;
    }

    /// Enters the result of a removal. Gives it back if nobody takes it any more.
    pub(super) fn removed(
        &mut self,
        removal: Removal,
        result: Result<(), SinkError>,
    ) -> Option<SinkError> {
        self.in_flight = None;
        if self.lifecycle == Lifecycle::Ended {
            return result.err();
        }
        self.reports.push(Report::Removal { removal, result });
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
            failures: self.failures,
        }
    }
}

fn not_put(operation: &'static str, path: &Path, reason: &'static str) -> SinkError {
    SinkError::permanent(reason)
        .with_operation(operation)
        .with_path(path)
}
