//! How long a segment is retried, and the pauses between attempts.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::segment::ProducedSegment;

/// How long, and at which intervals, a write is retried after a
/// [transient](crate::SinkError::is_transient) error.
///
/// **The deadline** of a segment is its own [`duration_secs`](ProducedSegment::duration_secs),
/// counted from the first attempt, but at least [`least`](RetryPolicy::least) and at most
/// [`most`](RetryPolicy::most): in a live stream the next segment is there by then. (DASH-IF Live
/// Media Ingest 1.2 asks the same of an upload.) An initialisation segment, and a duration that is
/// zero, negative, infinite or NaN, get [`fallback`](RetryPolicy::fallback).
///
/// **The pause** between two attempts doubles from [`first_pause`](RetryPolicy::first_pause) to
/// [`longest_pause`](RetryPolicy::longest_pause). Each is shortened at random by up to a half, so
/// that many writers do not retry at the same moment. A sink may ask for a longer one
/// ([`SinkError::with_retry_after`](crate::SinkError::with_retry_after)). If a pause would not end
/// before the deadline, the last error is final. A shutdown (`close`, `finish`, `drain`, the drop)
/// cuts the pause short: one attempt follows at once, and it is the last.
///
/// The deadline does not stop an attempt that is under way. A sink that waits for a peer should
/// respect [`WriteContext::deadline`](crate::WriteContext::deadline).
///
/// ```
/// use segment_stream::{RetryPolicy, SegmentStreamConfig};
/// use std::time::Duration;
///
/// let patient = RetryPolicy { most: Duration::from_secs(60), ..RetryPolicy::default() };
/// let config = SegmentStreamConfig { retry: patient, ..Default::default() };
/// let once = SegmentStreamConfig { retry: RetryPolicy::never(), ..Default::default() };
/// assert_ne!(config, once);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The shortest deadline; 500 ms by default. More than `most` counts as `most`.
    pub least: Duration,
    /// The longest deadline; 10 s by default. Zero means a single attempt for each segment.
    pub most: Duration,
    /// The deadline of an initialisation segment, and of a segment whose duration cannot be one; 4
    /// s by default. More than `most` counts as `most`.
    pub fallback: Duration,
    /// The pause after the first attempt; 50 ms by default. With zero the sink is called as fast as
    /// it fails.
    pub first_pause: Duration,
    /// The longest pause; 1 s by default.
    pub longest_pause: Duration,
    /// What happens at the deadline; [`AtDeadline::GiveUp`] by default.
    pub at_deadline: AtDeadline,
    #[doc(hidden)]
    pub _more: (),
}

/// What happens when a segment's deadline has come and its write has still failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AtDeadline {
    /// The last error is final.
    #[default]
    GiveUp,
    /// The deadline moves on by the first budget, as often as the stream has a free slot and free
    /// bytes then and no sender waits. If the pause is longer than the budget, it moves on by several
    /// at once. A deadline that has passed moves on from now. In a stream
    /// that is closed, or whose last sender is gone, no deadline moves on.
    MoveOnWhileThereIsRoom,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            least: Duration::from_millis(500),
            most: Duration::from_secs(10),
            fallback: Duration::from_secs(4),
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(1),
            at_deadline: AtDeadline::GiveUp,
            _more: (),
        }
    }
}

impl RetryPolicy {
    /// A single attempt for each segment.
    #[must_use]
    pub const fn never() -> Self {
        Self {
            least: Duration::ZERO,
            most: Duration::ZERO,
            fallback: Duration::ZERO,
            first_pause: Duration::ZERO,
            longest_pause: Duration::ZERO,
            at_deadline: AtDeadline::GiveUp,
            _more: (),
        }
    }

