//! Which segment a writer gets next.

use std::path::{Component, Path};
use std::time::Instant;

use super::{Job, Slot, Slots, Writing};
use crate::internal::paths;
use crate::segment::ProducedSegment;

impl Slots {
    /// The oldest queued segment whose path no writer has: equal paths are written one after the
    /// other, in the order of acceptance. Paths that some file system takes for one count as equal.
    pub(in super::super) fn take(&mut self, now: Instant) -> Option<Job> {
        let at = self.take_passed_over().or_else(|| self.take_fresh())?;
        let entry = self.ring.get_mut(at)?;
        let Slot::Queued(segment) = &mut entry.slot else {
            return None;
        };
        let writing = Writing {
            meta: ProducedSegment {
                data: Vec::new(),
                path_hint: segment.path_hint.clone(),
                ..*segment
            },
            bytes: segment.data.len(),
            since: now,
        };
        let (index, info_bytes) = (entry.index, entry.info.byte_len());
        self.queued.subtract(writing.bytes);
        if !writing.meta.is_init {
            self.droppable.subtract(writing.bytes + info_bytes);
        }
        self.writing.push(index);
        match std::mem::replace(&mut entry.slot, Slot::Writing(writing)) {
            Slot::Queued(segment) => Some(Job { index, segment }),
            _ => None,
        }
    }

    fn take_passed_over(&mut self) -> Option<usize> {
        let free = self
            .passed_over
            .iter()
            .enumerate()
            .find_map(|(place, index)| {
                let at = self.position(*index)?;
                self.is_free(at).then_some((place, at))
            });
        let (place, at) = free?;
        self.passed_over.remove(place);
        Some(at)
    }

    fn take_fresh(&mut self) -> Option<usize> {
        while self.fresh < self.ring.len() {
            let at = self.fresh;
            self.fresh += 1;
            if !matches!(self.ring[at].slot, Slot::Queued(_)) {
                self.visit();
                continue;
            }
            if self.is_free(at) {
                return Some(at);
            }
            self.passed_over.push(self.ring[at].index);
        }
        None
    }

    /// Whether no writer has the path of this queued entry.
    fn is_free(&self, at: usize) -> bool {
        self.visit();
        let path = |at: usize| match &self.ring.get(at)?.slot {
            Slot::Queued(segment) => segment.path_hint.as_deref(),
            Slot::Writing(writing) => writing.meta.path_hint.as_deref(),
            _ => None,
        };
        let Some(own) = path(at) else { return true };
        let mut others = self.writing.iter();
        !others.any(|it| {
            let other = self.position(*it).and_then(path);
            other.is_some_and(|other| may_be_same(other, own))
        })
    }
}

/// Whether both may be paths of one file. File names differ most, so the comparison begins there.
fn may_be_same(one: &Path, other: &Path) -> bool {
    // A leading `.` is the only one that `Path` does not ignore.
    let names = |path| {
        Path::components(path)
            .rev()
            .filter(|it| *it != Component::CurDir)
    };
    let (mut one, mut other) = (names(one), names(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if paths::may_be_same(one.as_os_str(), other.as_os_str()) => {}
            _ => return false,
        }
    }
}
