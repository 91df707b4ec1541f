//! Any bytes as a fragmented MP4 for its cutter.

use std::collections::BTreeSet;
use std::time::Duration;

use peak_alloc::PeakAlloc;
use segmenter::cmaf::{CutError, Cutter};
use segmenter::{Notice, Segment, SegmentKind};

const TARGET: Duration = Duration::from_millis(500);
const CAPACITY: usize = 2048;
/// The memory of a cutter with this capacity, and the input that shows it.
const MOST_MEMORY: usize = 64 * 1024;
const MUCH_INPUT: usize = 1024 * 1024;

pub(crate) fn check(data: &[u8]) {
    let piece = 1 + data.len() * 31 % 61;
    let whole = cut(data, data.len().max(1), Cutter::new(TARGET));
    let pieces = cut(data, piece, Cutter::new(TARGET));
    assert_eq!(pieces, whole, "the pieces matter");
    check_cuts(data, &whole, End::Exact);

    let for_players = || Cutter::new(TARGET).drop_undecodable().promptly();
    let promptly = cut(data, data.len().max(1), for_players());
    let pieces = cut(data, piece, for_players());
    assert_eq!(pieces, promptly, "the pieces matter");
    check_cuts(data, &promptly, End::Prompt);

    let (start, _) = data.split_at(data.len() / 2);
    check_cuts(start, &stop(start, Cutter::new(TARGET)), End::Stopped);

    let bounded = cut(data, piece, Cutter::new(TARGET).capacity(CAPACITY));
    check_cuts(data, &bounded, End::Exact);
    for cut in &bounded.cuts {
        let len = bytes(cut).len();
        assert!(len <= CAPACITY, "{len} bytes held");
    }
}

/// However often the input comes again, a cutter needs no more memory.
pub(crate) fn check_memory(data: &[u8]) {
    let before = PeakAlloc.current_usage();
    PeakAlloc.reset_peak_usage();
    let mut cutter = Cutter::new(TARGET).capacity(CAPACITY);
    let mut cuts = Vec::new();
    let rounds = MUCH_INPUT / data.len().max(1);
    let mut pieces = (0..rounds).flat_map(|_| data.chunks(512));
    let _ = pieces.try_for_each(|piece| {
        cuts.clear();
        cutter.push(piece, &mut cuts)
    });
    let memory = PeakAlloc.peak_usage().saturating_sub(before);
    assert!(memory <= MOST_MEMORY, "{memory} bytes of memory");
}

/// All that a cutter returns.
#[derive(Debug, PartialEq)]
struct Outcome {
    cuts: Vec<Segment>,
    end: Result<(), CutError>,
    has_dropped: bool,
}

/// What the last segment has if there is no fault.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// All that came.
    Exact,
    /// All fragments. Other boxes behind the last one of a movie are left out.
    Prompt,
    /// Whole fragments.
    Stopped,
}

fn push(data: &[u8], piece: usize, cutter: &mut Cutter) -> Outcome {
    let mut outcome = Outcome {
        cuts: Vec::new(),
        end: Ok(()),
        has_dropped: false,
    };
    outcome.end = data.chunks(piece).try_for_each(|piece| {
        let pushed = cutter.push(piece, &mut outcome.cuts);
        outcome.has_dropped |= takes_dropped(cutter);
        pushed
    });
    outcome
}

fn takes_dropped(cutter: &mut Cutter) -> bool {
    let mut notices = cutter.take_notices().into_iter();
    notices.any(|notice| matches!(notice, Notice::Dropped { .. }))
}

fn cut(data: &[u8], piece: usize, mut cutter: Cutter) -> Outcome {
    let mut outcome = push(data, piece, &mut cutter);
    let finished = cutter.finish(&mut outcome.cuts);
    outcome.has_dropped |= takes_dropped(&mut cutter);
    assert!(
        outcome.end.is_ok() || outcome.end == finished,
        "a fault stays"
    );
    outcome.end = finished;
    outcome
}

fn stop(data: &[u8], mut cutter: Cutter) -> Outcome {
    let mut outcome = push(data, data.len().max(1), &mut cutter);
    outcome.cuts.extend(cutter.stop());
    outcome
}

fn bytes(cut: &Segment) -> &[u8] {
    &cut.data
}

/// Checks that the joined segments are the boxes of the input, whole and in their order, but for
/// indexes, for the repetition of what is in force, and for what is said to be dropped; all of
/// them, unless there is a fault.
fn check_cuts(input: &[u8], outcome: &Outcome, end: End) {
    let Outcome { cuts, .. } = outcome;
    cuts.iter().for_each(check_form);
    let joined: Vec<u8> = cuts.iter().flat_map(bytes).copied().collect();
    // How far the joined segments may go with the boxes so far: one that is like another may be
    // either.
    let mut ends = BTreeSet::from([0]);
    let mut was_at_the_end = joined.is_empty();
    let mut has_last_fragment = was_at_the_end;
    for outer in Boxes(input) {
        let is_media = [b"moov", b"moof", b"mdat"]
            .iter()
            .any(|it| *it == kind(outer));
        let may_be_missing = outcome.has_dropped
            || is_index(outer)
            || is_repeated(outer, cuts)
            || end == End::Prompt && !is_media;
        let there = ends
            .iter()
            .filter(|end| joined[**end..].starts_with(outer))
            .map(|end| end + outer.len());
        let missing = ends.iter().copied().filter(|_| may_be_missing);
        ends = there.chain(missing).collect();
        let is_at_the_end = ends.contains(&joined.len());
        was_at_the_end |= is_at_the_end;
        has_last_fragment &= kind(outer) != b"moof";
        has_last_fragment |= is_at_the_end;
    }
    assert!(was_at_the_end, "not the boxes of the input");
    if outcome.end.is_ok() && end != End::Stopped {
        assert!(!cuts.is_empty(), "without a fault there is something");
        let is_complete = match end {
            End::Exact | End::Stopped => ends.contains(&joined.len()),
            End::Prompt => has_last_fragment,
        };
        assert!(is_complete, "boxes are missing at the end");
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
