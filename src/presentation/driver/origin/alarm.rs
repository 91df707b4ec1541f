//! The alarm that rings when no manifest was published for too long.

use std::time::{Duration, Instant};

/// Rings once nothing was published for 1.5 target durations, within which a new version of a live
/// manifest is due (RFC 8216bis §6.2.1).
#[derive(Debug)]
pub(super) struct Alarm {
    limit: Duration,
    /// The last publication, or the first version.
    since: Option<Instant>,
    is_told: bool,
    /// Nothing newer is due any more.
    has_ended: bool,
}

impl Alarm {
    pub(super) fn new(target_duration: Duration) -> Self {
        Self {
            limit: target_duration.saturating_add(target_duration / 2),
            since: None,
            is_told: false,
            has_ended: false,
        }
    }

    /// Starts with the first version.
    pub(super) fn start(&mut self, now: Instant) {
        if !self.has_ended {
            self.since.get_or_insert(now);
        }
    }

    /// Ends it: no newer version is due any more.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
        self.since = None;
        self.is_told = false;
    }

    /// Notes a publication. Returns the time without one, if the alarm had rung.
    pub(super) fn stop(&mut self, now: Instant) -> Option<Duration> {
        let time = self.time(now);
        self.since = Some(now).filter(|_| !self.has_ended);
        std::mem::take(&mut self.is_told).then_some(time)?
    }

    /// Returns the time without a publication, once, when it has become too long.
    pub(super) fn ring(&mut self, now: Instant) -> Option<Duration> {
        if self.is_told || !self.is_overdue(now) {
            return None;
        }
        self.is_told = true;
        self.time(now)
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.time(now).is_some_and(|time| time >= self.limit)
    }

    /// The time since the last publication, or since the first version if there was none.
    pub(super) fn time(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.since?))
    }

    /// When it rings, if it has not.
    pub(super) fn rings_at(&self) -> Option<Instant> {
        let since = self.since.filter(|_| !self.is_told)?;
        since.checked_add(self.limit)
    }
}
