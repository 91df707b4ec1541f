//! The durations of segments.

use super::maker::{
    NON_SYNC, Part, Run, SYNC, Track, fragment, ftyp, initialisation, moov, second,
};
use super::*;

/// Fragments that begin at these times and have 25 pictures of 40 ms each.
fn stream_at(times: &[u64]) -> Vec<u8> {
    let fragments = times
        .iter()
        .flat_map(|&time| fragment(&[Part::video(time, 25, SYNC)]));
    initialisation().into_iter().chain(fragments).collect()
}

#[test]
fn a_segment_lasts_from_its_first_decode_time_to_the_next_one() {
    assert_eq!(
        cut_at_seconds(&stream_at(&[0, 1010, 1990, 3050]), 1),
        [1.01, 2.04, 1.0]
    );
}

#[test]
fn the_last_one_lasts_as_long_as_its_samples() {
    for near in [7, 90] {
        let of_samples = Run {
            count: 3,
            columns: [Some(vec![1000, near, 20]), None, None, None],
            ..Run::default()
        };
        let default = Run {
            count: 3,
            ..Run::default()
        };
        let cases = [
            (Some(1), of_samples, 1020 + near),
            (Some(near), default.clone(), 3 * near),
            (None, default, 120),
        ];
        for (duration, run, expected) in cases {
            let last = Part {
                duration,
                flags: Some(SYNC),
                runs: vec![run.clone(), Run::default(), run],
                ..Part::video(1000, 0, SYNC)
            };
            let stream = [initialisation(), second(0, SYNC), fragment(&[last])];
            let expected = f64::from(2 * expected) / 1000.0;
            assert_eq!(cut_at_seconds(&stream.concat(), 1), [1.0, expected]);
        }
    }
}

#[test]
fn the_last_one_may_have_several_fragments() {
    let mut stream = stream_at(&[0, 1000]);
    stream.extend(fragment(&[Part::video(2200, 10, NON_SYNC)]));
    stream.extend(fragment(&[
        Part::video(2600, 10, NON_SYNC),
        Part::video(3000, 5, NON_SYNC),
    ]));
    assert_eq!(cut_at_seconds(&stream, 1), [1.0, 2.2]);
}

#[test]
fn boxes_of_either_version() {
    for version in [0, 1] {
        let track = Track {
            version,
            ..Track::video()
        };
        let mut stream = [ftyp(), moov(&[track])].concat();
        let offset = if version == 0 {
            u64::from(u32::MAX) - 1999
        } else {
            u64::MAX - 2999
        };
        for start in 0..3 {
            let part = Part {
                start: Some((version, offset + 1000 * start)),
                ..Part::video(0, 25, SYNC)
            };
            // The last of them would not fit into 32 bits.
            if version == 1 || start < 2 {
                stream.extend(fragment(&[part]));
            }
        }
        let expected = [1.0, 1.0, 1.0];
        assert_eq!(
            cut_at_seconds(&stream, 1),
            expected[..2 + usize::from(version)]
        );
    }
}

#[test]
fn any_timescale() {
    for timescale in [1, 1001, 90_000, 10_000_000, u32::MAX] {
        let track = Track {
            timescale,
            ..Track::video()
        };
        let mut stream = [ftyp(), moov(&[track])].concat();
        for start in 0..4 {
            let part = Part {
                duration: Some(timescale),
                ..Part::video(u64::from(timescale) * start, 1, SYNC)
            };
            stream.extend(fragment(&[part]));
        }
        assert_eq!(cut_at_seconds(&stream, 2), [2.0, 2.0], "{timescale}");
    }
}

/// 30000/1001 pictures a second: neither their duration nor the target is a whole number of
/// nanoseconds.
#[test]
fn a_target_is_reached_exactly() {
    let track = Track {
        timescale: 30_000,
        ..Track::video()
    };
    let mut stream = [ftyp(), moov(&[track])].concat();
    for start in 0..12 {
        let part = Part {
            duration: Some(1001),
            ..Part::video(1001 * start, 1, SYNC)
        };
        stream.extend(fragment(&[part]));
    }
    let at = |nanoseconds| seconds(&cut(&stream, Duration::from_nanos(nanoseconds))).len();
    // Three of them last 100.1 ms.
    assert_eq!(at(100_100_000), 4);
    assert_eq!(at(100_100_001), 3);
    assert_eq!(at(66_733_333), 6);
    assert_eq!(at(66_733_334), 4);
    assert_eq!(at(0), 12);
}

#[test]
fn a_gap_is_time_that_passed() {
    assert_eq!(
        cut_at_seconds(&stream_at(&[0, 1000, 12_000, 13_000]), 1),
        [1.0, 11.0, 1.0, 1.0]
    );
}

#[test]
fn where_decode_times_jump_the_samples_tell_how_long_it_lasts() {
    for times in [
        [5000, 6000, 0, 1000],
        [5000, 6000, 6000, 6000],
        [0, 1000, 3_602_001, 3_603_001],
        [0, 1000, u64::MAX, u64::MAX],
    ] {
        assert_eq!(
            cut_at_seconds(&stream_at(&times), 2),
            [2.0, 2.0],
            "{times:?}"
        );
    }
}
