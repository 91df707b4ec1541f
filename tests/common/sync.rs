//! The locks of the tests, which `ThreadSanitizer` has to see as well where it watches
//! (`.ci/races`).

#[cfg(not(tsan))]
pub use std::sync::{Condvar, Mutex};

#[cfg(tsan)]
pub(crate) use visible::{Condvar, Mutex};

#[cfg(tsan)]
#[path = "../../src/internal/sync/tsan.rs"]
mod visible;
