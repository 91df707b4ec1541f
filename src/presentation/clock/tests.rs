//! Weeks of a recorder, without waiting for them.

use super::*;
use proptest::prelude::*;

const MILLI: Nanos = 1_000_000;
const SECOND: Nanos = 1_000 * MILLI;

/// A cheap source of jitter, so that weeks take milliseconds.
struct Random(u64);

impl Random {
    fn within(&mut self, limit: Nanos) -> Nanos {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let span = u64::try_from(2 * limit + 1).unwrap();
        Nanos::from(self.0 % span) - limit
    }
}

/// A recording: the encoder's durations, the wall clock, and the dates that the follower lists.
struct Recording {
    follower: ClockFollower,
    duration: Duration,
    /// What the wall clock advances while a segment of `duration` is recorded.
    on_the_clock: Nanos,
    latency: Nanos,
    jitter: Nanos,
    random: Random,
    /// The true date of the end of the last segment.
    truth: SystemTime,
    said: SystemTime,
    corrections: Vec<Nanos>,
    discontinuities: usize,
}

/// A date that was listed, and by how much it is off.
struct Listed {
    error: Nanos,
    by: Nanos,
    needs_discontinuity: bool,
}

impl Recording {
    fn new(duration: Duration, parts_per_million: i32, jitter: Nanos) -> Self {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let of_duration = nanos(duration);
        Self {
            follower: ClockFollower::new(ClockPolicy::default()),
            duration,
            on_the_clock: of_duration + of_duration * Nanos::from(parts_per_million) / 1_000_000,
            latency: 700 * MILLI,
            jitter,
            random: Random(0x9E37_79B9_7F4A_7C15),
            truth: start,
            said: start,
            corrections: Vec::new(),
            discontinuities: 0,
        }
    }

    fn next(&mut self) -> Listed {
        self.next_after(0, false)
    }

    /// The next segment, which arrives later than usual by `held_up`.
    fn next_after(&mut self, held_up: Nanos, is_discontinuity: bool) -> Listed {
        let began = self.truth;
        self.truth = moved(began, self.on_the_clock).unwrap();
        let lateness = self.latency + self.random.within(self.jitter) + held_up;
        let dating = self.follower.date(&Arrival {
            said: Some(self.said),
            ended: moved(self.truth, lateness).unwrap(),
            duration: self.duration,
            previous_duration: self.duration,
            is_discontinuity,
        });
        let by = difference(dating.date, self.said);
        if by != 0 {
            self.corrections.push(by);
        }
        self.discontinuities += usize::from(dating.needs_discontinuity);
        self.said = dating.date + self.duration;
        Listed {
            error: difference(dating.date, began),
            by,
            needs_discontinuity: dating.needs_discontinuity,
        }
    }

