//! The effects of a publication: it fixes values, slides the window and retires files.

use std::path::{Path, PathBuf};

use super::entry::Initialisation;
use super::rendition::Playlist;
use super::time::{Micros, SECOND, longest_within, secs, whole_seconds_above};
use crate::hls::config::Kind;

impl Playlist {
    /// Fixes the version and the target duration at the first publication.
    pub(crate) fn settle(&mut self) {
        let version = self.version_needed();
        self.version.get_or_insert(version);
        if self.target_secs.is_none() {
            // Only a VOD playlist comes here; all its segments are known.
            let listed = self.entries.iter().map(|entry| entry.micros).max();
            let longest = listed.unwrap_or_default().max(self.longest_lost);
            self.target_secs = Some(whole_seconds_above(longest).max(1));
        }
    }

    /// Lets the entries beyond the window slide out.
    pub(crate) fn slide(&mut self) {
        let (Kind::Live { window }, Some(target)) = (self.config.kind, self.target_secs) else {
            return;
        };
        let least = window.max(target.saturating_mul(3 * SECOND));
        let mut total = self.total();
        // An initialisation segment is needed as long as any segment that needs it, and an earlier
        // one may be longer than the last.
        let longest = longest_within(target, 6).saturating_add(self.longest_published);
        while let Some(first) = self.entries.front()
            && total - first.micros >= least
            && let Some(gone) = self.entries.pop_front()
        {
            total -= gone.micros;
            let longest_listing = self.listings.longest(self.media_sequence);
            self.media_sequence += 1;
            self.discontinuity_sequence += u64::from(gone.starts_discontinuity);
            let stays = gone.micros.saturating_add(longest_listing);
            if let Some(file) = gone.file {
                self.retire_listed(file, stays);
            }
            if let Some(file) = gone.map.and_then(|map| map.file.clone()) {
                self.retire(file, longest);
            }
        }
    }

    /// Retires a file that slid out. The initialisation segment before a lost one may come again,
    /// but does not hold a file that a listed segment had as well, unless it is listed itself.
    fn retire_listed(&mut self, file: PathBuf, stays: Micros) {
        if let Initialisation::Lost { before } = &mut self.next.initialisation
            && !self.entries.names(&file)
        {
            before.take_if(|(map, _)| map.file.as_ref() == Some(&file));
        }
        self.retire(file, stays);
    }

    pub(crate) fn retire(&mut self, file: PathBuf, stays: Micros) {
        if !self.names(&file) {
            self.retired.push(file, stays);
        }
    }

    /// Whether the next playlist names the file, or any that may stand now: a failed publication
    /// may have arrived.
    pub(crate) fn may_name(&self, file: &Path) -> bool {
        self.names(file) || self.retired.has(file)
    }

    /// Notes that the current playlist was published.
    pub(crate) fn was_published(&mut self) {
        self.was_listed_for(self.total());
    }

    /// Notes that its entries stood in a playlist of this duration.
    pub(crate) fn was_listed_for(&mut self, listing: Micros) {
        self.longest_published = self.longest_published.max(listing);
        let end = self.media_sequence + self.entries.len() as u64;
        self.listings.add(end, listing);
    }

    /// For messages.
    pub(crate) fn total_secs(&self) -> f64 {
        secs(self.total())
    }
}
