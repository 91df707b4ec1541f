//! What all renditions of a presentation agree on.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::clock::{Arrival, ClockFollower};
use super::config::Dates;
use super::date_range::{DateRange, RangeSet};
use super::rendition::Rendition;
use super::time::{Micros, Time, to_duration};

/// What all renditions agree on.
#[derive(Debug, Default)]
pub(crate) struct Common {
    /// The step that settles next, counted from the first number of this session.
    pub(crate) horizon: i64,
    /// The producer's number of step 0.
    pub(crate) origin: Option<u64>,
    /// The number of the next entry. A loss that is longer than the target duration takes several.
    pub(crate) number: u64,
    pub(crate) is_resumed: bool,
    /// Whether the next number is the first one after the entries of an earlier session.
    pub(crate) is_seam: bool,
    /// The end of the last settled number.
    pub(crate) position: Time,
    /// A date and its place on the timeline.
    pub(crate) anchor: Option<(SystemTime, Micros)>,
    /// Decides the dates, if they follow the wall clock.
    pub(crate) follower: Option<ClockFollower>,
    /// The duration of the last settled number.
    pub(crate) last_duration: Duration,
    /// The lower bound of all later dates: the first configured date, and then the end of the last
    /// entry.
    pub(crate) earliest: Option<SystemTime>,
    /// What is known of the date ranges that are listed or will be.
    pub(crate) ranges: RangeSet,
    /// Those that wait for the start, or for the first number with a date.
    pub(crate) unlisted_ranges: Vec<Arc<DateRange>>,
    pub(crate) was_undated: bool,
    pub(crate) since_slide: u64,
}

/// The stored segment of the number that settles, and the wall clock when it arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) at: Option<SystemTime>,
    pub(super) start: Time,
    pub(super) duration: Time,
    pub(super) is_discontinuity: bool,
}

impl Common {
    pub(crate) fn new(dates: Dates) -> Self {
        let first = dates.first();
        let follower = match dates {
            Dates::Clock(policy) => Some(ClockFollower::new(policy)),
            Dates::None | Dates::From(_) | Dates::InBand => None,
        };
        Self {
            follower,
            anchor: first.map(|date| (date, 0)),
            earliest: first,
            ..Self::default()
        }
    }

    /// Goes on behind the last entry of an earlier session. A discontinuity marks the seam.
    pub(crate) fn resume(&mut self, last: &Rendition, dates: Dates) {
        self.is_resumed = true;
        self.number = last.end();
        self.position = last.position;
        let asked = dates.first();
        self.is_seam = !last.entries.is_empty();
        self.earliest = if self.is_seam {
            last.resumed_date
        } else {
            asked
        };
        let date = match (self.earliest, asked) {
            (Some(earliest), Some(asked)) => Some(asked.max(earliest)),
            (earliest, _) => earliest,
        };
        self.anchor = date.map(|date| (date, last.position.micros()));
    }

    /// The date of the next entry, as the durations say.
    pub(crate) fn next_date(&self) -> Option<SystemTime> {
        self.date_at(self.position)
    }

    pub(crate) fn date_at(&self, time: Time) -> Option<SystemTime> {
        let (date, at) = self.anchor?;
        let micros = time.micros();
        match micros.checked_sub(at) {
            Some(later) => date.checked_add(to_duration(later)),
            None => date.checked_sub(to_duration(at - micros)),
        }
    }

    /// Decides the date of a number by the wall clock, if dates follow that. Returns whether the
    /// date needs a discontinuity.
    pub(super) fn follow_clock(&mut self, arrived: &Arrived) -> bool {
        let said = self.date_at(arrived.start);
        let (Some(follower), Some(ended)) = (&mut self.follower, arrived.at) else {
            return false;
        };
        let dating = follower.date(&Arrival {
            said,
            ended,
            duration: to_duration(arrived.duration.micros()),
            previous_duration: self.last_duration,
            is_discontinuity: arrived.is_discontinuity,
        });
        if said != Some(dating.date) {
            self.anchor = Some((dating.date, arrived.start.micros()));
        }
        dating.needs_discontinuity
    }
}
