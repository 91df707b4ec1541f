//! Timestamps that jump, and what is time all the same.

use super::common::muxer::{DISCONTINUITY, HEVC, MPEG_AUDIO};
use super::*;

const TWO_SECONDS: Duration = Duration::from_secs(2);
const SECOND_LONG: Duration = Duration::from_secs(1);
const SECOND: u64 = 90_000;
const WRAP: u64 = 1 << 33;

/// Ten seconds of pictures with a random access point in each second, whose stamps `at` gives, and
/// audio beside each picture, whose stamps `audio_at` gives.
fn stream(
    at: impl Fn(u64) -> (u64, u8),
    audio_at: impl Fn(u64) -> Option<u64>,
    pcr_at: impl Fn(u64) -> Option<u64>,
) -> Vec<u8> {
    let mut muxer = h264();
    for index in 0..250 {
        let (stamp, flags) = at(index);
        let entry = if index % 25 == 0 { RANDOM_ACCESS } else { 0 };
        muxer.pes(&Pes {
            presented: Some(stamp % WRAP),
            pcr: pcr_at(index),
            flags: flags | entry,
            ..picture(0, 0)
        });
        if let Some(stamp) = audio_at(index) {
            muxer.pes(&Pes {
                pid: AUDIO,
                presented: Some(stamp % WRAP),
                content: vec![1; 100],
                ..Pes::default()
            });
        }
    }
    muxer.bytes
}

fn cut_all(bytes: &[u8], cutter: Cutter) -> (Vec<Segment>, Vec<Notice>) {
    let mut cutter = cutter;
    let mut cuts = Vec::new();
    cutter.push(bytes, &mut cuts).unwrap();
    cutter.finish(&mut cuts).unwrap();
    (cuts, cutter.take_notices())
}

/// Duration and discontinuity of each segment.
fn shape(cuts: &[Segment]) -> Vec<(f64, bool)> {
    let rounded = |cut: &Segment| (cut.length().as_secs_f64() * 1e6).round() / 1e6;
    cuts.iter()
        .map(|cut| (rounded(cut), cut.discontinuity))
        .collect()
}

const JUMPS: [u64; 6] = [
    11 * SECOND,
    5000 * SECOND,
    WRAP / 2 + 5,
    WRAP - 2 * SECOND,
    WRAP - 5 * SECOND,
    WRAP - 3600 * SECOND,
];