    /// Moves the deadline on for as long as the stream has room
    /// ([`AtDeadline::MoveOnWhileThereIsRoom`]): a short trouble then costs no segment that a free
    /// slot could have kept.
    ///
    /// A sender that begins to wait, or a segment that is dropped to make room, ends that at once:
    /// the pause is cut short, and the next attempt is the last. The segment itself takes a slot
    /// and its bytes, so there is never room in a stream with a depth of 1.
    ///
    /// ```
    /// use segment_stream::RetryPolicy;
    ///
    /// let policy = RetryPolicy::default().while_there_is_room();
    /// # assert_ne!(policy, RetryPolicy::default());
    /// ```
    #[must_use]
    pub const fn while_there_is_room(mut self) -> Self {
        self.at_deadline = AtDeadline::MoveOnWhileThereIsRoom;
        self
    }

    /// The time from the first attempt to the deadline; `None` for a single attempt.
    pub(crate) fn budget(&self, segment: &ProducedSegment) -> Option<Duration> {
        if self.most.is_zero() {
            return None;
        }
        let own = Some(segment.duration_secs)
            .filter(|secs| !segment.is_init && *secs > 0.0)
            .and_then(|secs| Duration::try_from_secs_f64(secs).ok());
        let wished = own.map_or(self.fallback, |own| own.max(self.least));
        Some(wished.min(self.most))
    }

    /// The pause after this many attempts, shortened by up to a half as `random` says.
    pub(crate) fn pause_after(&self, attempts: u32, random: u64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        let full = self
            .first_pause
            .saturating_mul(1 << doublings)
            .min(self.longest_pause);
        // In 256 steps: enough to separate two writers that started together.
        let share = u32::from(random.to_le_bytes()[0]);
        full.saturating_sub((full / 512).saturating_mul(share))
    }
}

/// An unpredictable number, different with each call and in each process.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasting(secs: f64) -> ProducedSegment {
        ProducedSegment::media(0, Vec::new(), secs)
    }

    #[test]
    fn the_deadline_is_the_segments_own_duration_within_the_limits() {
        let policy = RetryPolicy::default();
        let budget = |secs| policy.budget(&lasting(secs)).unwrap();
        assert_eq!(budget(2.0), Duration::from_secs(2));
        assert_eq!(budget(0.04), policy.least);
        assert_eq!(budget(1e-300), policy.least);
        assert_eq!(budget(60.0), policy.most);
        for unusable in [0.0, -0.0, -2.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(budget(unusable), policy.fallback, "{unusable}");
        }
        let init = ProducedSegment {
            duration_secs: 2.0,
            ..ProducedSegment::init(Vec::new())
        };
        assert_eq!(policy.budget(&init), Some(policy.fallback));
    }

    #[test]
    fn the_most_wins_and_zero_means_a_single_attempt() {
        let policy = RetryPolicy {
            most: Duration::from_millis(100),
            ..RetryPolicy::default()
        };
        for secs in [0.01, 2.0, f64::NAN] {
            assert_eq!(policy.budget(&lasting(secs)), Some(policy.most));
        }
        assert_eq!(RetryPolicy::never().budget(&lasting(2.0)), None);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_lose_up_to_a_half() {
        let policy = RetryPolicy::default();
        let full: Vec<_> = (1..8)
            .map(|it| policy.pause_after(it, 0).as_millis())
            .collect();
        assert_eq!(full, [50, 100, 200, 400, 800, 1000, 1000]);
        for attempts in [1, 5, 40, u32::MAX] {
            let full = policy.pause_after(attempts, 0);
            let shortest = policy.pause_after(attempts, u64::MAX);
            assert!(shortest >= full / 2 && shortest < full / 2 + full / 200);
        }
        let endless = RetryPolicy {
            first_pause: Duration::MAX,
            longest_pause: Duration::MAX,
            ..policy
        };
        assert!(endless.pause_after(u32::MAX, u64::MAX) >= Duration::MAX / 3);
    }

    #[test]
    fn random_numbers_differ() {
        let drawn: std::collections::HashSet<_> = (0..100).map(|_| random()).collect();
        assert_eq!(drawn.len(), 100);
    }
}
