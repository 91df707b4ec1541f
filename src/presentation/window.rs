//! The effects of a publication: it slides the window and retires files.

use std::path::PathBuf;

use super::config::{Extent, Settings};
use super::entry::{Content, Initialisation};
use super::rendition::Rendition;
use super::time::{Micros, SECOND};

/// The mean duration below which the number of entries counts, and not their duration.
pub(super) const SHORTEST: Micros = 1_000;

impl Rendition {
    /// Lets the entries beyond the window slide out. No segment is declared longer than `longest`.
    pub(crate) fn slide(&mut self, settings: &Settings, longest: Micros) {
        let (Extent::Window(window), Some(target)) = (settings.extent, settings.target_secs) else {
            return;
        };
        let least = window.max(target.saturating_mul(3 * SECOND));
        while self.may_do_without_the_first(least) {
            self.first_leaves(longest);
        }
    }

    /// Whether at least this duration stays without the first entry. Entries that last less than a
    /// millisecond on the average do not fill a window, and are limited by their number.
    pub(super) fn may_do_without_the_first(&self, least: Micros) -> bool {
        let most = usize::try_from(least / SHORTEST).unwrap_or(usize::MAX);
        self.entries
            .front()
            .is_some_and(|first| self.total() - first.micros >= least || self.entries.len() > most)
    }

    /// Lets the first entry slide out. Its files wait for their deletion.
    pub(crate) fn first_leaves(&mut self, longest: Micros) {
        let Some(gone) = self.entries.pop_front() else {
            return;
        };
        let (about_to_end, about_to) = self.about_to_list.unwrap_or_default();
        // An initialisation segment is needed as long as any segment that needs it, and an earlier
        // one may be longer than the last.
        let longest = longest.saturating_add(self.longest_published.max(about_to));
        let mut longest_listing = self.listings.longest(self.media_sequence);
        if self.media_sequence < about_to_end {
            longest_listing = longest_listing.max(about_to);
        }
        self.media_sequence += 1;
        self.discontinuity_sequence += u64::from(gone.starts_discontinuity);
        let stays = gone.micros.saturating_add(longest_listing);
        if let Content::Stored(file) = gone.content {
            self.retire_listed(file, stays, gone.bytes);
        }
        if let Some(map) = gone.initialisation {
            self.retire(map.file.clone(), longest, map.bytes);
        }
    }

    /// Retires a file that slid out. The initialisation segment before a lost one may come again,
    /// but does not hold a file that a listed segment had as well, unless it is listed itself.
    fn retire_listed(&mut self, file: PathBuf, stays: Micros, bytes: u64) {
        if let Initialisation::Lost { before } = &mut self.next.initialisation
            && !self.entries.names(&file)
        {
            before.take_if(|(map, _)| map.file == file);
        }
        self.retire(file, stays, bytes);
    }

    /// Notes that its entries up to this number stood in a manifest of this duration.
    pub(crate) fn was_listed(&mut self, end: u64, listing: Micros) {
        self.longest_published = self.longest_published.max(listing);
        self.listings.add(end, listing);
    }
}
