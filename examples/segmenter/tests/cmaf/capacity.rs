//! The cutter never holds more than its limit.

use super::faults::kind;
use super::maker::{
    NON_SYNC, Part, SYNC, VIDEO, fragment, ftyp, initialisation, moof, plain, second, stream,
};
use super::*;

/// The held part of a box that does not fit.
const LONGEST_HEADER: usize = 16;

#[test]
fn a_segment_is_cut_before_its_target_rather_than_held_for_ever() {
    let whole = stream(20);
    let len = second(0, SYNC).len();
    let cutter = Cutter::new(3600 * SECOND).capacity(6 * len);
    let (cuts, outcome) = cut_in(&whole, &[100], cutter);
    assert_eq!(outcome, Ok(()));
    assert_eq!(seconds(&cuts), [3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.0]);
    joined::check(&whole, &cuts);
}

#[test]
fn a_full_segment_is_not_cut_where_it_would_last_no_time() {
    let part = Part::video(0, 0, SYNC);
    let timeless = Part {
        duration: Some(0),
        ..Part::video(0, 1, SYNC)
    };
    let mut whole = initialisation();
    for _ in 0..10 {
        whole.extend(fragment(&[timeless.clone(), part.clone()]));
    }
    let cutter = Cutter::new(Duration::ZERO).capacity(whole.len());
    let (cuts, outcome) = cut_in(&whole, &[100], cutter);
    assert_eq!(outcome, Ok(()));
    assert_eq!(seconds(&cuts), [0.0]);
}

#[test]
fn a_segment_that_never_ends_is_a_fault_and_is_handed_out() {
    let mut whole = stream(1);
    let mut ends = vec![whole.len()];
    for start in 1..100 {
        whole.extend(second(start, NON_SYNC));
        ends.push(whole.len());
    }
    let capacity = 2000;
    let (cuts, outcome) = cut_in(&whole, &[1], Cutter::new(SECOND).capacity(capacity));
    let Err(CutError::TooLong {
        track: VIDEO,
        offset,
        bytes,
    }) = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(offset, initialisation().len() as u64);
    assert!(bytes <= capacity + LONGEST_HEADER);
    let kept = joined(&cuts).len();
    assert!(ends.contains(&kept) && kept + second(0, SYNC).len() > capacity);
    assert_eq!(joined(&cuts), whole[..kept]);
    // Whatever it comes in, it is held no longer.
    let at_once = cut_in(
        &whole,
        &[whole.len()],
        Cutter::new(SECOND).capacity(capacity),
    );
    assert_eq!((cuts, outcome), at_once);
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let capacity = 5000;
    let endless = |piece: &[u8]| piece.repeat(2 * capacity / piece.len());
    let init = initialisation();
    let bytes = |outcome: Result<(), CutError>| match outcome {
        Err(CutError::NoFragment { bytes } | CutError::NoSyncSample { bytes, .. }) => bytes,
        other => panic!("{other:?}"),
    };
    for stream in [
        [ftyp(), endless(&plain("free", &[]))].concat(),
        [init.clone(), endless(&plain("free", &[&[0; 50]]))].concat(),
        [init.clone(), endless(&second(0, NON_SYNC))].concat(),
        [
            init.clone(),
            b"\0\0\0\0mdat".to_vec(),
            vec![0; 2 * capacity],
        ]
        .concat(),
    ] {
        let cutter = Cutter::new(SECOND).capacity(capacity);
        let (cuts, outcome) = cut_in(&stream, &[1], cutter);
        assert_eq!(cuts, []);
        assert!(bytes(outcome) <= (init.len() + capacity + LONGEST_HEADER) as u64);
    }
    let size = capacity + 1;
    let large = [ftyp(), plain("moov", &[&vec![0; size - 8]])].concat();
    let (_, outcome) = cut_in(&large, &[1], Cutter::new(SECOND).capacity(capacity));
    let expected = CutError::TooLarge {
        kind: kind("moov"),
        offset: ftyp().len() as u64,
        size: size as u64,
        capacity,
    };
    assert_eq!(outcome, Err(expected));
}

#[test]
fn data_to_the_end_is_bounded_too() {
    let head = [
        stream(1),
        moof(&[Part::video(1000, 25, SYNC)]),
        b"\0\0\0\0mdat".to_vec(),
    ]
    .concat();
    let capacity = 3000;
    let of = |len: usize| {
        let input = [head.clone(), vec![7; len]].concat();
        let cutter = Cutter::new(SECOND).capacity(capacity);
        (cut_in(&input, &[999], cutter), input)
    };
    let ((cuts, outcome), input) = of(2000);
    assert_eq!(outcome, Ok(()));
    assert_eq!(joined(&cuts), input);
    let ((cuts, outcome), _) = of(5000);
    assert!(
        matches!(outcome, Err(CutError::TooLong { .. })),
        "{outcome:?}"
    );
    assert_eq!(joined(&cuts), stream(1));
}

/// The bytes held before the data count as well, and the last byte that fits is taken.
#[test]
fn data_to_the_end_fits_with_what_is_held_before_it() {
    let whole = [stream(1), second(1, NON_SYNC), second(2, NON_SYNC)].concat();
    let head = [
        whole.clone(),
        moof(&[Part::video(3000, 25, NON_SYNC)]),
        b"\0\0\0\0mdat".to_vec(),
    ]
    .concat();
    let len = 200;
    let input = [head.clone(), vec![7; len]].concat();
    // Of the initialisation segment nothing is held any more.
    let most = input.len() - initialisation().len();
    for piece in [1, 7, input.len()] {
        let cutter = Cutter::new(SECOND).capacity(most);
        let (cuts, outcome) = cut_in(&input, &[piece], cutter);
        assert_eq!((joined(&cuts), outcome), (input.clone(), Ok(())));
        // Down to where not even the header fits.
        for capacity in most - len - 8..most {
            let cutter = Cutter::new(SECOND).capacity(capacity);
            let (cuts, outcome) = cut_in(&input, &[piece], cutter);
            let Err(CutError::TooLong { bytes, .. }) = outcome else {
                panic!("{outcome:?}");
            };
            assert!(bytes <= capacity + LONGEST_HEADER, "{bytes}");
            assert_eq!(joined(&cuts), whole);
        }
    }
}
