//! Makes transport streams whose every bit a test can choose.

use std::collections::BTreeMap;

const PACKET_LEN: usize = 188;

/// Flags of an adaptation field.
pub const DISCONTINUITY: u8 = 0x80;
pub const RANDOM_ACCESS: u8 = 0x40;
const PCR: u8 = 0x10;

pub const H264: u8 = 0x1B;
pub const HEVC: u8 = 0x24;
pub const VVC: u8 = 0x33;
pub const MPEG2: u8 = 0x02;
pub const MPEG4: u8 = 0x10;
pub const MPEG_AUDIO: u8 = 0x03;
pub const PRIVATE_DATA: u8 = 0x06;

/// A PES packet. Stamps are in ticks of 90 kHz.
#[derive(Clone, Debug, Default)]
pub struct Pes {
    pub pid: u16,
    pub presented: Option<u64>,
    pub decoded: Option<u64>,
    pub pcr: Option<u64>,
    /// Of the adaptation field in its first packet.
    pub flags: u8,
    pub content: Vec<u8>,
    /// How much of the PES packet the first transport packets hold, one number each, where they do
    /// not hold as much as they can.
    pub split: Vec<usize>,
}

/// An elementary stream, as a PMT names it.
pub struct Stream {
    pub kind: u8,
    pub pid: u16,
    pub descriptors: Vec<u8>,
}

impl Stream {
    pub fn new(kind: u8, pid: u16) -> Self {
        Self {
            kind,
            pid,
            descriptors: Vec::new(),
        }
    }
}

/// Writes packets one after the other.
#[derive(Default)]
pub struct Muxer {
    pub bytes: Vec<u8>,
    counters: BTreeMap<u16, u8>,
}

impl Muxer {
    pub fn pat(&mut self, version: u8, programs: &[(u16, u16)]) {
        let entry = |&(number, pid): &(u16, u16)| {
            [number.to_be_bytes(), (pid | 0xE000).to_be_bytes()].concat()
        };
        let body: Vec<u8> = programs.iter().flat_map(entry).collect();
        self.section(0, &section(0, 1, version, &body));
    }

    pub fn pmt(&mut self, pid: u16, program: u16, version: u8, streams: &[Stream]) {
        self.section(pid, &pmt(program, version, streams));
    }

    /// A PMT whose program is registered for splice information (SCTE 35, 8.1).
    pub fn cueing_pmt(&mut self, pid: u16, program: u16, streams: &[Stream]) {
        let mut section = pmt(program, 0, streams);
        section.truncate(section.len() - 4);
        let registration = [0x05, 4, b'C', b'U', b'E', b'I'];
        section.splice(12..12, registration);
        section[11] += 6;
        section[2] += 6;
        self.section(pid, &seal(section));
    }

