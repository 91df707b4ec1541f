//! Puts of unknown outcome, at an origin that carries them out later.

use std::time::Duration;

use super::world::{TARGET, World, document, late, manifest, refused, secs, stored};
use crate::error::SinkError;
use crate::presentation::driver::document::Role;
use crate::presentation::driver::origin::step::Note;

/// One attempt is aborted and lands later by `delay`. From two target durations after a version was
/// submitted, no older one is shown.
fn aborted(attempt: usize, delay: Duration, versions: u64) {
    let mut world = World::live();
    let times: Vec<_> = (0..versions)
        .map(|version| TARGET * u32::try_from(version).unwrap())
        .collect();
    for (version, at) in (0..).zip(&times) {
        world.submit(*at, version, manifest(version));
    }
    let origin = world.origin.clone();
    let mut calls = 0;
    let mut sink = origin.sink(|_| {
        calls += 1;
        if calls == attempt + 1 {
            late(TARGET / 2, delay)
        } else {
            stored(secs(0.1))
        }
    });
    world.run(secs(60.0), &mut sink);
    for step in 0..600 {
        let now = secs(0.1) * step;
        let expected = times.iter().rposition(|at| *at + 2 * TARGET <= now);
        let expected = expected.map(|version| version as u64);
        let shown = origin.shown("live", now);
        assert!(
            shown >= expected,
            "attempt {attempt}, delay {delay:?}: {shown:?} and not {expected:?} is shown after {now:?}"
        );
    }
    assert_eq!(origin.shown("live", secs(60.0)), Some(versions - 1));
    assert_eq!(world.schedule.unsettled().len(), 0);
}

#[test]
fn the_newest_text_is_the_last_one_within_two_target_durations() {
    for attempt in 0..8 {
        for delay in [0, 1, 5, 10, 15, 19, 20] {
            for versions in [1, 2, 6] {
                if attempt <= usize::try_from(versions).unwrap() {
                    aborted(attempt, secs(0.1) * delay, versions);
                }
            }
        }
    }
}

/// At first the older text arrives late, and then the repetition itself does.
#[test]
fn a_repetition_of_unknown_outcome_is_repeated() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, manifest(0));
    world.submit(secs(0.5), 1, manifest(1));
    let origin = world.origin.clone();
    let mut calls = 0;
    let mut sink = origin.sink(|_| {
        calls += 1;
        match calls {
            1 | 3 => late(secs(1.0), secs(1.9)),
            _ => stored(secs(0.1)),
        }
    });
    world.run(secs(60.0), &mut sink);
    // Aborted at 1 s, put again as text 1, repeated at 3 s, aborted, repeated as a retry, and at 6 s.
    assert_eq!(origin.texts("live"), [0, 1, 1, 1, 1]);
    assert_eq!(world.fates("live"), "0S 1L");
    let starts: Vec<_> = origin.calls().iter().map(|it| it.at).collect();
    assert_eq!(starts[2], secs(3.0));
    assert!(starts[3] > secs(4.0) && starts[3] <= secs(4.1));
    assert_eq!(starts[4], secs(6.0));
}

#[test]
fn after_a_known_outcome_nothing_is_put_again() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, manifest(0));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|call| match call.attempt {
        1 => refused(secs(1.0), SinkError::transient("503")),
        _ => stored(secs(0.1)),
    });
    world.run(secs(60.0), &mut sink);
    assert_eq!(origin.texts("live"), [0, 0]);
}

/// A newer text that was begun late enough settles it, and nothing is put twice.
#[test]
fn a_newer_text_is_as_good_as_a_repetition() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, manifest(0));
    world.submit(secs(3.0), 1, manifest(1));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|call| match (call.text, call.attempt) {
        (0, 1) => late(secs(1.0), secs(1.9)),
        _ => stored(secs(0.1)),
    });
    world.run(secs(60.0), &mut sink);
    assert_eq!(origin.texts("live"), [0, 0, 1]);
}

