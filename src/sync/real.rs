//! What programs run with.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[cfg(tsan)]
pub(crate) use super::visible::{Condvar, Mutex, MutexGuard};
#[cfg(not(tsan))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use std::thread;

pub(crate) mod channel {
    pub(crate) use crossbeam_channel::{
        Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, unbounded,
    };
}

pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Gives the lock back until it is notified, or the time is over, or for no reason at all.
pub(crate) fn wait<'a, T>(
    _: &'a Mutex<T>,
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    at_most: Option<Duration>,
) -> MutexGuard<'a, T> {
    match at_most {
        None => condvar.wait(guard).unwrap_or_else(PoisonError::into_inner),
        Some(duration) => {
            let waited = condvar.wait_timeout(guard, duration);
            waited.unwrap_or_else(PoisonError::into_inner).0
        }
    }
}

/// For how long a thread looks for what it waits for before it goes to sleep, where that pays.
const LOOK: Duration = Duration::from_micros(100);
/// A wait that was no longer than this might have been looked through: the look, and what it takes to put a
/// thread to sleep and wake it up again.
const SHORT: Duration = Duration::from_micros(200);

/// Looks for what a thread waits for, for a moment, before the thread goes to sleep.
///
/// To wake a thread costs whoever wakes it several microseconds, as much as it takes to write a small
/// segment. So where segments follow one another that fast, nobody should sleep; and where they do not,
/// nobody should look, as a thousand streams that all look would keep the processor from its work. Which of
/// the two it is the last wait tells.
#[derive(Debug, Default)]
pub(crate) struct Lookout {
    pays: AtomicBool,
}

impl Lookout {
    /// Looks until it is there. `None` if it should be waited for in some other way.
    pub(crate) fn look<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        if !self.pays.load(Ordering::Relaxed) {
            return None;
        }
        let begun = now();
        loop {
            let found = look();
            if now().saturating_duration_since(begun) >= LOOK {
                self.pays.store(false, Ordering::Relaxed);
                return found;
            }
            if found.is_some() {
                return found;
            }
            // What is waited for may well need this processor.
            thread::yield_now();
        }
    }

    /// Waits in some other way, and notes whether it would have paid to look.
    pub(crate) fn wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        let begun = now();
        let waited = wait();
        let is_short = now().saturating_duration_since(begun) <= SHORT;
        self.pays.store(is_short, Ordering::Relaxed);
        waited
    }
}
