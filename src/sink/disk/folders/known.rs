//! What the clones of one sink know of folders. Nothing in here calls the system or the log, so whoever has
//! the lock of it has it for a moment only.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::identity::Identity;

/// How many folders are remembered as synced. To forget them costs a few needless syncs.
const REMEMBERED: usize = 1024;

/// Which folders survive a power cut, by their own names in the folders above them.
///
/// Paths are as the hints give them, but that `durable` has real paths as well.
#[derive(Default)]
pub(super) struct Known {
    /// Synced, each as the folder that it was then: one that was replaced meanwhile is another. So are the
    /// folders above it, as far as that was possible.
    durable: HashMap<PathBuf, Identity>,
    /// Being made by one writer, and not yet known to be durable. A path is in here before its folder is
    /// made, and leaves when the folder is synced, gone, or doubtful.
    claimed: HashSet<PathBuf>,
    /// Made here, failed to sync, and not to be taken back: whatever is put into them may vanish with
    /// them, and a later sync that succeeds would prove nothing.
    doubtful: HashSet<PathBuf>,
    /// Of others, failed to sync, and logged.
    logged: HashSet<PathBuf>,
    /// How often claims ended without a folder that is durable.
    given_up: u64,
}

impl Known {
    /// The folder that was synced at this path.
    pub(super) fn durable(&self, path: &Path) -> Option<&Identity> {
        self.durable.get(path)
    }

    pub(super) fn durable_count(&self) -> usize {
        self.durable.len()
    }

    /// What was synced, so that it need not be synced again. What would not be recognised is of no use here.
    pub(super) fn remember(&mut self, synced: Vec<(PathBuf, Identity)>) {
        if self.durable.len() + synced.len() > REMEMBERED {
            self.durable.clear();
        }
        let recognisable = |(_, identity): &(PathBuf, Identity)| identity.is_recognisable();
        self.durable.extend(synced.into_iter().filter(recognisable));
    }

    /// What a writer remembers that is about to look which folders are missing.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Claims what a writer saw to be missing on the way to `folder`, all of it or nothing. A writer has no
    /// other claims then, so writers that wait for claims do not wait for one another.
    ///
    /// `given_up` is from before the look. If it has changed, a folder may be gone that the look saw.
    pub(super) fn claim(&mut self, folder: &Path, missing: &[PathBuf], given_up: u64) -> Claim {
        let is_below_a_missing_one =
            |claimed: &PathBuf| missing.iter().any(|missing| claimed.starts_with(missing));
        if folder.ancestors().any(|path| self.claimed.contains(path))
            || self.claimed.iter().any(is_below_a_missing_one)
        {
            return Claim::Wait;
        }
        if self.given_up != given_up {
            return Claim::LookAgain;
        }
        self.claimed.extend(missing.iter().cloned());
        Claim::Taken
    }

    /// Ends claims on folders that are durable, or somebody else's.
    pub(super) fn settle(&mut self, claimed: &[PathBuf]) {
        self.claimed.retain(|path| !claimed.contains(path));
    }

    /// Ends claims on folders that were taken back, but for these.
    pub(super) fn give_up(&mut self, claimed: &[PathBuf], doubtful: Vec<PathBuf>) {
        self.settle(claimed);
        self.doubtful.extend(doubtful);
        self.given_up += 1;
    }

    /// A new folder stands there: not the one that was given up.
    pub(super) fn is_made(&mut self, folder: &Path) {
        self.doubtful.remove(folder);
    }

    /// The folder on the way that must not be relied on.
    pub(super) fn doubtful_on_the_way_to<'a>(&self, folder: &'a Path) -> Option<&'a Path> {
        let mut on_the_way = folder.ancestors();
        on_the_way.find(|path| self.doubtful.contains(*path))
    }

    pub(super) fn all_doubtful(&self) -> &HashSet<PathBuf> {
        &self.doubtful
    }

    /// Whether it is the first time that this is to be logged of a folder.
    pub(super) fn is_first_log_of(&mut self, folder: &Path) -> bool {
        if self.logged.len() >= REMEMBERED {
            self.logged.clear();
        }
        self.logged.insert(folder.to_path_buf())
    }
}

/// What became of an attempt to claim folders.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// They are this writer's to make.
    Taken,
    /// Another writer is making one of the folders on the way.
    Wait,
    /// What was seen may have changed.
    LookAgain,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(of: &[&str]) -> Vec<PathBuf> {
        of.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_claim_keeps_others_from_the_folder_and_from_what_is_below_it_only() {
        let mut known = Known::default();
        let mut claim =
            |folder: &str, missing: &[&str]| known.claim(Path::new(folder), &paths(missing), 0);
        assert_eq!(claim("r/a/b", &["r/a", "r/a/b"]), Claim::Taken);
        assert_eq!(claim("r/a", &[]), Claim::Wait);
        assert_eq!(claim("r/a/b/c", &["r/a/b/c"]), Claim::Wait);
        assert_eq!(claim("r", &[]), Claim::Taken);
        assert_eq!(claim("r/c", &["r/c"]), Claim::Taken);
        // Somebody has removed it meanwhile, and what is claimed with it.
        assert_eq!(claim("r", &["r"]), Claim::Wait);
        known.settle(&paths(&["r/a", "r/a/b"]));
        assert_eq!(known.claim(Path::new("r/a/b"), &[], 0), Claim::Taken);
    }

    #[test]
    fn a_folder_that_was_taken_back_is_looked_for_again() {
        let mut known = Known::default();
        let folder = Path::new("r/a");
        let missing = paths(&["r/a"]);
        assert_eq!(known.claim(folder, &missing, 0), Claim::Taken);
        let seen = known.given_up();
        known.give_up(&missing, Vec::new());
        assert_eq!(known.claim(folder, &[], seen), Claim::LookAgain);
        assert_eq!(
            known.claim(folder, &missing, known.given_up()),
            Claim::Taken
        );
        known.give_up(&missing, missing.clone());
        let below = Path::new("r/a/b");
        assert_eq!(known.doubtful_on_the_way_to(below), Some(folder));
        known.is_made(folder);
        assert_eq!(known.doubtful_on_the_way_to(below), None);
    }
}
