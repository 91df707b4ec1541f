//! The standard library's locks, for a build that `ThreadSanitizer` watches. No program is built
//! so.
//!
//! The standard library is compiled without instrumentation. A thread that has to wait for a lock
//! gets it there, unseen, and the protected data looks unprotected. So each release of a lock is
//! also a release store here, and each acquisition an acquire load: the edges of the lock itself,
//! and no others.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{self, LockResult, PoisonError, WaitTimeoutResult};
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Mutex<T> {
    inner: sync::Mutex<T>,
    /// Set by whoever gives the lock back, and looked at by whoever gets it.
    free: AtomicBool,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            inner: sync::Mutex::new(value),
            free: AtomicBool::new(false),
        }
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        map(self.inner.lock(), |inner| {
            MutexGuard::new(inner, &self.free)
        })
    }
}

#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T> {
    // Dropped first, while the lock is still held.
    release: Release<'a>,
    inner: sync::MutexGuard<'a, T>,
}

impl<'a, T> MutexGuard<'a, T> {
    /// Sees everything that was done under the lock before.
    fn new(inner: sync::MutexGuard<'a, T>, free: &'a AtomicBool) -> Self {
        free.load(Ordering::Acquire);
        let release = Release(free);
        Self { release, inner }
    }

    /// Shows everything that was done under the lock, and leaves the lock to be given back.
    fn release(self) -> (sync::MutexGuard<'a, T>, &'a AtomicBool) {
        (self.inner, self.release.0)
    }
}

/// Shows everything that was done under the lock.
#[derive(Debug)]
struct Release<'a>(&'a AtomicBool);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar(sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let (inner, free) = guard.release();
        map(self.0.wait(inner), |inner| MutexGuard::new(inner, free))
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        at_most: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let (inner, free) = guard.release();
        map(self.0.wait_timeout(inner, at_most), |(inner, result)| {
            (MutexGuard::new(inner, free), result)
        })
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

fn map<A, B>(locked: LockResult<A>, map: impl FnOnce(A) -> B) -> LockResult<B> {
    match locked {
        Ok(held) => Ok(map(held)),
        Err(poisoned) => Err(PoisonError::new(map(poisoned.into_inner()))),
    }
}
