//! A media playlist under random pushes, losses, faults, crashes and restarts. After each step an
//! independent model of the clauses of the standard checks the published text, its change, and the
//! directory.
#![cfg(feature = "hls")]

#[path = "hls_model/audit.rs"]
mod audit;
#[path = "hls_model/case.rs"]
mod case;
#[path = "hls_model/clauses.rs"]
mod clauses;
#[path = "hls_model/expected.rs"]
mod expected;
#[path = "hls_model/folder.rs"]
mod folder;
#[path = "hls_model/lost.rs"]
mod lost;
#[path = "hls_model/setup.rs"]
mod setup;
#[path = "hls_model/steps.rs"]
mod steps;
#[path = "hls_model/text.rs"]
mod text;
#[path = "common/thorough.rs"]
#[expect(dead_code, unreachable_pub, reason = "a part of it is used here")]
mod thorough;

use std::env;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use setup::Kind;
use steps::{Act, Name, Number, Step};

/// As many cases as `PROPTEST_CASES` says, else so many, and ten times as many with
/// `SEGMENT_STREAM_THOROUGH=1`. They are the same on every run, so that what fails is what was
/// changed; `PROPTEST_RNG_SEED` chooses others.
fn cases(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = thorough::cases(cases, 10 * cases);
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(8216);
    }
    config
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_live_playlist_keeps_the_clauses(
        setup in setup::setup(&[Kind::Live]),
        steps in steps::steps(),
    ) {
        case::run(&setup, &steps).map_err(TestCaseError::fail)?;
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn an_event_or_vod_playlist_keeps_the_clauses(
        setup in setup::setup(&[Kind::Event, Kind::Vod]),
        steps in steps::steps(),
    ) {
        case::run(&setup, &steps).map_err(TestCaseError::fail)?;
    }
}

/// A live playlist whose side file has parts of two lines.
fn live(window_secs: u64) -> setup::Setup {
    setup::Setup {
        kind: Kind::Live,
        path: "live/video.m3u8",
        window_secs,
        target: Some(3),
        base: None,
        is_dated: false,
        is_independent: false,
        deletes: Some(0),
        first_number: 0,
        never_removes: false,
        clock_secs: 0,
        side_file_lines: 2,
    }
}

fn step(act: Act) -> Step {
    Step {
        act,
        faults: folder::Faults::default(),
        wait: 0,
    }
}

fn media(name: Name, number: Number, secs: f64) -> Step {
    step(Act::Media {
        name,
        number,
        secs,
        is_lost: false,
    })
}

/// The exact sum of these durations is below half a microsecond, and that of floating point is not.
#[test]
fn the_model_adds_durations_exactly() {
    let steps = [
        media(Name::Fresh, Number::Next, 59.94),
        media(Name::Fresh, Number::Hole(2), 2.0),
        media(Name::Fresh, Number::Next, 1e-7),
        media(Name::Fresh, Number::Hole(4), 2.0),
    ];
    assert_eq!(case::run(&live(0), &steps), Ok(()));
}

/// The name of a file that is to be deleted comes again, and the playlist ends.
#[test]
fn the_side_file_goes_after_a_name_was_reused_at_the_end() {
    let mut steps = vec![media(Name::Fresh, Number::Next, 2.0); 5];
    steps.push(media(Name::Fresh, Number::Next, 3600.0));
    steps.push(media(Name::Again(0), Number::Hole(1), 2.0));
    steps.push(step(Act::Finish));
    assert_eq!(case::run(&live(20), &steps), Ok(()));
}

/// An initialisation segment takes the name of a file that waits, and the next one is lost before
/// any media needs it.
#[test]
fn a_file_is_deleted_whose_name_an_unused_initialisation_segment_took() {
    let init = |name, content, is_lost| {
        step(Act::Init {
            name,
            content,
            is_lost,
        })
    };
    let setup = setup::Setup {
        first_number: u64::MAX,
        ..live(0)
    };
    let steps = [
        init(Name::Fresh, 0, false),
        media(Name::Fresh, Number::Next, 2.0),
        media(Name::Fresh, Number::Next, 2.0),
        step(Act::Crash),
        media(Name::Fresh, Number::Next, 6.4),
        media(Name::Fresh, Number::Next, 2.0),
        media(Name::Fresh, Number::Next, 2.0),
        init(Name::Again(5), 1, false),
        init(Name::Fresh, 0, true),
    ];
    assert_eq!(case::run(&setup, &steps), Ok(()));
}
