//! Parameter sets at the end of a PES packet, which belong to the picture in the next one.

use super::packet::{PACKET_LEN, Packet, SYNC_BYTE};
use super::pes::{Header, Stamps};
use super::scan::{Class, classify};
use super::track::{Codec, Track};

/// The payload that one packet can hold.
const ROOM: usize = PACKET_LEN - 4;
/// `PES_packet_length` in the header of a PES packet.
const LENGTH_AT: usize = 4;

/// Packets in which a PES packet was split.
pub(crate) struct Split {
    /// The packets without the parameter sets.
    pub(crate) before: Vec<u8>,
    /// A PES packet of the parameter sets alone.
    pub(crate) sets: Vec<u8>,
    /// How many packets of the stream there are more, modulo 16.
    pub(crate) added: u8,
}

/// A packet of the stream, and its share of the PES packet.
struct Piece {
    /// Its place among the packets.
    at: usize,
    /// Where its payload begins in the PES packet.
    from: usize,
    len: usize,
}

/// Whether the PES packet of a track in `packets` ends with the parameter sets of the next picture.
pub(crate) fn ends_with_sets(packets: &[u8], track: Track) -> bool {
    let Some((pes, _)) = collect(packets, track.pid) else {
        return false;
    };
    trailing_sets(&pes, track.codec).is_some()
}

/// Splits the PES packet of a track in `packets` before the parameter sets at its end, which get
/// these stamps.
pub(crate) fn split(packets: &[u8], track: Track, stamps: Stamps) -> Option<Split> {
    let (pes, pieces) = collect(packets, track.pid)?;
    let at = trailing_sets(&pes, track.codec)?;
    let index = pieces
        .iter()
        .position(|piece| at < piece.from + piece.len)?;
    let piece = &pieces[index];
    let kept = at - piece.from;
    let mut counter = packets.get(piece.at + 3)? & 0x0F;

    let mut before = Vec::with_capacity(packets.len());
    for (position, packet) in packets.chunks_exact(PACKET_LEN).enumerate() {
        let position = position * PACKET_LEN;
        let is_behind = pieces[index..].iter().any(|piece| piece.at == position);
        if !is_behind {
            before.extend_from_slice(packet);
        } else if position == piece.at && kept > 0 {
            push_shortened(packet, kept, &mut before)?;
            counter = (counter + 1) & 0x0F;
        }
    }
    shorten_declared_length(&mut before, &pieces[0], pes.len() - at)?;

    let mut header = Header::write(pes[3], stamps);
    header.extend_from_slice(&pes[at..]);
    let mut sets = Vec::new();
    let mut start = 0x40;
    for payload in header.chunks(ROOM) {
        push_packet(track.pid, start, counter, payload, &mut sets);
        counter = (counter + 1) & 0x0F;
        start = 0;
    }
    let were = pieces.len() - index;
    let are = sets.len() / PACKET_LEN + usize::from(kept > 0);
    // Modulo 16, so that fewer are many.
    let added = u8::try_from((are + 16 * were - were) % 16).ok()?;
    Some(Split {
        before,
        sets,
        added,
    })
}

/// The PES packet with which the packets of a PID begin, if nothing of it is missing or repeated.
fn collect(packets: &[u8], pid: u16) -> Option<(Vec<u8>, Vec<Piece>)> {
    let mut pes = Vec::new();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut counter = None;
    for (index, packet) in Packet::all_in(packets).enumerate() {
        if packet.pid() != pid || !packet.has_payload() {
            continue;
        }
        let is_next = counter.is_none_or(|last| packet.counter() == (last + 1) & 0x0F);
        if !is_next || packet.starts_unit() != pes.is_empty() {
            return None;
        }
        counter = Some(packet.counter());
        let payload = packet.payload();
        pieces.push(Piece {
            at: index * PACKET_LEN,
            from: pes.len(),
            len: payload.len(),
        });
        pes.extend_from_slice(payload);
    }
    (!pes.is_empty()).then_some((pes, pieces))
}

/// Where the parameter sets at the end of a PES packet begin, with whatever leads them.
fn trailing_sets(pes: &[u8], codec: Codec) -> Option<usize> {
    let Header::Read { len, .. } = Header::read(pes) else {
        return None;
    };
    let mut first = None;
    let mut has_sets = false;
    let mut at = len;
    while let Some(found) = pes.get(at..)?.windows(3).position(|it| it == [0, 0, 1]) {
        let start = at + found;
        match classify(codec, pes.get(start + 3..)?) {
            Class::Picture => (first, has_sets) = (None, false),
            Class::Trailing => {}
            leading => {
                // A start code of four bytes.
                let zero = usize::from(start > len && pes[start - 1] == 0);
                first = first.or(Some(start - zero));
                has_sets |= leading == Class::Sets;
            }
        }
        at = start + 3;
    }
    first.filter(|first| has_sets && *first > len)
}

/// The packet with so much of its payload only; stuffing takes the place of the rest.
fn push_shortened(packet: &[u8], kept: usize, out: &mut Vec<u8>) -> Option<()> {
    let payload = Packet::new(packet)?.payload();
    let field = &packet[4..PACKET_LEN - payload.len()];
    out.extend_from_slice(&packet[..3]);
    out.push(packet[3] | 0x20);
    push_field(field, ROOM - kept, out);
    out.extend_from_slice(&payload[..kept]);
    Some(())
}

/// An adaptation field of this length, which begins as another one does.
fn push_field(field: &[u8], len: usize, out: &mut Vec<u8>) {
    let end = out.len() + len;
    // Less than a packet.
    out.push(u8::try_from(len.saturating_sub(1)).unwrap_or(0));
    if len > 1 {
        out.push(field.get(1).copied().unwrap_or(0));
        out.extend_from_slice(field.get(2..).unwrap_or_default());
    }
    out.resize(end, 0xFF);
}

fn push_packet(pid: u16, start: u8, counter: u8, payload: &[u8], out: &mut Vec<u8>) {
    let [high, low] = pid.to_be_bytes();
    let stuffing = ROOM - payload.len();
    let control = if stuffing > 0 { 0x30 } else { 0x10 };
    out.extend([SYNC_BYTE, start | high, low, control | counter]);
    if stuffing > 0 {
        push_field(&[], stuffing, out);
    }
    out.extend_from_slice(payload);
}

/// Corrects `PES_packet_length`, if it is not 0.
fn shorten_declared_length(packets: &mut [u8], first: &Piece, by: usize) -> Option<()> {
    if first.len < LENGTH_AT + 2 {
        return None;
    }
    let packet = packets.get_mut(first.at..first.at + PACKET_LEN)?;
    let payload = Packet::new(packet)?.payload().len();
    let at = PACKET_LEN - payload + LENGTH_AT;
    let declared = u16::from_be_bytes([packet[at], packet[at + 1]]);
    if declared > 0 {
        let shorter = usize::from(declared).checked_sub(by)?;
        packet[at..at + 2].copy_from_slice(&u16::try_from(shorter).ok()?.to_be_bytes());
    }
    Some(())
}
