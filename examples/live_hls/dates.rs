//! The dates of the segments (EXT-X-PROGRAM-DATE-TIME).

use std::time::{Duration, SystemTime};

use segmenter::{Segment, SegmentKind};

/// Dates segments by the clock: the first one, and each one whose time does not continue. The others
/// follow by their durations.
pub(crate) struct Dates {
    clock: fn() -> SystemTime,
    /// The end of the last segment.
    next: Option<SystemTime>,
    anchor: Anchor,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Anchor {
    /// The next segment is dated by the clock.
    Clock,
    /// The next segment continues the last one.
    Last,
}

/// The date of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) start: SystemTime,
    /// It does not follow from the segment before.
    pub(crate) is_new: bool,
}

impl Dates {
    pub(crate) fn new() -> Self {
        Self {
            clock: SystemTime::now,
            next: None,
            anchor: Anchor::Clock,
        }
    }

    /// The date of the next segment, which is complete now. None of an initialisation segment.
    pub(crate) fn date(&mut self, segment: &Segment) -> Option<Date> {
        if segment.kind == SegmentKind::Initialisation {
            // It implies a discontinuity.
            self.anchor = Anchor::Clock;
            return None;
        }
        let length = segment.length();
        let is_new = segment.discontinuity || self.anchor == Anchor::Clock;
        let start = match self.next {
            Some(next) if !is_new => next,
            // Dates never go back.
            next => began(length, (self.clock)()).max(next.unwrap_or(SystemTime::UNIX_EPOCH)),
        };
        self.anchor = Anchor::Last;
        self.next = start.checked_add(length);
        Some(Date { start, is_new })
    }
}

/// When a segment of this length began that ends now.
fn began(length: Duration, now: SystemTime) -> SystemTime {
    now.checked_sub(length).unwrap_or(now)
}
