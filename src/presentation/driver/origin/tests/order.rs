//! Which document is put when.

use std::path::Path;

use super::world::{TARGET, World, document, manifest, refused, secs, stored};
use crate::error::SinkError;
use crate::presentation::driver::document::Role;
use crate::presentation::driver::origin::options::OriginOptions;
use crate::presentation::driver::origin::report::{Fate, Report};

#[test]
fn the_latest_version_wins_at_a_slow_origin() {
    let mut world = World::live();
    for version in 0..10 {
        world.submit(
            secs(2.0) * version,
            version.into(),
            manifest(version.into()),
        );
    }
    let origin = world.origin.clone();
    world.run(secs(60.0), &mut origin.sink(|_| stored(secs(5.0))));
    // Begun at 0, 5, 10, 15 and 20 s.
    assert_eq!(origin.texts("live"), [0, 2, 5, 7, 9]);
    assert_eq!(world.fates("live"), "0L 1S 2L 3S 4S 5L 6S 7L 8S 9L");
}

/// The state, two renditions and what names them.
fn whole(version: u64) -> Vec<crate::presentation::driver::document::Document> {
    vec![
        document("main", version, Role::Presentation),
        document("video", version, Role::Rendition),
        document("audio", version, Role::Rendition),
        document("state", version, Role::State),
    ]
}

#[test]
fn the_documents_of_a_version_are_put_in_the_order_of_their_roles() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, whole(0));
    let origin = world.origin.clone();
    world.run(secs(9.0), &mut origin.sink(|_| stored(secs(0.1))));
    let calls = origin.calls();
    let paths: Vec<_> = calls.iter().map(|it| it.path.to_str().unwrap()).collect();
    assert_eq!(paths, ["state", "video", "audio", "main"]);
}

/// Each put takes longer than a version lasts, so a newer state is always there.
#[test]
fn a_newer_state_never_starves_the_manifests_behind_it() {
    let mut world = World::live();
    for version in 0..20 {
        world.submit(secs(2.0) * version, version.into(), whole(version.into()));
    }
    let origin = world.origin.clone();
    world.run(secs(100.0), &mut origin.sink(|_| stored(secs(3.0))));
    for path in ["state", "video", "audio", "main"] {
        assert_eq!(origin.texts(path), [0, 6, 12, 18, 19], "{path}");
    }
}

#[test]
fn a_newer_version_takes_the_place_of_the_text_at_the_next_attempt() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, whole(0));
    world.submit(secs(0.5), 1, whole(1));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|call| match (call.path.to_str(), call.text) {
        (Some("video"), 0) => refused(secs(1.0), SinkError::transient("503")),
        _ => stored(secs(0.1)),
    });
    world.run(secs(20.0), &mut sink);
    // With its state first, and before the manifest that names it.
    let calls = origin.calls();
    let calls: Vec<_> = calls
        .iter()
        .map(|it| format!("{}{}", it.path.display(), it.text))
        .collect();
    assert_eq!(
        calls,
        ["state0", "video0", "state1", "audio1", "video1", "main1"]
    );
    assert_eq!(world.fates("video"), "0S 1L");
    assert_eq!(world.fates("main"), "0S 1L");
    assert_eq!(origin.calls()[4].attempt, 1, "of this version");
}

#[test]
fn a_url_that_fails_does_not_starve_another() {
    let mut world = World::live();
    for version in 0..40 {
        world.submit(secs(0.5) * version, version.into(), whole(version.into()));
    }
    let origin = world.origin.clone();
    let mut sink = origin.sink(|call| match call.path.to_str() {
        // There is always a newer one, and it takes longer than any pause.
        Some("state") => stored(secs(1.5)),
        Some("video") => refused(secs(0.1), SinkError::transient("503")),
        _ => stored(secs(0.1)),
    });
    world.run(secs(20.0), &mut sink);
    assert!(origin.texts("video").len() >= 5);
    assert!(
        origin.texts("audio").len() >= 5,
        "{:?}",
        origin.texts("audio")
    );
    // It would name a rendition that is not there.
    assert_eq!(origin.texts("main"), [0_u64; 0]);
}

