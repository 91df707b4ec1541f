//! Waiting for what should happen, but not for ever.

use std::cell::Cell;
use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

pub(crate) type Checked<T = ()> = Result<T, String>;

thread_local! {
    /// Whether something that should have happened in this test did not. What is waited for from
    /// then on, while the case is made smaller, hardly ever happens either.
    static HAS_MISSED: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn deadline() -> Instant {
    let patience = if HAS_MISSED.get() {
        Duration::from_millis(300)
    } else {
        Duration::from_secs(20)
    };
    Instant::now() + patience
}

/// Something did not happen before the [`deadline`].
pub(crate) fn missed<T>(why: String) -> Checked<T> {
    HAS_MISSED.set(true);
    Err(why)
}

/// Looks until it is as it should be, or for too long.
pub(crate) fn eventually<T>(
    mut look: impl FnMut() -> T,
    is_right: impl Fn(&T) -> bool,
    why: impl FnOnce(&T) -> String,
) -> Checked<T> {
    let deadline = deadline();
    loop {
        let found = look();
        if is_right(&found) {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            return missed(why(&found));
        }
        thread::yield_now();
    }
}

pub(crate) fn ensure(is_so: bool, why: impl FnOnce() -> String) -> Checked {
    if is_so { Ok(()) } else { Err(why()) }
}

pub(crate) fn equal<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Checked {
    ensure(found == expected, || {
        format!("{what}: found {found:?}, expected {expected:?}")
    })
}

/// A call on a thread of its own, as it may wait.
pub(crate) struct Call<T>(Receiver<T>);

pub(crate) fn call<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Call<T> {
    let (tell, told) = bounded(1);
    thread::spawn(move || {
        let returned = call();
        // Nobody listens when the case has failed.
        let _ = tell.send(returned);
    });
    Call(told)
}

impl<T> Call<T> {
    pub(crate) fn wait(self, what: &str) -> Checked<T> {
        match self.0.recv_deadline(deadline()) {
            Ok(returned) => Ok(returned),
            Err(RecvTimeoutError::Disconnected) => Err(format!("{what} has panicked")),
            Err(RecvTimeoutError::Timeout) => missed(format!("{what} does not return")),
        }
    }
}

/// A whole case that may come to a standstill.
pub(crate) fn unless_stuck(case: impl FnOnce() -> Checked + Send + 'static) -> Checked {
    let has_missed = HAS_MISSED.get();
    let case = call(move || {
        HAS_MISSED.set(has_missed);
        let checked = case();
        (checked, HAS_MISSED.get())
    });
    let (checked, has_missed) = case.wait("the case")?;
    HAS_MISSED.set(has_missed);
    checked
}
