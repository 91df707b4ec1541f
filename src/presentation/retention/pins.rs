//! Files that clips pin: they wait, but are not due.

use std::path::{Path, PathBuf};

use super::Retention;
use crate::presentation::retired::Retired;

impl Retention {
    pub(crate) fn is_pinned(&self, file: &Path) -> bool {
        self.pins.contains_key(file)
    }

    /// Keeps a file until it is unpinned as often.
    pub(crate) fn pin(&mut self, file: &PathBuf) {
        let count = self.pins.entry(file.clone()).or_default();
        *count += 1;
        if *count > 1 {
            return;
        }
        let Some(ticket) = self.tickets.get(file).copied() else {
            return;
        };
        if let Some(waiting) = self.waiting.get(&ticket) {
            self.pinned_bytes += waiting.retired.bytes();
        }
        if let Some(since) = self.due.remove(&ticket) {
            self.pinned_due.insert(ticket, since);
        }
    }

    /// Ends a [`pin`](Retention::pin). Returns the file if it waits; it does not wait any more then.
    pub(crate) fn unpin(&mut self, file: &Path) -> Option<Retired> {
        let count = self.pins.get_mut(file)?;
        *count -= 1;
        if *count > 0 {
            return None;
        }
        let waiting = self.forget(file);
        self.pins.remove(file);
        waiting.map(|it| it.retired)
    }

    /// The length of the waiting files that are pinned.
    pub(crate) fn pinned_bytes(&self) -> u64 {
        self.pinned_bytes
    }
}
