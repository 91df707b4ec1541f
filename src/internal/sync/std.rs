//! What programs run with.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

pub(crate) use super::spin::Spin;
#[cfg(tsan)]
pub(crate) use super::tsan::{Condvar, Mutex, MutexGuard};
#[cfg(not(tsan))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use std::thread;

pub(crate) mod channel {
    pub(crate) use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
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
