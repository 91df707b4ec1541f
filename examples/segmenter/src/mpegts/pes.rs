//! The header of a PES packet. ISO/IEC 13818-1, 2.4.3.6 and 2.4.3.7.

/// When a unit is shown and when it is decoded, in ticks of 90 kHz modulo 2^33.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamps {
    pub(crate) presented: u64,
    pub(crate) decoded: u64,
}

/// What the first bytes of a PES packet say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// The rest of the header is in the next packet.
    Incomplete,
    /// Not a PES packet, or one that nobody can read, such as a scrambled one.
    Unreadable,
    Read {
        stamps: Option<Stamps>,
        /// Where the elementary stream goes on.
        len: usize,
    },
}

const START_CODE: [u8; 3] = [0, 0, 1];
/// Up to and with `PES_header_data_length`.
const FIXED_LEN: usize = 9;
const STAMP_LEN: usize = 5;

impl Header {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let known = bytes.len().min(START_CODE.len());
        if bytes.is_empty() || bytes[..known] != START_CODE[..known] {
            return Self::Unreadable;
        }
        let Some(&[.., first_flags, second_flags, data_len]) = bytes.first_chunk::<FIXED_LEN>()
        else {
            return Self::Incomplete;
        };
        if first_flags >> 6 != 0b10 {
            return Self::Unreadable;
        }
        let len = FIXED_LEN + usize::from(data_len);
        let Some(data) = bytes.get(FIXED_LEN..len) else {
            return Self::Incomplete;
        };
        let presented = (second_flags & 0x80 != 0).then(|| stamp(data)).flatten();
        let decoded = (second_flags & 0x40 != 0)
            .then(|| stamp(data.get(STAMP_LEN..)?))
            .flatten();
        let stamps = presented.map(|presented| Stamps {
            presented,
            // No stamp of its own means that it is decoded when it is shown.
            decoded: decoded.unwrap_or(presented),
        });
        Self::Read { stamps, len }
    }
}

impl Header {
    /// The header of a PES packet of video with stamps.
    pub(crate) fn write(stream_id: u8, stamps: Stamps) -> Vec<u8> {
        let has_both = stamps.decoded != stamps.presented;
        let (flags, len) = if has_both { (0xC0, 10) } else { (0x80, 5) };
        let mut header = vec![0, 0, 1, stream_id, 0, 0, 0x80, flags, len];
        write_stamp(
            stamps.presented,
            if has_both { 0x30 } else { 0x20 },
            &mut header,
        );
        if has_both {
            write_stamp(stamps.decoded, 0x10, &mut header);
        }
        header
    }
}

/// As [`stamp`] reads it, with four bits in front.
fn write_stamp(stamp: u64, prefix: u8, out: &mut Vec<u8>) {
    let part = |shift: u32| (stamp >> shift & 0x7FFF) << 1 | 1;
    let high = u8::try_from(stamp >> 30 & 0x07).unwrap_or(0);
    out.push(prefix | high << 1 | 1);
    for shift in [15, 0] {
        out.extend_from_slice(&part(shift).to_be_bytes()[6..]);
    }
}

/// 33 bits in five bytes, with a marker bit after each of the three parts.
fn stamp(bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.first_chunk::<STAMP_LEN>()?;
    let high = u64::from(bytes[0] >> 1 & 0x07) << 30;
    let middle = u64::from(u16::from_be_bytes([bytes[1], bytes[2]]) >> 1) << 15;
    let low = u64::from(u16::from_be_bytes([bytes[3], bytes[4]]) >> 1);
    Some(high | middle | low)
}
