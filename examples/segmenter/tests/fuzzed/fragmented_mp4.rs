//! Any bytes as a fragmented MP4 for its cutter.

use std::collections::BTreeSet;
use std::time::Duration;

use segmenter::cmaf::{CutError, Cutter};
use segmenter::{Segment, SegmentKind};

const TARGET: Duration = Duration::from_millis(500);
const CAPACITY: usize = 2048;

pub(crate) fn check(data: &[u8]) {
    let whole = cut(data, data.len().max(1), Cutter::new(TARGET));
    let piece = 1 + data.len() * 31 % 61;
    let pieces = cut(data, piece, Cutter::new(TARGET));
    assert_eq!(pieces, whole, "the pieces matter");
    check_cuts(data, &whole);

    let for_players = || Cutter::new(TARGET).drop_undecodable().promptly();
    let promptly = cut(data, data.len().max(1), for_players());
    let pieces = cut(data, piece, for_players());
    assert_eq!(pieces, promptly, "the pieces matter");
    promptly.0.iter().for_each(check_form);

    let bounded = cut(data, piece, Cutter::new(TARGET).capacity(CAPACITY));
    check_cuts(data, &bounded);
    for cut in &bounded.0 {
        let len = bytes(cut).len();
        assert!(len <= CAPACITY, "{len} bytes held");
    }
}

fn cut(data: &[u8], piece: usize, mut cutter: Cutter) -> (Vec<Segment>, Result<(), CutError>) {
    let mut cuts = Vec::new();
    let pushed = data
        .chunks(piece)
        .try_for_each(|piece| cutter.push(piece, &mut cuts));
    let finished = cutter.finish(&mut cuts);
    assert!(pushed.is_ok() || pushed == finished, "a fault stays");
    (cuts, finished)
}

fn bytes(cut: &Segment) -> &[u8] {
    &cut.data
}

/// Checks that the joined segments are the boxes of the input, whole and in their order, but for
/// indexes and for the repetition of what is in force; all of them, unless there is a fault.
fn check_cuts(input: &[u8], (cuts, outcome): &(Vec<Segment>, Result<(), CutError>)) {
    cuts.iter().for_each(check_form);
    let joined: Vec<u8> = cuts.iter().flat_map(bytes).copied().collect();
    // How far the joined segments may go with the boxes so far: one that is like another may be
    // either.
    let mut ends = BTreeSet::from([0]);
    let mut was_at_the_end = joined.is_empty();
    for outer in Boxes(input) {
        let may_be_missing = is_index(outer) || is_repeated(outer, cuts);
        let there = ends
            .iter()
            .filter(|end| joined[**end..].starts_with(outer))
            .map(|end| end + outer.len());
        let missing = ends.iter().copied().filter(|_| may_be_missing);
        ends = there.chain(missing).collect();
        was_at_the_end |= ends.contains(&joined.len());
    }
    assert!(was_at_the_end, "not the boxes of the input");
    if outcome.is_ok() {
        assert!(!cuts.is_empty(), "without a fault there is something");
        assert!(ends.contains(&joined.len()), "boxes are missing at the end");
    }
}

fn is_index(outer: &[u8]) -> bool {
    [b"mfra", b"sidx", b"ssix"]
        .iter()
        .any(|it| *it == kind(outer))
}

fn is_repeated(outer: &[u8], cuts: &[Segment]) -> bool {
    cuts.iter()
        .filter(|cut| cut.kind == SegmentKind::Initialisation)
        .any(|cut| Boxes(bytes(cut)).any(|known| known == outer))
}

/// An initialisation segment ends before any media; a media segment has nothing else, and
/// fragments.
fn check_form(cut: &Segment) {
    let boxes = || Boxes(bytes(cut));
    let has = |wanted: &[u8]| boxes().any(|outer| kind(outer) == wanted);
    assert_eq!(boxes().map(<[u8]>::len).sum::<usize>(), bytes(cut).len());
    match cut.kind {
        SegmentKind::Initialisation => {
            assert_eq!(boxes().filter(|outer| kind(outer) == b"moov").count(), 1);
            assert!(![b"moof", b"mdat", b"sidx"].iter().any(|it| has(*it)));
        }
        _ => assert!(!has(b"moov") && has(b"moof") && has(b"mdat")),
    }
}

fn kind(outer: &[u8]) -> &[u8] {
    &outer[4..8]
}

/// The boxes of the outermost level, as far as they are whole.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let word = u32::from_be_bytes(*self.0.first_chunk()?);
        let len = match word {
            0 => self.0.len(),
            1 => usize::try_from(u64::from_be_bytes(*self.0.get(8..)?.first_chunk()?)).ok()?,
            word => usize::try_from(word).ok()?,
        };
        let (outer, rest) = self.0.split_at_checked(len).filter(|_| len >= 8)?;
        self.0 = rest;
        Some(outer)
    }
}
