//! An MPD that another session goes on with.

use segment_stream::SegmentInfo;
use segment_stream::dash::{Mpd, Previous};
use segment_stream::hls::{Presentation, ResumeErrorKind};

use super::bench::{Bench, NAMES, Shape, date, mpd, playlist};
use super::resume::{restart, restart_as};

#[test]
fn a_killed_session_goes_on_with_its_start_numbers_and_ids() {
    let mut bench = Bench::new(Shape::Event);
    for number in 0..4 {
        bench.push(if number == 1 { &[1] } else { &[] });
    }
    let before = bench.mpd();
    let mut bench = restart_as(bench, Shape::Event, true);
    let info = SegmentInfo::new().program_date_time(date(28_000_000));
    bench.push_with(&[], &info);
    bench.push(&[]);
    let mpd = bench.mpd();
    let start = "availabilityStartTime";
    assert_eq!(mpd.attribute(start), before.attribute(start));
    assert_eq!(mpd.periods.len(), before.periods.len() + 1);
    for (old, new) in before.periods.iter().zip(&mpd.periods) {
        assert_eq!((&old.id, old.start), (&new.id, new.start));
        for (name, track) in &old.tracks {
            assert_eq!(track.segments, new.tracks[name].segments);
            assert_eq!(track.follows, new.tracks[name].follows);
        }
    }
    let new = mpd.periods.last().expect("it is new");
    assert_eq!(new.id, "3");
    assert_eq!(new.start, 28_000_000);
    let video = &new.tracks["video"];
    assert_eq!((video.start_number, video.offset), (4, 0));
    assert_eq!(video.segments[0].uri, "svideo-4.m4s");
    assert_eq!(video.follows, None, "another initialisation segment");
    let last = &mpd.periods[mpd.periods.len() - 2];
    assert_eq!(last.duration.map(|it| last.start + it), Some(8_000_000));
}

#[test]
fn a_live_one_slides_on_across_the_restart() {
    let mut bench = Bench::new(Shape::Live);
    (0..9).for_each(|_| bench.push(&[]));
    let mut bench = restart(bench, true);
    bench.push(&[]);
    let listed = |bench: &Bench| {
        let uris = bench.mpd().uris("video");
        (uris.len(), uris.first().cloned())
    };
    assert_eq!(listed(&bench), (5, Some("video-5.m4s".into())));
    (0..3).for_each(|_| bench.push(&[]));
    assert_eq!(listed(&bench), (5, Some("video-8.m4s".into())));
    bench.push(&[]);
    assert_eq!(bench.mpd().shape().len(), 1);
    bench.finish();
    assert!(!bench.mpd().is_static);
}

#[test]
fn without_the_old_mpd_a_new_one_begins_with_the_session() {
    let mut bench = Bench::new(Shape::Live);
    (0..3).for_each(|_| bench.push(&[]));
    let mut bench = restart(bench, false);
    bench.push(&[]);
    let mpd = bench.mpd();
    assert_eq!(mpd.uris("video"), ["svideo-3.m4s"]);
    assert_eq!(mpd.periods[0].start, 0);
}

/// The process died between a playlist and the MPD, or between the MPD and a playlist.
#[test]
fn what_only_one_of_the_manifests_lists_is_not_listed_and_numbers_go_on() {
    for calls in 0..40 {
        let mut bench = Bench::new(Shape::Event);
        (0..3).for_each(|_| bench.push(&[]));
        bench.memory.die_after(calls);
        for r in 0..3 {
            let info = SegmentInfo::new().media_time(super::bench::time(r, 3));
            let segment = bench.segment(r, 3);
            bench.send(r, segment, info, true);
        }
        let mut bench = restart_as(bench, Shape::Event, true);
        (0..2).for_each(|_| bench.push(&[]));
        let mpd = bench.mpd();
        for name in NAMES {
            let playlist = bench.text(&format!("{name}.m3u8"));
            for uri in mpd.uris(name) {
                assert!(
                    playlist.contains(&uri),
                    "after {calls} calls: {uri}\n{playlist}"
                );
            }
        }
        assert!(mpd.uris("video").len() >= 5, "after {calls} calls");
    }
}

fn resumed(text: &[u8], mpd: Mpd) -> Result<Presentation, ResumeErrorKind> {
    let presentation = Presentation::new(playlist(Shape::Live)).expect("it is valid");
    let previous = Previous { mpd: text.to_vec() };
    let result = presentation.resume_mpd(mpd, &previous);
    result.map_err(|error| {
        assert_eq!(error.path().to_str(), Some("live.mpd"));
        error.kind()
    })
}

#[test]
fn a_text_that_is_not_its_own_is_refused() {
    use ResumeErrorKind::{Configuration, Damaged, Ended, Foreign};

    let mut bench = Bench::new(Shape::Live);
    (0..3).for_each(|_| bench.push(&[]));
    let text = bench.mpd_text();
    let _ = resumed(text.as_bytes(), mpd()).expect("it goes on");
    // It agrees with itself, and what the playlists do not list is forgotten later.
    let long = text.replacen("r=\"2\"", "r=\"4294967295\"", 1);
    let _ = resumed(long.as_bytes(), mpd()).expect("it takes no memory");
    for length in 0..text.len() - 1 {
        let kind = resumed(&text.as_bytes()[..length], mpd()).expect_err("it is cut");
        assert!(
            matches!(kind, Damaged | Foreign),
            "after {length}: {kind:?}"
        );
    }
    for (from, to, expected) in [
        (" minimumUpdatePeriod=\"PT2S\"", "", Ended),
        ("type=\"dynamic\"", "type=\"static\"", Ended),
        (
            "2026-11-22T17:00:00.000000Z",
            "1900-01-01T00:00:00Z",
            Foreign,
        ),
        ("d=\"180000\"", "d=\"0\"", Foreign),
        ("timescale=\"48000\"", "timescale=\"47000\"", Foreign),
        ("r=\"2\"", "r=\"-1\"", Foreign),
        ("$Number$", "$RepresentationID$", Foreign),
        ("id=\"video\"", "id=\"other\"", Foreign),
        (
            "\n    <AdaptationSet id=\"1\"",
            "    <AdaptationSet id=\"1\"",
            Foreign,
        ),
        ("\u{1}", "", Foreign),
    ] {
        let other = if from == "\u{1}" {
            format!("{text}<!-- -->")
        } else {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        };
        let kind = resumed(other.as_bytes(), mpd()).expect_err("it is refused");
        assert_eq!(kind, expected, "{from} {to}");
    }
    assert_eq!(resumed(b"", mpd()).unwrap_err(), Damaged);
    let other = mpd().base_url("https://other.example.com/");
    assert_eq!(resumed(text.as_bytes(), other).unwrap_err(), Foreign);
    let invalid = mpd().base_url("\u{1}");
    assert_eq!(
        resumed(text.as_bytes(), invalid).unwrap_err(),
        Configuration
    );
}
