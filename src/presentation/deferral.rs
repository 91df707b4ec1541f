//! Defers the deletion of files that a manifest beside others may still name.

use std::path::PathBuf;
use std::time::Duration;

use super::core::Core;
use super::format::Format;
use super::retention::Moment;
use super::retired::Retired;

impl<F: Format> Core<F> {
    /// Notes files that left a manifest for those beside it.
    pub(crate) fn stand_beside(&mut self, files: &[PathBuf]) {
        for it in &mut self.publications {
            if it.manifest.is_beside() {
                files.iter().cloned().for_each(|file| it.standing.add(file));
            }
        }
    }

    /// The files that its last text named wait from now on.
    pub(super) fn beside_landed(&mut self, p: usize, version: u64, now: Duration) {
        let gone = self.publications[p].standing.has_landed(version);
        for it in &mut self.publications {
            let Some(retention) = &mut it.retention else {
                continue;
            };
            let covered = it.manifest.covers.iter();
            let media = covered.map(|r| self.renditions[*r].media_time).max();
            let since = Moment {
                media: media.unwrap_or_default(),
                clock: now,
            };
            let waiting = gone.iter().filter(|file| retention.waits(file));
            let again: Vec<_> = waiting.map(|it| Retired::new(it.clone(), 0)).collect();
            // They wait for the time that they were given.
            retention.add(again, since);
        }
    }
}
