//! The driver for origins: a thread of its own, so that a slow destination never holds up the
//! iteration.
//!
//! Versions are submitted without waiting. The thread puts the latest version of each URL, one put
//! at a time; in order, it puts every version. Within a version the state is put before the
//! manifests of renditions, and these before the manifest that names them. What fails is retried
//! for the version's time, and a newer version takes the place of the text at the next attempt.
//!
//! **Unknown outcomes.** After a put whose outcome is unknown ([`SinkError::has_unknown_outcome`])
//! the current text is put again at once, as a retry, and again one target duration after that put
//! has ended. So the newest text is the last one at a destination that carries an abandoned request
//! out up to one target duration later.
//!
//! **Reports** go to the owner of the thread after each call to the sink, so that files are deleted
//! only once a manifest without them has landed and cannot be replaced by an older one.

mod alarm;
mod attempt;
#[cfg(all(test, shuttle))]
mod explored;
mod health;
mod lane;
mod log;
mod options;
mod pending;
mod port;
mod removals;
mod report;
mod schedule;
mod shared;
#[cfg(all(test, not(shuttle)))]
pub(crate) mod simulated;
mod step;
#[cfg(all(test, not(shuttle)))]
mod tests;
#[cfg(all(test, not(shuttle)))]
mod virtual_clock;
mod worker;

pub use self::health::OriginHealth;
pub(crate) use self::options::OriginOptions;
pub(crate) use self::port::{Owner, Port};
pub(crate) use self::report::{Fate, Finished, Refused, Removal, Report};

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use self::log::OriginLog;
use self::shared::Shared;
use self::worker::{THREAD_NAME, Worker};
use crate::internal::deadline::Deadline;
use crate::internal::sync::{now, thread};
use crate::internal::unwind::{catch, dispose};
use crate::sink::SegmentSink;

/// The longest time for which a sink that hangs is told of the shutdown before it is given up.
const NOTICE: Duration = Duration::from_millis(250);

/// The caller's side of a publisher thread.
///
/// Dropped without a [`finish`](Self::finish), it discards what waits, logs that, and waits for the
/// call that the sink is in and for the sink's own `finish`.
#[must_use = "a driver that is dropped discards what waits"]
pub(crate) struct OriginDriver {
    pub(crate) port: Port,
    /// `None` once it is finished.
    thread: Option<thread::JoinHandle<()>>,
}

impl OriginDriver {
    /// Starts the thread, which owns the sink and the owner.
    ///
    /// # Errors
    ///
    /// The thread cannot be started. The sink is dropped.
    pub(crate) fn start<S>(
        options: OriginOptions,
        sink: S,
        owner: impl Owner + 'static,
    ) -> io::Result<Self>
    where
        S: SegmentSink + 'static,
    {
        let shared = Arc::new(Shared::new(options));
        let run = {
            let (shared, owner) = (Arc::clone(&shared), Box::new(owner));
            move || Worker::new(shared, owner).run(sink)
        };
        let start = || {
            thread::Builder::new()
                .name(THREAD_NAME.to_owned())
                .spawn(run)
        };
        // A thread that does not start drops its sink, which may panic.
        let thread = catch(start).unwrap_or_else(|panic| Err(io::Error::other(panic)))?;
        Ok(Self {
            port: Port(shared),
            thread: Some(thread),
        })
    }

    /// Puts what waits, ends the sink and the thread, and blocks no longer than `timeout`.
    ///
    /// Pauses that would outlast the time are cut short. In the last tenth of it, and in 250 ms at
    /// most, the sink sees a [shutdown](crate::WriteContext::is_shutting_down). At the end a sink
    /// that still hangs is left to itself: its document is [in doubt](Fate::InDoubt), and its
    /// thread ends when the sink returns.
    pub(crate) fn finish(mut self, timeout: Duration) -> Finished {
        let is_inside = self.is_own_thread();
        let deadline = match Deadline::after(timeout) {
            _ if is_inside => Some(now()),
            Deadline::At(deadline) => Some(deadline),
            Deadline::Now | Deadline::Never => None,
        };
        let notice = deadline.and_then(|deadline| deadline.checked_sub(NOTICE.min(timeout / 10)));
        let mut state = self.port.0.lock();
        state.schedule.close(now(), notice);
        self.port.0.unlock_and_wake(state);
        if !self.port.0.wait_for_end(notice) {
            self.port.0.cancel.raise();
            self.port.0.wait_for_end(deadline);
        }
        // Not joined: even a thread that has ended may have foreign code to run, such as the
        // destructors of thread-locals.
        self.thread = None;
        let mut state = self.port.0.lock();
        let is_timeout = !state.has_ended;
        if is_timeout {
            state.schedule.abandon("the time to finish is over");
            state.is_unattended = true;
        }
        Finished {
            reports: state.schedule.take_reports(),
            sink_error: state.sink_error.take(),
            is_timeout,
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
        let mut state = self.port.0.lock();
        let lost = (state.schedule.waiting(), state.schedule.unsettled().len());
        state.schedule.abort("the publisher was dropped");
        state.is_unattended = true;
        let reports = state.schedule.take_reports();
        let sink_error = state.sink_error.take();
        self.port.0.unlock_and_wake(state);
        self.port.0.cancel.raise();
        dispose(reports);
        sink_error.into_iter().for_each(OriginLog::sink_error);
        OriginLog::dropped(lost);
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
