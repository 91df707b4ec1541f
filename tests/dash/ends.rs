//! The end of an MPD.

use super::bench::{Bench, Shape, mpd};
use super::check::Mpd;
use segment_stream::hls::MediaPlaylist;

#[test]
fn a_growing_mpd_becomes_static_with_its_duration() {
    let mut bench = Bench::new(Shape::Event);
    for number in 0..5 {
        bench.push(if number == 2 { &[0, 1, 2] } else { &[] });
    }
    assert!(bench.mpd().attribute("timeShiftBufferDepth").is_none());
    assert!(!bench.mpd().is_static);
    bench.finish();
    let mpd = bench.mpd();
    assert!(mpd.is_static);
    assert_eq!(
        mpd.attribute("mediaPresentationDuration"),
        Some("PT10.005333S")
    );
    assert_eq!(mpd.attribute("suggestedPresentationDelay"), None);
    assert!(!bench.mpd_text().contains("UTCTiming"));
}

#[test]
fn a_window_that_never_slid_becomes_static() {
    let mut bench = Bench::new(Shape::Live);
    (0..3).for_each(|_| bench.push(&[]));
    bench.finish();
    assert!(bench.mpd().is_static);
}

/// The times of its Periods stay, so that nothing jumps under a viewer.
#[test]
fn a_window_that_slid_within_its_first_period_becomes_static_with_the_same_times() {
    let mut bench = Bench::new(Shape::Live);
    (0..12).for_each(|_| bench.push(&[]));
    let before = bench.mpd();
    bench.finish();
    let mpd = bench.mpd();
    assert!(mpd.is_static);
    assert_eq!(mpd.attribute("mediaPresentationDuration"), Some("PT24S"));
    let track = |mpd: &Mpd| mpd.periods[0].tracks["video"].clone();
    let (old, new) = (track(&before), track(&mpd));
    assert_eq!((old.offset, old.segments), (new.offset, new.segments));
}

#[test]
fn a_window_whose_first_period_slid_out_stays_dynamic_with_its_duration() {
    let mut bench = Bench::new(Shape::Live);
    for number in 0..12 {
        bench.push(if number == 2 { &[0, 1, 2] } else { &[] });
    }
    let before = bench.mpd();
    bench.finish();
    let mpd = bench.mpd();
    assert!(!mpd.is_static);
    assert_eq!(mpd.attribute("mediaPresentationDuration"), Some("PT24S"));
    assert_eq!(mpd.attribute("minimumUpdatePeriod"), None);
    assert_eq!(mpd.attribute("timeShiftBufferDepth"), None);
    for name in ["availabilityStartTime", "suggestedPresentationDelay"] {
        assert_eq!(mpd.attribute(name), before.attribute(name));
    }
    assert_eq!(mpd.periods[0].start, before.periods[0].start);
    assert_eq!(mpd.uris("video"), before.uris("video"));
}

#[test]
fn a_vod_is_published_once_and_needs_no_dates() {
    let playlist = MediaPlaylist::vod("");
    let mut bench = Bench::with(playlist, mpd());
    for number in 0..5 {
        bench.push(if number == 2 { &[1] } else { &[] });
    }
    assert!(!bench.memory.has("live.mpd"));
    bench.finish();
    let mpd = bench.mpd();
    assert!(mpd.is_static);
    let starts: Vec<_> = mpd.periods.iter().map(|it| it.start).collect();
    assert_eq!(starts, [0, 4_000_000, 6_000_000]);
    assert_eq!(mpd.attribute("maxSegmentDuration"), Some("PT3S"));
    assert_eq!(bench.texts.len(), 1);
}

/// Nobody waits for audio that has ended.
#[test]
fn video_alone_is_listed_once_all_audio_has_ended() {
    let mut bench = Bench::new(Shape::Event);
    (0..2).for_each(|_| bench.push(&[]));
    for r in 1..3 {
        drop(bench.publishers[r].finish().expect("it is published"));
    }
    let info = segment_stream::SegmentInfo::new().media_time(super::bench::time(0, 2));
    let segment = bench.segment(0, 2);
    bench.send(0, segment, info, true);
    bench.check();
    assert_eq!(bench.mpd().shape()[1], ("1".into(), "video".into()));
}

#[test]
fn a_rendition_that_ends_first_leaves_the_others_in_a_period_of_their_own() {
    let mut bench = Bench::new(Shape::Event);
    (0..2).for_each(|_| bench.push(&[]));
    drop(bench.publishers[2].finish().expect("it is published"));
    for number in 2..4 {
        for r in 0..2 {
            let segment = bench.segment(r, number);
            let info = segment_stream::SegmentInfo::new();
            bench.send(
                r,
                segment,
                info.media_time(super::bench::time(r, number)),
                true,
            );
        }
        bench.check();
    }
    assert!(!bench.mpd().is_static);
    let shape = bench.mpd().shape();
    assert_eq!(shape[1], ("1".into(), "en video".into()));
    bench.publishers.pop();
    bench.finish();
    assert!(bench.mpd().is_static);
}

#[test]
fn an_end_that_was_not_published_is_published_by_the_next_call() {
    let mut bench = Bench::new(Shape::Event);
    (0..2).for_each(|_| bench.push(&[]));
    bench.memory.refuse(Some("live.mpd"));
    let ends = bench.publishers.iter_mut().map(|it| it.finish().is_err());
    assert!(ends.collect::<Vec<_>>().contains(&true));
    bench.memory.refuse(None);
    bench.publishers.truncate(1);
    bench.finish();
    assert!(bench.mpd().is_static);
}
