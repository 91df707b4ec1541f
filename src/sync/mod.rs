//! Threads, locks, channels and the clock, in one place: the standard library's and crossbeam's, or with
//! `--cfg shuttle` those of a scheduler that explores every order in which threads may run. With `--cfg tsan`
//! the locks are the standard library's in a form that `ThreadSanitizer` sees.

#[cfg(shuttle)]
mod explored;
#[cfg(not(shuttle))]
mod lookout;
#[cfg(not(shuttle))]
mod real;
#[cfg(tsan)]
mod visible;

#[cfg(shuttle)]
use explored as chosen;
#[cfg(not(shuttle))]
use real as chosen;

pub(crate) use chosen::{Condvar, Lookout, Mutex, MutexGuard, channel, now, thread, wait};

use std::sync::PoisonError;

/// Locks it. For what is as good after a panic as before, because no code that could panic runs under the
/// lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