    fn run(&mut self, time: Duration) {
        for _ in 0..time.as_secs() / self.duration.as_secs() {
            let _ = self.next();
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// The first dates are the application's; how late arrivals usually are is no error.
#[test]
fn neither_latency_nor_jitter_moves_a_date() {
    for secs in [2, 10] {
        let mut recording = Recording::new(Duration::from_secs(secs), 0, 300 * MILLI);
        recording.run(7 * DAY);
        assert_eq!(recording.corrections, [], "segments of {secs} s");
        assert_eq!(recording.next().error, 0);
    }
}

#[test]
fn a_segment_without_a_date_gets_that_of_the_clock() {
    let mut follower = ClockFollower::new(ClockPolicy::default());
    let ended = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let duration = Duration::from_secs(4);
    let mut arrival = Arrival {
        said: None,
        ended,
        duration,
        previous_duration: Duration::ZERO,
        is_discontinuity: false,
    };
    assert_eq!(follower.date(&arrival).date, ended - duration);
    // A resumed recording: the seam is a discontinuity, and an outage lies before it.
    let mut follower = ClockFollower::new(ClockPolicy::default());
    arrival.said = Some(ended - Duration::from_secs(600));
    arrival.is_discontinuity = true;
    let dating = follower.date(&arrival);
    assert_eq!(dating.date, ended - duration);
    assert!(!dating.needs_discontinuity);
}

#[test]
fn an_outage_is_caught_up_at_its_discontinuity() {
    let mut recording = Recording::new(Duration::from_secs(2), 0, 0);
    recording.run(Duration::from_secs(600));
    recording.truth += Duration::from_secs(90);
    let listed = recording.next_after(0, true);
    assert_eq!((listed.error, listed.by), (0, 90 * SECOND));
    assert!(!listed.needs_discontinuity);
    // One that comes without an outage moves nothing, whatever the jitter.
    let listed = recording.next_after(400 * MILLI, true);
    assert_eq!((listed.error, listed.by), (0, 0));
    recording.run(Duration::from_secs(600));
    assert_eq!(recording.corrections.len(), 1);
}

/// The encoder stood still and did not say so.
#[test]
fn an_outage_without_a_discontinuity_gets_one_after_ten_seconds() {
    for secs in [2, 4] {
        let mut recording = Recording::new(Duration::from_secs(secs), 0, 100 * MILLI);
        recording.run(Duration::from_secs(600));
        recording.truth += Duration::from_secs(90);
        let mut segments = 0;
        let listed = loop {
            segments += 1;
            let listed = recording.next();
            if listed.by != 0 {
                break listed;
            }
        };
        assert_eq!(segments, 5, "segments of {secs} s");
        assert!(listed.needs_discontinuity);
        assert!(listed.error.abs() <= 400 * MILLI, "{}", listed.error);
        recording.run(Duration::from_secs(3_600));
        assert_eq!(
            (recording.corrections.len(), recording.discontinuities),
            (1, 1)
        );
    }
}

/// So does an outage in the first minute, before the usual latency is known.
#[test]
fn an_early_outage_is_no_latency() {
    let mut recording = Recording::new(Duration::from_secs(2), 0, 100 * MILLI);
    recording.run(Duration::from_secs(30));
    recording.truth += Duration::from_secs(60);
    recording.run(Duration::from_secs(600));
    assert_eq!(recording.discontinuities, 1);
    assert!(recording.next().error.abs() <= 400 * MILLI);
}

/// A disk that hangs for a minute delays arrivals, not the media.
#[test]
fn segments_that_were_held_up_move_no_date() {
    for secs in [1, 2, 6, 10] {
        let duration = Duration::from_secs(secs);
        let mut recording = Recording::new(duration, 0, 300 * MILLI);
        recording.run(Duration::from_secs(3_600));
        let mut held_up = 60 * SECOND;
        while held_up > 0 {
            let listed = recording.next_after(held_up, false);
            assert_eq!(listed.by, 0, "segments of {secs} s");
            held_up -= nanos(duration);
        }
        recording.run(Duration::from_secs(3_600));
        assert_eq!(recording.corrections, [], "segments of {secs} s");
    }
}

#[test]
fn a_step_of_the_clock_is_followed_slowly_if_small_and_at_once_if_large() {
    for step in [-800, 800] {
        let mut recording = Recording::new(Duration::from_secs(2), 0, 50 * MILLI);
        recording.run(Duration::from_secs(600));
        recording.truth = moved(recording.truth, step * MILLI).unwrap();
        recording.run(Duration::from_secs(600));
        assert!(
            recording
                .corrections
                .iter()
                .all(|by| by.abs() <= 20 * MILLI)
        );
        assert!(
            recording
                .corrections
                .iter()
                .all(|by| by.signum() == step.signum())
        );
        assert_eq!(recording.discontinuities, 0);
        // They come near the clock and do not go past it.
        let ahead = recording.next().error * Nanos::from(step.signum());
        assert!(
            (-200 * MILLI..50 * MILLI).contains(&ahead),
            "{step}: {ahead}"
        );
    }
    for step in [2_000, 3_600_000] {
        let mut recording = Recording::new(Duration::from_secs(2), 0, 50 * MILLI);
        recording.run(Duration::from_secs(600));
        recording.truth = moved(recording.truth, step * MILLI).unwrap();
        recording.run(Duration::from_secs(600));
        assert_eq!(recording.discontinuities, 1);
        assert_eq!(recording.corrections.len(), 1);
        let error = recording.next().error;
        assert!(error.abs() <= 200 * MILLI, "{step}: {error}");
    }
}

/// No date may be that of two segments (bis §6.2.1).
#[test]
fn a_clock_that_was_set_back_is_caught_up_in_small_steps() {
    for (step, run_before) in [(-2_000, 600), (-3_600_000, 600), (-3_600_000, 30)] {
        for is_told in [false, true] {
            let mut recording = Recording::new(Duration::from_secs(2), 0, 50 * MILLI);
            recording.run(Duration::from_secs(run_before));
            recording.truth = moved(recording.truth, step * MILLI).unwrap();
            let _ = recording.next_after(0, is_told);
            recording.run(Duration::from_secs(600));
            assert_eq!(recording.discontinuities, 0);
            let are_small = recording
                .corrections
                .iter()
                .all(|by| (-20 * MILLI..0).contains(by));
            assert!(are_small, "{:?}", recording.corrections);
            let error = recording.next().error;
            let caught_up = -step * MILLI - error;
            assert!(caught_up >= 1_500 * MILLI, "{step}: {error}");
            assert!(step < -2_000 || error.abs() <= 200 * MILLI, "{error}");
        }
    }
}

#[test]
fn an_overlap_is_shorter_than_a_second_and_than_either_segment() {
    let policy = ClockPolicy::new()
        .step(Duration::from_secs(9))
        .tolerance(Duration::from_millis(100))
        .jump(Duration::from_secs(100));
    for (secs, previous, most) in [
        (2.0, 2.0, 999 * MILLI),
        (0.5, 2.0, 499 * MILLI),
        (2.0, 0.5, 499 * MILLI),
        (2.0, 0.0, 0),
    ] {
        let mut follower = ClockFollower::new(policy);
        let (duration, previous_duration) = (
            Duration::from_secs_f64(secs),
            Duration::from_secs_f64(previous),
        );
        let said = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let mut largest = 0;
        for number in 0..1_000 {
            let late = if number < 500 { 0 } else { -50 * SECOND };
            let dating = follower.date(&Arrival {
                said: Some(said),
                ended: moved(said + duration, late).unwrap(),
                duration,
                previous_duration,
                is_discontinuity: false,
            });
            assert!(!dating.needs_discontinuity);
            largest = largest.max(difference(said, dating.date));
        }
        // Dates of Windows are multiples of 100 ns.
        let expected = most - 99..=most;
        assert!(
            expected.contains(&largest),
            "{largest} ns: {secs} s after {previous} s"
        );
    }
}

#[test]
fn dates_that_no_clock_has_do_no_harm() {
    let mut follower = ClockFollower::new(ClockPolicy::default());
    let far = (0..=60)
        .rev()
        .find_map(|bits| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << bits)))
        .unwrap();
    for (said, ended, duration) in [
        (None, SystemTime::UNIX_EPOCH, Duration::MAX),
        (Some(far), SystemTime::UNIX_EPOCH, Duration::from_secs(2)),
        (Some(SystemTime::UNIX_EPOCH), far, Duration::from_secs(2)),
        (Some(far), far, Duration::MAX),
        (Some(far), far, Duration::ZERO),
    ] {
        for is_discontinuity in [false, true] {
            let _ = follower.date(&Arrival {
                said,
                ended,
                duration,
                previous_duration: duration,
                is_discontinuity,
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Two weeks with drift, jitter and steps of the clock, by at most 5 s a day. Dates stay within
    /// a second of the clock, but for the ten seconds and the slow steps after the clock was set.
    #[test]
    fn dates_stay_near_the_clock_for_weeks(
        secs in 4..=10_u64,
        parts_per_million in -100..=100_i32,
        jitter in 0..=300_i32,
        steps in prop::collection::btree_map(1..14_u64, -5_000..5_000_i32, 0..3),
        seed in 1..u64::MAX,
    ) {
        let duration = Duration::from_secs(secs);
        let mut recording = Recording::new(duration, parts_per_million, Nanos::from(jitter) * MILLI);
        recording.random = Random(seed);
        let numbers = 14 * 86_400 / secs;
        let mut set_at = None;
        for number in 0..numbers {
            for (day, step) in &steps {
                if number == day * 86_400 / secs {
                    recording.truth = moved(recording.truth, Nanos::from(*step) * MILLI).unwrap();
                    set_at = Some(number);
                }
            }
            let listed = recording.next();
            // A second is made up for in 50 steps, behind a median that takes 15 arrivals. A clock
            // that was set back is caught up by steps alone.
            let was_just_set = set_at.is_some_and(|at| number - at < 300);
            if !was_just_set {
                prop_assert!(listed.error.abs() < SECOND, "{}: {}", number, listed.error);
                prop_assert!(!listed.needs_discontinuity);
            }
            prop_assert!(listed.needs_discontinuity || listed.by.abs() <= 20 * MILLI);
        }
        prop_assert!(recording.discontinuities <= steps.len());
        // Hysteresis: the steps follow the drift, and do not go back and forth.
        if steps.is_empty() {
            let drift = Nanos::from(parts_per_million.abs()) * 14 * 86_400 * SECOND / 1_000_000;
            let moved: Nanos = recording.corrections.iter().map(|by| by.abs()).sum();
            prop_assert!(moved <= drift + SECOND, "moved {moved}, drifted {drift}");
        }
    }
}
