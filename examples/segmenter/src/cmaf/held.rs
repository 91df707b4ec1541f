//! The bytes of the segment that grows, and the indexes in it that may no longer hold once it is
//! cut.

use std::mem;
use std::ops::Range;

/// Positions count from the first byte that is held.
#[derive(Default)]
pub(crate) struct Held {
    bytes: Vec<u8>,
    indexes: Vec<Index>,
    /// Where something of the input was left out.
    gaps: Vec<usize>,
}

/// A `sidx`, with the `ssix` that belongs to it.
struct Index {
    at: Range<usize>,
    /// Up to where it counts the bytes.
    counts_to: usize,
}

impl Held {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What is held from this position on.
    pub(crate) fn since(&self, at: usize) -> &[u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// What is held before this position.
    pub(crate) fn before(&self, at: usize) -> &[u8] {
        self.bytes.get(..at).unwrap_or_default()
    }

    /// Takes note that the last box, which begins here, is a `sidx` and counts so many bytes from
    /// its end on. None is more than any segment has.
    pub(crate) fn note_index(&mut self, at: usize, counted: Option<u64>) {
        let end = self.bytes.len();
        let counted = counted.and_then(|counted| usize::try_from(counted).ok());
        self.indexes.push(Index {
            at: at..end,
            counts_to: end.saturating_add(counted.unwrap_or(usize::MAX)),
        });
    }

    /// Takes note that the last box, which begins here, is an `ssix`: it is part of the `sidx` just
    /// before it (ISO/IEC 14496-12, 8.16.4).
    pub(crate) fn extend_index(&mut self, at: usize) {
        let end = self.bytes.len();
        if let Some(index) = self.indexes.last_mut().filter(|index| index.at.end == at) {
            index.at.end = end;
        }
    }

    /// Leaves out everything from this position on.
    pub(crate) fn leave_out(&mut self, at: usize) {
        self.forget(at);
        self.bytes.truncate(at);
        if self.gaps.last() != Some(&at) {
            self.gaps.push(at);
        }
    }

    /// Takes back what is held from this position on, as if it had not come yet.
    pub(crate) fn take_back(&mut self, at: usize) -> Vec<u8> {
        self.forget(at);
        self.bytes.split_off(at)
    }

    /// Forgets what is known of the bytes from this position on.
    fn forget(&mut self, at: usize) {
        let kept = self.indexes.partition_point(|index| index.at.start < at);
        self.indexes.truncate(kept);
        let kept = self.gaps.partition_point(|gap| *gap <= at);
        self.gaps.truncate(kept);
    }

    /// Takes what is held before this position.
    pub(crate) fn take_before(&mut self, at: usize) -> Self {
        let first_index = self.indexes.partition_point(|index| index.at.start < at);
        let mut indexes = self.indexes.split_off(first_index);
        for index in &mut indexes {
            index.at = index.at.start - at..index.at.end - at;
            index.counts_to -= at;
        }
        let first_gap = self.gaps.partition_point(|gap| *gap <= at);
        let mut gaps = self.gaps.split_off(first_gap);
        gaps.iter_mut().for_each(|gap| *gap -= at);
        let bytes = self.bytes.split_off(at);
        mem::replace(
            self,
            Self {
                bytes,
                indexes,
                gaps,
            },
        )
    }

    /// The bytes as a segment: without the indexes that count bytes which are not in it.
    pub(crate) fn into_segment(self) -> Vec<u8> {
        let stale = self.stale_indexes();
        if stale.is_empty() {
            return self.bytes;
        }
        let mut segment = Vec::with_capacity(self.bytes.len());
        let mut from = 0;
        for range in stale.into_iter().rev() {
            segment.extend_from_slice(&self.bytes[from..range.start]);
            from = range.end;
        }
        segment.extend_from_slice(&self.bytes[from..]);
        segment
    }

    /// The last one first.
    fn stale_indexes(&self) -> Vec<Range<usize>> {
        let mut stale = Vec::new();
        let mut gaps = self.gaps.iter().copied().rev().peekable();
        // Up to here nothing is missing.
        let mut whole_to = self.bytes.len();
        for index in self.indexes.iter().rev() {
            while let Some(gap) = gaps.next_if(|gap| *gap >= index.at.end) {
                whole_to = whole_to.min(gap);
            }
            if index.counts_to > whole_to {
                whole_to = index.at.start;
                stale.push(index.at.clone());
            }
        }
        stale
    }
}
