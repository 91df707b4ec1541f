//! The knowledge about directories that the clones of one sink share. Nothing in here calls the
//! system or the log, so its lock is held for a moment only.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::identity::Identity;

/// The number of directories that are remembered as synced. Forgetting them costs a few needless
/// syncs.
const REMEMBERED: usize = 1024;

/// The directories whose names survive a power cut, and those whose names may not.
///
/// Paths are as the path hints give them; `durable` has real paths as well.
#[derive(Default)]
pub(super) struct Known {
    /// The directories whose names were synced, each with the identity that it had then. The
    /// directories above them were synced as well, if that was possible.
    durable: HashMap<PathBuf, Identity>,
    /// The directories that one writer is creating. A path is in here before its directory exists,
    /// and leaves when the directory is synced, removed or doubtful.
    claimed: HashSet<PathBuf>,
    /// The directories that were created here, whose sync failed, and that could not be removed. A
    /// power cut may take them with all their content, and a later sync that succeeds would prove
    /// nothing.
    doubtful: HashSet<PathBuf>,
    /// The directories of other processes whose failed sync was logged.
    logged: HashSet<PathBuf>,
    /// How often claims ended without a durable directory.
    abandoned: u64,
}

impl Known {
    /// The identity of the directory that was synced at this path.
    pub(super) fn durable(&self, path: &Path) -> Option<&Identity> {
        self.durable.get(path)
    }

    pub(super) fn durable_count(&self) -> usize {
        self.durable.len()
    }

    /// Remembers synced directories, so that they are not synced again. Those that would not be
    /// recognised are left out.
    pub(super) fn remember(&mut self, synced: Vec<(PathBuf, Identity)>) {
        if self.durable.len() + synced.len() > REMEMBERED {
            self.durable.clear();
        }
        let recognisable = |(_, identity): &(PathBuf, Identity)| identity.is_recognisable();
        self.durable.extend(synced.into_iter().filter(recognisable));
    }

    /// A number that [`claim`](Self::claim) needs, taken before the writer looks for missing
    /// directories.
    pub(super) fn abandoned(&self) -> u64 {
        self.abandoned
    }

    /// Claims the directories that a writer found missing on the way to `directory`: all of them
    /// or none. The writer has no other claims, so no two writers wait for each other.
    ///
    /// `abandoned` is the number from before the look. If it has changed, a directory that the
    /// look saw may have been removed.
    pub(super) fn claim(&mut self, directory: &Path, missing: &[PathBuf], abandoned: u64) -> Claim {
        let is_below_a_missing_one =
            |claimed: &PathBuf| missing.iter().any(|missing| claimed.starts_with(missing));
        if directory
            .ancestors()
            .any(|path| self.claimed.contains(path))
            || self.claimed.iter().any(is_below_a_missing_one)
        {
            return Claim::Wait;
        }
        if self.abandoned != abandoned {
            return Claim::LookAgain;
        }
        self.claimed.extend(missing.iter().cloned());
        Claim::Taken
    }

    /// Ends claims on directories that are durable, or were created by another process.
    pub(super) fn settle(&mut self, claimed: &[PathBuf]) {
        self.claimed.retain(|path| !claimed.contains(path));
    }

    /// Ends claims on directories that were removed again. Those in `doubtful` could not be.
    pub(super) fn abandon(&mut self, claimed: &[PathBuf], doubtful: Vec<PathBuf>) {
        self.settle(claimed);
        self.doubtful.extend(doubtful);
        self.abandoned += 1;
    }

    /// A new directory stands at this path, so the doubt about the old one is over.
    pub(super) fn created(&mut self, directory: &Path) {
        self.doubtful.remove(directory);
    }

    /// The first doubtful directory from `directory` upwards.
    pub(super) fn doubtful_on_the_way_to<'a>(&self, directory: &'a Path) -> Option<&'a Path> {
        let mut on_the_way = directory.ancestors();
        on_the_way.find(|path| self.doubtful.contains(*path))
    }

    pub(super) fn all_doubtful(&self) -> &HashSet<PathBuf> {
        &self.doubtful
    }

    /// Whether nothing was logged about this directory yet.
    pub(super) fn is_first_log_of(&mut self, directory: &Path) -> bool {
        if self.logged.len() >= REMEMBERED {
            self.logged.clear();
        }
        self.logged.insert(directory.to_path_buf())
    }
}

/// The result of an attempt to claim directories.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// This writer creates them.
    Taken,
    /// Another writer is creating one of the directories on the way.
    Wait,
    /// The look is out of date.
    LookAgain,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(of: &[&str]) -> Vec<PathBuf> {
        of.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_claim_blocks_the_directory_and_all_below_it_only() {
        let mut known = Known::default();
        let mut claim = |directory: &str, missing: &[&str]| {
            known.claim(Path::new(directory), &paths(missing), 0)
        };
        assert_eq!(claim("r/a/b", &["r/a", "r/a/b"]), Claim::Taken);
        assert_eq!(claim("r/a", &[]), Claim::Wait);
        assert_eq!(claim("r/a/b/c", &["r/a/b/c"]), Claim::Wait);
        assert_eq!(claim("r", &[]), Claim::Taken);
        assert_eq!(claim("r/c", &["r/c"]), Claim::Taken);
        // Another process removed a directory above claimed ones.
        assert_eq!(claim("r", &["r"]), Claim::Wait);
        known.settle(&paths(&["r/a", "r/a/b"]));
        assert_eq!(known.claim(Path::new("r/a/b"), &[], 0), Claim::Taken);
    }

    #[test]
    fn after_an_abandoned_claim_a_writer_looks_again() {
        let mut known = Known::default();
        let directory = Path::new("r/a");
        let missing = paths(&["r/a"]);
        assert_eq!(known.claim(directory, &missing, 0), Claim::Taken);
        let seen = known.abandoned();
        known.abandon(&missing, Vec::new());
        assert_eq!(known.claim(directory, &[], seen), Claim::LookAgain);
        assert_eq!(
            known.claim(directory, &missing, known.abandoned()),
            Claim::Taken
        );
        known.abandon(&missing, missing.clone());
        let below = Path::new("r/a/b");
        assert_eq!(known.doubtful_on_the_way_to(below), Some(directory));
        known.created(directory);
        assert_eq!(known.doubtful_on_the_way_to(below), None);
    }
}
