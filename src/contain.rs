//! Code that is not ours and may panic: a sink, a logger, the `Display` of somebody's error.

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

/// Calls it; a panic becomes its message.
///
/// What the call works on may be in any state after a panic. All that is still done with it is to drop
/// it, under this again.
pub(crate) fn contained<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        let message = message(&*payload).to_owned();
        // To drop a payload may panic in turn, and what that throws is not worth another attempt.
        let dropped = panic::catch_unwind(AssertUnwindSafe(move || drop(payload)));
        dropped.map_err(std::mem::forget).unwrap_or_default();
        message
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(message) = payload.downcast_ref::<&str>() {
        message
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message
    } else {
        "(a panic without a message)"
    }
}

/// The target of every message.
pub(crate) const TARGET: &str = "segment_stream";

/// Logs it. A logger that panics keeps nobody from anything.
pub(crate) fn tell(level: log::Level, message: fmt::Arguments<'_>) {
    // There is nobody left to be told that telling failed.
    let _ = contained(|| log::log!(target: TARGET, level, "{message}"));
}
