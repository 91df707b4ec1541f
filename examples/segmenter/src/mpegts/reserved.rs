//! Streams on PIDs that DVB reserves for its tables (EN 300 468, 5.1.3) get others: some players
//! ignore the reserved ones. ISO/IEC 13818-1, table 2-3, allows any from 0x10 on.
//!
//! Video without a packet in a segment leaves its program map: some players wait for announced
//! video without end.

use std::collections::BTreeSet;
use std::iter;

use super::packet::{PACKET_LEN, PAT_PID, Packet};
use super::section::{CHECKSUM_LEN, HEADER_LEN, STUFFING, crc32, len_of};
use super::tables::Tables;

const FIRST: u16 = 0x10;
const LAST: u16 = 0x1F;
/// The bits that make another PID of a reserved one: 0x1F10 to 0x1F1F.
const MOVED: u16 = 0x1F00;
const PID_BITS: u16 = 0x1FFF;
/// Where the body of a section begins.
const BODY: usize = HEADER_LEN + 5;
const PMT_TABLE_ID: u8 = 2;

/// The PIDs that are moved. None is ever moved back.
#[derive(Default)]
pub(crate) struct Moves {
    /// A bit for each reserved PID.
    moved: u16,
    pmt_pids: BTreeSet<u16>,
    video_pids: Vec<u16>,
}

impl Moves {
    /// Takes note of the tables in force.
    pub(crate) fn follow(&mut self, tables: &Tables) {
        let map = &tables.map;
        let own = map.streams.iter().map(|stream| stream.pid);
        let own = own.chain([map.pcr_pid, tables.pmt_pid]);
        let own: Vec<u16> = own.chain(map.access_pids.iter().copied()).collect();
        for pid in &own {
            let is_free = !own.contains(&(pid | MOVED));
            if let Some(bit) = bit(*pid).filter(|_| is_free && !map.access_pids.contains(pid)) {
                self.moved |= bit;
            }
        }
        self.pmt_pids.insert(tables.pmt_pid);
        let video = map.tracks().filter(|track| track.codec.is_video());
        self.video_pids = video.map(|track| track.pid).collect();
    }

    /// Moves the streams in whole packets, and tells so in their tables.
    pub(crate) fn apply(&self, data: &mut [u8]) {
        let has = |pid: u16| Packet::all_in(data).any(|packet| packet.pid() == pid);
        let absent: Vec<u16> = self
            .video_pids
            .iter()
            .copied()
            .filter(|pid| !has(*pid))
            .collect();
        if self.moved == 0 && absent.is_empty() {
            return;
        }
        for pid in self.pmt_pids.iter().copied().chain([PAT_PID]) {
            self.rewrite_sections(pid, &absent, data);
        }
        for packet in data.chunks_exact_mut(PACKET_LEN) {
            self.rewrite(packet, 1);
        }
    }

    /// Rewrites the PID in the last 13 bits of the two bytes here.
    fn rewrite(&self, bytes: &mut [u8], at: usize) {
        let Some([high, low]) = bytes.get_mut(at..at + 2) else {
            return;
        };
        let pid = u16::from_be_bytes([*high, *low]) & PID_BITS;
        if bit(pid).is_some_and(|bit| self.moved & bit != 0) {
            *high |= MOVED.to_be_bytes()[0];
        }
    }

    /// Rewrites the sections of one PID, in place. One that goes on in another segment stays as it
    /// is: no reader completes it, because tables begin the next segment.
    fn rewrite_sections(&self, pid: u16, absent: &[u16], data: &mut [u8]) {
        // The positions of a section's bytes, which may lie in several packets.
        let mut places: Vec<usize> = Vec::new();
        let mut last = None;
        for at in (0..data.len()).step_by(PACKET_LEN) {
            let packet = data.get(at..at + PACKET_LEN).and_then(Packet::new);
            let Some(packet) = packet.filter(|packet| packet.pid() == pid) else {
                continue;
            };
            let (payload, starts_unit) = (packet.payload(), packet.starts_unit());
            let is_repeated = last.replace(packet.counter()) == Some(packet.counter());
            let Some(&pointer) = payload.first() else {
                continue;
            };
            let start = at + PACKET_LEN - payload.len();
            let end = at + PACKET_LEN;
            if starts_unit {
                let next = (start + 1 + usize::from(pointer)).min(end);
                if !places.is_empty() && !is_repeated {
                    places.extend(start + 1..next);
                    self.rewrite_whole(&mut places, absent, data);
                }
                places.clear();
                places.extend(next..end);
            } else if !places.is_empty() && !is_repeated {
                places.extend(start..end);
            }
            self.rewrite_whole(&mut places, absent, data);
        }
    }

