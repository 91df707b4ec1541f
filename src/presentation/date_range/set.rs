//! The date ranges of a presentation.

use std::time::SystemTime;

use super::{Cue, DateRange, DateRangeError, DateRangeErrorKind, Millis};

/// How many ranges may be listed that never leave by themselves.
const MOST_THAT_STAY: usize = 1_024;

/// The date ranges that a presentation lists, in the order of their starts, each id once.
#[derive(Debug, Clone, Default)]
pub(crate) struct RangeSet(Vec<DateRange>);

/// Whether a range applies at any date.
fn is_cued(range: &DateRange) -> bool {
    range.cues.contains(&Cue::Pre) || range.cues.contains(&Cue::Post)
}

impl RangeSet {
    /// The range with what is known of the same id already; `None` if it says nothing new.
    ///
    /// # Errors
    ///
    /// A published attribute would change, or the range overlaps another one of a class whose
    /// ranges end on the next.
    pub(crate) fn merged(&self, range: &DateRange) -> Result<Option<DateRange>, DateRangeError> {
        let Some(known) = self.get(&range.id) else {
            self.check_overlaps(range)?;
            return Ok(Some(range.clone()));
        };
        let mut merged = known.clone();
        let has_gained = merged.merge(range)?;
        self.check_overlaps(&merged)?;
        Ok(has_gained.then_some(merged))
    }

    /// The range of this id with its end; `None` if that was known.
    ///
    /// # Errors
    ///
    /// There is no such range, it has another end, or it would overlap.
    pub(crate) fn closed(
        &self,
        id: &str,
        end: SystemTime,
    ) -> Result<Option<DateRange>, DateRangeError> {
        let Some(known) = self.get(id) else {
            let reason = "no listed range has this id".to_owned();
            return Err(DateRangeError::new(id, DateRangeErrorKind::Unknown, reason));
        };
        let mut closed = known.clone();
        let is_news = closed.close(end)?;
        self.check_overlaps(&closed)?;
        Ok(is_news.then_some(closed))
    }

    /// Takes a range that was [merged](RangeSet::merged) or [closed](RangeSet::closed).
    pub(crate) fn put(&mut self, range: DateRange) {
        if let Some(known) = self.0.iter_mut().find(|it| it.id == range.id) {
            *known = range;
            return;
        }
        let is_before = |it: &DateRange| (it.start, &it.id) < (range.start, &range.id);
        let at = self.0.partition_point(is_before);
        self.0.insert(at, range);
    }

    /// Whether the range of this id ended before the first listed segment. A range with
    /// [`Cue::Pre`] or [`Cue::Post`] applies at any date, and an open one to all that follow.
    pub(crate) fn is_over(&self, id: &str, first_listed: SystemTime) -> bool {
        self.get(id).is_some_and(|range| {
            let end = self.end_of(range).filter(|_| !is_cued(range));
            end.is_some_and(|end| end.date() < first_listed)
        })
    }

    /// # Errors
    ///
    /// The range is one more that never leaves, and there are as many as may be.
    pub(crate) fn check_room(&self, range: &DateRange) -> Result<(), DateRangeError> {
        let stays = |it: &&DateRange| is_cued(it) || self.end_of(it).is_none();
        let is_known = self.get(&range.id).is_some();
        if is_known || !stays(&range) || self.0.iter().filter(stays).count() < MOST_THAT_STAY {
            return Ok(());
        }
        let reason = format!("{MOST_THAT_STAY} ranges are listed that have no end, or a cue");
        Err(range.refuse(DateRangeErrorKind::TooMany, reason))
    }

    /// Forgets the ranges that are not needed.
    pub(crate) fn retain(&mut self, is_needed: impl Fn(&str) -> bool) {
        self.0.retain(|range| is_needed(&range.id));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &DateRange> {
        self.0.iter()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&DateRange> {
        self.0.iter().find(|it| it.id == id)
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
