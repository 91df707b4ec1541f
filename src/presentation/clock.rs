//! Dates that follow the wall clock.
//!
//! The dates of a manifest come from the durations of its segments. An encoder's clock drifts
//! against the wall clock, so after weeks such dates are seconds off. The follower corrects them.
//!
//! A segment arrives some time after its end. The first arrivals show how late that usually is, and
//! later ones are compared with that *latency*. Arrivals jitter, so the follower looks at a median
//! and does nothing until it is off by the tolerance. Then it moves the dates by a small step with
//! each segment until the median is close again (hysteresis). Players play through such steps. If
//! dates are behind the clock by more, they jump, with a discontinuity. The arrivals of ten seconds
//! of media must agree on it, as segments that were held up and arrive together do not.
//!
//! Dates never jump back, not even at a discontinuity: no date may be that of two segments
//! (draft-pantos-hls-rfc8216bis §6.2.1). A clock that was set back is caught up by small steps.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// Signed nanoseconds.
type Nanos = i128;

/// Arrivals are noted at most this often, in media time.
const NOTED_EVERY: Duration = Duration::from_secs(1);
/// The median is that of a minute of media, and of this many arrivals at least.
const MEDIAN_OVER: Duration = Duration::from_secs(60);
const FEWEST: usize = 15;
/// A jump needs the agreement of this much media and this many arrivals.
const JUMP_OVER: Duration = Duration::from_secs(10);
const FEWEST_FOR_A_JUMP: usize = 5;
/// Arrivals agree if they differ by no more than this: twice a jitter of half a second.
const AGREEMENT: Duration = Duration::from_secs(1);
/// Manifests write dates in milliseconds.
const PRECISION: Nanos = 1_000_000;
/// Overlaps are shorter than one second (draft-pantos-hls-rfc8216bis §6.2.1).
const OVERLAPS_END: Duration = Duration::from_millis(999);

/// How dates follow the wall clock.
///
/// The default tolerates an error of 500 ms. It corrects a larger one by at most 20 ms with each
/// segment, which is less than a frame. Dates that are behind the clock by more than 1 s jump, with
/// a discontinuity. Dates never jump back: if the clock was set back, small steps make up for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct ClockPolicy {
    tolerance: Duration,
    step: Duration,
    jump: Duration,
}

impl Default for ClockPolicy {
    fn default() -> Self {
        Self {
            tolerance: Duration::from_millis(500),
            step: Duration::from_millis(20),
            jump: Duration::from_secs(1),
        }
    }
}

impl ClockPolicy {
    /// The default policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// The error that is not corrected. It should exceed the jitter of the arrivals. The default is
    /// 500 ms.
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The largest correction of one date without a discontinuity. The default is 20 ms: a
    /// player may take more for missing media. The most is 999 ms, because segments may overlap by
    /// less than one second. A correction backwards is also shorter than either segment.
    pub fn step(mut self, step: Duration) -> Self {
        self.step = step.min(OVERLAPS_END);
        self
    }

    /// The error up to which dates that are behind the clock are corrected by small steps. A larger
    /// one is corrected at once, with a discontinuity. The default is 1 s. A value below the
    /// tolerance counts as the tolerance.
    pub fn jump(mut self, jump: Duration) -> Self {
        self.jump = jump;
        self
    }
}

/// The next stored segment, before its date is decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// The date that the previous date and durations give; `None` if there are none.
    pub(crate) said: Option<SystemTime>,
    /// The wall clock when the segment was complete.
    pub(crate) ended: SystemTime,
    pub(crate) duration: Duration,
    /// The duration of the segment before it.
    pub(crate) previous_duration: Duration,
    /// Whether a discontinuity stands before it anyway.
    pub(crate) is_discontinuity: bool,
}

/// The date of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dating {
    pub(crate) date: SystemTime,
    /// Whether the date needs a discontinuity before the segment: there was none, and it jumps.
    pub(crate) needs_discontinuity: bool,
}