    /// Writes a section into packets of its own.
    pub fn section(&mut self, pid: u16, section: &[u8]) {
        let mut rest = &[&[0], section].concat()[..];
        let mut start = 0x40;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PACKET_LEN - 4));
            let mut payload = now.to_vec();
            payload.resize(PACKET_LEN - 4, 0xFF);
            self.packet(pid, start, &[], &payload);
            (start, rest) = (0, later);
        }
    }

    /// Writes sections one directly after the other: where one ends, the next one starts.
    pub fn packed_sections(&mut self, pid: u16, sections: &[Vec<u8>]) {
        let mut starts = Vec::new();
        let mut rest = Vec::new();
        for section in sections {
            starts.push(rest.len());
            rest.extend(section);
        }
        let mut at = 0;
        while at < rest.len() {
            let here = at..at + PACKET_LEN - 5;
            let first = starts.iter().find(|start| here.contains(start));
            let mut payload: Vec<u8> = first
                .map(|start| u8::try_from(start - at).unwrap())
                .into_iter()
                .collect();
            let len = (PACKET_LEN - 4 - payload.len()).min(rest.len() - at);
            payload.extend(&rest[at..at + len]);
            payload.resize(PACKET_LEN - 4, 0xFF);
            self.packet(pid, if first.is_some() { 0x40 } else { 0 }, &[], &payload);
            at += len;
        }
    }

    pub fn pes(&mut self, pes: &Pes) {
        let mut header = vec![0, 0, 1, 0xE0, 0, 0, 0x80, 0, 0];
        for (stamp, flag, mark) in [(pes.presented, 0x80, 0x21), (pes.decoded, 0x40, 0x11)] {
            if let Some(stamp) = stamp {
                header[7] |= flag;
                let [high, low] =
                    [stamp >> 30 & 7, stamp & 0x3FFF_FFFF].map(|part| u32::try_from(part).unwrap());
                header.push(mark | u8::try_from(high).unwrap() << 1);
                header.extend((u16::try_from(low >> 15).unwrap() << 1 | 1).to_be_bytes());
                header.extend((u16::try_from(low & 0x7FFF).unwrap() << 1 | 1).to_be_bytes());
            }
        }
        header[8] = u8::try_from(header.len() - 9).unwrap();
        let bytes = [&header[..], &pes.content].concat();
        let mut rest = &bytes[..];
        let mut split = pes.split.iter();
        let mut adaptation = adaptation(pes.flags, pes.pcr);
        let mut start = 0x40;
        while !rest.is_empty() {
            let room = PACKET_LEN - 4 - adaptation.len();
            let len = rest
                .len()
                .min(split.next().map_or(room, |&len| len.clamp(1, room)));
            self.packet(pes.pid, start, &adaptation, &rest[..len]);
            (start, rest) = (0, &rest[len..]);
            adaptation.clear();
        }
    }

    /// The program clock in a packet without payload.
    pub fn clock(&mut self, pid: u16, pcr: u64) {
        let mut field = adaptation(0, Some(pcr));
        field.resize(PACKET_LEN - 4, 0xFF);
        field[0] = u8::try_from(field.len() - 1).unwrap();
        let counter = self.counters.entry(pid).or_default().wrapping_sub(1) & 0x0F;
        let [high, low] = pid.to_be_bytes();
        self.bytes.extend([0x47, high, low, 0x20 | counter]);
        self.bytes.extend(field);
    }

    pub fn null(&mut self) {
        self.packet(0x1FFF, 0, &[], &[0xFF; PACKET_LEN - 4]);
    }

    /// The last packet once more, as a stream may send it (ISO/IEC 13818-1, 2.4.3.3).
    pub fn repeat(&mut self) {
        let last = self.bytes.len() - PACKET_LEN;
        self.bytes.extend_from_within(last..);
    }

    /// Loses the next packet of a PID.
    pub fn lose(&mut self, pid: u16) {
        *self.counters.entry(pid).or_default() += 1;
    }

    /// `adaptation` is a whole field or empty; what the payload does not fill is stuffed there.
    fn packet(&mut self, pid: u16, start: u8, adaptation: &[u8], payload: &[u8]) {
        let counter = self.counters.entry(pid).or_default();
        let [high, low] = pid.to_be_bytes();
        let mut packet = vec![0x47, start | high, low, 0x10 | *counter & 0x0F];
        *counter = counter.wrapping_add(1);
        let field_len = PACKET_LEN - 4 - payload.len();
        if field_len > 0 {
            let mut field = adaptation.to_vec();
            field.resize(field_len.max(field.len()), 0xFF);
            field[0] = u8::try_from(field_len - 1).unwrap();
            if adaptation.is_empty() && field_len > 1 {
                field[1] = 0;
            }
            packet[3] |= 0x20;
            packet.extend(field);
        }
        packet.extend_from_slice(payload);
        assert_eq!(packet.len(), PACKET_LEN);
        self.bytes.extend(packet);
    }
}

fn adaptation(flags: u8, pcr: Option<u64>) -> Vec<u8> {
    let Some(pcr) = pcr else {
        return if flags == 0 {
            Vec::new()
        } else {
            vec![1, flags]
        };
    };
    let base = u32::try_from(pcr >> 1 & 0xFFFF_FFFF).unwrap();
    let mut field = vec![7, flags | PCR];
    field.extend(base.to_be_bytes());
    field.extend([u8::from(pcr & 1 == 1) << 7 | 0x7E, 0]);
    field
}

