//! Durations that are none, names that cannot be named, numbers that come out of line.

use segment_stream::hls::Notice;

use super::*;

#[test]
fn a_duration_that_is_none_is_a_gap_of_one_target_duration() {
    for secs in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300] {
        let mut bench = Bench::new(event());
        let pushed = bench.push(0, secs);
        assert!(matches!(
            pushed.notices[..],
            [Notice::UnusableDuration { sequence: 0 }]
        ));
        assert!(
            bench
                .text()
                .ends_with("#EXT-X-GAP\n#EXTINF:2.000000,\n0.ts\n")
        );
    }
}

#[test]
fn a_segment_that_is_too_long_is_listed_with_what_the_target_duration_allows() {
    let mut bench = Bench::new(event());
    let pushed = bench.push(0, 2.3);
    assert!(matches!(
        pushed.notices[..],
        [Notice::TooLong { sequence: 0, .. }]
    ));
    assert!(bench.text().ends_with("#EXTINF:2.000000,\n0.ts\n"));
}

#[test]
fn names_are_encoded() {
    let mut bench = Bench::new(event());
    let odd = "two\nlines\"#%?: ü";
    let _ = bench.push_segment(media(0, 2.0).with_path(odd));
    assert!(
        bench
            .text()
            .ends_with(",\ntwo%0Alines%22%23%25%3F%3A%20%C3%BC\n")
    );
}

/// A client that does not know EXT-X-GAP loads what its URI names: not the playlist, as a segment.
#[test]
fn a_gap_is_not_named_after_the_playlist() {
    let mut bench = Bench::new(event());
    let pushed = bench
        .publisher
        .push(&Ok(media(0, 2.0).with_path("./live.m3u8")))
        .expect("it is published");
    assert!(matches!(
        pushed.notices[..],
        [Notice::NoName { sequence: 0 }]
    ));
    let text = bench.text();
    assert!(!text.lines().any(|line| line == "live.m3u8"), "{text}");
}

/// What can be listed can be gone on with.
#[test]
fn a_name_with_a_nul_does_not_keep_a_playlist_from_being_gone_on_with() {
    let mut bench = Bench::new(event());
    let _ = bench.push_segment(media(0, 2.0).with_path("a\0b.ts"));
    let _ = bench.restart();
}

/// The same for an unusable duration where the target duration is above an hour.
#[test]
fn a_gap_of_a_very_long_target_duration_can_be_gone_on_with() {
    let mut bench = Bench::new(event().target_duration(Duration::from_secs(10_000)));
    let _ = bench.push(0, f64::NAN);
    let _ = bench.restart();
}

#[test]
fn a_target_duration_beyond_all_measure_does_no_harm() {
    let mut bench = Bench::new(event().target_duration(Duration::MAX));
    let _ = bench.push(0, f64::NAN);
    let _ = bench.push(1, f64::NAN);
    assert!(bench.text().contains("1.ts"));
}

#[test]
fn numbers_out_of_line_are_told_and_nothing_is_renumbered() {
    let mut bench = Bench::new(event());
    let _ = bench.push(7, 2.0);
    for (found, expected) in [(9, 8), (9, 10), (2, 10)] {
        let pushed = bench.push(found, 2.0);
        let [
            Notice::UnexpectedNumber {
                expected: told,
                found: came,
            },
        ] = pushed.notices[..]
        else {
            panic!("{:?}", pushed.notices);
        };
        assert_eq!((told, came), (expected, found));
    }
    assert!(bench.text().contains("#EXT-X-MEDIA-SEQUENCE:7\n"));
    assert_eq!(bench.text().matches("#EXTINF").count(), 4);
}

/// Below 2^53, for the pieces of a gap too.
#[test]
fn a_gap_in_pieces_does_not_go_beyond_the_last_number() {
    let mut bench = Bench::new(event());
    let last = (1 << 53) - 1;
    let _ = bench.push(last - 1, 2.0);
    let _ = bench.lose(media(last, 20.0));
    assert_eq!(
        bench.text().matches("#EXTINF").count(),
        2,
        "{}",
        bench.text()
    );
}

/// A reference is put behind the base URL, so that must end with a path.
#[test]
fn a_base_url_with_a_query_or_a_fragment_is_refused() {
    for base in [
        "https://cdn.example/x?token=1",
        "https://cdn.example/x#here",
    ] {
        let folder = Folder::new(Path::new("live.m3u8"), Duration::ZERO, false);
        let refused = MediaPlaylistPublisher::new(live().base_url(base), folder);
        assert!(refused.is_err(), "{base} was taken");
    }
}
