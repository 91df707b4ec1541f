//! The ledger under its lock, and the journal, which is written without it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;

use super::journal::Journal;
use super::ledger::{Hold, Id, Ledger};
use super::object::{Object, quoted};
use super::options::BackfillOptions;
use super::stats::BackfillStats;
use crate::internal::cancel::Cancel;
use crate::internal::log::log;
use crate::internal::sync::{self, Condvar, Mutex, MutexGuard, now};

pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    pub(super) options: BackfillOptions,
    /// Cuts an upload short.
    pub(super) cancel: Arc<Cancel>,
}

pub(super) struct State {
    pub(super) ledger: Ledger,
    pub(super) stats: BackfillStats,
    lines: Lines,
    /// The thread uploads from here on, and begins anew after a pause.
    pub(super) from: Id,
    pub(super) deletes_from: Id,
    pub(super) pause_until: Option<Instant>,
    /// The file that is being deleted.
    pub(super) deleting: Option<Id>,
    pub(super) is_ending: bool,
    pub(super) has_ended: bool,
}

/// Lines that wait for the journal. Who finds it free writes those of all.
struct Lines {
    waiting: String,
    /// How many commits there were, and how many of them are over.
    submitted: u64,
    over: u64,
    /// `None` while somebody writes.
    journal: Option<Journal>,
    /// The end of the file is in doubt, so that nothing may be appended.
    is_torn: bool,
}

impl Shared {
    pub(super) fn new(ledger: Ledger, journal: Journal, options: BackfillOptions) -> Self {
        let lines = Lines {
            waiting: String::new(),
            submitted: 0,
            over: 0,
            journal: Some(journal),
            is_torn: false,
        };
        let state = State {
            ledger,
            stats: BackfillStats {
                is_running: true,
                ..BackfillStats::default()
            },
            lines,
            from: 0,
            deletes_from: 0,
            pause_until: None,
            deleting: None,
            is_ending: false,
            has_ended: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            options,
            cancel: Arc::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        sync::lock(&self.state)
    }

    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    pub(super) fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        at_most: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        sync::wait(&self.state, &self.changed, state, at_most)
    }

    /// Returns once the line is in the journal, or the journal has failed.
    pub(super) fn commit<'a>(&'a self, mut state: MutexGuard<'a, State>, line: Option<String>) {
        let Some(line) = line else {
            drop(state);
            return self.notify();
        };
        state.lines.waiting.push_str(&line);
        state.lines.submitted += 1;
        let ticket = state.lines.submitted;
        loop {
            if state.lines.over >= ticket {
                drop(state);
                return self.notify();
            }
            let Some(journal) = state.lines.journal.take() else {
                state = self.wait(state, None);
                continue;
            };
            state = self.write(state, journal);
        }
    }

    /// Writes all lines that wait, without the lock.
    fn write<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        mut journal: Journal,
    ) -> MutexGuard<'a, State> {
        let lines = std::mem::take(&mut state.lines.waiting);
        let submitted = state.lines.submitted;
        let is_whole = state.lines.is_torn || journal.is_due(state.ledger.len());
        let whole = is_whole.then(|| state.ledger.render());
        let had_failed = state.stats.journal_error.is_some();
        drop(state);
        let written = match whole {
            Some(text) => journal.rewrite(&text),
            None => journal.append(&lines),
        };
        let error = written.err().map(|error| error.to_string());
        if let Some(error) = error.as_ref().filter(|_| !had_failed) {
            log(
                Level::Error,
                format_args!("cannot write {}: {error}", quoted(journal.path())),
            );
        }
        let mut state = self.lock();
        state.lines.is_torn = error.is_some();
        state.stats.journal_error = error;
        state.lines.over = submitted;
        state.lines.journal = Some(journal);
        self.notify();
        state
    }

    /// Waits while the file of this name is being deleted.
    fn lock_for(&self, name: &Path) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while state.deleting.is_some() && state.deleting == state.ledger.find(name) {
            state = self.wait(state, None);
        }
        state
    }

    /// The object is about to be written.
    pub(super) fn owe(&self, object: Object) -> Id {
        let mut state = self.lock_for(&object.name);
        let (id, line) = state.ledger.owe(object);
        self.commit(state, Some(line));
        id
    }

    pub(super) fn recorded(&self, id: Id, is_stored: bool) {
        let mut state = self.lock();
        let line = state.ledger.recorded(id, is_stored);
        self.commit(state, line);
    }

    pub(super) fn hold(&self, name: &Path) -> Hold {
        let mut state = self.lock_for(name);
        let (hold, line) = state.ledger.hold(name, self.options.hold_bytes);
        self.commit(state, line);
        hold
    }

    pub(super) fn lose(&self, id: Id) {
        let mut state = self.lock();
        let line = state.ledger.lose(id);
        state.stats.lost += u64::from(line.is_some());
        self.commit(state, line);
    }

    /// The origin has it. It answers, so nothing has to wait.
    pub(super) fn settle(&self, id: Id) {
        let mut state = self.lock();
        let line = state.ledger.settle(id);
        state.pause_until = None;
        self.commit(state, line);
    }

    pub(super) fn stats(&self) -> BackfillStats {
        let state = self.lock();
        let (held, held_bytes) = state.ledger.held();
        BackfillStats {
            owed: state.ledger.owed(),
            owed_bytes: state.ledger.owed_bytes(),
            held,
            held_bytes,
            ..state.stats.clone()
        }
    }
}

impl State {
    /// The time that is left of the pause.
    pub(super) fn pause(&mut self) -> Option<Duration> {
        let left = self.pause_until?.saturating_duration_since(now());
        if left.is_zero() {
            self.pause_until = None;
            return None;
        }
        Some(left)
    }
}
