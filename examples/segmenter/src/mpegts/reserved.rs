//! Streams on PIDs that DVB reserves for its tables (EN 300 468, 5.1.3) get others: some players
//! ignore the reserved ones. ISO/IEC 13818-1, table 2-3, allows any from 0x10 on.

use std::collections::BTreeSet;

use super::packet::{PACKET_LEN, PAT_PID, Packet};
use super::section::{CHECKSUM_LEN, HEADER_LEN, STUFFING, crc32, len_of};
use super::tables::Tables;

const FIRST: u16 = 0x10;
const LAST: u16 = 0x1F;
/// The bits that make another PID of a reserved one: 0x1F10 to 0x1F1F.
const MOVED: u16 = 0x1F00;
const PID_BITS: u16 = 0x1FFF;

/// The PIDs that are moved. None is ever moved back.
#[derive(Default)]
pub(crate) struct Moves {
    /// A bit for each reserved PID.
    moved: u16,
    pmt_pids: BTreeSet<u16>,
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
    }

    /// Moves the streams in whole packets, and tells so in their tables.
    pub(crate) fn apply(&self, data: &mut [u8]) {
        if self.moved == 0 {
            return;
        }
        for pid in self.pmt_pids.iter().copied().chain([PAT_PID]) {
            self.rewrite_sections(pid, data);
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
    fn rewrite_sections(&self, pid: u16, data: &mut [u8]) {
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
                    self.rewrite_whole(&mut places, data);
                }
                places.clear();
                places.extend(next..end);
            } else if !places.is_empty() && !is_repeated {
                places.extend(start..end);
            }
            self.rewrite_whole(&mut places, data);
        }
    }

    /// Rewrites the sections that are whole, and forgets their places.
    fn rewrite_whole(&self, places: &mut Vec<usize>, data: &mut [u8]) {
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
                for (at, byte) in section.iter().zip(bytes) {
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
        let body = HEADER_LEN + 5;
        let Some(end) = section
            .len()
            .checked_sub(CHECKSUM_LEN)
            .filter(|end| *end >= body)
        else {
            return false;
        };
        let (content, checksum) = section.split_at_mut(end);
        match content[0] {
            0 => {
                for at in (body..end).step_by(4) {
                    self.rewrite(content, at + 2);
                }
            }
            2 => {
                self.rewrite(content, body);
                let len = |content: &[u8], at: usize| {
                    let bytes = content.get(at..at + 2)?;
                    Some(usize::from(u16::from_be_bytes([bytes[0] & 0x0F, bytes[1]])))
                };
                let mut at = len(content, body + 2).map_or(end, |len| body + 4 + len);
                while let Some(info) = len(content, at + 3) {
                    self.rewrite(content, at + 1);
                    at += 5 + info;
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
