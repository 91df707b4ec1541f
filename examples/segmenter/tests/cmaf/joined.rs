//! Checks that cut segments are the input, byte for byte, except for parts that are invalid after
//! the cut. Independent of the code that cuts.

use std::ops::Range;

use segmenter::SegmentKind;

use super::{Segment, data};

/// A box of the outermost level.
#[derive(Clone, Debug)]
pub(crate) struct Outer {
    pub(crate) name: String,
    pub(crate) at: Range<usize>,
}

/// The boxes of the outermost level, all of which have to be whole.
pub(crate) fn boxes(bytes: &[u8]) -> Vec<Outer> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let len = match word(at) {
            0 => bytes.len() - at,
            1 => usize::try_from(u64::from(word(at + 8)) << 32 | u64::from(word(at + 12))).unwrap(),
            len => usize::try_from(len).unwrap(),
        };
        assert!(len >= 8 && at + len <= bytes.len(), "no box at {at}");
        found.push(Outer {
            name: String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned(),
            at: at..at + len,
        });
        at += len;
    }
    found
}

pub(crate) fn names(bytes: &[u8]) -> Vec<String> {
    boxes(bytes).into_iter().map(|outer| outer.name).collect()
}

/// How many bytes behind itself a `sidx` counts.
fn counted(sidx: &[u8]) -> u64 {
    let word = |at: usize| u64::from(u32::from_be_bytes(sidx[at..at + 4].try_into().unwrap()));
    let (first_offset, references) = if sidx[8] == 0 {
        (word(24), 28)
    } else {
        (word(28) << 32 | word(32), 36)
    };
    let count = word(references) & 0xFFFF;
    let sizes = (0..usize::try_from(count).unwrap())
        .map(|index| word(references + 4 + 12 * index) & 0x7FFF_FFFF);
    sizes.fold(first_offset, u64::saturating_add)
}

/// Checks that the segments are the boxes of the input, each whole and in its place, and that what
/// is missing is what has to be. Returns the names of what is missing.
pub(crate) fn check(input: &[u8], cuts: &[Segment]) -> Vec<String> {
    let mut missing = Vec::new();
    let mut indexes = Vec::new();
    let mut initialisation: &[u8] = &[];
    let mut outers = boxes(input).into_iter();
    for cut in cuts {
        let segment = data(cut);
        if cut.kind == SegmentKind::Initialisation {
            initialisation = segment;
        }
        check_form(segment, cut.kind == SegmentKind::Initialisation);
        let first_index = indexes.len();
        let mut rest = segment;
        let mut end = 0;
        while !rest.is_empty() {
            let outer = outers.next().expect("no box that the input does not have");
            let bytes = &input[outer.at.clone()];
            let behind = rest.strip_prefix(bytes);
            rest = behind.unwrap_or(rest);
            end = outer.at.end;
            if outer.name == "sidx" {
                indexes.push(Index::new(&outer, bytes, behind.is_some()));
            }
            if behind.is_none() {
                check_missing(&outer, bytes, initialisation);
                missing.push(outer);
            }
        }
        for index in &mut indexes[first_index..] {
            index.end_of_segment = end;
        }
    }
    for outer in outers {
        check_missing(&outer, &input[outer.at.clone()], initialisation);
        missing.push(outer);
    }
    for index in indexes {
        index.check(&missing);
    }
    missing.into_iter().map(|outer| outer.name).collect()
}

/// Only an index may be missing, and an initialisation that is the one in force.
fn check_missing(outer: &Outer, bytes: &[u8], initialisation: &[u8]) {
    let is_index = ["mfra", "sidx", "ssix"].contains(&outer.name.as_str());
    let is_repeated = initialisation
        .windows(bytes.len())
        .any(|part| part == bytes);
    assert!(is_index || is_repeated, "{outer:?} is missing");
}

/// A `sidx`. All positions are of the input.
struct Index {
    at: usize,
    counts: Range<u64>,
    is_there: bool,
    end_of_segment: usize,
}

impl Index {
    fn new(outer: &Outer, bytes: &[u8], is_there: bool) -> Self {
        let start = outer.at.end as u64;
        Self {
            at: outer.at.start,
            counts: start..start.saturating_add(counted(bytes)),
            is_there,
            end_of_segment: 0,
        }
    }

    /// It is there if everything is there that it counts.
    fn check(&self, missing: &[Outer]) {
        let counts_missing = |outer: &Outer| self.counts.contains(&(outer.at.start as u64));
        let holds =
            self.counts.end <= self.end_of_segment as u64 && !missing.iter().any(counts_missing);
        assert_eq!(self.is_there, holds, "the sidx at {}", self.at);
    }
}

/// An initialisation segment ends before any media; a media segment has nothing else, and whole
/// fragments.
fn check_form(segment: &[u8], is_initialisation: bool) {
    let names = names(segment);
    let count = |wanted: &str| names.iter().filter(|name| *name == wanted).count();
    if is_initialisation {
        assert_eq!(count("moov"), 1, "{names:?}");
        assert_eq!(
            count("moof") + count("mdat") + count("sidx"),
            0,
            "{names:?}"
        );
    } else {
        assert_eq!(count("moov"), 0, "{names:?}");
        assert_eq!(count("moof"), count("mdat"), "{names:?}");
        assert!(count("moof") > 0, "{names:?}");
    }
}
