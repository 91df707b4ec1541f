//! Names that are given again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

/// How many segments may be stored and not yet pushed: the default `channel_depth`.
const AHEAD: u64 = 8;

/// For how many pushes after a reuse the next one is expected.
const EXPECTED: u64 = 64;

/// The names of segments, so far as they may come again.
///
/// A segment is stored before it is pushed, so the publisher learns of a reuse too late to keep a
/// deletion from hitting the new file. But reuses come in rows, as they come from a ring of
/// names. So after the first one all deletions are held back for [`AHEAD`] pushes: a name of
/// which the new file may be stored already is pushed by then, which cancels its deletion.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The files that were waiting for deletion, or about to, when their names came again. Until a
    /// published playlist lists the new file, a later session must know of the old one.
    pub(super) reused: HashSet<PathBuf>,
    pushes: u64,
    /// The last push in which another reuse is expected.
    expected_until: u64,
    /// The pushes in which files were deleted, the last [`AHEAD`] only.
    deleted: HashMap<PathBuf, u64>,
    order: VecDeque<(u64, PathBuf)>,
}

impl Names {
    /// Enters a push.
    pub(super) fn next_push(&mut self) {
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

    /// How many pushes there were.
    pub(super) fn pushes(&self) -> u64 {
        self.pushes
    }

    pub(super) fn was_deleted(&mut self, file: PathBuf) {
        self.deleted.insert(file.clone(), self.pushes);
        self.order.push_back((self.pushes, file));
    }

    /// Whether a file of this name was deleted since what is pushed now may have been stored.
    pub(super) fn may_be_gone(&self, file: &Path) -> bool {
        self.deleted.contains_key(file)
    }

    /// A name came again that was still needed.
    pub(super) fn was_reused(&mut self) {
        self.expected_until = self.pushes + EXPECTED;
    }

    /// Whether the deletion of a file that is due since this push is held back.
    pub(super) fn holds(&self, due_since: u64) -> bool {
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
