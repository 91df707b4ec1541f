//! What sequence parameter sets and sequence headers say of the pictures.

use super::scan::unescape;
use super::track::Codec;
use crate::bits::Bits;

/// The pictures of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sequence {
    /// As RFC 6381 has it.
    pub(crate) codec: String,
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
    /// Pictures in a second, if it is said.
    pub(crate) rate: Option<f64>,
}

impl Sequence {
    /// Reads a unit, from behind its start code on.
    pub(crate) fn read(codec: Codec, unit: &[u8]) -> Option<Self> {
        match codec {
            Codec::H264 => Self::of_h264(&unescape(unit.get(1..)?)),
            Codec::Hevc => Self::of_hevc(&unescape(unit.get(2..)?)),
            Codec::Mpeg2 => Self::of_mpeg2(unit),
            _ => None,
        }
    }

    /// H.264, 7.3.2.1.1.
    fn of_h264(bytes: &[u8]) -> Option<Self> {
        let [profile, constraints, level] = *bytes.first_chunk()?;
        let mut bits = Bits::new(&bytes[3..]);
        bits.golomb()?;
        let mut chroma = 1;
        if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(&profile) {
            chroma = bits.golomb()?;
            if chroma == 3 {
                bits.bit()?;
            }
            bits.golomb()?;
            bits.golomb()?;
            bits.bit()?;
            if bits.bit()? {
                let lists = if chroma == 3 { 12 } else { 8 };
                for list in 0..lists {
                    if bits.bit()? {
                        skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        bits.golomb()?;
        match bits.golomb()? {
            0 => {
                bits.golomb()?;
            }
            1 => {
                bits.bit()?;
                bits.signed_golomb()?;
                bits.signed_golomb()?;
                for _ in 0..bits.golomb()?.min(255) {
                    bits.signed_golomb()?;
                }
            }
            _ => {}
        }
        bits.golomb()?;
        bits.bit()?;
        let width = bits.golomb()?.checked_add(1)?.checked_mul(16)?;
        let units = bits.golomb()?.checked_add(1)?;
        let has_only_frames = bits.bit()?;
        let of_field = if has_only_frames { 1 } else { 2 };
        let height = units.checked_mul(16 * of_field)?;
        if !has_only_frames {
            bits.bit()?;
        }
        bits.bit()?;
        // In samples of a 4:2:0 picture, or of the others (table 6-1).
        let (across, down) = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let size = cropped(&mut bits, (width, height), (across, down * of_field))?;
        Some(Self {
            codec: format!("avc1.{profile:02X}{constraints:02X}{level:02X}"),
            size,
            rate: rate_of_h264(&mut bits),
        })
    }

    /// H.265, 7.3.2.2.1 and 7.3.3; the name as ISO/IEC 14496-15, annex E has it.
    fn of_hevc(bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(bytes);
        bits.skip(4);
        let layers = bits.number(3)?;
        bits.skip(1);
        let space = bits.number(2)?;
        let tier = bits.bit()?;
        let profile = bits.number(5)?;
        let compatibility = bits.number(32)?.reverse_bits();
        let mut constraints = Vec::new();
        for _ in 0..6 {
            constraints.push(bits.number(8)?);
        }
        let level = bits.number(8)?;
        let mut present = Vec::new();
        for _ in 0..layers {
            present.push((bits.bit()?, bits.bit()?));
        }
        if layers > 0 {
            bits.skip(2 * (8 - layers as usize));
        }
        for (has_profile, has_level) in present {
            bits.skip(if has_profile { 88 } else { 0 } + if has_level { 8 } else { 0 });
        }
        bits.golomb()?;
        let chroma = bits.golomb()?;
        if chroma == 3 {
            bits.bit()?;
        }
        let size = (bits.golomb()?, bits.golomb()?);
        let unit = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let size = cropped(&mut bits, size, unit)?;
        while constraints.last() == Some(&0) {
            constraints.pop();
        }
        let space = ["", "A", "B", "C"][space as usize % 4];
        let tier = if tier { 'H' } else { 'L' };
        let constraints: Vec<_> = constraints.iter().map(|it| format!(".{it:X}")).collect();
        let constraints = constraints.concat();
        let codec = format!("hvc1.{space}{profile}.{compatibility:X}.{tier}{level}{constraints}");
        Some(Self {
            codec,
            size,
            rate: None,
        })
    }

    /// H.262, 6.2.2.1, and table 6-4.
    fn of_mpeg2(unit: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(unit.get(1..)?);
        let size = (bits.number(12)?, bits.number(12)?);
        bits.skip(4);
        let rate = match bits.number(4)? {
            1 => Some(24_000.0 / 1001.0),
            2 => Some(24.0),
            3 => Some(25.0),
            4 => Some(30_000.0 / 1001.0),
            5 => Some(30.0),
            6 => Some(50.0),
            7 => Some(60_000.0 / 1001.0),
            8 => Some(60.0),
            _ => None,
        };
        Some(Self {
            codec: "mp4v.61".into(),
            size,
            rate,
        })
    }
}

/// H.264, 7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits<'_>, len: usize) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..len {
        if next != 0 {
            next = (last + bits.signed_golomb()? + 256) % 256;
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// The size without what a window crops, which is counted in units of so many pixels.
fn cropped(bits: &mut Bits<'_>, size: (u32, u32), unit: (u32, u32)) -> Option<(u32, u32)> {
    if !bits.bit()? {
        return Some(size);
    }
    let mut edge = || bits.golomb();
    let (left, right, top, bottom) = (edge()?, edge()?, edge()?, edge()?);
    let across = left.checked_add(right)?.checked_mul(unit.0)?;
    let down = top.checked_add(bottom)?.checked_mul(unit.1)?;
    Some((size.0.checked_sub(across)?, size.1.checked_sub(down)?))
}

/// H.264, E.1.1: two ticks are a frame.
fn rate_of_h264(bits: &mut Bits<'_>) -> Option<f64> {
    if !bits.bit()? {
        return None;
    }
    if bits.bit()? && bits.number(8)? == 255 {
        bits.skip(32);
    }
    if bits.bit()? {
        bits.bit()?;
    }
    if bits.bit()? {
        bits.skip(4);
        if bits.bit()? {
            bits.skip(24);
        }
    }
    if bits.bit()? {
        bits.golomb()?;
        bits.golomb()?;
    }
    if !bits.bit()? {
        return None;
    }
    let (ticks, scale) = (bits.number(32)?, bits.number(32)?);
    (ticks > 0 && scale > 0).then(|| f64::from(scale) / f64::from(ticks) / 2.0)
}
