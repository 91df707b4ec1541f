//! Date ranges are told to all renditions at once, in front of the number that settles next.

use std::sync::Arc;
use std::time::SystemTime;

use super::config::{Dates, Extent};
use super::core::Core;
use super::date_range::{Announced, DateRange, DateRangeError, DateRangeErrorKind};
use super::format::Format;
use super::rendition::{Life, Rendition};
use super::time::is_expressible;
use super::told::Told;

/// How many ranges may wait for the first number with a date.
const MOST_UNLISTED: usize = 1_024;

impl<F: Format> Core<F> {
    /// Lists a range, or what it says besides the range of the same id. Returns whether that is
    /// anything.
    pub(crate) fn announce(&mut self, range: &DateRange) -> Result<bool, DateRangeError> {
        self.check_dates(range.id())?;
        self.common.ranges.check_room(range)?;
        if self.common.unlisted_ranges.len() >= MOST_UNLISTED {
            let reason = format!("{MOST_UNLISTED} ranges wait, and no date has come");
            let kind = DateRangeErrorKind::TooMany;
            return Err(DateRangeError::new(range.id(), kind, reason));
        }
        let merged = self.common.ranges.merged(range)?;
        self.put_range(merged)
    }

    /// Ends the range of this id. Returns whether its end was not known before.
    pub(crate) fn close_range(
        &mut self,
        id: &str,
        end: SystemTime,
    ) -> Result<bool, DateRangeError> {
        self.check_dates(id)?;
        let closed = self.common.ranges.closed(id, end)?;
        self.put_range(closed)
    }

    fn check_dates(&self, id: &str) -> Result<(), DateRangeError> {
        let refuse = |kind, reason: &str| Err(DateRangeError::new(id, kind, reason.to_owned()));
        if self.settings.dates == Dates::None {
            return refuse(DateRangeErrorKind::Undated, "the presentation has no dates");
        }
        if self.has_started && self.are_all_over() {
            return refuse(DateRangeErrorKind::Ended, "the presentation has ended");
        }
        Ok(())
    }

    fn put_range(&mut self, range: Option<DateRange>) -> Result<bool, DateRangeError> {
        let Some(range) = range else {
            return Ok(false);
        };
        self.check_lines(&range)?;
        self.common.ranges.put(range.clone());
        self.common.unlisted_ranges.push(Arc::new(range));
        self.place_ranges();
        Ok(true)
    }

    /// A line that came with a segment may be about the same range.
    fn check_lines(&self, range: &DateRange) -> Result<(), DateRangeError> {
        let lines = self.renditions.iter().flat_map(Rendition::lines);
        let contradicts = |line: &&String| self.format.contradicts(line, range);
        match lines.into_iter().find(contradicts) {
            None => Ok(()),
            Some(line) => {
                let reason = format!("a listed line says otherwise: {line:?}");
                let kind = DateRangeErrorKind::Changed;
                Err(DateRangeError::new(range.id(), kind, reason))
            }
        }
    }

    /// Whether a line of one segment says otherwise than a range.
    pub(crate) fn contradicts_a_range(&self, line: &str) -> bool {
        let mut known = self.common.ranges.iter();
        known.any(|range| self.format.contradicts(line, range))
    }

    /// Puts the ranges that are not listed yet in front of the next number, if that will have a
    /// date.
    pub(super) fn place_ranges(&mut self) {
        let is_dated = self.common.next_date().is_some_and(is_expressible);
        if !self.has_started || !is_dated {
            return;
        }
        for range in std::mem::take(&mut self.common.unlisted_ranges) {
            for it in self.renditions.iter_mut().filter(|it| !it.is_over()) {
                it.ranges.push(self.common.number, Arc::clone(&range));
            }
        }
        self.count_changes();
    }

    /// The same for a number that settles now: the first one that has a date.
    pub(super) fn place_first_ranges(&mut self, told: &[Option<Told>]) {
        for range in std::mem::take(&mut self.common.unlisted_ranges) {
            for (it, told) in self.renditions.iter_mut().zip(told) {
                if told.is_some() || it.life == Life::Open {
                    it.ranges.push(self.common.number, Arc::clone(&range));
                }
            }
        }
    }

    /// Takes the ranges of a manifest of an earlier session.
    ///
    /// # Errors
    ///
    /// They contradict each other, or those that are known already.
    pub(crate) fn resume_ranges(&mut self, rendition: &Rendition) -> Result<(), DateRangeError> {
        let mut known = self.common.ranges.clone();
        for it in rendition.ranges.iter() {
            if let Some(merged) = known.merged(&it.range)? {
                known.put(merged);
            }
        }
        self.common.ranges = known;
        Ok(())
    }

    /// Lists in each rendition what others have listed since its end, as a process may die between
    /// two manifests.
    pub(super) fn share_ranges(&mut self, ends: &[u64]) {
        let of = |it: &Rendition| it.ranges.iter().cloned().collect::<Vec<_>>();
        let mut all: Vec<Announced> = self.renditions.iter().flat_map(of).collect();
        all.sort_by_key(|it| it.number);
        for (rendition, end) in self.renditions.iter_mut().zip(ends) {
            for it in all.iter().filter(|it| it.number >= *end) {
                if !rendition.ranges.has_announced(&it.range) {
                    rendition.ranges.push(it.number, Arc::clone(&it.range));
                }
            }
        }
    }

    /// Drops the ranges that are over, in the manifests and then in the presentation.
    pub(super) fn discard_ranges(&mut self) {
        match self.settings.extent {
            Extent::Window(_) | Extent::Recording => {}
            // Such a manifest only grows.
            Extent::Growing | Extent::AtTheEnd => return,
        }
        let mut are_any = false;
        for it in &mut self.renditions {
            let first_listed = it.entries.front().and_then(|first| first.date);
            let known = &self.common.ranges;
            are_any |= it.ranges.discard(it.media_sequence, first_listed, known);
        }
        if !are_any {
            return;
        }
        let (renditions, unlisted) = (&self.renditions, &self.common.unlisted_ranges);
        self.common.ranges.retain(|id| {
            // The others do not change any more.
            let mut open = renditions.iter().filter(|it| !it.is_over());
            open.any(|it| it.ranges.has(id)) || unlisted.iter().any(|it| it.id() == id)
        });
    }
}

impl Rendition {
    /// The lines of single segments that are listed, or will be.
    fn lines(&self) -> impl Iterator<Item = &String> {
        let listed = self.entries.iter().flat_map(|it| &it.lines);
        let told = self.told.iter().filter_map(|it| it.own.as_ref());
        let told = told.flat_map(|own| &own.lines);
        listed.chain(told).chain(&self.next.lines)
    }
}
