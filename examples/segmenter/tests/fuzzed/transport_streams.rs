//! Any bytes as a transport stream for its cutter.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use peak_alloc::PeakAlloc;
use segmenter::mpegts::{CutError, Cutter};
use segmenter::{Notice, Segment};

const PACKET_LEN: usize = 188;
const PAT_PID: u16 = 0;
/// Two tables of the longest kind.
const LONGEST_TABLES: usize = 2 * 1024 / 183 * PACKET_LEN;
const TARGET: Duration = Duration::from_millis(200);
const CAPACITY: usize = 16 * PACKET_LEN;
/// The memory of a cutter with this capacity, and the input that shows it.
const MOST_MEMORY: usize = 256 * 1024;
const MUCH_INPUT: usize = 1024 * 1024;
/// The PIDs from here on that can be those of moved streams, and the bits that then make them others.
const MOVED: std::ops::Range<u16> = 0x1F10..0x1F20;
const MOVED_BITS: u16 = 0x1F00;

pub(crate) fn check(data: &[u8]) {
    let whole = cut(data, data.len().max(1), Cutter::new(TARGET));
    // In pieces of a length that has nothing to do with that of a packet.
    let piece = 1 + data.len() * 31 % 397;
    let pieces = cut(data, piece, Cutter::new(TARGET));
    assert_eq!(pieces, whole, "the pieces matter");
    check_cuts(data, &whole);

    let for_players = || {
        let cutter = Cutter::new(TARGET).drop_undecodable().one_program(None);
        cutter.move_reserved_pids()
    };
    let whole = cut(data, data.len().max(1), for_players());
    assert_eq!(cut(data, piece, for_players()), whole, "the pieces matter");
    check_cuts(data, &whole);

    let (start, _) = data.split_at(data.len() / 2 / PACKET_LEN * PACKET_LEN);
    check_cuts(start, &stop(start, Cutter::new(TARGET)));

    let bounded = cut(data, piece, Cutter::new(TARGET).capacity(CAPACITY));
    check_cuts(data, &bounded);
    for cut in &bounded.cuts {
        // With audio that waited for a jump.
        let most = CAPACITY + CAPACITY / 4 + piece + PACKET_LEN + LONGEST_TABLES;
        assert!(cut.data.len() <= most, "{} bytes held", cut.data.len());
    }
}

/// However often the input comes again, a cutter needs no more memory.
pub(crate) fn check_memory(data: &[u8]) {
    let before = PeakAlloc.current_usage();
    PeakAlloc.reset_peak_usage();
    let mut cutter = Cutter::new(TARGET).capacity(CAPACITY);
    let mut cuts = Vec::new();
    let rounds = MUCH_INPUT / data.len().max(1);
    let mut pieces = (0..rounds).flat_map(|_| data.chunks(512));
    let _ = pieces.try_for_each(|piece| {
        cuts.clear();
        cutter.push(piece, &mut cuts)
    });
    let memory = PeakAlloc.peak_usage().saturating_sub(before);
    assert!(memory <= MOST_MEMORY, "{memory} bytes of memory");
}

/// All that a cutter returns.
#[derive(Debug, PartialEq)]
struct Outcome {
    cuts: Vec<Segment>,
    end: Result<(), CutError>,
    /// Some of the packets were left out on purpose.
    has_dropped: bool,
}

fn push(data: &[u8], piece: usize, cutter: &mut Cutter) -> Outcome {
    let mut outcome = Outcome {
        cuts: Vec::new(),
        end: Ok(()),
        has_dropped: false,
    };
    outcome.end = data.chunks(piece).try_for_each(|piece| {
        let pushed = cutter.push(piece, &mut outcome.cuts);
        outcome.has_dropped |= takes_dropped(cutter);
        pushed
    });
    outcome
}

fn takes_dropped(cutter: &mut Cutter) -> bool {
    cutter
        .take_notices()
        .into_iter()
        .any(|notice| match notice {
            Notice::Dropped { .. } => true,
            Notice::SeveralPrograms { kept, .. } => kept.is_some(),
            _ => false,
        })
}

fn cut(data: &[u8], piece: usize, mut cutter: Cutter) -> Outcome {
    let mut outcome = push(data, piece, &mut cutter);
    let finished = cutter.finish(&mut outcome.cuts);
    outcome.has_dropped |= takes_dropped(&mut cutter);
    assert!(
        outcome.end.is_ok() || outcome.end == finished,
        "a fault stays"
    );
    outcome.end = finished;
    outcome
}

fn stop(data: &[u8], mut cutter: Cutter) -> Outcome {
    let mut outcome = push(data, data.len().max(1), &mut cutter);
    cutter.stop(&mut outcome.cuts);
    outcome
}

/// Checks that a segment is whole packets.
fn check_form(cut: &Segment) {
    assert!(!cut.data.is_empty() && cut.data.len().is_multiple_of(PACKET_LEN));
    let mut starts = cut.data.iter().step_by(PACKET_LEN);
    assert!(starts.all(|byte| *byte == 0x47));
}

