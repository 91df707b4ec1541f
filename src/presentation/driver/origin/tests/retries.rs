//! Retries within the time of a version, and the alarm.

use super::world::{TARGET, World, manifest, refused, secs, stored};
use crate::error::SinkError;
use crate::presentation::driver::origin::options::OriginOptions;
use crate::presentation::driver::origin::report::{Fate, Report};
use crate::presentation::driver::origin::step::Note;
use crate::stream::RetryPolicy;

#[test]
fn a_version_is_retried_for_two_target_durations() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, manifest(0));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|_| refused(secs(0.1), SinkError::transient("503")));
    world.run(secs(60.0), &mut sink);
    assert_eq!(world.fates("live"), "0F");
    let calls = origin.calls();
    assert!((6..30).contains(&calls.len()), "{calls:?}");
    for (attempt, call) in (1..).zip(&calls) {
        assert_eq!(call.attempt, attempt);
        // Of the version, or of one call: one target duration.
        assert_eq!(call.deadline, Some((call.at + TARGET).min(2 * TARGET)));
        assert!(call.at < 2 * TARGET);
    }
    let [first, second, .., before, last] = &calls[..] else {
        panic!("there are enough: {calls:?}");
    };
    assert!(second.at <= first.at + secs(0.151));
    assert!(last.at >= before.at + secs(0.6));
    let [
        Report::Document {
            fate: Fate::Failed(error),
            ..
        },
    ] = &world.reports[..]
    else {
        panic!("one failed: {:?}", world.reports);
    };
    assert_eq!(error.to_string(), "cannot write \"live\": 503");
    let retried = world.notes.iter();
    let retried = retried.filter(|it| matches!(it, Note::Retrying { .. }));
    assert_eq!(retried.count(), calls.len() - 1);
}

#[test]
fn what_is_permanent_is_tried_once() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, manifest(0));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|_| refused(secs(0.1), SinkError::permanent("403")));
    world.run(secs(60.0), &mut sink);
    assert_eq!(origin.texts("live"), [0]);
    assert_eq!(world.fates("live"), "0F");
}

#[test]
fn the_time_that_an_origin_asks_for_holds_for_newer_versions_too() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, manifest(0));
    world.submit(secs(0.5), 1, manifest(1));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|call| match call.text {
        0 => {
            let busy = SinkError::transient("503").with_retry_after(secs(3.0));
            refused(secs(0.1), busy)
        }
        _ => stored(secs(0.1)),
    });
    world.run(secs(60.0), &mut sink);
    assert_eq!(origin.texts("live"), [0, 1]);
    assert_eq!(origin.calls()[1].at, secs(3.1));
}

#[test]
fn a_policy_decides_for_how_long_and_never_means_once() {
    let mut world = World::new(OriginOptions::new(TARGET).retry(RetryPolicy::never()));
    world.submit(secs(0.0), 0, manifest(0));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|_| refused(secs(0.1), SinkError::transient("503")));
    world.run(secs(60.0), &mut sink);
    assert_eq!(origin.texts("live"), [0]);

    let patient = RetryPolicy::default().while_there_is_room();
    let mut world = World::new(OriginOptions::new(TARGET).retry(patient));
    world.submit(secs(0.0), 0, manifest(0));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|call| {
        if call.at < secs(1000.0) {
            refused(secs(0.1), SinkError::transient("503"))
        } else {
            stored(secs(0.1))
        }
    });
    world.run(secs(2000.0), &mut sink);
    assert_eq!(world.fates("live"), "0L", "until it lands");
}

#[test]
fn the_alarm_rings_after_one_and_a_half_target_durations_without_a_publication() {
    let mut world = World::live();
    world.submit(secs(1.0), 0, manifest(0));
    world.submit(secs(3.0), 1, manifest(1));
    world.submit(secs(20.0), 2, manifest(2));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|call| {
        if call.at < secs(5.0) {
            refused(secs(0.0), SinkError::transient("503"))
        } else {
            stored(secs(0.1))
        }
    });
    world.run(secs(0.9), &mut sink);
    let start = std::time::Instant::now();
    let idle = world.schedule.health(start);
    assert!(idle.is_running && !idle.is_overdue && idle.unpublished_for.is_none());
    world.run(secs(4.5), &mut sink);
    assert_eq!(world.alarms, [secs(4.0)], "from the first version on");
    let now = start + secs(4.5);
    let health = world.schedule.health(now);
    assert!(health.is_overdue && health.waiting == 1);
    assert_eq!(health.last_error.unwrap(), "cannot write \"live\": 503");
    world.run(secs(6.5), &mut sink);
    let health = world.schedule.health(start + secs(6.5));
    assert!(!health.is_overdue && health.last_error.is_none() && health.waiting == 0);
    let recovered = world.notes.iter();
    let recovered: Vec<_> = recovered
        .filter_map(|it| match it {
            Note::Recovered { after, .. } => Some(*after),
            _ => None,
        })
        .collect();
    assert_eq!(recovered.len(), 1);
    assert!(recovered[0] >= secs(4.0) && recovered[0] < secs(6.0));
    // A producer that says nothing rings it as well.
    world.run(secs(60.0), &mut sink);
    assert_eq!(world.alarms.len(), 3);
    assert!(world.alarms[1] > secs(8.0) && world.alarms[1] < secs(10.0));
    assert_eq!(world.alarms[2], secs(20.1) + TARGET * 3 / 2);
}

/// A state is of no use to a client.
#[test]
fn a_state_is_no_publication() {
    use super::world::document;
    use crate::presentation::driver::document::Role;
    let mut world = World::live();
    for version in 0..5 {
        let state = vec![document("state", version, Role::State)];
        world.submit(secs(1.0) * u32::try_from(version).unwrap(), version, state);
    }
    let origin = world.origin.clone();
    world.run(secs(10.0), &mut origin.sink(|_| stored(secs(0.1))));
    assert_eq!(world.alarms, [secs(3.0)]);
}