/// RFC 8216, 4.3.2.3: a change of the timestamp sequence is a discontinuity.
#[test]
fn a_jump_inside_a_group_ends_the_segment_and_what_nobody_can_decode_is_dropped() {
    for jump in JUMPS {
        let bytes = stream(
            |index| {
                let jump = if index < 77 { 0 } else { jump };
                (START * 100_000 + index * FRAME + jump, 0)
            },
            |_| None,
            |_| None,
        );
        let (cuts, notices) = cut_all(&bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
        let expected = [
            (2.0, false),
            (1.08, false),
            (2.0, true),
            (2.0, false),
            (2.0, false),
        ];
        assert_eq!(shape(&cuts), expected, "{jump}");
        assert!(cuts.iter().all(|cut| cut.independent));
        let [Notice::Jump { .. }, Notice::Dropped { bytes: dropped }] = notices[..] else {
            panic!("{notices:?}");
        };
        // 23 pictures of two packets each.
        assert_eq!(dropped, 23 * 2 * 188);
        for cut in &cuts[1..] {
            joined::check_beginning(&cut.data, VIDEO);
        }
    }
}

#[test]
fn a_recorder_keeps_what_nobody_can_decode_as_a_segment_of_its_own() {
    for jump in JUMPS {
        let bytes = stream(
            |index| {
                let jump = if index < 77 { 0 } else { jump };
                (START * 100_000 + index * FRAME + jump, 0)
            },
            |_| None,
            |_| None,
        );
        let (cuts, _) = cut_all(&bytes, Cutter::new(TWO_SECONDS));
        let expected = [
            (2.0, false),
            (1.08, false),
            (0.92, true),
            (2.0, false),
            (2.0, false),
            (2.0, false),
        ];
        assert_eq!(shape(&cuts), expected, "{jump}");
        let entered: Vec<_> = cuts.iter().map(|cut| cut.independent).collect();
        assert_eq!(entered, [true, true, false, true, true, true]);
        joined::check(&bytes, &data(&cuts));
    }
}

#[test]
fn a_jump_at_an_access_point_loses_nothing() {
    for jump in JUMPS {
        let bytes = stream(
            |index| {
                let jump = if index < 75 { 0 } else { jump };
                (START * 100_000 + index * FRAME + jump, 0)
            },
            |_| None,
            |_| None,
        );
        let (cuts, _) = cut_all(&bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
        let expected = [
            (2.0, false),
            (1.0, false),
            (2.0, true),
            (2.0, false),
            (2.0, false),
            (1.0, false),
        ];
        assert_eq!(shape(&cuts), expected, "{jump}");
        joined::check(&bytes, &data(&cuts));
    }
}

#[test]
fn an_announced_jump_may_be_small() {
    let bytes = stream(
        |index| match index {
            0..77 => (START + index * FRAME, 0),
            77 => (START + index * FRAME + 3 * SECOND, DISCONTINUITY),
            _ => (START + index * FRAME + 3 * SECOND, 0),
        },
        |_| None,
        |_| None,
    );
    let (cuts, _) = cut_all(&bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
    let expected = [
        (2.0, false),
        (1.08, false),
        (2.0, true),
        (2.0, false),
        (2.0, false),
    ];
    assert_eq!(shape(&cuts), expected);
}

#[test]
fn a_wrap_is_no_jump() {
    let first = WRAP - 4 * SECOND;
    let bytes = stream(
        |index| (first + index * FRAME, 0),
        |index| Some(first + index * FRAME),
        |_| None,
    );
    let (cuts, notices) = cut_all(&bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
    assert_eq!(shape(&cuts), [(2.0, false); 5]);
    assert_eq!(notices, []);
    let starts: Vec<_> = cuts.iter().map(|cut| cut.start).collect();
    assert_eq!(starts, [0, 2, 4, 6, 8].map(|it| first + it * SECOND));
}

#[test]
fn one_wrong_stamp_is_not_believed() {
    for wrong in [0, 3_000 * SECOND, WRAP - 1] {
        for at in [60, 75] {
            let bytes = stream(
                |index| {
                    let right = START * 1000 + index * FRAME;
                    (if index == at { wrong } else { right }, 0)
                },
                |_| None,
                |_| None,
            );
            let (cuts, notices) = cut_all(&bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
            assert_eq!(shape(&cuts), [(2.0, false); 5], "{wrong} at {at}");
            assert_eq!(notices, []);
        }
    }
}

/// Nothing came for 35 s, on either track.
#[test]
fn a_loss_of_both_tracks_is_a_discontinuity() {
    let lost = |index: u64| {
        let lost = if index < 75 { 0 } else { 35 * SECOND };
        START + index * FRAME + lost
    };
    let bytes = stream(
        |index| (lost(index), 0),
        |index| Some(lost(index)),
        |index| Some(lost(index)),
    );
    let (cuts, _) = cut_all(&bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
    let expected = [
        (2.0, false),
        (1.0, false),
        (2.0, true),
        (2.0, false),
        (2.0, false),
        (1.0, false),
    ];
    assert_eq!(shape(&cuts), expected);
}

/// Pictures without a time are missing for 14 s, while the program clock or the audio goes on.
#[test]
fn a_hole_in_one_track_is_time_if_another_clock_says_so() {
    let hole = |index: u64| (60..410).contains(&index);
    for by_audio in [true, false] {
        let mut muxer = h264();
        for index in 0..600 {
            let stamp = START + index * FRAME;
            let entry = if index % 25 == 10 || index == 0 {
                RANDOM_ACCESS
            } else {
                0
            };
            if !hole(index) {
                muxer.pes(&Pes {
                    presented: Some(stamp),
                    pcr: Some(stamp),
                    flags: entry,
                    ..picture(0, 0)
                });
            } else if !by_audio {
                // Nothing but the clock.
                muxer.clock(VIDEO, stamp);
            }
            if by_audio {
                muxer.pes(&Pes {
                    pid: AUDIO,
                    presented: Some(stamp),
                    content: vec![1; 100],
                    ..Pes::default()
                });
            }
        }
        // A target of ten seconds: the video is not silent for longer than two of them.
        let cutter = Cutter::new(Duration::from_secs(10)).drop_undecodable();
        let (cuts, notices) = cut_all(&muxer.bytes, cutter);
        assert!(cuts.iter().all(|cut| !cut.discontinuity), "{cuts:?}");
        assert_eq!(shape(&cuts)[0], (16.4, false), "by audio: {by_audio}");
        assert_eq!(notices, [], "by audio: {by_audio}");
    }
}

#[test]
fn pictures_far_apart_are_time_if_they_repeat() {
    for seconds in [12, 25, 40] {
        let mut muxer = h264();
        for index in 0..10 {
            muxer.pes(&picture(index * 25 * seconds, RANDOM_ACCESS));
        }
        let (cuts, _) = cut_all(&muxer.bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
        assert_eq!(
            shape(&cuts),
            [(f64::from(u32::try_from(seconds).unwrap()), false); 10]
        );
    }
}

/// The old audio that comes after the jump belongs to the segment before it.
#[test]
fn audio_of_the_old_time_goes_before_the_jump() {
    let at = |index: u64| {
        let jump = if index < 75 { 0 } else { 5000 * SECOND };
        START + index * FRAME + jump
    };
    // It comes 0.4 s later than its picture.
    let bytes = stream(
        |index| (at(index), 0),
        |index| index.checked_sub(10).map(at),
        |_| None,
    );
    let (cuts, _) = cut_all(&bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
    assert_eq!(shape(&cuts)[..3], [(2.0, false), (1.0, false), (2.0, true)]);
    joined::check(&bytes, &data(&cuts));
    let stamps = |cut: &Segment| joined::stamps(&cut.data, AUDIO);
    assert!(stamps(&cuts[1]).iter().all(|stamp| *stamp < 100 * SECOND));
    assert!(stamps(&cuts[2]).iter().all(|stamp| *stamp > 5000 * SECOND));
}

#[test]
fn another_codec_is_a_discontinuity() {
    let mut muxer = h264();
    pictures(&mut muxer, 60);
    muxer.pmt(
        PMT,
        1,
        1,
        &[Stream::new(HEVC, VIDEO), Stream::new(0x0F, AUDIO)],
    );
    for index in 60..110 {
        let flags = if index % 25 == 0 { RANDOM_ACCESS } else { 0 };
        muxer.pes(&picture(index, flags));
    }
    let (cuts, notices) = cut_all(&muxer.bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
    assert_eq!(shape(&cuts), [(2.0, false), (0.4, false), (1.4, true)]);
    assert_eq!(notices[0], Notice::NewTracks);
    joined::check_beginning(&cuts[2].data, VIDEO);

    // Another codec of the audio as well.
    let mut muxer = h264();
    pictures(&mut muxer, 50);
    muxer.pmt(
        PMT,
        1,
        1,
        &[Stream::new(H264, VIDEO), Stream::new(MPEG_AUDIO, AUDIO)],
    );
    for index in 50..100 {
        let flags = if index % 25 == 0 { RANDOM_ACCESS } else { 0 };
        muxer.pes(&picture(index, flags));
    }
    let (cuts, _) = cut_all(&muxer.bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
    assert_eq!(shape(&cuts), [(2.0, false), (2.0, true)]);
    joined::check(&muxer.bytes, &data(&cuts));
}

#[test]
fn another_version_of_the_same_tracks_is_none() {
    let mut muxer = h264();
    pictures(&mut muxer, 50);
    let language = Stream {
        descriptors: vec![0x0A, 4, b'e', b'n', b'g', 0],
        ..Stream::new(0x0F, AUDIO)
    };
    muxer.pmt(PMT, 1, 1, &[Stream::new(H264, VIDEO), language]);
    for index in 50..100 {
        let flags = if index % 25 == 0 { RANDOM_ACCESS } else { 0 };
        muxer.pes(&picture(index, flags));
    }
    let (cuts, notices) = cut_all(&muxer.bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
    assert_eq!(shape(&cuts), [(2.0, false); 2]);
    assert_eq!(notices, []);
}

/// The new audio that comes before the jump of the video belongs behind it.
#[test]
fn audio_of_the_new_time_goes_behind_the_jump() {
    for jump in [5000 * SECOND, WRAP - 30 * SECOND] {
        let at = |index: u64, jumps_at: u64| {
            let jump = if index < jumps_at { 0 } else { jump };
            100 * SECOND + index * FRAME + jump
        };
        // The audio jumps five pictures earlier.
        let bytes = stream(
            |index| (at(index, 75), 0),
            |index| Some(at(index, 70)),
            |_| None,
        );
        let (cuts, _) = cut_all(&bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
        assert_eq!(shape(&cuts)[..3], [(2.0, false), (1.0, false), (2.0, true)]);
        joined::check_each(&bytes, &data(&cuts));
        for (cut, is_new) in cuts.iter().zip([false, false, true]) {
            for stamp in joined::stamps(&cut.data, AUDIO) {
                let is_old = (100 * SECOND..110 * SECOND).contains(&stamp);
                assert_eq!(is_old, !is_new, "{stamp}");
            }
        }
    }
}

#[test]
fn audio_that_jumps_alone_is_kept() {
    let bytes = stream(
        |index| (START + index * FRAME, 0),
        |index| Some(START + index * FRAME + if index < 110 { 0 } else { 700 * SECOND }),
        |_| None,
    );
    let (cuts, _) = cut_all(&bytes, Cutter::new(TWO_SECONDS).drop_undecodable());
    let breaks: Vec<_> = cuts.iter().map(|cut| cut.discontinuity).collect();
    assert_eq!(breaks, [false, false, false, true, false]);
    joined::check_each(&bytes, &data(&cuts));
}

/// The sequence of its timestamps changes: RFC 8216, 4.3.2.3.
#[test]
fn audio_that_jumps_alone_begins_a_segment_with_a_discontinuity() {
    for jump in [JUMPS[0], JUMPS[1], JUMPS[2], JUMPS[5]] {
        let bytes = stream(
            |index| (START * 100_000 + index * FRAME, 0),
            |index| {
                let jump = if index < 77 { 0 } else { jump };
                Some(START * 100_000 + index * FRAME + jump)
            },
            |_| None,
        );
        let (cuts, notices) = cut_all(&bytes, Cutter::new(TWO_SECONDS));
        let expected = [
            (2.0, false),
            (2.0, false),
            (1.0, false),
            (2.0, true),
            (2.0, false),
            (1.0, false),
        ];
        assert_eq!(shape(&cuts), expected, "{jump}");
        let [Notice::AudioJump { pid: AUDIO, .. }] = notices[..] else {
            panic!("{notices:?}");
        };
        // No segment has audio of both times.
        let of_audio = |cut: &Segment| {
            let packets = cut.data.chunks_exact(188);
            packets.filter(|it| it[1] & 0x1F == 1 && it[2] == 1).count()
        };
        let counts: Vec<_> = cuts.iter().map(of_audio).collect();
        assert_eq!(counts, [50, 27, 0, 98, 50, 25], "{jump}");
        joined::check_each(&bytes, &data(&cuts));
    }
}

/// hls.js waits for the audio of such a segment for ever.
#[test]
fn a_short_rest_without_audio_before_a_jump_is_dropped_for_players() {
    let at = |index: u64, jumps_at: u64| {
        let jump = if index < jumps_at { 0 } else { 5000 * SECOND };
        100 * SECOND + index * FRAME + jump
    };
    for (silent_from, jumps_at, is_dropped) in [(74, 77, true), (77, 77, false), (74, 90, false)] {
        let bytes = stream(
            |index| (at(index, jumps_at), 0),
            |index| Some(at(index, jumps_at)).filter(|_| !(silent_from..jumps_at).contains(&index)),
            |_| None,
        );
        let (cuts, notices) = cut_all(&bytes, Cutter::new(SECOND_LONG).drop_undecodable());
        let before: Vec<_> = shape(&cuts).into_iter().take_while(|cut| !cut.1).collect();
        assert_eq!(before.len(), if is_dropped { 3 } else { 4 }, "{before:?}");
        // Also what cannot be decoded behind the jump.
        let dropped = notices
            .iter()
            .filter(|it| matches!(it, Notice::Dropped { .. }));
        assert_eq!(
            dropped.count(),
            if is_dropped { 2 } else { 1 },
            "{notices:?}"
        );
        let (cuts, _) = cut_all(&bytes, Cutter::new(SECOND_LONG));
        joined::check_each(&bytes, &data(&cuts));
    }
}

#[test]
fn audio_that_jumps_and_comes_back_is_no_discontinuity() {
    let bytes = stream(
        |index| (START * 100_000 + index * FRAME, 0),
        |index| {
            let jump = if (77..90).contains(&index) {
                JUMPS[1]
            } else {
                0
            };
            Some(START * 100_000 + index * FRAME + jump)
        },
        |_| None,
    );
    let (cuts, notices) = cut_all(&bytes, Cutter::new(TWO_SECONDS));
    assert_eq!(shape(&cuts), [(2.0, false); 5]);
    assert_eq!(notices, []);
    joined::check_each(&bytes, &data(&cuts));
}
