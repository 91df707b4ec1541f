//! The duration of the longest manifest that listed an entry.

use std::collections::VecDeque;

use super::time::Micros;

/// The publications that may be the longest one for some listed entry.
///
/// A publication lists the entries below its end, and entries leave in the order of their numbers.
/// A publication with a later one of the same length or more is therefore never the longest, and
/// lengths only fall from front to back.
#[derive(Debug, Default)]
pub(crate) struct Listings(VecDeque<Listing>);

#[derive(Debug, Clone, Copy)]
struct Listing {
    /// The number after the last listed one.
    end: u64,
    duration: Micros,
}

impl Listings {
    /// Adds a published manifest. Ends never decrease.
    pub(crate) fn add(&mut self, end: u64, duration: Micros) {
        while self.0.back().is_some_and(|last| last.duration <= duration) {
            self.0.pop_back();
        }
        self.0.push_back(Listing { end, duration });
    }

    /// The duration of the longest manifest that listed this number, which leaves. Numbers never
    /// decrease.
    pub(crate) fn longest(&mut self, number: u64) -> Micros {
        while self.0.front().is_some_and(|first| first.end <= number) {
            self.0.pop_front();
        }
        self.0.front().map_or(0, |first| first.duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_is_that_of_those_that_listed_the_number() {
        let mut listings = Listings::default();
        assert_eq!(listings.longest(0), 0, "none was published");
        listings.add(2, 40);
        listings.add(3, 60);
        listings.add(5, 30);
        listings.add(6, 50);
        listings.add(6, 20);
        let found = [0, 1, 2, 3, 4, 5].map(|number| listings.longest(number));
        assert_eq!(found, [60, 60, 60, 50, 50, 50]);
        assert_eq!(listings.longest(6), 0, "no publication had it");
    }

    #[test]
    fn no_more_are_kept_than_are_listed() {
        let mut listings = Listings::default();
        for end in 10..1000 {
            listings.add(end, 2000 - end);
            let _ = listings.longest(end - 10);
            assert!(listings.0.len() <= 10);
        }
    }
}
