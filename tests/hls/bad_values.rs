//! Invalid durations, names that no URI can express, numbers out of order.

use std::time::SystemTime;

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

/// Without a target duration it counts as a second, and that settles none longer.
#[test]
fn a_first_duration_that_is_none_is_a_second_of_a_vod_playlist() {
    let mut bench = Bench::new(MediaPlaylist::vod("live.m3u8"));
    let _ = bench.push(0, f64::NAN);
    let _ = bench.publisher.finish().expect("it is published");
    let text = bench.text();
    assert!(text.contains("#EXT-X-TARGETDURATION:1\n"), "{text}");
    assert!(text.contains("#EXTINF:1.000000,\n0.ts\n"), "{text}");
}

/// A producer that knows no durations. Its playlist is bounded all the same.
#[test]
fn segments_of_no_duration_slide_out_by_their_number() {
    // Three target durations of 2 s, with a thousand segments a second.
    let most = 6_000;
    let listed = |bench: &Bench| bench.text().matches("#EXTINF:0.000000,").count();
    let mut bench = Bench::new(live());
    for jump in 0..8_u64 {
        let _ = bench.push(1_000 * jump, 0.0);
        assert!(listed(&bench) <= most, "{jump}");
    }
    assert_eq!(listed(&bench), most);
    let _ = bench.push(7_001, 0.0);
    assert!(!bench.has("0.ts") && bench.has("2000.ts"));
    assert_eq!(listed(&bench), most);
    // It is one of seconds again as soon as its segments are.
    (7_002..7_012).for_each(|number| drop(bench.push(number, 2.0)));
    assert_eq!(listed(&bench), 0);
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
    // Windows has no names with the others.
    let (odd, uri) = if cfg!(windows) {
        ("#%&; ü", "%23%25%26%3B%20%C3%BC")
    } else {
        ("two\nlines\"#%?: ü", "two%0Alines%22%23%25%3F%3A%20%C3%BC")
    };
    let mut bench = Bench::new(event());
    let _ = bench.push_segment(media(0, 2.0).with_path(odd));
    assert!(bench.text().ends_with(&format!(",\n{uri}\n")));
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

/// Nor under a name that a file system which ignores case takes for the playlist's.
#[test]
fn a_segment_is_not_listed_under_another_spelling_of_the_playlists_name() {
    let mut bench = Bench::new(event());
    for own in ["LIVE.m3u8", "live.m3u8.", "live.m3u8 ", ".Live.m3u8.state"] {
        let segment = media(0, 2.0).with_path(own);
        let pushed = bench.publisher.push(&Ok(segment)).expect("published");
        let is_told = |it: &Notice| matches!(it, Notice::NoName { sequence: 0 });
        assert!(pushed.notices.iter().any(is_told), "{own:?}: {pushed:?}");
        let text = bench.text();
        assert!(
            text.ends_with("#EXT-X-GAP\n#EXTINF:2.000000,\ngap\n"),
            "{text}"
        );
    }
}

/// A playlist with such entries can be resumed.
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
        let name = format!("{found}-where-{expected}-was-expected.ts");
        let pushed = bench.push_segment(media(found, 2.0).with_path(name));
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
    // Number 8 is missing, so it is a gap; the repeated and the lower one are listed as they come.
    let uris: Vec<_> = bench.text().lines().map(str::to_owned).collect();
    let uris: Vec<_> = uris.iter().filter(|it| !it.starts_with('#')).collect();
    assert_eq!(
        uris,
        [
            "7.ts",
            "gap",
            "9-where-8-was-expected.ts",
            "9-where-10-was-expected.ts",
            "2-where-10-was-expected.ts",
        ]
    );
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

/// So many seconds after the year 9999 has ended; before, if it is below 0.
fn from_year_10000(secs: i64) -> SystemTime {
    let secs = 253_402_300_800_u64.saturating_add_signed(secs);
    SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
}

/// The dates of the segments that are listed.
fn dates(text: &str) -> Vec<Option<&str>> {
    let mut date = None;
    let mut dates = Vec::new();
    for line in text.lines() {
        if let Some(found) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            date = Some(found);
        } else if !line.starts_with('#') {
            dates.push(date.take());
        }
    }
    dates
}

