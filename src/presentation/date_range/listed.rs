//! The date ranges that one manifest lists, each in its place.

use std::sync::Arc;
use std::time::SystemTime;

use super::{DateRange, RangeSet};

/// A range as it was announced, and the number of the entry in front of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Announced {
    /// Counts all that were announced to the same manifest.
    count: u64,
    /// The entry with this number follows it. If that entry has left, the range stands before all
    /// entries.
    pub(crate) number: u64,
    pub(crate) range: Arc<DateRange>,
}

/// What was announced, in the order of the numbers. An id comes again when its range gains
/// something, as a published line must not change.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListedRanges {
    list: Vec<Announced>,
    /// Counts all that were ever announced.
    announced: u64,
    /// So many of them were in the text that was made last, and in the one that was published last.
    rendered: u64,
    published: u64,
}

impl ListedRanges {
    /// Adds a range in front of the entry with this number. Numbers never decrease.
    pub(crate) fn push(&mut self, number: u64, range: Arc<DateRange>) {
        self.announced += 1;
        self.list.push(Announced {
            count: self.announced,
            number,
            range,
        });
    }

    /// A text with all that were announced so far was made.
    pub(crate) fn were_rendered(&mut self) {
        self.rendered = self.announced;
    }

    /// The text that was made last was published.
    pub(crate) fn were_published(&mut self) {
        self.published = self.rendered;
    }

    /// Counts all that were ever announced.
    pub(crate) fn announced(&self) -> u64 {
        self.announced
    }

    /// Those in front of the entries with these numbers.
    pub(crate) fn within(&self, numbers: impl std::ops::RangeBounds<u64>) -> &[Announced] {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let before = |number: u64| self.list.partition_point(|it| it.number < number);
        let from = match numbers.start_bound() {
            Included(number) => before(*number),
            Excluded(number) => before(number.saturating_add(1)),
            Unbounded => 0,
        };
        let to = match numbers.end_bound() {
            Included(number) => before(number.saturating_add(1)),
            Excluded(number) => before(*number),
            Unbounded => self.list.len(),
        };
        self.list.get(from..to).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Announced> {
        self.list.iter()
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.list.iter().any(|it| it.range.id == id)
    }

    pub(crate) fn has_announced(&self, range: &DateRange) -> bool {
        self.list.iter().any(|it| *it.range == *range)
    }

    /// The presentation begins with this number.
    pub(crate) fn begin_at(&mut self, number: u64) {
        self.list.iter_mut().for_each(|it| it.number = number);
    }

    /// Drops the ranges whose place has left, with the entry behind it, and that ended before the
    /// first entry. Returns whether any did. One that was not published yet stays, so that clients
    /// learn the end of a range that they know.
    ///
    /// A range stays while one of its dates maps to a listed segment (bis §6.2.1).
    pub(crate) fn discard(
        &mut self,
        first: u64,
        first_listed: Option<SystemTime>,
        known: &RangeSet,
    ) -> bool {
        let before = self.list.len();
        if let Some(date) = first_listed {
            let published = self.published;
            let is_over =
                |it: &Announced| it.count <= published && known.is_over(&it.range.id, date);
            self.list.retain(|it| it.number >= first || !is_over(it));
        }
        self.list.len() < before
    }
}
