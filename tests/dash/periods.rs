//! When a Period begins, where, and what it lists.

use segment_stream::SegmentInfo;
use segment_stream::hls::MediaPlaylist;

use super::bench::{Bench, Shape, date, mpd, time};

const ALL: &str = "de en video";

fn shape(bench: &Bench) -> Vec<(String, String)> {
    bench.mpd().shape()
}

fn shapes(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(id, tracks): &(&str, &str)| ((*id).to_owned(), (*tracks).to_owned());
    expected.iter().map(own).collect()
}

/// Not before the next segment is there: the MPD says at once that nothing follows.
#[test]
fn a_loss_in_all_ends_the_period_early_and_the_next_one_begins_at_its_date() {
    let mut bench = Bench::new(Shape::Event);
    (0..2).for_each(|_| bench.push(&[]));
    bench.push(&[0, 1, 2]);
    assert_eq!(shape(&bench), shapes(&[("0", ALL)]));
    assert_eq!(bench.mpd().periods[0].duration, Some(4_010_667));
    bench.push(&[0, 1, 2]);
    bench.push(&[]);
    let mpd = bench.mpd();
    assert_eq!(mpd.shape(), shapes(&[("0", ALL), ("1", ALL)]));
    let next = &mpd.periods[1];
    assert_eq!(next.start, 8_000_000);
    let video = &next.tracks["video"];
    assert_eq!((video.offset, video.start_number), (4 * 180_000, 4));
    // In sync with the video, whose segment begins a part of a frame before.
    let audio = &next.tracks["en"];
    assert_eq!(audio.offset, 4 * 96_000);
    assert_eq!(audio.segments[0].time, i128::from(time(1, 4).start));
    assert_eq!(
        audio.follows.as_deref(),
        Some("0"),
        "the same initialisation segment"
    );
    assert_eq!(
        mpd.uris("video"),
        ["video-0.m4s", "video-1.m4s", "video-4.m4s"]
    );
}

#[test]
fn a_loss_in_some_begins_a_period_with_the_others_and_the_next_lists_all() {
    let mut bench = Bench::new(Shape::Event);
    (0..2).for_each(|_| bench.push(&[]));
    bench.push(&[2]);
    bench.push(&[2]);
    (0..2).for_each(|_| bench.push(&[]));
    let mpd = bench.mpd();
    let expected = [("0", ALL), ("1", "en video"), ("2", ALL)];
    assert_eq!(mpd.shape(), shapes(&expected));
    let starts: Vec<_> = mpd.periods.iter().map(|it| it.start).collect();
    assert_eq!(starts, [0, 4_000_000, 8_000_000]);
    assert!(mpd.periods.iter().all(|it| it.duration.is_none()));
    let [first, short, last] = &mpd.periods[..] else {
        panic!("three Periods");
    };
    assert_eq!(short.tracks["video"].follows.as_deref(), Some("0"));
    assert_eq!(last.tracks["video"].follows.as_deref(), Some("1"));
    assert_eq!(last.tracks["de"].follows, None, "it was lost in between");
    assert_eq!(first.tracks["de"].segments.len(), 2);
    assert_eq!(last.tracks["de"].start_number, 4);
    assert!(!bench.mpd_text().contains("period-continuity"));
}

/// Players freeze in a Period without audio, and jump over what is in no Period.
#[test]
fn a_loss_of_all_audio_or_of_the_video_is_in_no_period() {
    for lost in [&[0][..], &[1, 2]] {
        let mut bench = Bench::new(Shape::Event);
        (0..2).for_each(|_| bench.push(&[]));
        bench.push(lost);
        assert!(bench.mpd().periods[0].duration.is_some());
        bench.push(&[]);
        let mpd = bench.mpd();
        assert_eq!(mpd.shape(), shapes(&[("0", ALL), ("1", ALL)]));
        // Without the video, dates follow the audio.
        assert_eq!(mpd.periods[1].start / 10_000, 600);
        assert!(bench.text("video.m3u8").contains("video-2.m4s"));
    }
}

/// A video's segment begins within the last segment of the audio, so that one is in both.
#[test]
fn a_segment_across_a_boundary_is_listed_in_both_periods() {
    let mut bench = Bench::new(Shape::Event);
    (0..2).for_each(|_| bench.push(&[]));
    bench.push(&[2]);
    let mpd = bench.mpd();
    let (before, after) = (&mpd.periods[0].tracks["en"], &mpd.periods[1].tracks["en"]);
    assert_eq!(after.offset, 2 * 96_000);
    assert_eq!(before.segments[1], after.segments[0]);
    assert_eq!(after.start_number, 1);
    assert!(after.segments[0].time < after.offset);
    assert!(after.segments[1].time > after.offset);
}