    /// Rewrites the sections that are whole, and forgets their places.
    fn rewrite_whole(&self, places: &mut Vec<usize>, absent: &[u16], data: &mut [u8]) {
        let mut done = 0;
        while let Some(rest) = places.get(done..) {
            let byte = |index: usize| rest.get(index).and_then(|at| data.get(*at)).copied();
            let (Some(table_id), Some(high), Some(low)) = (byte(0), byte(1), byte(2)) else {
                break;
            };
            if table_id == STUFFING {
                done = places.len();
                break;
            }
            let len = len_of([high, low]);
            let Some(section) = rest.get(..len) else {
                break;
            };
            let mut bytes: Vec<u8> = section.iter().map(|at| data[*at]).collect();
            if crc32(&bytes) == 0 && self.rewrite_section(&mut bytes) {
                // A shorter section leaves room, which only stuffing may follow.
                if byte(len).is_none_or(|next| next == STUFFING) {
                    remove_streams(&mut bytes, absent);
                }
                let stuffing = iter::repeat(STUFFING);
                for (at, byte) in section.iter().zip(bytes.into_iter().chain(stuffing)) {
                    data[*at] = byte;
                }
            }
            done += len;
        }
        places.drain(..done);
    }

    /// Rewrites the PIDs in a PAT (ISO/IEC 13818-1, 2.4.4.3) or a PMT (2.4.4.8). Returns whether it
    /// is one.
    fn rewrite_section(&self, section: &mut [u8]) -> bool {
        let Some(end) = section
            .len()
            .checked_sub(CHECKSUM_LEN)
            .filter(|end| *end >= BODY)
        else {
            return false;
        };
        let (content, checksum) = section.split_at_mut(end);
        match content[0] {
            0 => {
                for at in (BODY..end).step_by(4) {
                    self.rewrite(content, at + 2);
                }
            }
            PMT_TABLE_ID => {
                self.rewrite(content, BODY);
                let mut at = first_stream(content);
                while let Some(len) = stream_len(content, at) {
                    self.rewrite(content, at + 1);
                    at += len;
                }
            }
            _ => return false,
        }
        checksum.copy_from_slice(&crc32(content).to_be_bytes());
        true
    }
}

/// The bit of a reserved PID.
fn bit(pid: u16) -> Option<u16> {
    (FIRST..=LAST).contains(&pid).then(|| 1 << (pid - FIRST))
}

/// Removes these streams from a section, if it is a PMT that has others.
fn remove_streams(section: &mut Vec<u8>, absent: &[u16]) {
    let end = section.len() - CHECKSUM_LEN;
    if section[0] != PMT_TABLE_ID || absent.is_empty() {
        return;
    }
    let first = first_stream(&section[..end]).min(end);
    let mut kept = section[..first].to_vec();
    let mut at = first;
    while let Some(len) = stream_len(&section[..end], at) {
        let stream = &section[at..end.min(at + len)];
        let pid = u16::from_be_bytes([stream[1], stream[2]]) & PID_BITS;
        if !absent.contains(&pid) {
            kept.extend_from_slice(stream);
        }
        at += len;
    }
    if kept.len() == first || kept.len() >= at {
        return;
    }
    let [high, low] = u16::try_from(kept.len() + CHECKSUM_LEN - HEADER_LEN)
        .unwrap_or(0)
        .to_be_bytes();
    kept[1] = kept[1] & 0xF0 | high;
    kept[2] = low;
    let checksum = crc32(&kept);
    kept.extend_from_slice(&checksum.to_be_bytes());
    *section = kept;
}

/// Where the streams of a PMT begin.
fn first_stream(content: &[u8]) -> usize {
    low_12(content, BODY + 2).map_or(content.len(), |len| BODY + 4 + len)
}

/// The length of the entry of a stream here, in a PMT.
fn stream_len(content: &[u8], at: usize) -> Option<usize> {
    low_12(content, at + 3).map(|info| 5 + info)
}

fn low_12(content: &[u8], at: usize) -> Option<usize> {
    let bytes = content.get(at..at + 2)?;
    Some(usize::from(u16::from_be_bytes([bytes[0] & 0x0F, bytes[1]])))
}
