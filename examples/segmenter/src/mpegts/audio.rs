//! How much audio a PES packet holds, relative to others: the last one has no successor to end it.

use super::track::Codec;

/// As much of a frame as tells its length.
const HEADER_LEN: usize = 6;

/// Measures what comes, in frames where these vary in size and say it, and else in bytes.
#[derive(Default)]
pub(crate) struct Meter {
    /// The start of a frame's header that goes on in the next packet.
    head: Vec<u8>,
    /// The rest of a frame that goes on in the next packet.
    skip: usize,
}

impl Meter {
    /// How much more there is with `bytes`, which come next.
    pub(crate) fn measure(&mut self, codec: Codec, mut bytes: &[u8]) -> usize {
        let frame_len = match codec {
            Codec::Adts => adts_frame_len,
            Codec::Loas => loas_frame_len,
            _ => return bytes.len(),
        };
        let mut frames = 0;
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let missing = (HEADER_LEN - self.head.len()).min(bytes.len());
            self.head.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            let Some(&header) = self.head.first_chunk() else {
                return frames;
            };
            if let Some(len) = frame_len(header) {
                frames += 1;
                self.skip = len.saturating_sub(HEADER_LEN);
                self.head.clear();
            } else {
                // Out of step: looks for the next frame byte by byte.
                self.head.remove(0);
            }
        }
    }
}

/// ISO/IEC 13818-7, 6.2: 12 bits of sync word, and the length in 13 bits from the 31st on.
fn adts_frame_len(header: [u8; HEADER_LEN]) -> Option<usize> {
    let is_frame = header[0] == 0xFF && header[1] & 0xF6 == 0xF0;
    let len = u32::from_be_bytes([0, header[3] & 0x03, header[4], header[5]]) >> 5;
    usize::try_from(len)
        .ok()
        .filter(|&len| is_frame && len > HEADER_LEN)
}

/// ISO/IEC 14496-3, 1.7.2: 11 bits of sync word, and 13 bits that say how much follows them.
fn loas_frame_len(header: [u8; HEADER_LEN]) -> Option<usize> {
    let is_frame = header[0] == 0x56 && header[1] & 0xE0 == 0xE0;
    let len = usize::from(u16::from_be_bytes([header[1] & 0x1F, header[2]]));
    (is_frame && len > 3).then_some(len + 3)
}
