//! Indexes that still hold are kept; the others are removed.

use super::maker::{
    Part, SYNC, Track, ftyp, full, initialisation, mdat, moof, moov, plain, second, sidx, styp,
};
use super::*;

/// Cuts, and returns the names of what there is in the segments and of what is not.
fn cut_and_check(bytes: &[u8], target: Duration) -> (Vec<Vec<String>>, Vec<String>) {
    let (cuts, outcome) = try_cut(bytes, target);
    assert_eq!(outcome, Ok(()));
    (names(&cuts), joined::check(bytes, &cuts))
}

#[test]
fn an_index_of_its_own_segment_stays() {
    let len = second(0, SYNC).len();
    for version in [0, 1] {
        let with_index = |start| {
            let free = plain("free", &[&[0; 4]]);
            // One reference is to another index.
            let index = sidx(version, free.len() as u64, &[1 << 31, len]);
            [styp(), index, free, second(start, SYNC)].concat()
        };
        let stream = [
            initialisation(),
            with_index(0),
            with_index(1),
            with_index(2),
        ];
        let (names, missing) = cut_and_check(&stream.concat(), 2 * SECOND);
        assert_eq!(missing, [""; 0]);
        assert_eq!(names[1].iter().filter(|name| *name == "sidx").count(), 2);
        assert_eq!(names[2].iter().filter(|name| *name == "sidx").count(), 1);
    }
}

#[test]
fn an_index_of_more_than_its_segment_goes() {
    let len = second(0, SYNC).len();
    for (version, first_offset, sizes) in [
        (0, 0, vec![len, len, len]),
        (1, 0, vec![len, len, len]),
        (0, 0, vec![3 * len]),
        (0, 16 + 1, vec![2 * len]),
        (1, u64::MAX, vec![1]),
        (1, u64::MAX - 1, vec![1]),
    ] {
        let index = sidx(version, first_offset, &sizes);
        let stream = [
            initialisation(),
            index,
            plain("ssix", &[&[0; 8]]),
            second(0, SYNC),
            second(1, SYNC),
            second(2, SYNC),
        ];
        let (names, missing) = cut_and_check(&stream.concat(), 2 * SECOND);
        assert_eq!(missing, ["sidx", "ssix"]);
        assert_eq!(names[1], ["moof", "mdat", "moof", "mdat"]);
    }
}

#[test]
fn an_index_of_everything_stays_where_everything_is_one_segment() {
    let len = second(0, SYNC).len();
    let ssix = full("ssix", 0, 0, &[&[0; 4]]);
    let index = sidx(0, ssix.len() as u64, &[len, len]);
    let stream = [
        initialisation(),
        index,
        ssix,
        second(0, SYNC),
        second(1, SYNC),
    ];
    let (names, missing) = cut_and_check(&stream.concat(), 5 * SECOND);
    assert_eq!(missing, [""; 0]);
    assert_eq!(names[1][..2], ["sidx", "ssix"]);
}

/// The parts that an index counts may have an index of their own, which may be left out.
#[test]
fn an_index_goes_with_an_index_that_it_counts() {
    let len = second(0, SYNC).len();
    let inner = sidx(0, 0, &[len, len]);
    let outer = sidx(0, 0, &[inner.len() + len]);
    let head = [initialisation(), outer, inner].concat();
    let tail = [second(0, SYNC), second(1, SYNC)].concat();
    let (cuts, outcome) = try_cut(&[head, tail].concat(), SECOND);
    assert_eq!(outcome, Ok(()));
    assert_eq!(
        names(&cuts)[1..],
        [vec!["moof", "mdat"], vec!["moof", "mdat"]]
    );
}

#[test]
fn an_index_goes_if_something_that_it_counts_is_left_out() {
    let len = second(0, SYNC).len();
    let mfra = plain("mfra", &[&[0; 9]]);
    for gap in [mfra, initialisation()] {
        let over_the_gap = sidx(0, 0, &[len + gap.len() / 2]);
        let up_to_the_gap = sidx(0, 0, &[len]);
        for (index, stays) in [(over_the_gap, false), (up_to_the_gap, true)] {
            let stream = [
                initialisation(),
                index,
                second(0, SYNC),
                gap.clone(),
                second(1, SYNC),
            ];
            let (cuts, outcome) = try_cut(&stream.concat(), 5 * SECOND);
            assert_eq!(outcome, Ok(()));
            assert_eq!(names(&cuts)[1][0] == "sidx", stays);
        }
    }
}

#[test]
fn the_index_of_the_file_goes() {
    let mfra = plain("mfra", &[&[0; 30]]);
    let early = sidx(0, 0, &[1]);
    let stream = [
        ftyp(),
        early,
        moov(&[Track::video()]),
        mfra.clone(),
        second(0, SYNC),
        mfra.clone(),
        second(1, SYNC),
        mfra,
    ];
    let (cuts, outcome) = try_cut(&stream.concat(), SECOND);
    assert_eq!(outcome, Ok(()));
    assert_eq!(joined(&cuts), super::maker::stream(2));
}

#[test]
fn an_index_that_cannot_be_read_goes() {
    for len in 0..20 {
        let stream = [
            initialisation(),
            plain("sidx", &[&vec![0; len]]),
            second(0, SYNC),
        ];
        let (cuts, outcome) = try_cut(&stream.concat(), SECOND);
        assert_eq!(outcome, Ok(()));
        assert_eq!(joined(&cuts), super::maker::stream(1));
    }
}

#[test]
fn an_index_in_what_comes_after_a_cut_counts_from_there() {
    let len = second(0, SYNC).len();
    let stream = [
        initialisation(),
        second(0, SYNC),
        sidx(0, 0, &[len]),
        second(1, SYNC),
        sidx(0, 0, &[len]),
        moof(&[Part::video(2000, 25, SYNC)]),
        mdat(100),
    ];
    let (names, missing) = cut_and_check(&stream.concat(), SECOND);
    assert_eq!(missing, [""; 0]);
    assert_eq!(
        names[2..],
        [["sidx", "moof", "mdat"], ["sidx", "moof", "mdat"]]
    );
}

#[test]
fn only_what_is_next_to_an_index_goes_with_it() {
    let stream = [
        initialisation(),
        sidx(0, 0, &[1 << 30]),
        plain("free", &[&[0; 4]]),
        plain("ssix", &[&[0; 8]]),
        second(0, SYNC),
    ];
    let (names, missing) = cut_and_check(&stream.concat(), SECOND);
    assert_eq!(missing, ["sidx"]);
    assert_eq!(names[1], ["free", "ssix", "moof", "mdat"]);
}