#[test]
fn a_discontinuity_begins_a_period_that_is_anchored_to_its_date() {
    let mut bench = Bench::new(Shape::Event);
    (0..2).for_each(|_| bench.push(&[]));
    // An outage of twenty seconds; the encoder's time starts again.
    bench.zero = bench.next;
    let info = SegmentInfo::new().discontinuity();
    bench.push_with(&[], &info.program_date_time(date(24_000_000)));
    bench.push(&[]);
    let mpd = bench.mpd();
    assert_eq!(mpd.shape(), shapes(&[("0", ALL), ("1", ALL)]));
    let (before, after) = (&mpd.periods[0], &mpd.periods[1]);
    assert_eq!(before.duration, Some(4_010_667));
    assert_eq!(after.start, 24_000_000);
    assert_eq!(after.tracks["video"].offset, 0);
    assert_eq!(after.tracks["video"].start_number, 2);
    assert_eq!(after.tracks["video"].follows.as_deref(), Some("0"));
}

#[test]
fn another_initialisation_segment_is_not_connected() {
    let mut bench = Bench::new(Shape::Event);
    bench.push(&[]);
    bench.push_map(0, "second");
    bench.push(&[]);
    let mpd = bench.mpd();
    let next = &mpd.periods[1].tracks;
    assert_eq!(next["video"].initialization, "video-second.mp4");
    assert_eq!(next["video"].follows, None);
    assert_eq!(next["en"].follows.as_deref(), Some("0"));
}

/// Nothing says so but the times.
#[test]
fn a_jump_of_the_media_time_begins_a_period() {
    let mut bench = Bench::new(Shape::Event);
    (0..2).for_each(|_| bench.push(&[]));
    bench.zero = 2;
    bench.push(&[]);
    let mpd = bench.mpd();
    assert_eq!(mpd.periods.len(), 2);
    assert_eq!(mpd.periods[1].tracks["video"].offset, 0);
    assert_eq!(mpd.periods[1].start, 4_000_000);
    // Forward by half a second.
    bench.next = 4;
    for r in 0..3 {
        let mut time = time(r, 1);
        time.start += u64::from(time.timescale.get()) / 2;
        let segment = bench.segment(r, 3);
        bench.send(r, segment, SegmentInfo::new().media_time(time), true);
    }
    bench.check();
    let mpd = bench.mpd();
    assert_eq!(mpd.periods.len(), 3);
    assert_eq!(mpd.periods[2].tracks["video"].offset, 180_000 + 45_000);
    assert_eq!(mpd.periods[2].start, 6_000_000);
}

#[test]
fn less_than_a_frame_between_two_segments_is_no_hole() {
    let mut bench = Bench::new(Shape::Event);
    for (place, shift) in [0, 900, -900, 0].into_iter().enumerate() {
        let number = place as u64;
        for r in 0..3 {
            let mut time = time(r, number);
            if r == 0 {
                time.start = time.start.saturating_add_signed(shift);
            }
            let segment = bench.segment(r, number);
            bench.send(r, segment, SegmentInfo::new().media_time(time), true);
        }
        bench.check();
    }
    let mpd = bench.mpd();
    assert_eq!(mpd.periods.len(), 1);
    let times: Vec<_> = mpd.periods[0].tracks["video"]
        .segments
        .iter()
        .map(|it| (it.time, it.duration))
        .collect();
    let expected = [
        (0, 180_900),
        (180_900, 178_200),
        (359_100, 180_900),
        (540_000, 180_000),
    ];
    assert_eq!(times, expected);
}

#[test]
fn periods_that_slid_out_go_and_ids_are_never_used_again() {
    let mut bench = Bench::new(Shape::Live);
    for number in 0..30 {
        bench.push(if number % 4 == 3 { &[0, 1, 2] } else { &[] });
    }
    let mpd = bench.mpd();
    let ids: Vec<_> = mpd.periods.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["6", "7"]);
    assert_eq!(
        mpd.periods[0].tracks["video"].follows, None,
        "it is the first one"
    );
    assert_eq!(mpd.periods[1].start, 28 * 2_000_000);
}

/// The producer's numbers begin anew, and so do the names.
#[test]
fn a_session_has_its_own_names_and_numbers() {
    let mut bench = Bench::new(Shape::Event);
    (0..2).for_each(|_| bench.push(&[]));
    bench.session = "b/".into();
    bench.push_maps();
    bench.push(&[]);
    let mpd = bench.mpd();
    let text = bench.mpd_text();
    assert!(text.contains("media=\"b/video-$Number$.m4s\" initialization=\"b/video-init.mp4\""));
    assert_eq!(mpd.periods[1].tracks["video"].start_number, 2);
}

#[test]
fn many_losses_keep_the_start_of_each_period_on_the_clock() {
    let mut bench = Bench::with(
        MediaPlaylist::live("", std::time::Duration::from_secs(7_200))
            .target_duration(std::time::Duration::from_secs(2))
            .program_date_time(date(0)),
        mpd(),
    );
    bench.checks = false;
    for number in 0..400_u64 {
        let lost: &[usize] = match number % 30 {
            29 => &[0, 1, 2],
            14 => &[1],
            _ => &[],
        };
        bench.push(lost);
    }
    let mpd = bench.mpd();
    for period in &mpd.periods {
        for (name, track) in &period.tracks {
            let zero = track.offset * 1_000_000 / track.timescale;
            assert_eq!(zero, period.start, "{name} in Period {}", period.id);
        }
    }
}