/// Decides the dates of one presentation, one segment after the other.
#[derive(Debug, Clone)]
pub(crate) struct ClockFollower {
    policy: ClockPolicy,
    /// The usual lateness of an arrival; it settles when the first median is complete.
    latency: Latency,
    noted: VecDeque<Noted>,
    /// The media of all that are noted.
    media: Duration,
    /// Media time since the last noted arrival; `None` before the first.
    since_noted: Option<Duration>,
    is_correcting: bool,
}

#[derive(Debug, Clone, Copy)]
enum Latency {
    Unknown,
    /// The median of the arrivals so far.
    Learning(Nanos),
    Settled(Nanos),
}

/// By how much an arrival was later than its date says, and how much media came up to it since the
/// noted one before it.
#[derive(Debug, Clone, Copy)]
struct Noted {
    late: Nanos,
    media: Duration,
}

impl ClockFollower {
    pub(crate) fn new(policy: ClockPolicy) -> Self {
        Self {
            policy,
            latency: Latency::Unknown,
            noted: VecDeque::new(),
            media: Duration::ZERO,
            since_noted: None,
            is_correcting: false,
        }
    }

    /// The date to list for this segment. Missing segments are not asked about: their dates are
    /// those that the durations say.
    pub(crate) fn date(&mut self, arrival: &Arrival) -> Dating {
        let plain = |date| Dating {
            date,
            needs_discontinuity: false,
        };
        let Some(began) = arrival.ended.checked_sub(arrival.duration) else {
            return plain(arrival.said.unwrap_or(arrival.ended));
        };
        let Some(said) = arrival.said else {
            self.note(0, arrival.duration);
            return plain(began);
        };
        let late = difference(began, said);
        let by = if arrival.is_discontinuity {
            self.at_a_discontinuity(late, arrival.duration)
        } else {
            self.note(late, arrival.duration);
            let jump = self.jump();
            jump.unwrap_or_else(|| self.step(arrival.duration.min(arrival.previous_duration)))
        };
        Dating {
            date: moved(said, by).unwrap_or(said),
            needs_discontinuity: !arrival.is_discontinuity && by.abs() > nanos(self.policy.step),
        }
    }

    /// The correction at a discontinuity: dates that are behind the clock by more than the
    /// tolerance jump to it.
    fn at_a_discontinuity(&mut self, late: Nanos, duration: Duration) -> Nanos {
        let error = late - self.latency.value();
        let tolerance = nanos(self.policy.tolerance);
        if error < -tolerance {
            self.clock_was_set_back();
        }
        if error <= tolerance {
            self.note(late, duration);
            return 0;
        }
        self.forget();
        self.note(late - error, duration);
        error
    }

    /// A large error that the last arrivals agree on.
    fn jump(&mut self) -> Option<Nanos> {
        let (mut media, mut arrivals) = (Duration::ZERO, 0);
        let (mut least, mut most) = (Nanos::MAX, Nanos::MIN);
        for noted in self.noted.iter().rev() {
            if media >= JUMP_OVER && arrivals >= FEWEST_FOR_A_JUMP {
                break;
            }
            media = media.saturating_add(noted.media);
            arrivals += 1;
            (least, most) = (least.min(noted.late), most.max(noted.late));
        }
        if media < JUMP_OVER || arrivals < FEWEST_FOR_A_JUMP || most - least > nanos(AGREEMENT) {
            return None;
        }
        let agreeing = self.noted.iter().rev().take(arrivals);
        let error = median(agreeing.map(|it| it.late))? - self.latency.value();
        let most = self.most_without_a_jump();
        if error < -most {
            self.clock_was_set_back();
        }
        if error <= most {
            return None;
        }
        self.forget();
        Some(error)
    }

    /// Arrivals are early, and that is not how late they usually are.
    fn clock_was_set_back(&mut self) {
        self.latency = Latency::Settled(self.latency.value());
    }

