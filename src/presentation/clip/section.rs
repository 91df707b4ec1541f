//! The numbers and entries of a part of a rendition's timeline.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use crate::presentation::entry::Entry;
use crate::presentation::rendition::Rendition;
use crate::presentation::time::{Micros, to_duration};

impl Rendition {
    /// The listed entries of these numbers.
    pub(crate) fn section(&self, numbers: &Range<u64>) -> impl Iterator<Item = &Entry> {
        let first = numbers.start.max(self.media_sequence);
        let end = numbers.end.min(self.end());
        let place = move |number: u64| usize::try_from(number - self.media_sequence).ok();
        (first..end).filter_map(move |number| self.entries.get(place(number)?))
    }

    /// The numbers that hold the last media of this duration, and where it begins in the first.
    pub(super) fn last_numbers(&self, duration: Micros) -> (Range<u64>, Duration) {
        let (mut first, mut behind) = (self.end(), 0);
        while behind < duration
            && first > self.media_sequence
            && let Some(entry) = self.section(&(first - 1..first)).next()
        {
            behind += entry.micros;
            first -= 1;
        }
        let in_point = to_duration(behind.saturating_sub(duration));
        (first..self.end(), in_point)
    }

    /// The numbers that hold these dates, and where the first date is in the first of them. `None`
    /// if no listed entry has a date.
    pub(super) fn numbers_of(&self, dates: &Range<SystemTime>) -> Option<(Range<u64>, Duration)> {
        let mut is_dated = false;
        let mut found: Option<(Range<u64>, Duration)> = None;
        for (number, entry) in (self.media_sequence..).zip(self.entries.iter()) {
            let Some(date) = entry.date else { continue };
            is_dated = true;
            let Some(end) = date.checked_add(to_duration(entry.micros)) else {
                continue;
            };
            if date >= dates.end || end <= dates.start {
                continue;
            }
            if let Some((numbers, _)) = &mut found {
                numbers.end = number + 1;
            } else {
                let in_point = dates.start.duration_since(date).unwrap_or_default();
                found = Some((number..number + 1, in_point));
            }
        }
        is_dated.then(|| found.unwrap_or_default())
    }
}
