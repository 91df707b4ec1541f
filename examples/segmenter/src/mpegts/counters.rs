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
    /// The number of inserted packets, modulo 16.
    inserted: u8,
    /// The counter of the latest packet.
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

    /// Writes the tables as packets.
    pub(crate) fn insert(&mut self, tables: &Tables, out: &mut Vec<u8>) {
        for section in &tables.pat {
            self.insert_section(PAT_PID, section, out);
        }
        self.insert_section(tables.pmt_pid, &tables.pmt, out);
    }

    /// Writes a section as packets.
    pub(crate) fn insert_section(&mut self, pid: u16, section: &Section, out: &mut Vec<u8>) {
        let counter = self.0.entry(pid).or_default();
        let count = section.write_packets(pid, counter.latest + 1, out);
        counter.latest = counter.latest.wrapping_add(count) & 0x0F;
        counter.inserted = counter.inserted.wrapping_add(count) & 0x0F;
    }

    /// Rewrites a packet that comes next, of a PID that may get packets inserted.
    pub(crate) fn rewrite(&mut self, bytes: &mut [u8]) {
        let Some(packet) = Packet::new(bytes) else {
            return;
        };
        let (pid, counter) = (packet.pid(), packet.counter());
        let known = self.0.entry(pid).or_default();
        known.latest = counter.wrapping_add(known.inserted) & 0x0F;
        advance_counter(bytes, known.inserted);
    }

    /// So many packets of a PID were inserted.
    pub(crate) fn shift(&mut self, pid: u16, added: u8) {
        let counter = self.0.entry(pid).or_default();
        counter.inserted = counter.inserted.wrapping_add(added) & 0x0F;
    }

    /// Takes back a packet that was rewritten, as if it had not come yet.
    pub(crate) fn restore(&self, bytes: &mut [u8]) {
        let Some(packet) = Packet::new(bytes) else {
            return;
        };
        if let Some(known) = self.0.get(&packet.pid()) {
            advance_counter(bytes, 16 - known.inserted);
        }
    }

    /// Forgets that the packets in `rest` came, which follow those in `before`.
    pub(crate) fn rewind(&mut self, before: &[u8], rest: &[u8]) {
        for (pid, known) in &mut self.0 {
            let mut of_pid = Packet::all_in(rest).filter(|packet| packet.pid() == *pid);
            let Some(first) = of_pid.next() else {
                continue;
            };
            let before = before.rchunks_exact(PACKET_LEN).filter_map(Packet::new);
            let latest = before
                .map(|packet| (packet.pid(), packet.counter()))
                .find(|(of, _)| of == pid);
            known.latest = latest.map_or_else(
                || first.counter().wrapping_add(known.inserted).wrapping_sub(1) & 0x0F,
                |(_, counter)| counter,
            );
        }
    }
}