    /// A small step towards the clock, backwards by less than `shortest`, so that dates go on.
    fn step(&mut self, shortest: Duration) -> Nanos {
        let is_complete = self.noted.len() >= FEWEST && self.media >= MEDIAN_OVER;
        let Some(error) = self.error(is_complete) else {
            return 0;
        };
        let tolerance = nanos(self.policy.tolerance);
        if error.abs() > tolerance {
            self.is_correcting = true;
        } else if error.abs() <= tolerance / 4 {
            self.is_correcting = false;
        }
        if !self.is_correcting {
            return 0;
        }
        let step = nanos(self.policy.step);
        let back = step.min(nanos(shortest) - PRECISION).max(0);
        let by = error.clamp(-back, step);
        // They were compared with dates before the correction.
        self.noted.iter_mut().for_each(|noted| noted.late -= by);
        by
    }

    /// By how much the median of the arrivals differs from their usual latency.
    fn error(&mut self, is_complete: bool) -> Option<Nanos> {
        let Latency::Settled(latency) = self.latency else {
            let learnt = median(self.noted.iter().map(|it| it.late))?;
            self.latency = if is_complete {
                Latency::Settled(learnt)
            } else {
                Latency::Learning(learnt)
            };
            return None;
        };
        // Segments that were held up say nothing. None is early without a reason.
        let most = self.most_without_a_jump();
        let errors = self.noted.iter().map(|it| it.late - latency);
        let errors = errors.filter(|error| *error <= most);
        let enough = is_complete && errors.clone().count() >= FEWEST;
        let threshold = nanos(self.policy.tolerance);
        let is_quiet = !self.is_correcting && errors.clone().all(|it| it.abs() <= threshold);
        if !enough || is_quiet {
            return None;
        }
        median(errors)
    }

    fn most_without_a_jump(&self) -> Nanos {
        nanos(self.policy.jump.max(self.policy.tolerance))
    }

    fn note(&mut self, late: Nanos, duration: Duration) {
        let since = self.since_noted.map(|it| it.saturating_add(duration));
        if since.is_some_and(|since| since < NOTED_EVERY) {
            self.since_noted = since;
            return;
        }
        self.since_noted = Some(Duration::ZERO);
        let media = since.unwrap_or(duration);
        self.noted.push_back(Noted { late, media });
        self.media = self.media.saturating_add(media);
        while self.noted.len() > FEWEST
            && let Some(oldest) = self.noted.front()
            && let rest = self.media.saturating_sub(oldest.media)
            && rest >= MEDIAN_OVER
        {
            self.media = rest;
            self.noted.pop_front();
        }
    }

    /// The arrivals so far say nothing about dates behind a jump.
    fn forget(&mut self) {
        self.noted.clear();
        self.media = Duration::ZERO;
        self.since_noted = None;
        self.is_correcting = false;
    }
}

fn median(late: impl Iterator<Item = Nanos>) -> Option<Nanos> {
    let mut late: Vec<_> = late.collect();
    let middle = late.len() / 2;
    (!late.is_empty()).then(|| *late.select_nth_unstable(middle).1)
}

impl Latency {
    fn value(self) -> Nanos {
        match self {
            Self::Unknown => 0,
            Self::Learning(latency) | Self::Settled(latency) => latency,
        }
    }
}

fn nanos(duration: Duration) -> Nanos {
    // At most 2^94.
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

fn difference(time: SystemTime, earlier: SystemTime) -> Nanos {
    match time.duration_since(earlier) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    }
}

fn moved(time: SystemTime, by: Nanos) -> Option<SystemTime> {
    let amount = by.unsigned_abs();
    let secs = u64::try_from(amount / 1_000_000_000).ok()?;
    let amount = Duration::from_secs(secs).checked_add(Duration::from_nanos(
        u64::try_from(amount % 1_000_000_000).ok()?,
    ))?;
    if by < 0 {
        time.checked_sub(amount)
    } else {
        time.checked_add(amount)
    }
}

#[cfg(test)]
mod tests;
