//! Checks that cut segments hold the packets of the input, of each PID in the same order, except for
//! tables inserted before a segment. Independent of the code that cuts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

const PACKET_LEN: usize = 188;
const PAT_PID: u16 = 0;

pub fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1F, packet[2]])
}

fn starts_unit(packet: &[u8]) -> bool {
    packet[1] & 0x40 != 0
}

fn counter(packet: &[u8]) -> u8 {
    packet[3] & 0x0F
}

pub fn packets(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    assert_eq!(bytes.len() % PACKET_LEN, 0, "whole packets");
    bytes.chunks_exact(PACKET_LEN)
}

/// The PIDs of the program map tables, by every program association table in the stream, each of
/// which has to fit into a packet.
pub fn pmt_pids(bytes: &[u8]) -> BTreeSet<u16> {
    let mut pids = BTreeSet::new();
    for packet in packets(bytes).filter(|packet| pid(packet) == PAT_PID && starts_unit(packet)) {
        let section = &packet[5..];
        let end = 3 + usize::from(section[2]) - 4;
        for program in section[8..end].chunks_exact(4) {
            if program[..2] != [0, 0] {
                pids.insert(u16::from_be_bytes([program[2] & 0x1F, program[3]]));
            }
        }
    }
    pids
}

/// The PIDs of streams that are no video, by every program map table in the stream.
fn moving_pids(bytes: &[u8]) -> BTreeSet<u16> {
    let tables = pmt_pids(bytes);
    let mut sections: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    let mut pids = BTreeSet::new();
    for packet in packets(bytes).filter(|packet| tables.contains(&pid(packet))) {
        let section = sections.entry(pid(packet)).or_default();
        if starts_unit(packet) {
            section.clear();
        }
        section.extend(&packet[if starts_unit(packet) { 5 } else { 4 }..]);
        let len = section.get(1..3).map_or(0, |len| {
            usize::from(u16::from_be_bytes([len[0] & 0x0F, len[1]]))
        });
        let Some(mut rest) = section.get(12..(len + 3).saturating_sub(4)) else {
            continue;
        };
        while let [kind, high, low, info_high, info_low, after @ ..] = rest {
            let is_video = [0x01, 0x02, 0x10, 0x1B, 0x24, 0x33].contains(kind);
            if !is_video {
                pids.insert(u16::from_be_bytes([high & 0x1F, *low]));
            }
            let info = usize::from(u16::from_be_bytes([info_high & 0x0F, *info_low]));
            rest = after.get(info..).unwrap_or_default();
        }
    }
    pids
}

/// Checks that the joined segments hold the packets of the input, of each PID in the same order,
/// and inserted tables, counters included. Returns how many segments got tables inserted.
///
/// Tables may be inserted in front of any segment. If the input continues with the same packet,
/// they count as the input's.
pub fn check(input: &[u8], segments: &[Vec<u8>]) -> usize {
    let tables: BTreeSet<u16> = pmt_pids(input).into_iter().chain([PAT_PID]).collect();
    let mut inserted: BTreeMap<u16, u8> = BTreeMap::new();
    let mut latest: BTreeMap<u16, u8> = BTreeMap::new();
    // Audio may move forward, to the segment before. Everything else keeps its order, also between
    // PIDs.
    let moving = moving_pids(input);
    let queue = |packet: &[u8]| Some(pid(packet)).filter(|pid| moving.contains(pid));
    let mut of_input: BTreeMap<Option<u16>, VecDeque<(usize, &[u8])>> = BTreeMap::new();
    for (at, packet) in packets(input).enumerate() {
        let queue = of_input.entry(queue(packet)).or_default();
        queue.push_back((at, packet));
    }
    let mut segments_with_tables = 0;
    for (index, segment) in segments.iter().enumerate() {
        let mut is_in_front = true;
        let mut got_tables = false;
        for packet in packets(segment) {
            let pid = pid(packet);
            let by = inserted.entry(pid).or_default();
            let fronts = of_input.values().filter_map(VecDeque::front);
            let first = fronts.map(|(at, _)| *at).min();
            let of_pid = of_input.entry(queue(packet)).or_default();
            let same = of_pid.front().is_some_and(|(at, original)| {
                if queue(packet).is_none() && first != Some(*at) {
                    return false;
                }
                let mut expected = original.to_vec();
                if tables.contains(&pid) {
                    expected[3] = expected[3] & 0xF0 | expected[3].wrapping_add(*by) & 0x0F;
                }
                expected == packet
            });
            if same {
                of_pid.pop_front();
                is_in_front &= tables.contains(&pid);
            } else {
                let why = format!("segment {index}: a packet of PID {pid:#x} is not the input's");
                assert!(is_in_front && tables.contains(&pid), "{why}");
                if let Some(latest) = latest.get(&pid) {
                    assert_eq!(
                        counter(packet),
                        (latest + 1) & 0x0F,
                        "{why}, and does not count on"
                    );
                }
                *by = (*by + 1) & 0x0F;
                got_tables = true;
            }
            latest.insert(pid, counter(packet));
        }
        segments_with_tables += usize::from(got_tables);
    }
    let missing = of_input.values().map(VecDeque::len).sum::<usize>();
    assert_eq!(missing, 0, "packets of the input are missing at the end");
    segments_with_tables
}

