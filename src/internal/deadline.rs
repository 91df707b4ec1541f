//! How long a caller waits.

use std::time::{Duration, Instant};

use crate::internal::sync::now;

/// Until when a call may block.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deadline {
    /// It never blocks.
    Now,
    At(Instant),
    Never,
}

impl Deadline {
    /// The deadline in `timeout` from now. A time too far off to be counted is as good as never.
    pub(crate) fn after(timeout: Duration) -> Self {
        now().checked_add(timeout).map_or(Self::Never, Self::At)
    }

    /// The time that is left: `None` without a limit, zero once the deadline has passed.
    pub(crate) fn left(self) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::At(instant) => Some(instant.saturating_duration_since(now())),
            Self::Never => None,
        }
    }
}