/// It has its report, and may be there all the same; the repetition makes it sure.
#[test]
fn a_version_that_failed_in_doubt_lands_with_its_repetition() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, manifest(0));
    let origin = world.origin.clone();
    let mut calls = 0;
    let mut sink = origin.sink(|_| {
        calls += 1;
        match calls {
            // Longer than its time.
            1 => late(secs(5.0), secs(1.9)),
            _ => stored(secs(0.1)),
        }
    });
    world.run(secs(60.0), &mut sink);
    assert_eq!(world.fates("live"), "0F 0L");
    assert_eq!(origin.calls()[1].at, secs(7.0));
    assert_eq!(origin.texts("live"), [0, 0]);
}

/// The newer text is refused, and the older one must not vanish behind a late one.
#[test]
fn the_last_text_that_landed_is_put_again_if_the_newer_one_is_refused() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, manifest(0));
    world.submit(secs(0.5), 1, manifest(1));
    world.submit(secs(1.5), 2, manifest(2));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|call| match call.text {
        0 => late(secs(1.0), secs(1.9)),
        2 => refused(secs(0.1), SinkError::permanent("413")),
        _ => stored(secs(0.1)),
    });
    world.run(secs(60.0), &mut sink);
    assert_eq!(world.fates("live"), "0S 1L 2F");
    assert_eq!(origin.texts("live"), [0, 1, 2, 1]);
    assert_eq!(origin.shown("live", secs(60.0)), Some(1));
}

#[test]
fn a_repetition_that_is_refused_is_given_up_and_logged() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, manifest(0));
    let origin = world.origin.clone();
    let mut calls = 0;
    let mut sink = origin.sink(|_| {
        calls += 1;
        match calls {
            1 => late(secs(1.0), secs(0.0)),
            2 => stored(secs(0.1)),
            _ => refused(secs(0.1), SinkError::permanent("403")),
        }
    });
    world.run(secs(60.0), &mut sink);
    assert_eq!(calls, 3);
    assert!(matches!(
        world.notes[..],
        [Note::Retrying { .. }, Note::NotRepeated { .. }]
    ));
    assert_eq!(world.schedule.unsettled().len(), 0);
}

/// A late text would take the end of the manifest back for good.
#[test]
fn the_end_waits_until_the_last_text_is_settled() {
    for (deadline, settled) in [(secs(20.0), true), (secs(2.0), false)] {
        let mut world = World::live();
        world.submit(secs(0.0), 0, manifest(0));
        world.submit(secs(0.5), 1, vec![document("live", 1, Role::Rendition)]);
        world.close(secs(0.5), Some(deadline));
        let origin = world.origin.clone();
        let mut sink = origin.sink(|call| match call.text {
            0 => late(secs(1.0), secs(1.9)),
            _ => stored(secs(0.1)),
        });
        world.run(secs(60.0), &mut sink);
        assert!(world.has_ended);
        assert_eq!(world.schedule.unsettled().is_empty(), settled);
        let shown = origin.shown("live", secs(60.0));
        assert_eq!(shown, Some(u64::from(settled)), "it may be told, at least");
        assert_eq!(world.fates("live"), "0S 1L");
    }
}

/// A side file that is not needed any more is removed after its repetition, and not before it.
#[test]
fn what_is_put_again_is_removed_afterwards() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, vec![document("state", 0, Role::State)]);
    world.remove(secs(1.0), "other");
    world.remove(secs(1.0), "state");
    let origin = world.origin.clone();
    let mut calls = 0;
    let mut sink = origin.sink(|_| {
        calls += 1;
        match calls {
            1 => late(secs(0.5), secs(1.0)),
            _ => stored(secs(0.1)),
        }
    });
    world.run(secs(60.0), &mut sink);
    let last = origin.texts("state").pop();
    assert_eq!(last, Some(u64::MAX), "{:?}", origin.calls());
    // What is not in doubt does not wait for it.
    let calls = origin.calls();
    let other = calls.iter().find(|call| call.path.ends_with("other"));
    assert!(other.unwrap().at < TARGET / 2 + secs(0.5));
    assert_eq!(world.schedule.unsettled().len(), 0);
}
