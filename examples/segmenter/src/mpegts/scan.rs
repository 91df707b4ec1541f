//! Whether a picture is a random access point, by its bitstream: for muxers that set no indicator.

use std::collections::BTreeSet;

use super::track::Codec;
use super::units::Entry;
use Part::{PictureHeader, PictureParameters, RecoveryPoint, SequenceParameters, VideoParameters};

/// Where the first slice is not found within this, the picture counts as none to begin with.
const MAX_LEN: usize = 64 * 1024;

/// What the start of a PES packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// More has to come first.
    Open,
    /// It begins a picture.
    Picture(Entry),
    /// It goes on with the picture before.
    Continues,
    /// No picture was found within the longest start.
    Unknown,
}

/// Looks through the start of one picture, as far as its first slice, in one PES packet or several.
pub(crate) struct Scan {
    codec: Codec,
    /// What stands before this was looked at.
    at: usize,
    seen: Seen,
    /// Start codes were found.
    has_units: bool,
    /// Complete parameter sets have come at any time.
    knows_sets: bool,
    /// The latest sequence parameter set or header, and whether it is news.
    sequence: Vec<u8>,
    is_new: bool,
}

/// What came before the first slice.
#[derive(Default)]
struct Seen(BTreeSet<Part>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    VideoParameters,
    SequenceParameters,
    PictureParameters,
    RecoveryPoint,
    /// A unit of its own in a picture of several slices.
    PictureHeader,
}

/// What one unit, from start code to start code, says.
enum Unit {
    /// Its rest has to come first.
    Incomplete,
    /// The next one may say more.
    Passed,
    /// A slice that does not begin a picture.
    Continues,
    /// The first slice of a picture.
    Picture(Kind),
}

/// What a picture needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Other pictures.
    Predicted,
    /// Nothing itself, but those after it may need what came before.
    Intra,
    /// Nothing, and neither do those after it.
    Access,
}

impl Scan {
    pub(crate) fn new(codec: Codec) -> Self {
        Self {
            codec,
            at: 0,
            seen: Seen::default(),
            has_units: false,
            knows_sets: false,
            sequence: Vec::new(),
            is_new: false,
        }
    }

    /// Forgets the picture.
    pub(crate) fn reset(&mut self) {
        self.seen = Seen::default();
        self.has_units = false;
    }

    /// The next bytes are the first ones of a picture.
    pub(crate) fn begin(&mut self) {
        self.at = 0;
        self.has_units = false;
    }

    /// Whether there are any units.
    pub(crate) fn has_units(&self) -> bool {
        self.has_units
    }

    /// Whether complete parameter sets have come at any time.
    pub(crate) fn knows_sets(&self) -> bool {
        self.knows_sets
    }

    /// The latest sequence parameter set or header, if it was not asked for before.
    pub(crate) fn take_sequence(&mut self) -> Option<&[u8]> {
        std::mem::take(&mut self.is_new).then_some(&self.sequence)
    }

    /// Looks at a picture, of which `bytes` are there. Answers as soon as it is known.
    pub(crate) fn look(&mut self, bytes: &[u8], is_indicated: bool) -> Answer {
        loop {
            let Some(start) = start_code(bytes, self.at) else {
                // The last two bytes may be the beginning of a start code.
                self.at = self.at.max(bytes.len().saturating_sub(2));
                break;
            };
            let next = start_code(bytes, start);
            let unit = &bytes[start..next.map_or(bytes.len(), |next| next - 3)];
            self.has_units = true;
            match self.seen.look_at(self.codec, unit, next.is_some()) {
                Unit::Incomplete => {
                    self.at = start - 3;
                    break;
                }
                Unit::Passed => {
                    self.note_sequence(unit);
                    self.at = start;
                }
                Unit::Continues => {
                    self.reset();
                    return Answer::Continues;
                }
                Unit::Picture(kind) => {
                    let entry = self.entry(kind, is_indicated);
                    self.reset();
                    return Answer::Picture(entry);
                }
            }
        }
        if bytes.len() > MAX_LEN {
            return Answer::Unknown;
        }
        Answer::Open
    }

    /// Whether a decoder can begin with a picture. It needs the parameter sets with it: who begins
    /// here has seen no others.
    fn entry(&mut self, kind: Kind, is_indicated: bool) -> Entry {
        let has_sets = self.seen.has(sets_of(self.codec));
        self.knows_sets |= has_sets;
        let enters = match kind {
            Kind::Predicted => self.seen.has(&[RecoveryPoint]),
            // An encoder without other access points says so by the indicator.
            Kind::Intra => self.seen.has(&[RecoveryPoint]) || is_indicated && has_sets,
            Kind::Access => true,
        };
        match (enters, has_sets) {
            (true, true) => Entry::Yes,
            (true, false) => Entry::WithEarlierSets,
            _ => Entry::No,
        }
    }

