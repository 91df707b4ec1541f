//! The pace at which segments are sent.

use std::time::{Duration, Instant};

use segment_stream::ProducedSegment;

/// Decides when the next segment is due.
#[derive(Debug)]
pub enum Pace {
    /// At once.
    Unpaced,
    /// The first one at once, each later one when those before it would have been played.
    Realtime {
        /// The time at which the first one was sent.
        since: Option<Instant>,
        /// The duration of the sent segments.
        played: Duration,
    },
}

impl Pace {
    pub fn realtime() -> Self {
        Self::Realtime {
            since: None,
            played: Duration::ZERO,
        }
    }

    /// The time until the next segment is due.
    pub fn wait(&self) -> Duration {
        match self {
            Self::Realtime {
                since: Some(since),
                played,
            } => played.saturating_sub(since.elapsed()),
            _ => Duration::ZERO,
        }
    }

    pub fn handed_on(&mut self, segment: &ProducedSegment) {
        if let Self::Realtime { since, played } = self {
            since.get_or_insert_with(Instant::now);
            let lasts = Duration::try_from_secs_f64(segment.duration_secs);
            *played = played.saturating_add(lasts.unwrap_or_default());
        }
    }
}
