//! Threads, locks, channels and the clock, in one place. Programs get the standard library's and
//! crossbeam's. `--cfg shuttle` replaces them by those of a scheduler that explores the orders in
//! which threads may run, and `--cfg tsan` makes the locks visible to `ThreadSanitizer`.

#[cfg(shuttle)]
mod shuttle;
#[cfg(not(shuttle))]
mod spin;
#[cfg(not(shuttle))]
mod std;
#[cfg(tsan)]
mod tsan;

#[cfg(shuttle)]
use self::shuttle as chosen;
#[cfg(not(shuttle))]
use self::std as chosen;

pub(crate) use chosen::{Condvar, Mutex, MutexGuard, Spin, channel, now, thread, wait};

use ::std::sync::PoisonError;

/// Locks it. A poisoned lock is as good as any, for a value that no code which could panic changes.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
