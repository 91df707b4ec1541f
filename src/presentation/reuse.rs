//! Detects reused names.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

/// The number of segments that may be stored and not yet pushed: the default `channel_depth`.
const AHEAD: u64 = 8;

/// The number of pushes after a reuse in which another one is expected.
const EXPECTED: u64 = 64;

/// The names of segments that may be reused.
///
/// A segment is stored before it is pushed, so the publisher learns of a reuse too late to keep a
/// deletion from hitting the new file. But reuses come in rows, because they come from a ring of
/// names. After the first one all deletions are therefore held back for [`AHEAD`] pushes. By then
/// a name whose new file may be stored already is pushed, which cancels its deletion.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The files whose deletion was pending, or about to be, when their names were reused. Until a
    /// published manifest lists the new file, a later session must know the old one.
    pub(crate) reused: HashSet<PathBuf>,
    pushes: u64,
    /// The last push in which another reuse is expected.
    expected_until: u64,
    /// The pushes in which files were deleted; only the last [`AHEAD`].
    deleted: HashMap<PathBuf, u64>,
    order: VecDeque<(u64, PathBuf)>,
}

impl Names {
    /// Counts a push.
    pub(crate) fn next_push(&mut self) {
        self.pushes += 1;
        while let Some((at, _)) = self.order.front()
            && self.pushes - at > AHEAD
            && let Some((at, file)) = self.order.pop_front()
        {
            if self.deleted.get(&file) == Some(&at) {
                self.deleted.remove(&file);
            }
        }
    }

    /// The number of pushes.
    pub(crate) fn pushes(&self) -> u64 {
        self.pushes
    }

    pub(crate) fn was_deleted(&mut self, file: PathBuf) {
        self.deleted.insert(file.clone(), self.pushes);
        self.order.push_back((self.pushes, file));
    }

    /// Whether a file of this name was deleted while the pushed one may have been stored already.
    pub(crate) fn may_be_gone(&self, file: &Path) -> bool {
        self.deleted.contains_key(file)
    }

    /// Notes a reuse of a name that was still needed.
    pub(crate) fn was_reused(&mut self) {
        self.expected_until = self.pushes + EXPECTED;
    }

    /// Whether the deletion of a file that became due in this push is held back.
    pub(crate) fn holds(&self, due_since: u64) -> bool {
        self.pushes < self.expected_until && self.pushes <= due_since + AHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deleted_is_remembered_for_as_many_pushes_as_are_ahead() {
        let mut names = Names::default();
        let file = Path::new("0.ts");
        names.was_deleted(file.into());
        (0..AHEAD / 2).for_each(|_| names.next_push());
        names.was_deleted(file.into());
        for _ in 0..AHEAD {
            names.next_push();
            assert!(names.may_be_gone(file));
        }
        names.next_push();
        assert!(!names.may_be_gone(file));
        assert!(names.order.is_empty() && names.deleted.is_empty());
    }

    #[test]
    fn after_a_reuse_deletions_are_held_back_for_as_many_pushes_as_are_ahead() {
        let mut names = Names::default();
        assert!(!names.holds(0));
        names.was_reused();
        for push in 0..EXPECTED {
            assert!(names.holds(push), "{push}");
            assert!(names.holds(push.saturating_sub(AHEAD)), "{push}");
            assert_eq!(names.holds(push.saturating_sub(AHEAD + 1)), push <= AHEAD);
            names.next_push();
        }
        assert!(!names.holds(EXPECTED));
    }
}
