//! Time: the fragments of one track laid out on one line, up to a jump.

use std::num::NonZeroU32;
use std::time::Duration;

use super::fragment::Fragment;
use crate::segment::Segment;

const NANOSECONDS: u32 = 1_000_000_000;
/// A decode time further than this beside the expected one is a jump.
pub(crate) const LONGEST_GAP: Duration = Duration::from_secs(10);
/// The clock of notices.
const NOTICE_TICKS: i128 = 90_000;

/// How long the segment that grows has come to last.
pub(crate) struct Timeline {
    timescale: NonZeroU32,
    last: Option<Fragment>,
    /// The latest step from one fragment to the next, for streams whose fragments are far apart.
    step: u64,
    /// Up to the start of the last fragment, in ticks.
    elapsed: u64,
    /// The decode time of the segment's first fragment.
    start: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The segment has the last fragment.
    Growing,
    /// The segment begins with the next fragment.
    Fresh,
}

/// How a fragment continues those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its decode time is time that passed.
    Time,
    /// Its decode time is wrong. It follows when the samples before have ended.
    Wild,
    /// The clock begins anew.
    Jump,
}

impl Timeline {
    pub(crate) fn new(timescale: NonZeroU32) -> Self {
        Self {
            timescale,
            last: None,
            step: 0,
            elapsed: 0,
            start: 0,
            state: State::Fresh,
        }
    }

    /// Whether a fragment may come after the last one. A decode time that stands still says
    /// nothing, and so is none that jumps.
    pub(crate) fn is_plausible(&self, next: Fragment) -> bool {
        self.last
            .is_none_or(|last| last.start == next.start || self.continues(last, next))
    }

    /// Whether the decode time of a fragment is behind that of the last one.
    pub(crate) fn advances(&self, next: Fragment) -> bool {
        self.last.is_none_or(|last| last.start < next.start)
    }

    /// Judges a fragment that is not plausible by the one after it.
    pub(crate) fn judge(&self, doubtful: Fragment, next: Fragment) -> Step {
        let Some(last) = self.last else {
            return Step::Time;
        };
        let assumed = Fragment {
            start: last.end(),
            ..doubtful
        };
        let steps = [(last, doubtful), (doubtful, next)]
            .map(|(from, to)| to.start.checked_sub(from.start).filter(|step| *step > 0));
        if self.continues(assumed, next) {
            Step::Wild
        } else if let [Some(first), Some(second)] = steps
            && !self.continues(doubtful, next)
            && first.abs_diff(second) <= self.longest_gap()
        {
            Step::Time
        } else {
            Step::Jump
        }
    }

    fn continues(&self, last: Fragment, next: Fragment) -> bool {
        let Some(step) = next.start.checked_sub(last.start).filter(|step| *step > 0) else {
            return false;
        };
        let usual = self.step.saturating_mul(2);
        next.start.abs_diff(last.end()) <= self.longest_gap().max(usual) || step <= usual
    }

    fn longest_gap(&self) -> u64 {
        LONGEST_GAP.as_secs() * u64::from(self.timescale.get())
    }

    /// Moves on to the next fragment.
    pub(crate) fn push(&mut self, next: Fragment, step: Step) {
        let fragment = match (step, self.last) {
            (Step::Wild, Some(last)) => Fragment {
                start: last.end(),
                ..next
            },
            _ => next,
        };
        if step == Step::Jump {
            (self.step, self.state) = (0, State::Fresh);
        }
        if let (State::Growing, Some(last)) = (self.state, self.last) {
            let passed = fragment.start.saturating_sub(last.start);
            if passed > 0 && step == Step::Time {
                self.step = passed;
            }
            let passed = if passed > 0 { passed } else { last.duration };
            self.elapsed = self.elapsed.saturating_add(passed);
        } else {
            self.start = fragment.start;
            self.elapsed = 0;
        }
        self.state = State::Growing;
        self.last = Some(fragment);
    }

    /// By how much a fragment jumps, in ticks of 90 kHz.
    pub(crate) fn jump_to(&self, next: Fragment) -> i64 {
        let expected = self.last.map_or(next.start, Fragment::end);
        let ticks = i128::from(next.start) - i128::from(expected);
        let ticks = ticks * NOTICE_TICKS / i128::from(self.timescale.get());
        i64::try_from(ticks).unwrap_or(if ticks < 0 { i64::MIN } else { i64::MAX })
    }

    /// The next segment begins with the last fragment.
    pub(crate) fn restart(&mut self) {
        self.elapsed = 0;
        self.start = self.last.map_or(0, |last| last.start);
    }

    /// The next segment begins with the next fragment.
    pub(crate) fn restart_behind(&mut self) {
        self.state = State::Fresh;
    }

    /// The decode time of the last fragment.
    pub(crate) fn now(&self) -> u64 {
        self.last.map_or(0, |last| last.start)
    }

    /// The decode time of the segment's first fragment.
    pub(crate) fn segment_start(&self) -> u64 {
        self.start
    }

    /// The decode time in the middle of the last fragment.
    pub(crate) fn middle(&self) -> u64 {
        let middle = |last: Fragment| last.start.saturating_add(last.duration / 2);
        self.last.map_or(0, middle)
    }

    /// Whether the next segment begins with the next fragment.
    pub(crate) fn is_fresh(&self) -> bool {
        self.state == State::Fresh
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
        match self.state {
            State::Fresh => 0,
            State::Growing => {
                let last = self.last.map_or(0, |last| last.duration);
                self.elapsed.saturating_add(last)
            }
        }
    }

    /// Whether so many ticks are that long. Exact, where a [`Duration`] would be rounded down.
    pub(crate) fn is_as_long(&self, ticks: u64, target: Duration) -> bool {
        u128::from(ticks) * u128::from(NANOSECONDS)
            >= target
                .as_nanos()
                .saturating_mul(u128::from(self.timescale.get()))
    }
}

impl Fragment {
    /// The decode time at which its samples have ended.
    pub(crate) fn end(self) -> u64 {
        self.start.saturating_add(self.duration)
    }
}
