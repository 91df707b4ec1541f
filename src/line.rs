//! The line of senders that wait for room. Only the first in it is let in, so that a large segment is not
//! overtaken for ever by small ones that need less room. One that tells the log just now does not count: the
//! others do not wait for a logger.
//!
//! All of it is under the intake's lock, but for the calls: who is to be woken is, as soon as the lock is free
//! again, since it is going to take that.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{self, Condvar, Lookout, Mutex, MutexGuard, now};

#[derive(Default)]
pub(crate) struct Line {
    waiters: VecDeque<Waiter>,
    next_number: u64,
}

/// A sender that waits for room, as the others see it.
struct Waiter {
    number: u64,
    /// Of the payload that it has.
    length: usize,
    call: Arc<Call>,
    activity: Activity,
}

/// What a sender in the line is doing, as far as others must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// It will look for room, without being woken.
    Looking,
    Sleeping,
    /// It is talking to the log just now, and nobody waits for that.
    Away,
}

/// How the first in the line is told that there may be room.
#[derive(Default)]
struct Call {
    /// For one that looks.
    is_called: AtomicBool,
    /// For one that sleeps.
    wake: Condvar,
}

/// A waiting sender's own side of its place in the line.
pub(crate) struct Place {
    number: u64,
    call: Arc<Call>,
    pub(crate) since: Instant,
    /// When the log is to be told that it still waits.
    pub(crate) warning: Option<Instant>,
    pub(crate) has_looked: bool,
}

/// Somebody who sleeps, and is to be woken without the lock.
#[must_use]
pub(crate) struct Sleeper(Arc<Call>);

impl Line {
    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Whether nobody who counts is in front of this place, or of somebody who has none yet.
    pub(crate) fn is_first(&self, place: Option<&Place>) -> bool {
        let mut there = self.waiters.iter().filter(|it| it.is_there());
        there
            .next()
            .is_none_or(|first| place.is_some_and(|it| it.number == first.number))
    }

    /// Takes the last place, with a payload of this length.
    pub(crate) fn stand(&mut self, length: usize, stall_warning: Duration) -> Place {
        let (number, call, since) = (self.next_number, Arc::default(), now());
        self.next_number += 1;
        self.waiters.push_back(Waiter {
            number,
            length,
            call: Arc::clone(&call),
            activity: Activity::Looking,
        });
        Place {
            number,
            call,
            since,
            warning: since.checked_add(stall_warning),
            has_looked: false,
        }
    }

    /// Nobody is in the line of a stream that was closed meanwhile, and then there is nothing to note.
    pub(crate) fn note(&mut self, place: &Place, activity: Activity) {
        let mut waiters = self.waiters.iter_mut();
        if let Some(waiter) = waiters.find(|it| it.number == place.number) {
            waiter.activity = activity;
        }
    }

    /// The next one may find room then.
    pub(crate) fn leave(&mut self, place: &Place) {
        self.waiters.retain(|it| it.number != place.number);
    }

    /// Calls the first in the line if there is room for a payload of that length. One that sleeps is to be
    /// woken, once.
    pub(crate) fn call_first(
        &mut self,
        is_room_for: impl FnOnce(usize) -> bool,
    ) -> Option<Sleeper> {
        let mut waiters = self.waiters.iter_mut();
        let first = waiters.find(|it| it.is_there())?;
        if !is_room_for(first.length) {
            return None;
        }
        first.call.is_called.store(true, Ordering::Relaxed);
        let before = std::mem::replace(&mut first.activity, Activity::Looking);
        (before == Activity::Sleeping).then(|| Sleeper(Arc::clone(&first.call)))
    }

    /// Calls everybody, without the lock: there is nothing more to wait for.
    pub(crate) fn disband(self) {
        self.waiters.into_iter().for_each(|waiter| {
            waiter.call.is_called.store(true, Ordering::Relaxed);
            Sleeper(waiter.call).wake();
        });
    }
}

impl Waiter {
    fn is_there(&self) -> bool {
        self.activity != Activity::Away
    }
}

impl Place {
    /// Before [`look`](Self::look), with the lock: what comes after this is seen.
    pub(crate) fn expect_call(&self) {
        self.call.is_called.store(false, Ordering::Relaxed);
    }

    /// Looks for a call for a moment, without the lock. Whether it came or not, room is to be looked for.
    pub(crate) fn look(&self, lookout: &Lookout) {
        let is_called = &self.call.is_called;
        let _ = lookout.look(|| is_called.load(Ordering::Relaxed).then_some(()));
    }

    /// Sleeps until it is called, or for so long. Without reason as well, as may any that sleeps.
    pub(crate) fn sleep<'a, T>(
        &self,
        mutex: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        at_most: Option<Duration>,
    ) -> MutexGuard<'a, T> {
        sync::wait(mutex, &self.call.wake, guard, at_most)
    }
}

impl Sleeper {
    pub(crate) fn wake(self) {
        self.0.wake.notify_one();
    }
}
