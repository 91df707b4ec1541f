//! The configuration of a presentation.

use std::time::SystemTime;

use super::clock::ClockPolicy;
use super::time::{Micros, SECOND};
pub(crate) use limits::Limits;
pub use limits::Quota;
pub use retention::Retention;

mod limits;
mod retention;

/// Which segments a manifest lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The last ones, of at least this duration together.
    Window(Micros),
    /// All that the limits allow.
    Recording,
    /// All, as they come.
    Growing,
    /// All, in one manifest that is published at the end.
    AtTheEnd,
}

/// Where the dates of segments come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dates {
    None,
    /// The date of the first segment; each later one adds the durations before it.
    From(SystemTime),
    /// The producer sends them with the segments.
    InBand,
    /// The wall clock when the segments arrive.
    Clock(ClockPolicy),
}

impl Dates {
    /// The date of the first segment, if it is known.
    pub(crate) fn first(self) -> Option<SystemTime> {
        match self {
            Self::From(date) => Some(date),
            Self::None | Self::InBand | Self::Clock(_) => None,
        }
    }
}

/// What all renditions of a presentation share.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) extent: Extent,
    /// An upper bound for every segment. Fixed with the first publication, if not before.
    pub(crate) target_secs: Option<u64>,
    pub(crate) dates: Dates,
    pub(crate) retention: Retention,
    pub(crate) limits: Limits,
    /// The lines of a small part of a side file, and the small parts of a large one.
    pub(crate) lines_per_part: usize,
    /// By how much media a rendition may be behind the furthest one before numbers settle without
    /// it; one target duration by default.
    pub(crate) max_lag: Option<Micros>,
    /// The number of the first entry; that of the first segment by default.
    pub(crate) first_sequence: Option<u64>,
}

impl Settings {
    pub(crate) fn counts_bytes(&self) -> bool {
        self.limits.bytes.is_some()
    }

    pub(crate) fn target(&self) -> Option<Micros> {
        Some(self.target_secs?.saturating_mul(SECOND))
    }

    /// `None` if numbers settle only when all renditions have told about them.
    pub(crate) fn max_lag(&self) -> Option<Micros> {
        match self.extent {
            // Nothing is published before the end, so nothing is gained by going on.
            Extent::AtTheEnd => None,
            Extent::Window(_) | Extent::Recording | Extent::Growing => {
                self.max_lag.or_else(|| self.target())
            }
        }
    }
}
