//! The date ranges of a presentation.

use std::time::SystemTime;

use super::{Cue, DateRange, DateRangeError, DateRangeErrorKind, Millis};

/// The date ranges that a presentation lists, in the order of their starts, each id once.
#[derive(Debug, Clone, Default)]
pub(crate) struct DateRanges(Vec<DateRange>);

impl DateRanges {
    /// Adds a range, or what it knows besides the range of the same id. Returns whether anything
    /// changed.
    ///
    /// # Errors
    ///
    /// A published attribute would change, or the range overlaps another one of a class whose
    /// ranges end on the next. Nothing changes then.
    pub(crate) fn announce(&mut self, range: DateRange) -> Result<bool, DateRangeError> {
        if let Some(at) = self.position(&range.id) {
            let mut merged = self.0[at].clone();
            let has_gained = merged.merge(&range)?;
            self.check_overlaps(&merged)?;
            self.0[at] = merged;
            return Ok(has_gained);
        }
        self.check_overlaps(&range)?;
        let is_before = |it: &DateRange| (it.start, &it.id) < (range.start, &range.id);
        let at = self.0.partition_point(is_before);
        self.0.insert(at, range);
        Ok(true)
    }

    /// Ends the range of this id. Returns whether its end was not known before.
    ///
    /// # Errors
    ///
    /// There is no such range, it has another end, or it would overlap.
    pub(crate) fn close(&mut self, id: &str, end: SystemTime) -> Result<bool, DateRangeError> {
        let Some(at) = self.position(id) else {
            let reason = "no listed range has this id".to_owned();
            return Err(DateRangeError::new(id, DateRangeErrorKind::Unknown, reason));
        };
        let mut closed = self.0[at].clone();
        let is_news = closed.close(end)?;
        self.check_overlaps(&closed)?;
        self.0[at] = closed;
        Ok(is_news)
    }

    /// Drops the ranges that ended before the first listed segment. Returns whether any did. A
    /// range with [`Cue::Pre`] or [`Cue::Post`] applies at any date, and an open one to all that
    /// follow.
    pub(crate) fn discard_before(&mut self, first_listed: SystemTime) -> bool {
        let known = self.0.len();
        let ended: Vec<_> = self.0.iter().map(|it| self.end_of(it)).collect();
        let mut ended = ended.into_iter();
        self.0.retain(|range| {
            let is_cued = range.cues.contains(&Cue::Pre) || range.cues.contains(&Cue::Post);
            let end = ended.next().flatten();
            is_cued || end.is_none_or(|end| end.date() >= first_listed)
        });
        self.0.len() < known
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &DateRange> {
        self.0.iter()
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.0.iter().position(|it| it.id == id)
    }

    /// The end of a range, also if the next of its class ends it.
    fn end_of(&self, range: &DateRange) -> Option<Millis> {
        if !range.ends_on_next {
            return range.ended();
        }
        let mut later = self.0.iter().filter(|it| it.start > range.start);
        later.find(|it| it.class == range.class).map(|it| it.start)
    }

    /// "Other tags with the same CLASS MUST NOT specify Date Ranges that overlap" a class in which
    /// one ends on the next.
    fn check_overlaps(&self, range: &DateRange) -> Result<(), DateRangeError> {
        if range.class.is_none() {
            return Ok(());
        }
        let others = self.0.iter();
        let others: Vec<_> = others
            .filter(|it| it.class == range.class && it.id != range.id)
            .collect();
        if !range.ends_on_next && others.iter().all(|it| !it.ends_on_next) {
            return Ok(());
        }
        let overlaps = |one: &DateRange, later: &DateRange| {
            one.start == later.start || one.ended().is_some_and(|end| end > later.start)
        };
        let found = others.into_iter().find(|other| {
            if other.start <= range.start {
                overlaps(other, range)
            } else {
                overlaps(range, other)
            }
        });
        found.map_or(Ok(()), |other| {
            Err(range.refuse(
                DateRangeErrorKind::Overlap,
                format!(
                    "it overlaps {:?}, and a range of their class ends on the next one",
                    other.id
                ),
            ))
        })
    }
}
