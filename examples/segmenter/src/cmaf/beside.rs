//! The fragments of the tracks beside the one that decides where to cut.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::fragment::Fragment;
use super::timeline::LONGEST_GAP;

/// How far each of these tracks has come.
pub(crate) struct Beside {
    tracks: BTreeMap<u32, Track>,
}

struct Track {
    timescale: NonZeroU32,
    last: Option<Fragment>,
}

impl Beside {
    /// The tracks, with the ticks in a second of each.
    pub(crate) fn new(tracks: impl Iterator<Item = (u32, NonZeroU32)>) -> Self {
        let track = |(id, timescale)| {
            let last = None;
            (id, Track { timescale, last })
        };
        Self {
            tracks: tracks.map(track).collect(),
        }
    }

    /// Moves on to these fragments, by track. Returns whether one of them jumps.
    pub(crate) fn push(&mut self, fragments: &[(u32, Fragment)]) -> bool {
        let mut has_jumped = false;
        for (id, next) in fragments {
            if let Some(track) = self.tracks.get_mut(id) {
                has_jumped |= track.push(*next);
            }
        }
        has_jumped
    }

    /// Whether each track that has come so far has come to this time, on a clock with so many ticks
    /// in a second.
    pub(crate) fn has_reached(&self, time: u64, timescale: NonZeroU32) -> bool {
        self.tracks.values().all(|track| {
            track.last.is_none_or(|last| {
                let [its, other] = [(last.end(), timescale), (time, track.timescale)]
                    .map(|(ticks, scale)| u128::from(ticks) * u128::from(scale.get()));
                its >= other
            })
        })
    }
}

impl Track {
    fn push(&mut self, next: Fragment) -> bool {
        let longest = LONGEST_GAP.as_secs() * u64::from(self.timescale.get());
        let jumps =
            |last: Fragment| next.start < last.start || next.start.abs_diff(last.end()) > longest;
        self.last.replace(next).is_some_and(jumps)
    }
}
