//! Whether a picture is a random access point, by its bitstream: for muxers that set no indicator.

use std::collections::BTreeSet;

use super::track::Codec;
use Part::{PictureParameters, RecoveryPoint, SequenceParameters, VideoParameters};

/// Where the first slice is not found within this, the picture counts as none to begin with.
const MAX_LEN: usize = 64 * 1024;

/// Looks through the start of one picture, as far as its first slice.
///
/// A random access point needs the parameter sets with it: who begins here has seen no others.
pub(crate) struct Scan {
    codec: Codec,
    bytes: Vec<u8>,
    /// What stands before this was looked at.
    at: usize,
    seen: Seen,
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
}

/// What one unit, from start code to start code, says.
enum Unit {
    /// Its rest has to come first.
    Incomplete,
    /// The next one may say more.
    Passed,
    Decides(bool),
}

impl Scan {
    pub(crate) fn new(codec: Codec) -> Self {
        Self {
            codec,
            bytes: Vec::new(),
            at: 0,
            seen: Seen::default(),
        }
    }

    /// Takes more of the picture. Answers as soon as it is known.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<bool> {
        self.bytes.extend_from_slice(bytes);
        loop {
            let Some(start) = start_code(&self.bytes, self.at) else {
                // The last two bytes may be the beginning of a start code.
                self.at = self.at.max(self.bytes.len().saturating_sub(2));
                break;
            };
            let next = start_code(&self.bytes, start);
            let unit = &self.bytes[start..next.map_or(self.bytes.len(), |next| next - 3)];
            match self.seen.look_at(self.codec, unit, next.is_some()) {
                Unit::Incomplete => {
                    self.at = start - 3;
                    break;
                }
                Unit::Passed => self.at = start,
                Unit::Decides(answer) => return Some(answer),
            }
        }
        (self.bytes.len() > MAX_LEN).then_some(false)
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
            Codec::Mpeg2 => self.look_at_mpeg2(unit),
            Codec::Mpeg4 => self.look_at_mpeg4(unit),
            _ => Some(Unit::Decides(false)),
        };
        match answer {
            Some(answer) => answer,
            None if whole => Unit::Passed,
            None => Unit::Incomplete,
        }
    }

    /// H.264, table 7-1: slices 1 to 5 (5 is IDR), SEI 6, sequence and picture parameters 7 and 8.
    fn look_at_h264(&mut self, unit: &[u8], whole: bool) -> Option<Unit> {
        let kind = unit.first()? & 0x1F;
        match kind {
            1..=5 => {
                let complete = self.has(&[SequenceParameters, PictureParameters]);
                return Some(Unit::Decides(
                    complete && (kind == 5 || self.has(&[RecoveryPoint])),
                ));
            }
            6 if !whole => return None,
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
                let complete = self.has(&[VideoParameters, SequenceParameters, PictureParameters]);
                let enters = (16..=23).contains(&kind) || self.has(&[RecoveryPoint]);
                return Some(Unit::Decides(complete && enters));
            }
            32 => self.add(VideoParameters),
            33 => self.add(SequenceParameters),
            34 => self.add(PictureParameters),
            39 if !whole => return None,
            39 if unit.get(2..).is_some_and(has_recovery_point) => self.add(RecoveryPoint),
            _ => {}
        }
        Some(Unit::Passed)
    }

    /// H.266, table 5: slices 0 to 11 (IDR, CRA and GDR are 7 to 10), parameters 15 and 16. The one
    /// for several layers, 14, may be missing.
    fn look_at_vvc(&mut self, unit: &[u8]) -> Option<Unit> {
        match unit.get(1)? >> 3 {
            kind @ 0..=11 => {
                let complete = self.has(&[SequenceParameters, PictureParameters]);
                return Some(Unit::Decides(complete && (7..=10).contains(&kind)));
            }
            15 => self.add(SequenceParameters),
            16 => self.add(PictureParameters),
            _ => {}
        }
        Some(Unit::Passed)
    }

    /// H.262, 6.2.2 and 6.2.3: a sequence header, and a picture whose type is intra.
    fn look_at_mpeg2(&mut self, unit: &[u8]) -> Option<Unit> {
        match unit.first()? {
            0xB3 => self.add(SequenceParameters),
            0x00 => {
                let is_intra = unit.get(2)? >> 3 & 0x07 == 1;
                return Some(Unit::Decides(self.has(&[SequenceParameters]) && is_intra));
            }
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
                return Some(Unit::Decides(self.has(&[SequenceParameters]) && is_intra));
            }
            _ => {}
        }
        Some(Unit::Passed)
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
fn unescape(bytes: &[u8]) -> Vec<u8> {
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
