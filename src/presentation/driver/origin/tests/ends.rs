//! The end of the schedule.

use super::world::{World, document, manifest, refused, secs, stored};
use crate::error::SinkError;
use crate::presentation::driver::document::Role;
use crate::presentation::driver::origin::options::OriginOptions;
use crate::presentation::driver::origin::report::Refused;

#[test]
fn the_last_version_is_put_and_then_it_ends() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, manifest(0));
    world.submit(secs(1.0), 1, manifest(1));
    world.submit(secs(1.5), 2, manifest(2));
    world.remove(secs(1.5), "old");
    world.close(secs(1.5), Some(secs(60.0)));
    let origin = world.origin.clone();
    world.run(secs(99.0), &mut origin.sink(|_| stored(secs(5.0))));
    assert!(world.has_ended);
    assert_eq!(world.fates("live"), "0L 1S 2L");
    assert_eq!(origin.calls().len(), 3, "the removal, too");
    assert!(world.alarms.is_empty() || world.alarms == [secs(5.0)]);
    let refused = world
        .schedule
        .submit(3, manifest(3), std::time::Instant::now());
    assert_eq!(refused.unwrap_err(), Refused::Ended);
}

/// It is retried for longer than its own time, as nothing newer follows.
#[test]
fn the_last_version_is_retried_until_the_deadline() {
    for heals_at in [8.0, 30.0] {
        let mut world = World::live();
        world.submit(secs(0.0), 0, manifest(0));
        world.close(secs(0.0), Some(secs(20.0)));
        let origin = world.origin.clone();
        let mut sink = origin.sink(|call| {
            assert!(call.deadline <= Some(secs(20.0)));
            if call.at < secs(heals_at) {
                refused(secs(0.1), SinkError::transient("503"))
            } else {
                stored(secs(0.1))
            }
        });
        world.run(secs(99.0), &mut sink);
        assert!(world.has_ended);
        let expected = if heals_at < 20.0 { "0L" } else { "0F" };
        assert_eq!(world.fates("live"), expected);
        assert!(origin.calls().last().unwrap().at < secs(20.0));
    }
}

#[test]
fn a_pause_that_outlasts_the_deadline_is_cut_short() {
    let mut world = World::new(OriginOptions::new(secs(100.0)));
    world.submit(secs(0.0), 0, manifest(0));
    world.submit(secs(1.0), 1, manifest(1));
    world.close(secs(1.0), Some(secs(3.0)));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|_| {
        let busy = SinkError::transient("503").with_retry_after(secs(50.0));
        refused(secs(0.1), busy)
    });
    world.run(secs(99.0), &mut sink);
    assert!(world.has_ended);
    assert_eq!(origin.texts("live"), [0, 1], "one attempt follows");
    assert_eq!(origin.calls()[1].at, secs(1.0));
    assert_eq!(world.fates("live"), "0S 1F");
}

#[test]
fn what_is_not_put_at_the_deadline_has_failed() {
    let mut world = World::live();
    let documents = vec![
        document("state", 0, Role::State),
        document("live", 0, Role::Rendition),
    ];
    world.submit(secs(0.0), 0, documents);
    world.remove(secs(0.0), "old");
    world.close(secs(0.5), Some(secs(3.0)));
    let origin = world.origin.clone();
    world.run(secs(99.0), &mut origin.sink(|_| stored(secs(5.0))));
    assert!(world.has_ended);
    assert_eq!(world.fates("state"), "0L");
    assert_eq!(world.fates("live"), "0F");
    let told = format!("{:?}", world.reports);
    assert!(told.contains("the time to finish is over"), "{told}");
    assert_eq!(world.reports.len(), 4);
}
