//! Sections: how tables travel in packets. ISO/IEC 13818-1, 2.4.4.

use std::sync::Arc;

use super::packet::{PACKET_LEN, Packet, SYNC_BYTE};

/// `table_id`, flags and `section_length`: what stands before the bytes that the length counts.
pub(crate) const HEADER_LEN: usize = 3;
pub(crate) const CHECKSUM_LEN: usize = 4;
pub(crate) const STUFFING: u8 = 0xFF;

/// A whole section of the long form, the checksum verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section(Arc<[u8]>);

impl Section {
    /// The section in `bytes`, if it has the long form, belongs to now, and its checksum is right.
    fn new(bytes: &[u8]) -> Option<Self> {
        let long_form = bytes.len() >= 12 && bytes[1] & 0x80 != 0;
        let current = long_form && bytes[5] & 1 != 0;
        (current && crc32(bytes) == 0).then(|| Self(bytes.into()))
    }

    /// This section of a PAT, as if there were one program. ISO/IEC 13818-1, 2.4.4.3.
    pub(crate) fn with_one_program(&self, number: u16, pmt_pid: u16) -> Self {
        let mut bytes = self.0[..HEADER_LEN + 5].to_vec();
        // 13 bytes follow the length; this is section 0 of 0.
        bytes[1] &= 0xF0;
        (bytes[2], bytes[6], bytes[7]) = (13, 0, 0);
        bytes.extend(number.to_be_bytes());
        bytes.extend((pmt_pid | 0xE000).to_be_bytes());
        bytes.extend(crc32(&bytes).to_be_bytes());
        Self(bytes.into())
    }

    pub(crate) fn table_id(&self) -> u8 {
        self.0[0]
    }

    /// The program's number in a PMT, the transport stream's in a PAT.
    pub(crate) fn table_id_extension(&self) -> u16 {
        u16::from_be_bytes([self.0[3], self.0[4]])
    }

    pub(crate) fn version(&self) -> u8 {
        self.0[5] >> 1 & 0x1F
    }

    pub(crate) fn number(&self) -> u8 {
        self.0[6]
    }

    pub(crate) fn last_number(&self) -> u8 {
        self.0[7]
    }

    /// What stands between the header of the long form and the checksum.
    pub(crate) fn body(&self) -> &[u8] {
        &self.0[8..self.0.len() - 4]
    }

    /// Writes the section as packets of its own. Returns how many.
    pub(crate) fn write_packets(&self, pid: u16, first_counter: u8, out: &mut Vec<u8>) -> u8 {
        let [pid_high, pid_low] = pid.to_be_bytes();
        let mut written = 0_u8;
        let mut rest: &[u8] = &self.0;
        while !rest.is_empty() {
            let end = out.len() + PACKET_LEN;
            let counter = first_counter.wrapping_add(written) & 0x0F;
            let unit_start = if written == 0 { 0x40 } else { 0 };
            out.extend([SYNC_BYTE, unit_start | pid_high, pid_low, 0x10 | counter]);
            if written == 0 {
                // pointer_field: the section starts at the next byte.
                out.push(0);
            }
            let (now, later) = rest.split_at(rest.len().min(end - out.len()));
            out.extend_from_slice(now);
            out.resize(end, STUFFING);
            rest = later;
            written += 1;
        }
        written
    }
}

/// Collects the sections of one PID out of its packets.
#[derive(Default)]
pub(crate) struct SectionReader {
    /// The start of a section that goes on in the next packet.
    partial: Vec<u8>,
    last_counter: Option<u8>,
}

impl SectionReader {
    /// Takes the next packet of the PID and hands on each section of the long form that it
    /// completes.
    pub(crate) fn push(&mut self, packet: Packet<'_>, mut found: impl FnMut(Section)) {
        self.push_bytes(packet, |bytes| {
            if let Some(section) = Section::new(bytes) {
                found(section);
            }
        });
    }

    /// Takes the next packet of the PID and hands on each section that it completes, unverified.
    pub(crate) fn push_bytes(&mut self, packet: Packet<'_>, mut found: impl FnMut(&[u8])) {
        let payload = packet.payload();
        if payload.is_empty() {
            return;
        }
        let counter = packet.counter();
        if self.last_counter.replace(counter) == Some(counter) && !packet.is_discontinuous() {
            // A packet may be sent twice (2.4.3.3). After a lost one the checksum will be wrong.
            return;
        }
        if packet.starts_unit() {
            let (before, after) =
                payload[1..].split_at(usize::from(payload[0]).min(payload.len() - 1));
            self.go_on(before, &mut found);
            self.partial.clear();
            self.start(after, &mut found);
        } else {
            self.go_on(payload, &mut found);
        }
    }

    /// Whether a section has begun and not ended.
    pub(crate) fn is_within_section(&self) -> bool {
        !self.partial.is_empty()
    }

    fn go_on(&mut self, bytes: &[u8], found: &mut impl FnMut(&[u8])) {
        if self.is_within_section() {
            let mut joined = std::mem::take(&mut self.partial);
            joined.extend_from_slice(bytes);
            self.start(&joined, found);
        }
    }

    /// Reads sections from where one starts.
    fn start(&mut self, mut bytes: &[u8], found: &mut impl FnMut(&[u8])) {
        while bytes.first().is_some_and(|&table_id| table_id != STUFFING) {
            let whole = (bytes.len() >= HEADER_LEN)
                .then(|| len_of([bytes[1], bytes[2]]))
                .filter(|&length| length <= bytes.len());
            let Some(length) = whole else {
                // At most 3 + 4095 bytes and a packet, as the length has 12 bits.
                self.partial = bytes.to_vec();
                return;
            };
            found(&bytes[..length]);
            bytes = &bytes[length..];
        }
    }
}

/// The length of a section by the second and third byte.
pub(crate) fn len_of([high, low]: [u8; 2]) -> usize {
    HEADER_LEN + usize::from(u16::from_be_bytes([high & 0x0F, low]))
}

/// The CRC of 13818-1 annex A. Over a section with its own checksum at the end it is 0.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            let divided = if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
            crc << 1 ^ divided
        })
    })
}
