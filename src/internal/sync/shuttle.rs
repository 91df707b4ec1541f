//! The schedules of the tests are explored with this. No program ever contains it.
//!
//! In an explored schedule no time passes by itself. A wait with a deadline ends, at the latest,
//! when its thread has been scheduled a few times, and the clock then stands at that deadline. So a
//! deadline is an event like any other, and may come before or after any other event.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use shuttle::thread;

use shuttle::rand::Rng;

/// How often, at most, a waiting thread is scheduled before its deadline comes. The number is
/// halved at random, so that a deadline comes as often soon as late.
const TURNS: u32 = 32;

/// A wait of this length never ends by itself, so that a scenario deadlocks if nobody ends it.
const FOREVER: Duration = Duration::from_secs(1_000_000_000);

thread_local! {
    // Shuttle runs all threads of a schedule on one.
    static AHEAD: std::cell::Cell<Duration> = const { std::cell::Cell::new(Duration::ZERO) };
    static START: Instant = Instant::now();
}

pub(crate) fn now() -> Instant {
    let start = START.with(|start| *start);
    start.checked_add(AHEAD.get()).unwrap_or(start)
}

fn advance_to(deadline: Instant) {
    let ahead = deadline.saturating_duration_since(START.with(|start| *start));
    AHEAD.set(AHEAD.get().max(ahead));
}

fn turns() -> u32 {
    TURNS >> shuttle::rand::thread_rng().gen_range(0..=TURNS.ilog2() + 1)
}

pub(crate) fn wait<'a, T>(
    mutex: &'a Mutex<T>,
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    at_most: Option<Duration>,
) -> MutexGuard<'a, T> {
    let deadline = at_most
        .filter(|duration| *duration < FOREVER)
        .and_then(|duration| now().checked_add(duration));
    let Some(deadline) = deadline else {
        return condvar.wait(guard).unwrap_or_else(PoisonError::into_inner);
    };
    drop(guard);
    (0..turns()).for_each(|_| thread::yield_now());
    // Or it was woken before its time, by whoever or for no reason.
    if shuttle::rand::thread_rng().gen_bool(0.5) {
        advance_to(deadline);
    }
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Polls a random number of times, so that events during the spin, and between the last poll and
/// the sleep, are explored.
#[derive(Debug, Default)]
pub(crate) struct Spin;

impl Spin {
    #[expect(
        clippy::unused_self,
        reason = "the one that programs run with has to remember"
    )]
    pub(crate) fn poll<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        for _ in 0..shuttle::rand::thread_rng().gen_range(0..3) {
            if let Some(found) = look() {
                return Some(found);
            }
            thread::yield_now();
        }
        None
    }

    #[expect(
        clippy::unused_self,
        reason = "the one that programs run with has to remember"
    )]
    pub(crate) fn wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        wait()
    }
}

/// As much of `crossbeam_channel` as is used, with its behaviour: a bell, and no payload.
pub(crate) mod channel {
    use std::sync::{Arc, PoisonError};
    use std::time::Instant;

    use super::{Condvar, Mutex, MutexGuard, advance_to, now, thread, turns};

    pub(crate) use crossbeam_channel::{RecvError, RecvTimeoutError, TryRecvError, TrySendError};

    struct Shared {
        state: Mutex<State>,
        /// Something came, something went, or somebody left.
        changed: Condvar,
    }

    struct State {
        rings: usize,
        capacity: usize,
        senders: usize,
        receivers: usize,
    }

    impl Shared {
        fn lock(&self) -> MutexGuard<'_, State> {
            self.state.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    pub(crate) struct Sender<T>(Arc<Shared>, T);

    pub(crate) struct Receiver<T>(Arc<Shared>, T);

    pub(crate) fn bounded(capacity: usize) -> (Sender<()>, Receiver<()>) {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                rings: 0,
                capacity,
                senders: 1,
                receivers: 1,
            }),
            changed: Condvar::new(),
        });
        (Sender(Arc::clone(&shared), ()), Receiver(shared, ()))
    }

    impl Sender<()> {
        pub(crate) fn try_send(&self, message: ()) -> Result<(), TrySendError<()>> {
            let mut state = self.0.lock();
            if state.receivers == 0 {
                return Err(TrySendError::Disconnected(message));
            }
            if state.rings == state.capacity {
                return Err(TrySendError::Full(message));
            }
            state.rings += 1;
            drop(state);
            self.0.changed.notify_all();
            Ok(())
        }
    }

    impl Receiver<()> {
        pub(crate) fn try_recv(&self) -> Result<(), TryRecvError> {
            let mut state = self.0.lock();
            if state.rings > 0 {
                state.rings -= 1;
                return Ok(());
            }
            Err(if state.senders == 0 {
                TryRecvError::Disconnected
            } else {
                TryRecvError::Empty
            })
        }

        pub(crate) fn recv(&self) -> Result<(), RecvError> {
            let mut state = self.0.lock();
            loop {
                if state.rings > 0 {
                    state.rings -= 1;
                    return Ok(());
                }
                if state.senders == 0 {
                    return Err(RecvError);
                }
                let waited = self.0.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }

        pub(crate) fn recv_deadline(&self, deadline: Instant) -> Result<(), RecvTimeoutError> {
            for turn in 0..=turns() {
                match self.try_recv() {
                    Ok(()) => return Ok(()),
                    Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                    Err(TryRecvError::Empty) if now() >= deadline => break,
                    Err(TryRecvError::Empty) if turn > 0 => thread::yield_now(),
                    Err(TryRecvError::Empty) => {}
                }
            }
            advance_to(deadline);
            Err(RecvTimeoutError::Timeout)
        }
    }

    impl<T: Clone> Clone for Sender<T> {
        fn clone(&self) -> Self {
            self.0.lock().senders += 1;
            Self(Arc::clone(&self.0), self.1.clone())
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            self.0.lock().senders -= 1;
            self.0.changed.notify_all();
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            self.0.lock().receivers -= 1;
        }
    }
}
