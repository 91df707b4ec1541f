//! How fast segments are handed on.

use std::time::{Duration, Instant};

use segment_stream::ProducedSegment;

/// When the next segment is due.
#[derive(Debug)]
pub(crate) enum Pace {
    /// At once.
    Unpaced,
    /// The first one at once, and each other one when those before it would have been played.
    Realtime {
        /// When the first one was handed on.
        since: Option<Instant>,
        /// How long what was handed on lasts.
        played: Duration,
    },
}

impl Pace {
    pub(crate) fn realtime() -> Self {
        Self::Realtime {
            since: None,
            played: Duration::ZERO,
        }
    }

    /// How long to wait before the next one is handed on.
    pub(crate) fn wait(&self) -> Duration {
        match self {
            Self::Realtime {
                since: Some(since),
                played,
            } => played.saturating_sub(since.elapsed()),
            _ => Duration::ZERO,
        }
    }

    pub(crate) fn handed_on(&mut self, segment: &ProducedSegment) {
        if let Self::Realtime { since, played } = self {
            since.get_or_insert_with(Instant::now);
            let lasts = Duration::try_from_secs_f64(segment.duration_secs);
            *played = played.saturating_add(lasts.unwrap_or_default());
        }
    }
}