    fn note_sequence(&mut self, unit: &[u8]) {
        let is_sequence = match (self.codec, unit) {
            (Codec::H264, [first, ..]) => first & 0x1F == 7,
            (Codec::Hevc, [first, ..]) => first >> 1 & 0x3F == 33,
            (Codec::Mpeg2, [first, ..]) => *first == 0xB3,
            _ => false,
        };
        if is_sequence && self.sequence != unit {
            self.sequence.clear();
            self.sequence.extend_from_slice(unit);
            self.is_new = true;
        }
    }
}

/// The parameter sets without which nobody can decode a picture.
fn sets_of(codec: Codec) -> &'static [Part] {
    match codec {
        Codec::H264 | Codec::Vvc => &[SequenceParameters, PictureParameters],
        Codec::Hevc => &[VideoParameters, SequenceParameters, PictureParameters],
        _ => &[SequenceParameters],
    }
}

/// What a unit is to the picture beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Picture,
    /// Parameter sets of the next picture.
    Sets,
    /// Something else that leads the next picture.
    Leading,
    /// Something that ends the picture before.
    Trailing,
}

/// The class of a unit, by its first bytes behind the start code.
pub(crate) fn classify(codec: Codec, unit: &[u8]) -> Class {
    let first = unit.first().copied().unwrap_or(0);
    match codec {
        Codec::H264 => match first & 0x1F {
            1..=5 => Class::Picture,
            7 => Class::Sets,
            6 | 8 | 9 | 14 | 15 => Class::Leading,
            _ => Class::Trailing,
        },
        Codec::Hevc => match first >> 1 & 0x3F {
            0..=31 => Class::Picture,
            33 => Class::Sets,
            32 | 34 | 35 | 39 => Class::Leading,
            _ => Class::Trailing,
        },
        Codec::Vvc => match unit.get(1).map(|second| second >> 3) {
            Some(0..=11) => Class::Picture,
            Some(15) => Class::Sets,
            Some(12..=14 | 16 | 17 | 19 | 20 | 23) => Class::Leading,
            _ => Class::Trailing,
        },
        Codec::Mpeg2 => match first {
            0x00..=0xAF => Class::Picture,
            0xB3 => Class::Sets,
            0xB2 | 0xB5 | 0xB8 => Class::Leading,
            _ => Class::Trailing,
        },
        Codec::Mpeg4 => match first {
            0xB6 => Class::Picture,
            0x20..=0x2F => Class::Sets,
            0x00..=0x1F | 0xB0 | 0xB3 | 0xB5 => Class::Leading,
            _ => Class::Trailing,
        },
        _ => Class::Picture,
    }
}

/// Where a unit begins, after the first start code from `from`.
fn start_code(bytes: &[u8], from: usize) -> Option<usize> {
    let found = bytes[from..]
        .windows(3)
        .position(|window| window == [0, 0, 1])?;
    Some(from + found + 3)
}

impl Seen {
    fn add(&mut self, part: Part) {
        self.0.insert(part);
    }

    fn has(&self, parts: &[Part]) -> bool {
        parts.iter().all(|part| self.0.contains(part))
    }

    fn look_at(&mut self, codec: Codec, unit: &[u8], whole: bool) -> Unit {
        let answer = match codec {
            Codec::H264 => self.look_at_h264(unit, whole),
            Codec::Hevc => self.look_at_hevc(unit, whole),
            Codec::Vvc => self.look_at_vvc(unit),
            Codec::Mpeg2 => self.look_at_mpeg2(unit, whole),
            Codec::Mpeg4 => self.look_at_mpeg4(unit),
            _ => Some(Unit::Passed),
        };
        match answer {
            Some(answer) => answer,
            None if whole => Unit::Passed,
            None => Unit::Incomplete,
        }
    }

    /// H.264, table 7-1: slices 1, 2 and 5 (5 is IDR), SEI 6, sequence and picture parameters 7 and
    /// 8.
    fn look_at_h264(&mut self, unit: &[u8], whole: bool) -> Option<Unit> {
        let kind = unit.first()? & 0x1F;
        match kind {
            1 | 2 | 5 => {
                // `first_mb_in_slice` is 0 if the first bit is set; `slice_type` follows, in at
                // most seven bits.
                let start = *unit.get(1)?;
                return Some(match (start & 0x80, kind) {
                    (0, _) => Unit::Continues,
                    (_, 5) => Unit::Picture(Kind::Access),
                    // 2 and 7: only I slices, or I slices in the whole picture.
                    _ if start & 0xF0 == 0xB0 || start == 0x88 => Unit::Picture(Kind::Intra),
                    _ => Unit::Picture(Kind::Predicted),
                });
            }
            6 | 7 if !whole => return None,
            6 if has_recovery_point(&unit[1..]) => self.add(RecoveryPoint),
            7 => self.add(SequenceParameters),
            8 => self.add(PictureParameters),
            _ => {}
        }
        Some(Unit::Passed)
    }

