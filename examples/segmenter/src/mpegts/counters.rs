//! The continuity counters of the PIDs that get packets inserted. ISO/IEC 13818-1, 2.4.3.3.

use std::collections::BTreeMap;

use super::packet::{PACKET_LEN, PAT_PID, Packet, advance_counter};
use super::section::Section;
use super::tables::Tables;

/// Keeps the counters right: what comes after inserted packets counts on from them, and what was
/// wrong or repeated in the input stays just as visible.
#[derive(Default)]
pub(crate) struct Counters(BTreeMap<u16, Counter>);

#[derive(Default)]
struct Counter {
    /// How many packets were inserted, modulo 16.
    inserted: u8,
    /// What the latest packet got.
    latest: u8,
}

impl Counters {
    /// Makes the first inserted packet take the place of the first packet in `bytes`, of which the
    /// rest then counts on.
    pub(crate) fn begin_before(&mut self, bytes: &[u8], tables: &Tables) {
        for pid in [PAT_PID, tables.pmt_pid] {
            if let Some(first) = Packet::all_in(bytes).find(|packet| packet.pid() == pid) {
                self.0.entry(pid).or_default().latest = first.counter().wrapping_sub(1) & 0x0F;
            }
        }
    }

    /// The tables as packets, to be put where everything before has been rewritten.
    pub(crate) fn insert(&mut self, tables: &Tables) -> Vec<u8> {
        let mut packets = Vec::new();
        for section in &tables.pat {
            self.insert_section(PAT_PID, section, &mut packets);
        }
        self.insert_section(tables.pmt_pid, &tables.pmt, &mut packets);
        packets
    }

    fn insert_section(&mut self, pid: u16, section: &Section, out: &mut Vec<u8>) {
        let counter = self.0.entry(pid).or_default();
        let count = section.write_packets(pid, counter.latest + 1, out);
        counter.latest = counter.latest.wrapping_add(count) & 0x0F;
        counter.inserted = counter.inserted.wrapping_add(count) & 0x0F;
    }

    /// Rewrites the packets in `bytes`, which come next, on the PIDs that have got packets
    /// inserted, and takes note of the counters on those that may: the PIDs of the tables.
    pub(crate) fn rewrite(&mut self, bytes: &mut [u8], tables: &Tables) {
        for bytes in bytes.chunks_exact_mut(PACKET_LEN) {
            let Some(packet) = Packet::new(bytes) else {
                continue;
            };
            let pid = packet.pid();
            let counter = if pid == PAT_PID || pid == tables.pmt_pid {
                self.0.entry(pid).or_default()
            } else if let Some(counter) = self.0.get_mut(&pid) {
                counter
            } else {
                continue;
            };
            counter.latest = packet.counter().wrapping_add(counter.inserted) & 0x0F;
            advance_counter(bytes, counter.inserted);
        }
    }
}