#[test]
fn nothing_is_put_that_a_failed_document_comes_before() {
    let mut world = World::live();
    world.submit(secs(0.0), 0, whole(0));
    world.submit(secs(0.05), 1, manifest(1));
    world.submit(secs(5.0), 2, whole(2));
    let origin = world.origin.clone();
    let mut sink = origin.sink(|call| match (call.path.to_str(), call.text) {
        (Some("state"), 0) => refused(secs(0.1), SinkError::permanent("403")),
        _ => stored(secs(0.1)),
    });
    world.run(secs(20.0), &mut sink);
    assert_eq!(world.fates("state"), "0F 2L");
    for path in ["video", "audio", "main"] {
        assert_eq!(world.fates(path), "0H 2L");
    }
    // It was submitted while the state that it relies on was under way.
    assert_eq!(world.fates("live"), "1H");
    let behind = world.reports.iter().filter(|it| {
        matches!(it, Report::Document { fate: Fate::HeldBack { behind }, .. }
            if behind == Path::new("state"))
    });
    assert_eq!(behind.count(), 4);
}

#[test]
fn a_version_that_comes_after_a_newer_one_is_superseded() {
    let mut world = World::live();
    world.submit(secs(0.0), 5, manifest(5));
    world.submit(secs(1.0), 4, manifest(4));
    let origin = world.origin.clone();
    world.run(secs(9.0), &mut origin.sink(|_| stored(secs(0.1))));
    assert_eq!(origin.texts("live"), [5]);
    assert_eq!(world.fates("live"), "4S 5L");
}

#[test]
fn in_order_every_version_is_put_and_what_has_no_room_is_refused() {
    let mut world = World::new(OriginOptions::new(TARGET).in_order(3));
    for version in 0..10 {
        let at = secs(0.5) * version;
        world.submit(at, version.into(), manifest(version.into()));
    }
    let origin = world.origin.clone();
    let mut attempts = 0;
    let mut sink = origin.sink(|_| {
        attempts += 1;
        match attempts {
            2 => refused(secs(1.0), SinkError::transient("503")),
            _ => stored(secs(1.0)),
        }
    });
    world.run(secs(60.0), &mut sink);
    assert_eq!(world.fates("live"), "0L 1L 2L 3L 4L 7L 9L");
    assert_eq!(origin.texts("live"), [0, 1, 1, 2, 3, 4, 7, 9]);
    assert_eq!(world.refused, [5, 6, 8]);
}

#[test]
fn a_url_has_its_shortest_interval() {
    let options = OriginOptions::new(TARGET).min_interval(secs(1.0));
    let mut world = World::new(options);
    for version in 0..20 {
        let at = secs(0.25) * version;
        world.submit(at, version.into(), whole(version.into()));
    }
    let origin = world.origin.clone();
    let mut attempts = 0;
    let mut sink = origin.sink(|_| {
        attempts += 1;
        match attempts % 5 {
            0 => refused(secs(0.1), SinkError::transient("429")),
            _ => stored(secs(0.1)),
        }
    });
    world.run(secs(60.0), &mut sink);
    for path in ["state", "video", "audio", "main"] {
        let calls = origin.calls();
        let calls: Vec<_> = calls
            .iter()
            .filter(|it| it.path == Path::new(path))
            .collect();
        assert!(calls.len() >= 4, "{path}: {calls:?}");
        for pair in calls.windows(2) {
            assert!(pair[1].at >= pair[0].at + secs(1.1), "{path}: {pair:?}");
        }
        assert_eq!(origin.shown(path, secs(60.0)), Some(19));
    }
}

#[test]
fn removals_have_their_turn_at_an_origin_that_is_never_idle() {
    let mut world = World::live();
    for version in 0..10 {
        world.submit(
            secs(1.0) * version,
            version.into(),
            manifest(version.into()),
        );
        world.remove(secs(1.0) * version, &version.to_string());
    }
    let origin = world.origin.clone();
    let mut sink = origin.sink(|call| match call.path.to_str() {
        Some("live" | "3") => stored(secs(1.0)),
        Some("4") => refused(secs(1.0), SinkError::transient("503")),
        _ => stored(secs(0.1)),
    });
    world.run(secs(9.0), &mut sink);
    let removed = |world: &World| {
        let reports = world.reports.iter();
        let results = reports.filter_map(|it| match it {
            Report::Removal { removal, result } => Some((removal.path.clone(), result.is_ok())),
            _ => None,
        });
        results.collect::<Vec<_>>()
    };
    assert!(removed(&world).len() >= 3, "{:?}", origin.calls());
    world.run(secs(60.0), &mut sink);
    let expected: Vec<_> = (0..10).map(|it| (it.to_string().into(), it != 4)).collect();
    assert_eq!(removed(&world), expected);
    let calls = origin.calls();
    let failed = calls.iter().filter(|it| it.path == Path::new("4"));
    assert_eq!(failed.count(), 1, "each is tried once");
}