    /// H.265, table 7-1: slices 0 to 31 (16 to 23 are IRAP), parameters 32 to 34, prefix SEI 39.
    fn look_at_hevc(&mut self, unit: &[u8], whole: bool) -> Option<Unit> {
        let kind = unit.first()? >> 1 & 0x3F;
        match kind {
            0..=31 => {
                // `first_slice_segment_in_pic_flag`
                return Some(match (unit.get(2)? & 0x80, kind) {
                    (0, _) => Unit::Continues,
                    (_, 16..=23) => Unit::Picture(Kind::Access),
                    _ => Unit::Picture(Kind::Predicted),
                });
            }
            33 | 39 if !whole => return None,
            32 => self.add(VideoParameters),
            33 => self.add(SequenceParameters),
            34 => self.add(PictureParameters),
            39 if unit.get(2..).is_some_and(has_recovery_point) => self.add(RecoveryPoint),
            _ => {}
        }
        Some(Unit::Passed)
    }

    /// H.266, table 5: slices 0 to 11 (IDR, CRA and GDR are 7 to 10), parameters 15 and 16, picture
    /// header 19. The parameters for several layers, 14, may be missing.
    fn look_at_vvc(&mut self, unit: &[u8]) -> Option<Unit> {
        match unit.get(1)? >> 3 {
            kind @ 0..=11 => {
                // `sh_picture_header_in_slice_header_flag`: the only slice.
                let has_header = unit.get(2)? & 0x80 != 0;
                return Some(match kind {
                    _ if !has_header && !self.has(&[PictureHeader]) => Unit::Continues,
                    7..=10 => Unit::Picture(Kind::Access),
                    _ => Unit::Picture(Kind::Predicted),
                });
            }
            15 => self.add(SequenceParameters),
            16 => self.add(PictureParameters),
            19 => self.add(PictureHeader),
            _ => {}
        }
        Some(Unit::Passed)
    }

    /// H.262, 6.2.2 and 6.2.3: a sequence header, and a picture whose type is intra; 6.2.4: slices.
    fn look_at_mpeg2(&mut self, unit: &[u8], whole: bool) -> Option<Unit> {
        match unit.first()? {
            0xB3 if !whole => return None,
            0xB3 => self.add(SequenceParameters),
            0x00 => {
                let is_intra = unit.get(2)? >> 3 & 0x07 == 1;
                return Some(Unit::Picture(Kind::intra_if(is_intra)));
            }
            0x01..=0xAF => return Some(Unit::Continues),
            _ => {}
        }
        Some(Unit::Passed)
    }

    /// ISO/IEC 14496-2, 6.2: a video object layer, and a video object plane whose type is intra.
    fn look_at_mpeg4(&mut self, unit: &[u8]) -> Option<Unit> {
        match unit.first()? {
            0x20..=0x2F => self.add(SequenceParameters),
            0xB6 => {
                let is_intra = unit.get(1)? >> 6 == 0;
                return Some(Unit::Picture(Kind::intra_if(is_intra)));
            }
            _ => {}
        }
        Some(Unit::Passed)
    }
}

impl Kind {
    fn intra_if(is_intra: bool) -> Self {
        if is_intra {
            Self::Access
        } else {
            Self::Predicted
        }
    }
}

/// Whether a message among the SEI messages says that decoding can begin here. Its number is 6 in
/// H.264 (annex D.1) and in H.265 (annex D.2).
fn has_recovery_point(escaped: &[u8]) -> bool {
    let mut bytes = unescape(escaped).into_iter().peekable();
    while bytes.peek().is_some() {
        let (Some(kind), Some(len)) = (sei_number(&mut bytes), sei_number(&mut bytes)) else {
            return false;
        };
        if kind == 6 {
            return true;
        }
        if len > 0 && bytes.nth(len - 1).is_none() {
            return false;
        }
    }
    false
}

/// A number as SEI messages write it: 255 for each byte that is full, then the rest.
fn sei_number(bytes: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let mut number = 0;
    loop {
        let byte = bytes.next()?;
        number += usize::from(byte);
        if byte != 0xFF {
            return Some(number);
        }
    }
}

/// Takes out the bytes that keep start codes from appearing in a unit (H.264, 7.4.1).
pub(super) fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let mut plain = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}
