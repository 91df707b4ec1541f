//! The files that a manifest beside others may still name.
//!
//! Such a manifest keeps no files. A file that left the manifest that keeps it is noted here, and is not
//! deleted before a text without it has landed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::core::Core;
use super::format::Format;
use super::retention::Moment;
use super::retired::Retired;

/// The files that left, and that the text at the destination may name.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// They left before the text that is being published was made.
    replaced: HashSet<PathBuf>,
    left: HashSet<PathBuf>,
}

impl Standing {
    /// Notes a file that left.
    pub(crate) fn add(&mut self, file: PathBuf) {
        self.left.insert(file);
    }

    /// A text is made that names none of them.
    pub(super) fn is_replaced(&mut self) {
        self.replaced.extend(self.left.drain());
    }

    /// That text has landed. Returns the files that no text names any more.
    fn has_landed(&mut self) -> HashSet<PathBuf> {
        std::mem::take(&mut self.replaced)
    }

    pub(crate) fn has(&self, file: &Path) -> bool {
        self.replaced.contains(file) || self.left.contains(file)
    }
}

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
    pub(super) fn beside_landed(&mut self, p: usize, now: Duration) {
        let gone = self.publications[p].standing.has_landed();
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
