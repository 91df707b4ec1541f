//! What the header of a frame says of audio.

use super::track::Codec;
use crate::bits::Bits;

/// The audio of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sound {
    /// As RFC 6381 has it.
    pub(crate) codec: String,
    /// Samples in a second.
    pub(crate) rate: u32,
    pub(crate) channels: Option<u32>,
}

/// ISO/IEC 14496-3, table 1.18.
const AAC_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

impl Sound {
    /// Reads the first frame in the content of a PES packet.
    pub(crate) fn read(codec: Codec, content: &[u8]) -> Option<Self> {
        match codec {
            Codec::Adts => Self::of_adts(content),
            Codec::Loas => Self::of_loas(content),
            Codec::MpegAudio => Self::of_mpeg(content),
            Codec::Ac3 | Codec::Eac3 => Self::of_ac3(content),
            Codec::Opus => Some(Self {
                codec: "opus".into(),
                rate: 48_000,
                channels: None,
            }),
            _ => None,
        }
    }

    /// ISO/IEC 13818-7, 6.2.
    fn of_adts(bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(bytes);
        if bits.number(12)? != 0xFFF {
            return None;
        }
        bits.skip(4);
        let object = bits.number(2)? + 1;
        let rate = *AAC_RATES.get(bits.number(4)? as usize)?;
        bits.skip(1);
        let channels = channels_of_aac(bits.number(3)?);
        Some(Self {
            codec: format!("mp4a.40.{object}"),
            rate,
            channels,
        })
    }

    /// ISO/IEC 14496-3, 1.7.3 and 1.6.2.1, of streams with one program and one layer.
    fn of_loas(bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(bytes);
        if bits.number(11)? != 0x2B7 {
            return None;
        }
        bits.skip(13);
        // The configuration is new; version 0; all of the same framing; one program, one layer.
        if bits.bit()? || bits.bit()? {
            return None;
        }
        bits.skip(1 + 6 + 4 + 3);
        let object = match bits.number(5)? {
            31 => 32 + bits.number(6)?,
            object => object,
        };
        let rate = match bits.number(4)? {
            15 => bits.number(24)?,
            index => *AAC_RATES.get(index as usize)?,
        };
        let channels = channels_of_aac(bits.number(4)?);
        Some(Self {
            codec: format!("mp4a.40.{object}"),
            rate,
            channels,
        })
    }

    /// ISO/IEC 11172-3, 2.4.2.3, and 13818-3 for half the rates.
    fn of_mpeg(bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(bytes);
        if bits.number(11)? != 0x7FF {
            return None;
        }
        let version = bits.number(2)?;
        let layer = bits.number(2)?;
        bits.skip(5);
        let rate = *[44_100, 48_000, 32_000].get(bits.number(2)? as usize)?;
        bits.skip(2);
        let mode = bits.number(2)?;
        Some(Self {
            // Layer III, or one of the others.
            codec: if layer == 1 { "mp4a.40.34" } else { "mp4a.6B" }.into(),
            rate: match version {
                3 => rate,
                2 => rate / 2,
                _ => rate / 4,
            },
            channels: Some(if mode == 3 { 1 } else { 2 }),
        })
    }

    /// ETSI TS 102 366, 4.3 and annex E.1.2.
    fn of_ac3(bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(bytes);
        if bits.number(16)? != 0x0B77 {
            return None;
        }
        // `bsid` stands at the same place in both.
        let is_enhanced = bytes.get(5)? >> 3 > 10;
        let rates = [48_000, 44_100, 32_000];
        let (rate, mode) = if is_enhanced {
            bits.skip(16);
            let code = bits.number(2)? as usize;
            let rate = if code == 3 {
                rates.get(bits.number(2)? as usize)? / 2
            } else {
                bits.skip(2);
                rates[code]
            };
            (rate, bits.number(3)?)
        } else {
            bits.skip(16);
            let rate = *rates.get(bits.number(2)? as usize)?;
            bits.skip(6 + 8);
            let mode = bits.number(3)?;
            if mode & 1 != 0 && mode != 1 {
                bits.skip(2);
            }
            if mode & 4 != 0 {
                bits.skip(2);
            }
            if mode == 2 {
                bits.skip(2);
            }
            (rate, mode)
        };
        let low_frequencies = u32::from(bits.bit()?);
        let main = [2, 1, 2, 3, 3, 4, 4, 5][mode as usize % 8];
        Some(Self {
            codec: if is_enhanced { "ec-3" } else { "ac-3" }.into(),
            rate,
            channels: Some(main + low_frequencies),
        })
    }
}

/// ISO/IEC 14496-3, table 1.19.
fn channels_of_aac(configuration: u32) -> Option<u32> {
    match configuration {
        1..=6 => Some(configuration),
        7 => Some(8),
        _ => None,
    }
}
