//! The thread that uploads from disk what the live edge missed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use log::Level;

use super::ledger::Id;
use super::object::{Object, may_name, quoted};
use super::shared::Shared;
use crate::error::SinkError;
use crate::internal::log::log;
use crate::internal::sync::now;
use crate::internal::unwind::catch;
use crate::sink::{SegmentSink, WriteContext};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A recording may have longer segments than a reader expects.
const READ_LIMIT: u64 = 1 << 40;

pub(super) struct Worker<L, O> {
    pub(super) shared: Arc<Shared>,
    pub(super) local: L,
    pub(super) origin: O,
}

enum Job {
    Delete(Id, Object),
    Upload(Id, Object),
    End,
}

/// What is wrong with an object that was not uploaded.
enum Failed {
    /// The others may go.
    Itself(SinkError),
    /// The origin does not take anything just now.
    Everything(SinkError),
}

impl<L: SegmentSink, O: SegmentSink> Worker<L, O> {
    /// Runs until the backfill ends, or a sink panics.
    pub(super) fn run(mut self) {
        let ended = catch(|| self.work());
        let finished = catch(|| self.origin.finish());
        let error = match (ended, finished) {
            (Err(panic), _) | (_, Err(panic)) => Some(format!("a sink panicked: {panic}")),
            (_, Ok(Err(error))) => Some(error.or_during("finish", None).to_string()),
            _ => None,
        };
        if let Some(error) = &error {
            log(Level::Error, format_args!("the backfill ends: {error}"));
        }
        let shared = Arc::clone(&self.shared);
        // The sinks are the caller's as well.
        let _ = catch(move || drop(self));
        let mut state = shared.lock();
        state.deleting = None;
        state.stats.is_running = false;
        state.stats.last_error = error.or(state.stats.last_error.take());
        state.has_ended = true;
        drop(state);
        shared.notify();
    }

    fn work(&mut self) {
        loop {
            match self.next() {
                Job::Delete(id, object) => self.delete(id, &object),
                Job::Upload(id, object) => self.upload_one(id, &object),
                Job::End => return,
            }
        }
    }

    /// Waits for the next job. The live edge goes first.
    fn next(&self) -> Job {
        let mut state = self.shared.lock();
        loop {
            if self.shared.cancel.is_raised() || state.is_ending && state.ledger.is_done() {
                return Job::End;
            }
            if let Some(id) = state.ledger.next_deletion(state.deletes_from)
                && let Some(object) = state.ledger.object(id).cloned()
            {
                state.deleting = Some(id);
                return Job::Delete(id, object);
            }
            let pause = state.pause();
            if pause.is_none() && !state.ledger.is_live_busy() {
                if let Some(id) = state.ledger.next_upload(state.from)
                    && let Some(object) = state.ledger.object(id).cloned()
                {
                    return Job::Upload(id, object);
                }
                // Those that failed get their turn again after a pause.
                if state.from > 0 || state.deletes_from > 0 {
                    (state.from, state.deletes_from) = (0, 0);
                    state.pause_until = now().checked_add(LONGEST_PAUSE);
                    if state.is_ending {
                        return Job::End;
                    }
                    continue;
                }
            }
            state = self.shared.wait(state, pause);
        }
    }

    fn delete(&mut self, id: Id, object: &Object) {
        let context = WriteContext::default().for_object(object.kind);
        let removed = self.local.remove(&object.name, &context);
        if let Err(error) = &removed {
            let error = error.clone().or_during("remove", Some(&object.name));
            log(Level::Error, format_args!("{error}"));
        }
        let mut state = self.shared.lock();
        state.deleting = None;
        let line = match removed {
            Ok(()) => state.ledger.drop(id),
            Err(error) if error.io_kind() == io::ErrorKind::Unsupported => state.ledger.drop(id),
            Err(_) => {
                state.deletes_from = id + 1;
                None
            }
        };
        self.shared.commit(state, line);
    }

    fn upload_one(&mut self, id: Id, object: &Object) {
        let failed = match self.upload(id, object) {
            Ok(()) => return,
            Err(failed) => failed,
        };
        let (error, is_itself) = match failed {
            Failed::Itself(error) => (error, true),
            Failed::Everything(error) => (error, false),
        };
        let mut state = self.shared.lock();
        let is_first = state.stats.failures == 0;
        state.stats.failures += 1;
        state.stats.last_error = Some(error.to_string());
        if is_itself {
            state.from = id + 1;
        }
        // At the end a refused object holds up no other.
        if !(is_itself && state.is_ending) {
            let doublings = state.stats.failures.min(7) - 1;
            let pause = FIRST_PAUSE.saturating_mul(1 << doublings);
            let asked = error.retry_after().unwrap_or_default();
            state.pause_until = now().checked_add(pause.min(LONGEST_PAUSE).max(asked));
        }
        drop(state);
        // An origin that is down is told once.
        let level = if is_first { Level::Warn } else { Level::Debug };
        log(level, format_args!("a later attempt may succeed: {error}"));
    }

    fn upload(&mut self, id: Id, object: &Object) -> Result<(), Failed> {
        let context = WriteContext::default()
            .for_object(object.kind)
            .with_read_limit(READ_LIMIT);
        let read = self.local.read(&object.name, &context);
        let read =
            read.map_err(|error| Failed::Itself(error.or_during("read", Some(&object.name))))?;
        let Some(data) = read else {
            self.vanished(id, object);
            return Ok(());
        };
        if object.is_manifest() && !self.may_go(id, object, &data) {
            return Ok(());
        }
        let deadline = now().checked_add(self.shared.options.time_limit);
        let cancel = Arc::clone(&self.shared.cancel);
        let context = WriteContext::of_stream(object.kind, 1, deadline, cancel);
        let written = self.origin.write(&object.with_data(data), &context);
        written.map_err(|error| {
            let error = error.or_during("write", Some(&object.name));
            if error.is_transient() {
                Failed::Everything(error)
            } else {
                Failed::Itself(error)
            }
        })?;
        let mut state = self.shared.lock();
        state.stats.uploaded += 1;
        state.stats.failures = 0;
        state.stats.last_error = None;
        drop(state);
        self.shared.settle(id);
        Ok(())
    }

    fn vanished(&self, id: Id, object: &Object) {
        let state = self.shared.lock();
        // It may have been replaced or given up meanwhile.
        let is_owed = state.ledger.is_owed(id);
        drop(state);
        if is_owed {
            let name = quoted(&object.name);
            log(
                Level::Error,
                format_args!("{name} is not on disk, and the origin does not have it"),
            );
            self.shared.lose(id);
        }
    }

    /// Whether the origin has all that this text names. It was read after the check for older
    /// segments, so it may be newer, and is checked again.
    fn may_go(&self, id: Id, object: &Object, text: &[u8]) -> bool {
        let mut state = self.shared.lock();
        if !state.ledger.is_owed(id) || !state.ledger.has_all_before(id) {
            return false;
        }
        let lost = state.ledger.lost().find(|name| may_name(text, name));
        let Some(lost) = lost.map(quoted) else {
            return true;
        };
        state.stats.withheld += 1;
        let line = state.ledger.drop(id);
        self.shared.commit(state, line);
        let name = quoted(&object.name);
        log(
            Level::Error,
            format_args!("{name} is not uploaded: it names {lost}, which was lost"),
        );
        false
    }
}
