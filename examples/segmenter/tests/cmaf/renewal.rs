//! Initialisation segments in the middle of a stream.

use super::maker::{
    NON_SYNC, Part, SYNC, Track, fragment, ftyp, initialisation, mdat, moof, moov, plain, second,
    sidx, stream, styp,
};
use super::*;

fn other_initialisation() -> Vec<u8> {
    let track = Track {
        timescale: 500,
        ..Track::video()
    };
    [ftyp(), moov(&[track])].concat()
}

#[test]
fn another_initialisation_begins_another_stream() {
    let first = [stream(3), styp()].concat();
    let second = [
        other_initialisation(),
        fragment(&[Part::video(0, 25, SYNC)]),
        fragment(&[Part::video(1000, 25, SYNC)]),
    ]
    .concat();
    let cuts = cut(&[first, second].concat(), 2 * SECOND);
    assert_eq!(seconds(&cuts), [2.0, 1.0, 2.0, 2.0]);
    assert_eq!(
        names(&cuts),
        [
            vec!["ftyp", "moov"],
            vec!["moof", "mdat", "moof", "mdat"],
            vec!["moof", "mdat", "styp"],
            vec!["ftyp", "moov"],
            vec!["moof", "mdat"],
            vec!["moof", "mdat"],
        ]
    );
    assert_eq!(data(&cuts[3]), other_initialisation());
}

#[test]
fn another_initialisation_need_not_have_a_file_type() {
    let stream = [
        stream(1),
        other_initialisation()[ftyp().len()..].to_vec(),
        second(0, SYNC),
    ];
    let cuts = cut(&stream.concat(), SECOND);
    assert_eq!(joined::names(data(&cuts[2])), ["moov"]);
    assert_eq!(seconds(&cuts), [1.0, 2.0]);
}

#[test]
fn an_initialisation_that_is_repeated_is_left_out() {
    let repeated = [
        initialisation(),
        second(0, SYNC),
        initialisation(),
        second(1, SYNC),
        moov(&[Track::video()]),
        styp(),
        initialisation(),
        second(2, SYNC),
        initialisation(),
    ];
    let once = [
        initialisation(),
        second(0, SYNC),
        second(1, SYNC),
        styp(),
        second(2, SYNC),
    ];
    for target in [SECOND, 2 * SECOND, 5 * SECOND] {
        let cuts = try_cut(&repeated.concat(), target);
        assert_eq!(cuts, try_cut(&once.concat(), target));
        assert_eq!(joined(&cuts.0), once.concat());
    }
}

#[test]
fn a_file_type_in_the_middle_is_left_alone() {
    let stream = [stream(1), ftyp(), second(1, SYNC), ftyp()];
    let cuts = cut(&stream.concat(), SECOND);
    assert_eq!(
        names(&cuts)[1..],
        [vec!["moof", "mdat", "ftyp"], vec!["moof", "mdat", "ftyp"]]
    );
}

/// Only what may be of the repeated initialisation goes with it.
#[test]
fn what_leads_a_fragment_is_not_left_out_with_a_repetition() {
    let emsg = plain("emsg", &[&[0; 40]]);
    let stream = [
        stream(1),
        ftyp(),
        emsg.clone(),
        moov(&[Track::video()]),
        second(1, SYNC),
    ];
    let (cuts, outcome) = try_cut(&stream.concat(), SECOND);
    assert_eq!(outcome, Ok(()));
    assert_eq!(
        names(&cuts)[1..],
        [vec!["moof", "mdat", "ftyp"], vec!["emsg", "moof", "mdat"]]
    );
}

#[test]
fn a_repetition_takes_nothing_else_along() {
    let moof = || moof(&[Part::video(1000, 25, SYNC)]);
    for (rest, expected) in [
        (
            [moov(&[Track::video()]), second(1, SYNC), vec![]],
            vec!["moof", "mdat"],
        ),
        (
            [
                ftyp(),
                ftyp(),
                [moov(&[Track::video()]), second(1, SYNC)].concat(),
            ],
            vec!["ftyp", "moof", "mdat"],
        ),
        (
            [
                ftyp(),
                [moof(), moov(&[Track::video()])].concat(),
                mdat(100),
            ],
            vec!["ftyp", "moof", "mdat"],
        ),
    ] {
        for head in [initialisation(), super::maker::stream(1)] {
            let (cuts, outcome) = try_cut(&[head, rest.concat()].concat(), SECOND);
            assert_eq!(outcome, Ok(()));
            let all = names(&cuts).concat();
            let end = all.len() - expected.len();
            assert_eq!(all[end..], expected);
            assert_eq!(all[..2], ["ftyp", "moov"]);
            assert!([2, 4].contains(&end), "{all:?}");
        }
    }
}

/// A box in a repeated initialisation that the one in force does not have stays, in its place.
#[test]
fn what_a_repetition_has_besides_stays() {
    let movie = || moov(&[Track::video()]);
    let note = |text: &[u8]| plain("free", &[text]);
    let (known, other) = (|| note(b"known"), || note(b"other"));
    let other_type = || plain("ftyp", &[b"iso9", &[0; 4]]);
    let first = [ftyp(), known(), movie()].concat();
    let rest = [sidx(0, 0, &[second(1, SYNC).len()]), second(1, SYNC)].concat();
    for (repetition, kept) in [
        ([ftyp(), known(), movie()].concat(), vec![]),
        ([ftyp(), other(), movie()].concat(), other()),
        (
            [ftyp(), other(), known(), note(b""), movie()].concat(),
            [other(), note(b"")].concat(),
        ),
        ([other_type(), known(), movie()].concat(), other_type()),
        (
            [ftyp(), plain("mfra", &[]), other(), movie()].concat(),
            other(),
        ),
    ] {
        // Within the first initialisation segment, behind it while it is held back, and later.
        for before in [vec![], second(0, NON_SYNC), second(0, SYNC)] {
            let head = [&first[..], &before].concat();
            let input = [&head[..], &repetition, &rest].concat();
            let expected = [&head[..], &kept, &rest].concat();
            for target in [SECOND, 5 * SECOND] {
                let cuts = cut(&input, target);
                assert_eq!(joined(&cuts), expected);
                assert_eq!(cuts, cut(&expected, target));
            }
        }
        // A fault behind it takes nothing of it away.
        let head = [first.clone(), second(0, SYNC)].concat();
        let (cuts, outcome) = try_cut(&[&head[..], &repetition, &[0; 8]].concat(), SECOND);
        assert!(matches!(outcome, Err(CutError::Damaged { .. })));
        assert_eq!(joined(&cuts), [head, kept].concat());
    }
}
