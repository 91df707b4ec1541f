//! The cut points: before fragments that a decoder can begin with, and nowhere else.

use super::maker::{
    AUDIO, NON_SYNC, Part, Run, SYNC, Track, VIDEO, fragment, ftyp, initialisation, mdat, moof,
    moov, plain, second, styp,
};
use super::*;

/// Whether a fragment that is this is one to begin with, when the `trex` has these flags.
fn lets_in(default_flags: u32, part: Part) -> bool {
    let track = Track {
        defaults: Some((40, default_flags)),
        ..Track::video()
    };
    let stream = [
        ftyp(),
        moov(&[track]),
        second(0, SYNC),
        fragment(&[part]),
        second(2, SYNC),
    ];
    match &cut_at_seconds(&stream.concat(), 1)[..] {
        [1.0, 1.0, 1.0] => true,
        [2.0, 1.0] => false,
        other => panic!("{other:?}"),
    }
}

/// One second that says of its samples only what is given.
fn part(flags: Option<u32>, run: Run) -> Part {
    Part {
        flags,
        runs: vec![Run { count: 25, ..run }],
        ..Part::video(1000, 25, 0)
    }
}

#[test]
fn the_nearest_flags_tell_whether_the_first_sample_is_a_sync_sample() {
    for near in [SYNC, NON_SYNC] {
        let far = if near == SYNC { NON_SYNC } else { SYNC };
        let expected = near == SYNC;
        let nothing = Run::default();
        assert_eq!(lets_in(near, part(None, nothing.clone())), expected, "trex");
        assert_eq!(lets_in(far, part(Some(near), nothing)), expected, "tfhd");
        let mut of_each = vec![far; 25];
        of_each[0] = near;
        let run = Run {
            columns: [None, None, Some(of_each), None],
            ..Run::default()
        };
        assert_eq!(lets_in(far, part(Some(far), run.clone())), expected, "trun");
        let run = Run {
            first_flags: Some(near),
            ..Run::default()
        };
        assert_eq!(
            lets_in(far, part(Some(far), run)),
            expected,
            "first of trun"
        );
    }
}

#[test]
fn flags_are_found_among_any_other_fields() {
    for fields in 0..16_u32 {
        let column = |bit: u32, value: u32| (fields >> bit & 1 == 1).then(|| vec![value; 25]);
        for (flags, expected) in [(SYNC, true), (NON_SYNC, false)] {
            let run = Run {
                data_offset: column(3, 0).map(|_| 8),
                columns: [
                    column(0, 40),
                    column(1, NON_SYNC ^ flags),
                    Some(vec![flags; 25]),
                    column(2, NON_SYNC ^ flags),
                ],
                ..Run::default()
            };
            let found = lets_in(NON_SYNC ^ flags, part(None, run));
            assert_eq!(found, expected, "{fields:04b} {flags:#x}");
        }
    }
}

#[test]
fn defaults_are_found_among_any_other_fields() {
    for fields in 0..8_u32 {
        let field = |bit: u32, value: u32| (fields >> bit & 1 == 1).then_some(value);
        for (flags, expected) in [(SYNC, true), (NON_SYNC, false)] {
            let other = NON_SYNC ^ SYNC ^ flags;
            let run = Run {
                count: 25,
                ..Run::default()
            };
            let of_fields = Part {
                description: field(0, other),
                duration: field(1, 40),
                size: field(2, other),
                ..part(Some(flags), run)
            };
            assert_eq!(
                lets_in(other, of_fields),
                expected,
                "{fields:03b} {flags:#x}"
            );
        }
    }
}