/// Checks that the joined segments hold the packets of the input that are no tables, of each PID in
/// the same order.
pub fn check_each(input: &[u8], segments: &[Vec<u8>]) {
    let tables: BTreeSet<u16> = pmt_pids(input).into_iter().chain([PAT_PID]).collect();
    let of = |bytes: &[u8]| {
        let mut by_pid: BTreeMap<u16, Vec<Vec<u8>>> = BTreeMap::new();
        for packet in packets(bytes).filter(|packet| !tables.contains(&pid(packet))) {
            by_pid.entry(pid(packet)).or_default().push(packet.to_vec());
        }
        by_pid
    };
    assert!(of(input) == of(&segments.concat()));
}

/// The presentation times of the PES packets of a PID.
pub fn stamps(segment: &[u8], of: u16) -> Vec<u64> {
    let starts = packets(segment).filter(|packet| pid(packet) == of && starts_unit(packet));
    let stamps = starts.filter_map(|packet| {
        let start = match packet[3] & 0x20 {
            0 => 4,
            _ => 5 + usize::from(packet[4]),
        };
        let pes = packet.get(start..start + 14)?;
        let bits = |bytes: &[u8]| u64::from(u16::from_be_bytes([bytes[0], bytes[1]]) >> 1);
        (pes[7] & 0x80 != 0)
            .then(|| u64::from(pes[9] >> 1 & 7) << 30 | bits(&pes[10..]) << 15 | bits(&pes[12..]))
    });
    stamps.collect()
}

/// Checks that a segment begins with a PAT, a PMT and then the start of a picture, or of audio;
/// returns where that packet is.
pub fn check_beginning(segment: &[u8], track_pid: u16) -> Range<usize> {
    let pmt_pids = pmt_pids(segment);
    let found: Vec<_> = packets(segment)
        .take(32)
        .map(|packet| (pid(packet), starts_unit(packet)))
        .collect();
    let mut rest = &found[..];
    for is_wanted in
        [&|pid| pid == PAT_PID, &|pid| pmt_pids.contains(&pid)] as [&dyn Fn(u16) -> bool; 2]
    {
        let (first, after) = rest.split_first().expect("packets");
        assert!(
            is_wanted(first.0) && first.1,
            "a table is missing: {found:x?}"
        );
        let more = after
            .iter()
            .take_while(|(pid, starts)| is_wanted(*pid) && !starts)
            .count();
        rest = &after[more..];
    }
    assert_eq!(
        rest.first(),
        Some(&(track_pid, true)),
        "no picture after the tables: {found:x?}"
    );
    let at = (found.len() - rest.len()) * PACKET_LEN;
    at..at + PACKET_LEN
}
