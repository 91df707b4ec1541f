//! The memory of one URL.

use std::time::{Duration, Instant};

use super::pending::Pending;

/// What is known of one URL between its puts.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// The newest version that was submitted.
    pub(super) newest: u64,
    /// Failed puts since one landed.
    pub(super) failures: u32,
    /// The end of a pause, of a `Retry-After`, or of the shortest interval.
    pub(super) not_before: Option<Instant>,
    /// A put of unknown outcome may still replace what lands before this time.
    pub(super) doubtful_until: Option<Instant>,
    /// The current text, kept for as long as it may have to be put again.
    pub(super) kept: Option<Kept>,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) pending: Pending,
    /// Whether it is at its destination, as far as is known.
    pub(super) has_landed: bool,
    pub(super) due: Option<Instant>,
}

impl Lane {
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|time| time <= now)
    }

    /// Begins a pause, unless a longer one is under way.
    pub(super) fn pause_until(&mut self, time: Instant) {
        self.not_before = self.not_before.max(Some(time));
    }

    /// A put of unknown outcome has ended. The destination may carry it out for one target duration.
    pub(super) fn doubt(&mut self, ended: Instant, target_duration: Duration) {
        self.doubtful_until = self.doubtful_until.max(ended.checked_add(target_duration));
    }

    /// When the current text is to be put again.
    pub(super) fn repeat_at(&self) -> Option<Instant> {
        self.kept.as_ref()?.due.max(self.not_before)
    }

    /// Keeps a text that is the current one until all doubt is over.
    pub(super) fn keep(&mut self, pending: Pending, has_landed: bool) {
        let pending = Pending {
            attempts: 0,
            deadline: None,
            ..pending
        };
        self.kept = Some(Kept {
            pending,
            has_landed,
            due: self.doubtful_until,
        });
    }

    pub(super) fn settle(&mut self) {
        self.doubtful_until = None;
        self.kept = None;
    }
}
