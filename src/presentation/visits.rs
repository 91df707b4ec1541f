//! Counts the entries that are looked at, so that a test detects work that grows with the window.
//! Empty in a release.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local!(static VISITS: Cell<usize> = const { Cell::new(0) });

/// Counts entries, or waiting files, that are about to be looked at.
#[cfg(test)]
pub(crate) fn count(more: usize) {
    VISITS.set(VISITS.get() + more);
}

#[cfg(not(test))]
#[inline]
pub(crate) fn count(_: usize) {}

#[cfg(test)]
thread_local!(static BYTES: Cell<usize> = const { Cell::new(0) });

/// Counts bytes of text that are about to be rendered or read.
#[cfg(test)]
pub(crate) fn count_bytes(more: usize) {
    BYTES.set(BYTES.get() + more);
}

#[cfg(not(test))]
#[inline]
pub(crate) fn count_bytes(_: usize) {}

/// The number of these bytes on this thread since the last call.
#[cfg(test)]
pub(crate) fn take_bytes() -> usize {
    BYTES.take()
}

/// The number that was looked at on this thread since the last call.
#[cfg(test)]
pub(crate) fn take() -> usize {
    VISITS.take()
}