/// The PIDs on which a PES packet was split: a packet starts one that the input does not have.
fn split_pids(input: &[u8], cuts: &[Segment]) -> BTreeSet<u16> {
    let masked = |packet: &[u8]| {
        let mut packet = packet.to_vec();
        packet[3] &= 0xF0;
        packet
    };
    let known: BTreeSet<_> = input.chunks_exact(PACKET_LEN).map(masked).collect();
    let packets = cuts
        .iter()
        .flat_map(|cut| cut.data.chunks_exact(PACKET_LEN));
    packets
        .filter(|packet| packet[1] & 0x40 != 0 && !known.contains(&masked(packet)))
        .map(pid)
        .collect()
}

/// Checks that the joined segments hold packets of the input, of each PID in the same order, but
/// for tables in front of a segment and the counters that count on from these; all of them, if the
/// input is in step, except for those that are said to be dropped.
fn check_cuts(input: &[u8], outcome: &Outcome) {
    let Outcome { cuts, .. } = outcome;
    let tables = table_pids(input);
    let is_in_step = input.len().is_multiple_of(PACKET_LEN)
        && input.len() >= PACKET_LEN
        && input.iter().step_by(PACKET_LEN).all(|byte| *byte == 0x47);
    let mut of_input: BTreeMap<u16, VecDeque<&[u8]>> = BTreeMap::new();
    if is_in_step {
        for packet in input.chunks_exact(PACKET_LEN) {
            of_input.entry(pid(packet)).or_default().push_back(packet);
        }
    }
    let split = split_pids(input, cuts);
    for (index, cut) in cuts.iter().enumerate() {
        check_form(cut);
        if !is_in_step {
            continue;
        }
        for packet in cut.data.chunks_exact(PACKET_LEN) {
            if split.contains(&pid(packet)) {
                of_input.remove(&pid(packet));
                continue;
            }
            let is_table = origins(packet).any(|pid| tables.contains(&pid));
            let is_found = origins(packet).any(|origin| {
                let of_pid = of_input.entry(origin).or_default();
                let mut next = of_pid.iter();
                let at = next.position(|next| is_same(next, packet, is_table));
                let at = at.filter(|at| *at == 0 || outcome.has_dropped);
                at.is_some_and(|at| of_pid.drain(..=at).count() > 0)
            });
            if !is_found {
                // An inserted table may have been taken for the input's, which comes later.
                assert!(
                    is_table,
                    "segment {index}: a packet of PID {:#x} is not the input's",
                    pid(packet)
                );
            }
        }
    }
    if is_in_step && outcome.end.is_ok() && !outcome.has_dropped {
        let left = of_input.values().map(VecDeque::len).sum::<usize>();
        assert_eq!(left, 0, "packets are missing at the end");
    }
}

fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1F, packet[2]])
}

/// The PIDs of the input that a packet may come from.
fn origins(packet: &[u8]) -> impl Iterator<Item = u16> {
    let pid = pid(packet);
    let moved = MOVED.contains(&pid).then_some(pid & !MOVED_BITS);
    [pid].into_iter().chain(moved)
}

/// Byte for byte, but for the PID of a moved stream and the continuity counter of a table.
fn is_same(input: &[u8], output: &[u8], is_table: bool) -> bool {
    let mask = if is_table { 0xF0 } else { 0xFF };
    input[0] == output[0]
        && input[1] & 0xE0 == output[1] & 0xE0
        && input[3] & mask == output[3] & mask
        && input[4..] == output[4..]
}

/// The PIDs that can be those of tables: of the program association table, and whatever it may
/// name. More than there are, rather than less, as damage is not understood here.
fn table_pids(input: &[u8]) -> BTreeSet<u16> {
    let payloads: Vec<_> = input
        .chunks_exact(PACKET_LEN)
        .filter(|packet| pid(packet) == PAT_PID)
        .map(payload)
        .filter(|payload| !payload.is_empty())
        .collect();
    let pair = |high: u8, low: u8| u16::from_be_bytes([high & 0x1F, low]);
    let inside = payloads
        .iter()
        .flat_map(|payload| payload.windows(2).map(|two| pair(two[0], two[1])));
    // One may be cut by the end of a packet.
    let ends: BTreeSet<_> = payloads
        .iter()
        .map(|payload| payload[payload.len() - 1])
        .collect();
    let starts: BTreeSet<_> = payloads
        .iter()
        .flat_map(|payload| &payload[..payload.len().min(2)])
        .collect();
    let between = ends
        .iter()
        .flat_map(|end| starts.iter().map(|start| pair(*end, **start)));
    inside.chain(between).chain([PAT_PID]).collect()
}

fn payload(packet: &[u8]) -> &[u8] {
    let start = match packet[3] >> 4 & 3 {
        1 => 4,
        3 => 5 + usize::from(packet[4]),
        _ => PACKET_LEN,
    };
    packet.get(start..).unwrap_or_default()
}