#[test]
fn a_run_without_samples_does_not_count() {
    let empty = Run {
        first_flags: Some(NON_SYNC),
        ..Run::default()
    };
    let mut whole = Part::video(1000, 25, SYNC);
    whole.runs.insert(0, empty.clone());
    assert!(lets_in(NON_SYNC, whole));

    let nothing = Part {
        runs: vec![Run {
            first_flags: Some(SYNC),
            ..empty
        }],
        ..Part::video(1000, 0, SYNC)
    };
    let stream = [
        initialisation(),
        second(0, SYNC),
        fragment(&[nothing]),
        second(1, SYNC),
    ];
    let cuts = cut(&stream.concat(), SECOND);
    assert_eq!(seconds(&cuts), [1.0, 1.0]);
    assert_eq!(
        joined::names(data(&cuts[1])),
        ["moof", "mdat", "moof", "mdat"]
    );
}

#[test]
fn only_the_first_run_and_the_first_part_tell_how_a_fragment_begins() {
    let mut two_runs = Part::video(1000, 12, NON_SYNC);
    two_runs.runs.extend(Part::video(0, 13, SYNC).runs);
    assert!(!lets_in(NON_SYNC, two_runs));

    let stream = [
        initialisation(),
        second(0, SYNC),
        fragment(&[Part::video(1000, 12, NON_SYNC), Part::video(1480, 13, SYNC)]),
        fragment(&[Part::video(2000, 12, SYNC), Part::video(2480, 13, NON_SYNC)]),
    ];
    assert_eq!(cut_at_seconds(&stream.concat(), 1), [2.0, 1.0]);
}

/// The video track is the first one that may have fragments, wherever it stands.
#[test]
fn the_first_video_track_decides() {
    let tracks = [
        Track {
            id: 7,
            handler: "meta",
            ..Track::video()
        },
        Track::audio(),
        Track {
            id: 8,
            defaults: None,
            ..Track::video()
        },
        Track::video(),
        Track {
            id: 9,
            ..Track::video()
        },
    ];
    let of_others = |start: u64| {
        let other = Part {
            track: 9,
            ..Part::video(1000 * start, 25, SYNC)
        };
        fragment(&[Part::audio(48_000 * start, 47), other])
    };
    let stream = [
        ftyp(),
        moov(&tracks),
        second(0, SYNC),
        of_others(0),
        second(1, NON_SYNC),
        of_others(1),
        second(2, SYNC),
        of_others(2),
    ];
    assert_eq!(cut_at_seconds(&stream.concat(), 1), [2.0, 1.0]);
}

#[test]
fn any_fragment_of_audio_alone_is_one_to_begin_with() {
    let mut stream = [ftyp(), moov(&[Track::audio()])].concat();
    for start in 0..10 {
        let part = Part {
            runs: vec![Run {
                count: 47,
                first_flags: Some(NON_SYNC),
                ..Run::default()
            }],
            ..Part::audio(48_128 * start, 47)
        };
        stream.extend(fragment(&[part]));
    }
    let second = 1024.0 * 47.0 / 48_000.0;
    let expected = [second * 3.0, second * 3.0, second * 3.0, second];
    let found = cut_at_seconds(&stream, 3);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} s of {expected} s");
    }
}

#[test]
fn fragments_of_audio_before_the_video_stay_with_the_segment_before() {
    let mut stream = [ftyp(), moov(&[Track::video(), Track::audio()])].concat();
    for start in 0..4 {
        stream.extend(fragment(&[Part::audio(48_000 * start, 47)]));
        stream.extend(second(start, SYNC));
    }
    let cuts = cut(&stream, 2 * SECOND);
    assert_eq!(seconds(&cuts), [2.0, 2.0]);
    let fragments = |cut: &Segment| joined::names(data(cut)).len() / 2;
    assert_eq!(fragments(&cuts[1]), 5);
    assert_eq!(fragments(&cuts[2]), 3);
    assert_eq!(track_of_first(data(&cuts[1])), AUDIO);
    assert_eq!(track_of_first(data(&cuts[2])), VIDEO);
}

/// The track of the first `tfhd`.
fn track_of_first(segment: &[u8]) -> u32 {
    let at = segment.windows(4).position(|name| name == b"tfhd").unwrap() + 8;
    u32::from_be_bytes(segment[at..at + 4].try_into().unwrap())
}

