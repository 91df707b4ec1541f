//! The driver for origins: a thread of its own, so that a slow destination never holds up the
//! iteration.
//!
//! Versions are submitted without waiting. The thread puts the latest version of each URL, one put
//! at a time; in order, it puts every version. Within a version the state is put before the
//! manifests of renditions, and these before the manifest that names them. What fails is retried
//! for the version's time, and a newer version takes the place of the text at the next attempt.
//!
//! **Unknown outcomes.** After a put whose outcome is unknown
//! ([`SinkError::has_unknown_outcome`]) the current text is put again at once, as a retry, and again
//! one target duration after that put has ended. So the newest text is the last one at a destination
//! that carries an abandoned request out up to one target duration later.
//!
//! **Reports** come back with the next call of the caller, so that files are deleted only once a
//! manifest without them has landed.

mod alarm;
mod attempt;
#[cfg(all(test, shuttle))]
mod explored;
mod health;
mod lane;
mod log;
mod options;
mod pending;
mod report;
mod schedule;
mod shared;
mod step;
#[cfg(all(test, not(shuttle)))]
mod tests;
mod worker;

pub(crate) use self::health::OriginHealth;
pub(crate) use self::options::OriginOptions;
#[cfg(test)]
pub(crate) use self::report::{Fate, RefusedKind};
pub(crate) use self::report::{Finished, Refused, Report};

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::log::OriginLog;
use self::shared::Shared;
use self::worker::{THREAD_NAME, Worker};
use super::document::Document;
use crate::internal::deadline::Deadline;
use crate::internal::sync::{now, thread};
use crate::internal::unwind::{catch, dispose};
use crate::sink::SegmentSink;

/// The longest time for which a sink that hangs is told of the shutdown before it is given up.
const NOTICE: Duration = Duration::from_millis(250);

/// The caller's side of a publisher thread. It may be shared by the threads of several renditions.
///
/// Dropped without a [`finish`](Self::finish), it logs, discards what waits, and waits for the call
/// that the sink is in and for the sink's own `finish`.
#[must_use = "a driver that is dropped discards what waits"]
pub(crate) struct OriginDriver {
    shared: Arc<Shared>,
    /// `None` once it is finished.
    thread: Option<thread::JoinHandle<()>>,
}

impl OriginDriver {
    /// Starts the thread, which owns the sink.
    ///
    /// # Errors
    ///
    /// The thread cannot be started. The sink is dropped.
    pub(crate) fn start<S>(options: OriginOptions, sink: S) -> io::Result<Self>
    where
        S: SegmentSink + 'static,
    {
        let shared = Arc::new(Shared::new(options));
        let run = {
            let shared = Arc::clone(&shared);
            move || Worker::new(shared).run(sink)
        };
        let start = || {
            thread::Builder::new()
                .name(THREAD_NAME.to_owned())
                .spawn(run)
        };
        // A thread that does not start drops its sink, which may panic.
        let thread = catch(start).unwrap_or_else(|panic| Err(io::Error::other(panic)))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Hands a version over. Never waits for the sink. Returns the reports since the last call.
    ///
    /// Versions of one URL count upwards. A document that failed or was held back has to be
    /// submitted again, with the next version.
    ///
    /// # Errors
    ///
    /// The version was not taken, and its documents are given back. The reports come with the next
    /// call.
    pub(crate) fn submit(
        &self,
        version: u64,
        documents: Vec<Document>,
    ) -> Result<Vec<Report>, Refused> {
        let mut state = self.shared.lock();
        let submitted = state.schedule.submit(version, documents, now());
        let submitted = submitted.map(|()| state.schedule.take_reports());
        self.shared.unlock_and_wake(state);
        // The thread cannot tell while it is in a call.
        self.shared.check_alarm();
        submitted
    }

    /// Has objects removed when there is time. Never waits for the sink. Returns whether they were
    /// taken; the thread may have ended.
    ///
    /// Each is tried once.
    pub(crate) fn remove(&self, paths: impl IntoIterator<Item = PathBuf>) -> bool {
        let mut state = self.shared.lock();
        let are_taken = paths.into_iter().all(|path| state.schedule.remove(path));
        self.shared.unlock_and_wake(state);
        are_taken
    }

    /// Returns the reports since the last call.
    pub(crate) fn take_reports(&self) -> Vec<Report> {
        self.shared.lock().schedule.take_reports()
    }

    /// Returns the state of the thread.
    pub(crate) fn health(&self) -> OriginHealth {
        self.shared.lock().schedule.health(now())
    }

    /// Puts what waits, ends the sink and the thread, and blocks no longer than `timeout`.
    ///
    /// Pauses that would outlast the time are cut short. In the last tenth of it, and in 250 ms at
    /// most, the sink sees a [shutdown](crate::WriteContext::is_shutting_down). At the end a sink
    /// that still hangs is left to itself: its document is [in doubt](Fate::InDoubt), and its thread
    /// ends when the sink returns.
    pub(crate) fn finish(mut self, timeout: Duration) -> Finished {
        let is_inside = self.is_own_thread();
        let deadline = match Deadline::after(timeout) {
            _ if is_inside => Some(now()),
            Deadline::At(deadline) => Some(deadline),
            Deadline::Now | Deadline::Never => None,
        };
        let notice = deadline.and_then(|deadline| deadline.checked_sub(NOTICE.min(timeout / 10)));
        let mut state = self.shared.lock();
        state.schedule.close(now(), notice);
        self.shared.unlock_and_wake(state);
        if !self.shared.wait_for_end(notice) {
            self.shared.cancel.raise();
            self.shared.wait_for_end(deadline);
        }
        // Not joined: even a thread that has ended may have foreign code to run, such as the
        // destructors of thread-locals.
        self.thread = None;
        let mut state = self.shared.lock();
        let is_timeout = !state.has_ended;
        if is_timeout {
            state.schedule.abandon("the time to finish is over");
            state.is_unattended = true;
        }
        Finished {
            reports: state.schedule.take_reports(),
            sink_error: state.sink_error.take(),
            is_timeout,
            unsettled: state.schedule.unsettled(),
        }
    }

    fn is_own_thread(&self) -> bool {
        let own = self.thread.as_ref().map(|thread| thread.thread().id());
        own == Some(thread::current().id())
    }
}

impl Drop for OriginDriver {
    fn drop(&mut self) {
        let is_inside = self.is_own_thread();
        let Some(thread) = self.thread.take() else {
            return;
        };
        let mut state = self.shared.lock();
        let waiting = state.schedule.waiting();
        state.schedule.abort("the publisher was dropped");
        state.is_unattended = true;
        let reports = state.schedule.take_reports();
        let sink_error = state.sink_error.take();
        self.shared.unlock_and_wake(state);
        self.shared.cancel.raise();
        dispose(reports);
        sink_error.into_iter().for_each(OriginLog::sink_error);
        OriginLog::dropped(waiting);
        if !is_inside {
            // It has caught every panic.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for OriginDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginDriver").finish_non_exhaustive()
    }
}