/// A section of the long form, in force now.
pub fn section(table_id: u8, extension: u16, version: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len() + 9).unwrap();
    let mut bytes = vec![table_id];
    bytes.extend((0xB000 | len).to_be_bytes());
    bytes.extend(extension.to_be_bytes());
    bytes.extend([0xC1 | version << 1, 0, 0]);
    bytes.extend_from_slice(body);
    seal(bytes)
}

/// Puts the checksum at the end.
pub fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut crc = u32::MAX;
    for bit in bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| u32::from(byte >> bit & 1)))
    {
        let divisor = if crc >> 31 == bit { 0 } else { 0x04C1_1DB7 };
        crc = crc << 1 ^ divisor;
    }
    bytes.extend(crc.to_be_bytes());
    bytes
}

/// A PMT whose program's clock is in its first stream.
pub fn pmt(program: u16, version: u8, streams: &[Stream]) -> Vec<u8> {
    let pcr_pid = streams.first().map_or(0x1FFF, |stream| stream.pid);
    let mut body = (pcr_pid | 0xE000).to_be_bytes().to_vec();
    body.extend([0xF0, 0]);
    for stream in streams {
        body.push(stream.kind);
        body.extend((stream.pid | 0xE000).to_be_bytes());
        body.extend((u16::try_from(stream.descriptors.len()).unwrap() | 0xF000).to_be_bytes());
        body.extend(&stream.descriptors);
    }
    section(2, program, version, &body)
}

/// The starts of pictures: everything up to the first bytes of the first slice.
pub mod picture {
    const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 0x42, 0, 30];
    const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 0xCE];

    fn h264(parts: &[&[u8]]) -> Vec<u8> {
        [&[&[0, 0, 0, 1, 0x09, 0xF0][..]], parts].concat().concat()
    }

    pub fn h264_idr() -> Vec<u8> {
        h264(&[SPS, PPS, &[0, 0, 1, 0x65, 0x88, 0x84]])
    }

    pub fn h264_idr_without_parameters() -> Vec<u8> {
        h264(&[&[0, 0, 1, 0x65, 0x88, 0x84]])
    }

    pub fn h264_other() -> Vec<u8> {
        h264(&[&[0, 0, 1, 0x41, 0x9A, 0x02]])
    }

    /// The recovery point comes after a message of four bytes that had to be escaped: 0, 0, 1, 5.
    /// A reader that does not unescape it continues at the wrong byte.
    pub fn h264_recovery_point() -> Vec<u8> {
        let messages = [0, 0, 1, 0x06, 5, 4, 0, 0, 3, 1, 5, 6, 1, 0xC4, 0x80];
        h264(&[SPS, PPS, &messages, &[0, 0, 1, 0x41, 0x9A, 0x02]])
    }

    /// A message of another number that holds what looks like a recovery point.
    pub fn h264_other_message() -> Vec<u8> {
        let messages = [0, 0, 1, 0x06, 5, 4, 6, 1, 0xC4, 6, 0x80];
        h264(&[SPS, PPS, &messages, &[0, 0, 1, 0x41, 0x9A, 0x02]])
    }

    pub fn hevc(kind: u8) -> Vec<u8> {
        let unit = |kind: u8| vec![0, 0, 1, kind << 1, 1, 0x80];
        [unit(35), unit(32), unit(33), unit(34), unit(kind)].concat()
    }

    /// A picture of one slice, which has the picture header.
    pub fn vvc(kind: u8) -> Vec<u8> {
        let unit = |kind: u8| vec![0, 0, 1, 0, kind << 3 | 1, 0x80];
        [unit(20), unit(15), unit(16), unit(kind)].concat()
    }

    /// By `picture_coding_type`: 1 is intra, 2 is predicted.
    pub fn mpeg2(kind: u8) -> Vec<u8> {
        [
            &[0, 0, 1, 0xB3, 0x14][..],
            &[0, 0, 1, 0xB8, 0],
            &[0, 0, 1, 0, 0, kind << 3, 0],
        ]
        .concat()
    }

    /// By `vop_coding_type`: 0 is intra, 1 is predicted.
    pub fn mpeg4(kind: u8) -> Vec<u8> {
        [&[0, 0, 1, 0x20, 0][..], &[0, 0, 1, 0xB6, kind << 6, 0]].concat()
    }
}
