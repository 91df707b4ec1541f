//! Foreign code that may panic: a sink, a logger, the `Display` and the `Drop` of a caller's error.

use std::any::Any;
use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};

/// Calls foreign code; a panic becomes its message.
///
/// A value that the call works on may be in any state after a panic. The only thing that is still
/// done with it is to drop it, with [`dispose`].
pub(crate) fn catch<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        let message = message(&*payload).to_owned();
        // The drop of a payload may panic in turn, and that payload is not worth another attempt.
        let dropped = panic::catch_unwind(AssertUnwindSafe(move || drop(payload)));
        dropped.map_err(std::mem::forget).unwrap_or_default();
        message
    })
}

/// Drops a value that may hold a caller's error.
pub(crate) fn dispose<T>(value: T) {
    let _ = catch(move || drop(value));
}

/// The message of an error whose `Display` is a caller's.
pub(crate) fn message_of(error: &impl Display) -> String {
    catch(|| error.to_string()).unwrap_or_else(|_| "an error that cannot be displayed".into())
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
