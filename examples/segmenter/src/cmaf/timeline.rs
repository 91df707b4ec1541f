//! Time: the fragments of one track laid out on one line that never jumps.

use std::num::NonZeroU32;
use std::time::Duration;

use super::fragment::Fragment;
use crate::segment::Segment;

const NANOSECONDS: u32 = 1_000_000_000;
/// A gap of more than this is not time that passed: the stream began anew, on another clock.
const LONGEST_GAP: Duration = Duration::from_secs(3600);

/// How long the segment that grows has come to last.
pub(crate) struct Timeline {
    timescale: NonZeroU32,
    last: Option<Fragment>,
    /// Up to the start of the last fragment, in ticks.
    elapsed: u64,
    /// The decode time of the segment's first fragment.
    start: u64,
}

impl Timeline {
    pub(crate) fn new(timescale: NonZeroU32) -> Self {
        Self {
            timescale,
            last: None,
            elapsed: 0,
            start: 0,
        }
    }

    /// Moves on to the next fragment. Where the decode times jump, or stand still, time goes on as
    /// long as the samples last.
    pub(crate) fn push(&mut self, fragment: Fragment) {
        if let Some(last) = self.last {
            let step = fragment.start.saturating_sub(last.start);
            let gap = step.saturating_sub(last.duration);
            let longest = LONGEST_GAP.as_secs() * u64::from(self.timescale.get());
            let is_step = step > 0 && gap <= longest;
            let passed = if is_step { step } else { last.duration };
            self.elapsed = self.elapsed.saturating_add(passed);
        } else {
            self.start = fragment.start;
        }
        self.last = Some(fragment);
    }

    /// The next segment begins with the last fragment.
    pub(crate) fn restart(&mut self) {
        self.elapsed = 0;
        self.start = self.last.map_or(0, |last| last.start);
    }

    /// The segment with this data, which lasts so many ticks.
    pub(crate) fn segment(&self, data: Vec<u8>, lasted: u64) -> Segment {
        Segment::media(data, self.start, lasted, self.timescale.get())
    }

    /// How long the segment lasts up to the last fragment, in ticks.
    pub(crate) fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// How long it lasts, the last fragment included, in ticks.
    pub(crate) fn end(&self) -> u64 {
        let last = self.last.map_or(0, |last| last.duration);
        self.elapsed.saturating_add(last)
    }

    /// Whether the segment lasts that long up to the last fragment. Exact, where a [`Duration`]
    /// would be rounded down.
    pub(crate) fn has_lasted(&self, target: Duration) -> bool {
        u128::from(self.elapsed) * u128::from(NANOSECONDS)
            >= target
                .as_nanos()
                .saturating_mul(u128::from(self.timescale.get()))
    }
}