#[test]
fn what_leads_a_fragment_goes_with_it() {
    let prft = plain("prft", &[&[0; 20]]);
    let emsg = plain("emsg", &[&[0; 40]]);
    let free = plain("free", &[&[0; 3]]);
    let lead = [&styp()[..], &prft, &free, &emsg].concat();
    let behind = plain("abcd", &[b"stays with what it follows"]);
    let stream = [
        initialisation(),
        free.clone(),
        lead.clone(),
        second(0, SYNC),
        behind.clone(),
        free.clone(),
        lead.clone(),
        second(1, SYNC),
        behind.clone(),
        lead.clone(),
    ];
    let cuts = cut(&stream.concat(), SECOND);
    let found: Vec<_> = cuts.iter().map(|cut| joined::names(data(cut))).collect();
    assert_eq!(
        found,
        [
            vec!["ftyp", "moov", "free"],
            vec![
                "styp", "prft", "free", "emsg", "moof", "mdat", "abcd", "free"
            ],
            vec![
                "styp", "prft", "free", "emsg", "moof", "mdat", "abcd", "styp", "prft", "free",
                "emsg"
            ],
        ]
    );
}

#[test]
fn what_leads_a_fragment_of_audio_stays_with_that() {
    let stream = [
        ftyp(),
        moov(&[Track::video(), Track::audio()]),
        second(0, SYNC),
        styp(),
        fragment(&[Part::audio(48_000, 47)]),
        second(1, SYNC),
    ];
    let cuts = cut(&stream.concat(), SECOND);
    assert_eq!(joined::names(data(&cuts[2])), ["moof", "mdat"]);
}

/// The data of two fragments may come after both.
#[test]
fn a_fragment_is_not_cut_from_its_data() {
    let stream = [
        initialisation(),
        second(0, SYNC),
        moof(&[Part::video(1000, 25, SYNC)]),
        moof(&[Part::video(2000, 25, SYNC)]),
        mdat(200),
        second(3, SYNC),
    ];
    let (cuts, outcome) = try_cut(&stream.concat(), SECOND);
    assert_eq!(outcome, Ok(()));
    assert_eq!(seconds(&cuts), [1.0, 2.0, 1.0]);
    assert_eq!(joined::names(data(&cuts[2])), ["moof", "moof", "mdat"]);
}

#[test]
fn input_that_begins_in_the_middle_of_a_group_loses_nothing() {
    let stream = [
        initialisation(),
        second(0, NON_SYNC),
        second(1, NON_SYNC),
        second(2, SYNC),
        second(3, SYNC),
    ];
    assert_eq!(cut_at_seconds(&stream.concat(), 1), [3.0, 1.0]);
}

#[test]
fn headers_of_every_length() {
    let mut stream = initialisation();
    for start in 0..3 {
        stream.extend(maker::long("free", &[]));
        let moof = moof(&[Part::video(1000 * start, 25, SYNC)]);
        stream.extend(maker::long("moof", &moof[8..]));
        stream.extend(maker::long("mdat", &[1, 2, 3]));
        stream.extend(plain("skip", &[]));
    }
    stream.extend(second(3, SYNC));
    let end = stream.len() - mdat(100).len();
    stream[end..end + 4].fill(0);
    let cuts = cut(&stream, SECOND);
    assert_eq!(seconds(&cuts), [1.0; 4]);
}

/// Data without a fragment is no part of the initialisation.
#[test]
fn data_begins_the_media() {
    let stream = [initialisation(), mdat(5), second(0, SYNC), second(1, SYNC)];
    let (cuts, outcome) = try_cut(&stream.concat(), SECOND);
    assert_eq!(outcome, Ok(()));
    assert_eq!(joined(&cuts), stream.concat());
    assert_eq!(
        names(&cuts)[..2],
        [vec!["ftyp", "moov"], vec!["mdat", "moof", "mdat"]]
    );
}
