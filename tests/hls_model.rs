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

/// The exact sum of these durations is below half a microsecond, and that of floating point is not.
#[test]
fn the_model_adds_durations_exactly() {
    let setup = setup::Setup {
        kind: Kind::Live,
        path: "live/video.m3u8",
        window_secs: 0,
        target: Some(3),
        base: None,
        is_dated: false,
        is_independent: false,
        deletes: Some(0),
        first_number: 0,
        never_removes: false,
        clock_secs: 0,
        side_file_lines: 2,
    };
    let media = |number, secs| steps::Step {
        act: steps::Act::Media {
            name: steps::Name::Fresh,
            number,
            secs,
            is_lost: false,
        },
        faults: folder::Faults::default(),
        wait: 0,
    };
    let steps = [
        media(steps::Number::Next, 59.94),
        media(steps::Number::Hole(2), 2.0),
        media(steps::Number::Next, 1e-7),
        media(steps::Number::Hole(4), 2.0),
    ];
    assert_eq!(case::run(&setup, &steps), Ok(()));
}
