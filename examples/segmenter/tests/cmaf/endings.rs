//! Input that ends too early, or is stopped before its end.

use super::faults::good_len;
use super::maker::{
    NON_SYNC, Part, SYNC, ftyp, initialisation, mdat, moof, plain, second, stream, styp,
};
use super::*;

/// A stream, and where a segment of it may end: where all that came is whole and belongs to what
/// came before.
fn stream_and_ends() -> (Vec<u8>, Vec<usize>) {
    let free = || plain("free", &[]);
    let moof = |start: u64| moof(&[Part::video(1000 * start, 25, SYNC)]);
    let mut whole = [initialisation(), free()].concat();
    let mut ends = Vec::new();
    let mut add = |boxes: &[Vec<u8>]| {
        whole.extend(boxes.concat());
        ends.push(whole.len());
    };
    add(&[styp(), free(), moof(0), free(), mdat(9)]);
    add(&[free()]);
    add(&[ftyp(), free(), moof(1), mdat(9)]);
    add(&[moof(2), mdat(9)]);
    add(&[styp(), moof(3), free(), moof(4), mdat(9)]);
    add(&[free()]);
    add(&[moof(5), mdat(9)]);
    (whole, ends)
}

fn cut_and_stop(bytes: &[u8]) -> Vec<Segment> {
    let mut cutter = Cutter::new(2 * SECOND);
    let mut cuts = Vec::new();
    cutter.push(bytes, &mut cuts).expect("good so far");
    cuts.extend(cutter.stop());
    cuts
}

/// Wherever the input ends, what was whole is handed out, and that it was cut short is said. Who
/// stops there gets the same.
#[test]
fn input_that_ends_anywhere() {
    let (whole, ends) = stream_and_ends();
    let boundaries: Vec<usize> = joined::boxes(&whole)
        .iter()
        .map(|outer| outer.at.end)
        .collect();
    let (end_of_initialisation, end_of_first_moof) = (boundaries[2], boundaries[5]);
    for len in 1..=whole.len() {
        let (ended, outcome) = try_cut(&whole[..len], 2 * SECOND);
        let stopped = cut_and_stop(&whole[..len]);
        assert!(
            ended
                .iter()
                .chain(&stopped)
                .all(|cut| !data(cut).is_empty())
        );
        let kept = match ends.iter().rfind(|end| **end <= len) {
            Some(end) => *end,
            None if len < end_of_first_moof => 0,
            None => end_of_initialisation,
        };
        assert_eq!(joined(&stopped), whole[..kept], "{len}");
        let is_boundary = boundaries.contains(&len);
        let lacks_data = || {
            let behind = joined::names(&whole[kept..len]);
            kept > 0 && behind.iter().any(|name| name == "moof")
        };
        match outcome {
            Ok(()) => {
                // The boxes before a fragment that does not come are kept.
                assert_eq!(joined(&ended), whole[..len]);
                assert_eq!(seconds(&ended), seconds(&stopped));
                assert!(is_boundary && !lacks_data() && kept > 0, "{len}");
                continue;
            }
            Err(CutError::NoData { .. }) => assert!(is_boundary && lacks_data(), "{len}"),
            Err(CutError::EndsInsideBox { .. }) => assert!(!is_boundary, "{len}"),
            Err(_) => assert!(len < end_of_first_moof && (is_boundary || len < 8), "{len}"),
        }
        assert_eq!(ended, stopped, "{len}");
    }
}

#[test]
fn what_ends_early_lasts_as_long_as_what_is_there() {
    let moof = moof(&[Part::video(5000, 25, NON_SYNC)]);
    let good = stream(2);
    let offset = good_len();
    let inside = |len| CutError::EndsInsideBox {
        offset: offset + moof.len() as u64,
        len,
    };
    let data = mdat(100);
    for (rest, expected) in [
        (moof.clone(), CutError::NoData { offset }),
        ([&moof[..], &moof].concat(), CutError::NoData { offset }),
        ([&moof[..], &data[..50]].concat(), inside(50)),
    ] {
        let (cuts, outcome) = try_cut(&[&good[..], &rest].concat(), 5 * SECOND);
        assert_eq!(outcome, Err(expected));
        assert_eq!(seconds(&cuts), [2.0]);
        assert_eq!(joined(&cuts), good);
    }
}

#[test]
fn a_fault_stays() {
    let refused = [ftyp(), plain("mdat", &[&[0; 9]])].concat();
    let damaged = [stream(1), vec![0; 8]].concat();
    for (bad, good) in [(refused, vec![]), (damaged, stream(1))] {
        let mut cutter = Cutter::new(SECOND);
        let mut cuts = Vec::new();
        let fault = cutter.push(&bad, &mut cuts);
        assert!(fault.is_err());
        let so_far = cuts.clone();
        assert_eq!(cutter.push(&stream(2), &mut cuts), fault);
        assert_eq!(cuts, so_far);
        assert_eq!(cutter.finish(&mut cuts), fault);
        assert_eq!(joined(&cuts), good);
    }
}

/// A part that is left out of the middle does not delay the later parts.
#[test]
fn stopping_behind_a_repeated_initialisation() {
    let free = plain("free", &[]);
    let repeated = [stream(1), initialisation(), free.clone()].concat();
    assert_eq!(joined(&cut_and_stop(&repeated)), [stream(1), free].concat());
}

/// Before the first fragment that a decoder can begin with is whole, nothing is a segment: neither
/// media data that belongs to no fragment nor fragments that only go on.
#[test]
fn what_comes_before_the_first_whole_fragment_is_no_segment() {
    let moof = moof(&[Part::video(1000, 25, SYNC)]);
    for before in [mdat(50), second(0, NON_SYNC), plain("free", &[])] {
        let before = [initialisation(), styp(), before].concat();
        let offset = before.len() as u64;
        let short = [before.clone(), moof.clone()].concat();
        for (behind, expected) in [
            (vec![], CutError::NoData { offset }),
            (
                vec![0; 8],
                CutError::Damaged {
                    offset: short.len() as u64,
                },
            ),
        ] {
            let (cuts, outcome) = try_cut(&[short.clone(), behind].concat(), SECOND);
            assert_eq!(outcome, Err(expected));
            assert_eq!(names(&cuts), [["ftyp", "moov"]]);
            assert_eq!(cut_and_stop(&short), cuts);
        }
        // With the data it stays where it was.
        let whole = [short, mdat(9)].concat();
        let (cuts, outcome) = try_cut(&whole, SECOND);
        assert_eq!((joined(&cuts), outcome), (whole, Ok(())));
    }
}