/// A year has four digits (ISO 8601). A client reckons by the durations from the last date that
/// there is.
#[test]
fn a_segment_after_the_year_9999_has_no_date_and_that_is_said_once() {
    let mut bench = Bench::new(event().program_date_time(from_year_10000(-3)));
    let undated = |pushed: &Pushed| match pushed.notices[..] {
        [] => None,
        [Notice::Undated { sequence }] => Some(sequence),
        ref others => panic!("{others:?}"),
    };
    let said = [0, 1, 2, 3].map(|number| undated(&bench.push(number, 2.0)));
    assert_eq!(said, [None, None, Some(2), None]);
    let known = [
        Some("9999-12-31T23:59:57.000Z"),
        Some("9999-12-31T23:59:59.000Z"),
    ];
    let expected = [&known[..], &[None; 2]].concat();
    assert_eq!(dates(&bench.text()), expected);
    let range = "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-11-22T17:00:00.000Z\"";
    assert!(bench.publisher.tag_next([range]).is_err());

    // Another session goes on likewise, and says it for itself.
    let mut bench = bench.restart();
    let said = [4, 5].map(|number| undated(&bench.push(number, 2.0)));
    assert_eq!(said, [Some(4), None]);
    let expected = [&known[..], &[None; 4]].concat();
    assert_eq!(dates(&bench.text()), expected);
}

#[test]
fn what_begins_or_jumps_behind_the_year_9999_has_no_dates() {
    let late = live().program_date_time(from_year_10000(0));
    let mut bench = Bench::new(late);
    let _ = bench.push(0, 2.0);
    let mut bench = bench.restart();
    let _ = bench.push(1, 2.0);
    assert_eq!(dates(&bench.text()), [None; 2]);

    // Skipped times, and segments listed as shorter than they are, do not prevent a resume.
    let early = event().program_date_time(SystemTime::UNIX_EPOCH);
    let mut bench = Bench::new(early);
    let _ = bench.push(0, 2.0);
    bench.publisher.discontinuity_at(from_year_10000(0));
    let pushed = bench.lose(media(1, 6.0));
    assert!(matches!(
        pushed.notices[..],
        [Notice::Lost { .. }, Notice::Undated { sequence: 1 }]
    ));
    let mut bench = bench.restart();
    let _ = bench.push(4, 2.0);
    assert_eq!(dates(&bench.text())[1..], [None; 4]);

    let mut bench = Bench::new(event().program_date_time(from_year_10000(-60)));
    let _ = bench.push(0, 60.0);
    let _ = bench.push(1, 2.0);
    let mut bench = bench.restart();
    let _ = bench.push(2, 2.0);
    assert_eq!(dates(&bench.text())[1..], [None; 2]);
}

/// Only what comes after the year 9999 may lack a date.
#[test]
fn a_playlist_that_lacks_a_date_is_not_gone_on_with() {
    let mut bench = Bench::new(event().program_date_time(from_year_10000(-4000)));
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
    }
    let whole = bench.text();
    let dates: Vec<&str> = whole.lines().filter(|it| it.contains("DATE")).collect();
    assert_eq!(dates.len(), 4);
    let goes_on = |text: String, playlist: MediaPlaylist| {
        let previous = Previous {
            playlist: text.into_bytes(),
            ..Previous::default()
        };
        MediaPlaylistPublisher::resume(playlist, bench.folder.clone(), &previous).is_ok()
    };
    assert!(goes_on(whole.clone(), bench.playlist.clone()));
    assert!(!goes_on(whole.clone(), event()));
    let without = |line: &str| whole.replace(&format!("{line}\n"), "");
    assert!(!goes_on(without(dates[3]), bench.playlist.clone()));
}
