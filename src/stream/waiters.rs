//! Senders that wait for room, first come, first served: only the first is let in, so that a large
//! segment is not overtaken by small ones that need less room. A sender that is logging is skipped:
//! nobody waits for a logger.
//!
//! All of it is under the lock of the shared state, but for the wake-ups: a sender is woken when
//! the lock is free again, since it is going to take it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::internal::sync::{self, Condvar, Mutex, MutexGuard, Spin, now};

#[derive(Default)]
pub(super) struct Waiters {
    queue: VecDeque<Waiter>,
    next_number: u64,
}

/// A sender that waits for room, as the others see it.
struct Waiter {
    number: u64,
    /// How many bytes it needs room for.
    bytes: usize,
    wake: Arc<Wake>,
    activity: Activity,
}

/// What a waiting sender is doing, as far as others must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    /// It will look for room without being woken.
    Awake,
    Asleep,
    /// It is logging, and is skipped.
    Logging,
}

/// How the first waiter learns that there may be room.
#[derive(Default)]
struct Wake {
    /// For one that spins.
    is_set: AtomicBool,
    /// For one that sleeps.
    condvar: Condvar,
}

/// A waiting sender's own side of its place in the queue.
pub(super) struct Ticket {
    number: u64,
    wake: Arc<Wake>,
    pub(super) since: Instant,
    /// When it is to log that it still waits.
    pub(super) warning: Option<Instant>,
    pub(super) has_spun: bool,
}

/// A sender that sleeps, and is to be woken without the lock.
#[must_use]
pub(super) struct Sleeper(Arc<Wake>);

impl Waiters {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether no waiter that counts is in front of this one, or of a sender without a ticket.
    pub(super) fn is_first(&self, ticket: Option<&Ticket>) -> bool {
        let mut present = self.queue.iter().filter(|it| it.is_present());
        present
            .next()
            .is_none_or(|first| ticket.is_some_and(|it| it.number == first.number))
    }

    /// Takes the last place, for a submission of this many bytes.
    pub(super) fn enqueue(&mut self, bytes: usize, stall_warning: Duration) -> Ticket {
        let (number, wake, since) = (self.next_number, Arc::default(), now());
        self.next_number += 1;
        self.queue.push_back(Waiter {
            number,
            bytes,
            wake: Arc::clone(&wake),
            activity: Activity::Awake,
        });
        Ticket {
            number,
            wake,
            since,
            warning: since.checked_add(stall_warning),
            has_spun: false,
        }
    }

    /// Notes what a waiter does. In a stream that was closed meanwhile there is no waiter and
    /// nothing to note.
    pub(super) fn note(&mut self, ticket: &Ticket, activity: Activity) {
        let mut waiters = self.queue.iter_mut();
        if let Some(waiter) = waiters.find(|it| it.number == ticket.number) {
            waiter.activity = activity;
        }
    }

    /// Leaves the queue. The next waiter may find room then.
    pub(super) fn leave(&mut self, ticket: &Ticket) {
        self.queue.retain(|it| it.number != ticket.number);
    }

    /// Tells the first waiter if there is room for its submission. One that sleeps is to be woken,
    /// once.
    pub(super) fn wake_first(
        &mut self,
        has_room_for: impl FnOnce(usize) -> bool,
    ) -> Option<Sleeper> {
        let first = self.queue.iter_mut().find(|it| it.is_present())?;
        if !has_room_for(first.bytes) {
            return None;
        }
        first.wake.is_set.store(true, Ordering::Relaxed);
        let before = std::mem::replace(&mut first.activity, Activity::Awake);
        (before == Activity::Asleep).then(|| Sleeper(Arc::clone(&first.wake)))
    }

    /// Wakes everybody, without the lock: there is nothing more to wait for.
    pub(super) fn wake_all(self) {
        self.queue.into_iter().for_each(|waiter| {
            waiter.wake.is_set.store(true, Ordering::Relaxed);
            Sleeper(waiter.wake).wake();
        });
    }
}

impl Waiter {
    fn is_present(&self) -> bool {
        self.activity != Activity::Logging
    }
}

impl Ticket {
    /// To be called under the lock before [`spin`](Self::spin): a wake-up after this one is seen.
    pub(super) fn expect_wake(&self) {
        self.wake.is_set.store(false, Ordering::Relaxed);
    }

    /// Spins for a moment, without the lock. The caller looks for room afterwards in any case.
    pub(super) fn spin(&self, spin: &Spin) {
        let is_set = &self.wake.is_set;
        let _ = spin.poll(|| is_set.load(Ordering::Relaxed).then_some(()));
    }

    /// Sleeps until it is woken, or for `at_most`; spuriously for less.
    pub(super) fn sleep<'a, T>(
        &self,
        mutex: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        at_most: Option<Duration>,
    ) -> MutexGuard<'a, T> {
        sync::wait(mutex, &self.wake.condvar, guard, at_most)
    }
}

impl Sleeper {
    pub(super) fn wake(self) {
        self.0.condvar.notify_one();
    }
}
