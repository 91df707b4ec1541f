//! The segments that grow: packets come in at the end, and whole segments go out at the front.

use std::collections::VecDeque;
use std::sync::Arc;

use super::counters::Counters;
use super::lanes::{Border, LONGEST_HOLD, Lane};
use super::packet::{PACKET_LEN, PAT_PID, Packet, advance_counter};
use super::pes::Stamps;
use super::section::Section;
use super::split;
use super::tables::Tables;
use super::timeline::{SECOND, TICKS_PER_SECOND, Ticks};
use super::track::Track;
use super::units::Mark;
use crate::segment::Segment;

/// The number of payloads that are kept for the next segments.
const MOST_SPARES: usize = 3;
/// The bytes of all lanes that wait for a jump, and no more than the fourth part of the capacity.
const LONGEST_EARLY: usize = 1 << 20;
/// How long audio that has jumped alone waits for the next segment.
const LONGEST_LONE: Ticks = 10 * SECOND;
/// A segment before a jump that is shorter need not have all streams.
const LONGEST_REST: Ticks = SECOND / 2;
/// How far the tables before a random access point are looked for, in packets.
const LONGEST_TABLES: usize = 64;

/// How a packet is put into the segments.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// As it comes.
    Plain,
    /// With a counter that follows from inserted packets.
    Counted,
    /// Into the segment that its time belongs to.
    Lane(u8),
}

/// What is done with the packets of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Segment,
    /// A decoder cannot begin with it, and it is left out.
    Dropped,
}

/// A segment that has ended or grows.
struct Open {
    data: Vec<u8>,
    /// The bytes at the start that were inserted.
    inserted: usize,
    end: Option<End>,
    discontinuity: bool,
}

/// How a segment ends.
#[derive(Clone, Copy)]
pub(crate) struct End {
    pub(crate) border: Border,
    /// The end, on the line of the stream that decides where to cut.
    pub(crate) time: Ticks,
    pub(crate) start: Ticks,
    pub(crate) duration: Ticks,
    pub(crate) independent: bool,
    pub(crate) fate: Fate,
    /// If it turns out to be a short rest without audio.
    pub(crate) fate_of_rest: Fate,
}

/// The segments, the last of which grows.
#[derive(Default)]
pub(crate) struct Output {
    open: VecDeque<Open>,
    /// The number of the first one.
    first: u64,
    spares: Vec<Vec<u8>>,
    counters: Counters,
    pub(crate) lanes: Vec<Lane>,
    /// Packets in the last segment, in order.
    marks: VecDeque<(Mark, usize)>,
    next_mark: Mark,
    /// The latest stamp of the stream that decides where to cut.
    pub(crate) main_stamp: Option<u64>,
    /// The bytes of segments that were left out.
    pub(crate) dropped: u64,
    /// A stream of audio that has jumped alone, and by how much.
    pub(crate) lone_jump: Option<(u16, Ticks)>,
    capacity: usize,
}

impl Output {
    /// Nothing yet. `capacity` is that of the cutter.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            ..Self::default()
        }
    }

    /// Takes a payload for reuse.
    pub(crate) fn recycle(&mut self, mut payload: Vec<u8>) {
        if self.spares.len() < MOST_SPARES {
            payload.clear();
            self.spares.push(payload);
        }
    }

    /// The bytes of the last segment.
    pub(crate) fn len(&self) -> usize {
        self.open.back().map_or(0, |last| last.data.len())
    }

    /// The bytes of the last segment before a mark.
    pub(crate) fn len_before(&self, mark: Mark) -> usize {
        self.position(mark).unwrap_or(0)
    }

    /// Begins the first segment. `leading` comes next; `tables` are put in front if need be.
    pub(crate) fn begin(&mut self, leading: &[u8], tables: Option<&Tables>) {
        let mut first = self.fresh();
        if let Some(tables) = tables {
            self.counters.begin_before(leading, tables);
            self.counters.insert(tables, &mut first.data);
            first.inserted = first.data.len();
        }
        self.open.push_back(first);
    }

    fn fresh(&mut self) -> Open {
        Open {
            data: self.spares.pop().unwrap_or_default(),
            inserted: 0,
            end: None,
            discontinuity: false,
        }
    }

    /// Marks the next packet, which goes into the last segment.
    pub(crate) fn mark(&mut self) -> Mark {
        let mark = self.next_mark;
        self.next_mark += 1;
        self.marks.push_back((mark, self.len()));
        mark
    }

    /// Marks the packets of these PIDs at the end of the last segment.
    pub(crate) fn mark_tables(&mut self, pids: &[u16]) -> Mark {
        let mark = self.mark();
        if let (Some(last), Some((_, at))) = (self.open.back(), self.marks.back_mut()) {
            let packets = last.data[last.inserted.min(*at)..].rchunks_exact(PACKET_LEN);
            let tables = packets.take_while(|packet| pids.contains(&pid(packet)));
            *at -= tables.take(LONGEST_TABLES).count() * PACKET_LEN;
        }
        mark
    }

    /// Forgets the marks before this one.
    pub(crate) fn forget_before(&mut self, oldest: Option<Mark>) {
        let oldest = oldest.unwrap_or(self.next_mark);
        while self.marks.front().is_some_and(|(mark, _)| *mark < oldest) {
            self.marks.pop_front();
        }
    }

    fn position(&self, mark: Mark) -> Option<usize> {
        let index = self.marks.binary_search_by_key(&mark, |(it, _)| *it).ok()?;
        Some(self.marks[index].1)
    }

    /// Adds the next packet.
    pub(crate) fn append(&mut self, bytes: &[u8; PACKET_LEN], role: Role) {
        let (Role::Lane(index), Some(packet)) = (role, Packet::new(bytes)) else {
            self.put(bytes, role);
            return;
        };
        let index = usize::from(index);
        let lane = &mut self.lanes[index];
        lane.note(packet, self.main_stamp);
        if lane.has_jumped() {
            let waiting: usize = self.lanes.iter().map(|it| it.early.packets.len()).sum();
            if waiting < LONGEST_EARLY.min(self.capacity / 4) {
                let early = &mut self.lanes[index].early;
                early.packets.extend_from_slice(bytes);
                return;
            }
        }
        self.put_early(index);
        self.put(bytes, role);
    }

    /// Puts the packets of a lane that waited for a jump.
    pub(crate) fn put_all_early(&mut self) {
        (0..self.lanes.len()).for_each(|index| self.put_early(index));
    }

    fn put_early(&mut self, index: usize) {
        let (early, Ok(lane)) = (self.lanes[index].early.take(), u8::try_from(index)) else {
            return;
        };
        for packet in early.chunks_exact(PACKET_LEN) {
            if let Ok(packet) = packet.try_into() {
                self.put(packet, Role::Lane(lane));
            }
        }
    }

    fn put(&mut self, bytes: &[u8; PACKET_LEN], role: Role) {
        let segment = match role {
            Role::Plain => self.open.back_mut(),
            Role::Counted => {
                if let Some(last) = self.open.back_mut() {
                    let at = last.data.len();
                    last.data.extend_from_slice(bytes);
                    self.counters.rewrite(&mut last.data[at..]);
                }
                return;
            }
            Role::Lane(index) => {
                let (open, first) = (&self.open, self.first);
                let lane = &mut self.lanes[usize::from(index)];
                lane.segment = lane.segment.max(first);
                let border = |number: u64| {
                    let index = usize::try_from(number - first).ok()?;
                    Some(open.get(index)?.end?.border)
                };
                if let Some(packet) = Packet::new(bytes) {
                    lane.route(packet, border);
                }
                let index = usize::try_from(lane.segment - first).unwrap_or(usize::MAX);
                self.open.get_mut(index)
            }
        };
        if let Some(segment) = segment {
            segment.data.extend_from_slice(bytes);
        }
    }

    /// Adds a section in packets of its own.
    pub(crate) fn append_section(&mut self, pid: u16, section: &Section) {
        if let Some(last) = self.open.back_mut() {
            self.counters.insert_section(pid, section, &mut last.data);
        }
    }

    /// Whether the PES packet of a track between two marks ends with parameter sets.
    pub(crate) fn ends_with_sets(&self, before: Mark, mark: Mark, track: Track) -> bool {
        let last = self.open.back();
        let range = self.position(before).zip(self.position(mark));
        last.zip(range)
            .and_then(|(last, (from, to))| last.data.get(from..to))
            .is_some_and(|packets| split::ends_with_sets(packets, track))
    }

    /// Splits the PES packet between two marks before the parameter sets at its end, which the
    /// second mark then has. The packets of the track have to be counted from now on. Returns
    /// whether it was split.
    pub(crate) fn split(&mut self, before: Mark, mark: Mark, track: Track, stamps: Stamps) -> bool {
        let range = self.position(before).zip(self.position(mark));
        let (Some(last), Some((from, to))) = (self.open.back_mut(), range) else {
            return false;
        };
        let packets = last.data.get(from..to);
        let Some(split) = packets.and_then(|packets| split::split(packets, track, stamps)) else {
            return false;
        };
        self.counters.shift(track.pid, split.added);
        for packet in last.data[to..].chunks_exact_mut(PACKET_LEN) {
            if pid(packet) == track.pid {
                advance_counter(packet, split.added);
            }
        }
        let new_to = from + split.before.len();
        let new_end = new_to + split.sets.len();
        last.data
            .splice(from..to, split.before.into_iter().chain(split.sets));
        for (known, at) in &mut self.marks {
            if *known == mark {
                *at = new_to;
            } else if *at >= to {
                *at = *at - to + new_end;
            }
        }
        true
    }

    /// Ends the last segment before a mark, and begins the next one, with the tables in front. `role`
    /// tells how the packets from the mark on are put.
    pub(crate) fn cut(
        &mut self,
        mark: Mark,
        end: End,
        tables: &Arc<Tables>,
        role: impl Fn(u16) -> Role,
    ) {
        let Some(at) = self.position(mark) else {
            return;
        };
        let next = self.fresh();
        let Some(last) = self.open.back_mut() else {
            return;
        };
        let own_tables = tables_at_the_end(&last.data[last.inserted.min(at)..at], tables);
        let has_tables = own_tables.is_some() || has_tables_at_the_start(&last.data[at..], tables);
        let at = at - own_tables.unwrap_or(0);
        let mut rest = last.data.split_off(at);
        last.end = Some(end);
        for packet in rest.chunks_exact_mut(PACKET_LEN) {
            if role(pid(packet)) == Role::Counted {
                self.counters.restore(packet);
            }
        }
        let before = last.data.as_slice();
        self.counters.rewind(before, &rest);
        self.open.push_back(next);
        if let Some(next) = self.open.back_mut()
            && !has_tables
        {
            self.counters.insert(tables, &mut next.data);
            next.inserted = next.data.len();
        }
        self.put_again(&rest, at, role);
        if let Border::Jump { .. } = end.border {
            self.put_all_early();
        }
    }

    /// Puts packets again that stood in the last segment from `at` on.
    fn put_again(&mut self, packets: &[u8], at: usize, role: impl Fn(u16) -> Role) {
        let mut marks = std::mem::take(&mut self.marks);
        marks.retain(|(_, position)| *position >= at);
        let mut next = 0;
        for (index, packet) in packets.chunks_exact(PACKET_LEN).enumerate() {
            while let Some((_, position)) = marks.get_mut(next)
                && *position == at + index * PACKET_LEN
            {
                *position = self.len();
                next += 1;
            }
            if let Ok(packet) = packet.try_into() {
                self.put(packet, role(pid(packet)));
            }
        }
        // The next packet may be marked already.
        let len = self.len();
        marks
            .range_mut(next..)
            .for_each(|(_, position)| *position = len);
        self.marks = marks;
    }

    /// Whether the last segment has packets of this kind before a mark.
    pub(crate) fn has_before(&self, mark: Mark, is_it: impl Fn(u16) -> bool) -> bool {
        let (Some(last), Some(at)) = (self.open.back(), self.position(mark)) else {
            return false;
        };
        last.data[last.inserted.min(at)..at]
            .chunks_exact(PACKET_LEN)
            .any(|packet| is_it(pid(packet)))
    }

    /// The last segment does not continue the one before.
    pub(crate) fn set_discontinuity(&mut self) {
        if let Some(last) = self.open.back_mut() {
            last.discontinuity = true;
        }
    }

    /// Hands out the segments that are complete, `now` on the line of the stream that decides where
    /// to cut.
    pub(crate) fn release(&mut self, now: Option<Ticks>, segments: &mut Vec<Segment>) {
        for index in 0..self.lanes.len() {
            let lane = &mut self.lanes[index];
            let is_empty = lane.early.is_empty();
            let since = lane.early.since.or(now).filter(|_| !is_empty);
            lane.early.since = since;
            let waited = now.zip(since).map(|(now, since)| (now - since).abs());
            if is_empty {
                continue;
            }
            if waited.is_none_or(|waited| waited > LONGEST_LONE) {
                self.put_early(index);
            } else if waited.is_some_and(|waited| waited > LONGEST_HOLD) {
                // The next segment begins with them.
                self.lone_jump = self.lone_jump.or(lane.tell_jump());
            }
        }
        while let Some(end) = self.open.front().and_then(|front| front.end) {
            let is_late =
                now.is_none_or(|now| (now - end.time).abs() > LONGEST_HOLD) || self.is_held_long();
            let number = self.first;
            let waits = |lane: &Lane| lane.may_bring_more(number, end.border);
            if !is_late && self.lanes.iter().any(waits) {
                return;
            }
            self.hand_out(end, segments);
        }
    }

    /// Whether the first segment should wait no more, however often the time has jumped since.
    fn is_held_long(&self) -> bool {
        let behind = self.open.iter().skip(1);
        let passed = behind.filter_map(|segment| segment.end.map(|end| end.duration));
        let bytes: usize = self.open.iter().map(|segment| segment.data.len()).sum();
        passed.sum::<Ticks>() > LONGEST_HOLD || bytes > self.capacity
    }

    /// Whether a segment is a short rest before a jump that lacks a stream of audio.
    fn is_rest(&self, segment: &Open, end: End) -> bool {
        let has = |wanted: u16| {
            let packets = segment.data[segment.inserted..].chunks_exact(PACKET_LEN);
            packets.map(pid).any(|it| it == wanted)
        };
        let lacks = |lane: &Lane| lane.bytes > 0 && !has(lane.pid);
        end.duration < LONGEST_REST && self.lanes.iter().any(lacks)
    }

    fn hand_out(&mut self, end: End, segments: &mut Vec<Segment>) {
        let Some(front) = self.open.pop_front() else {
            return;
        };
        self.first += 1;
        let kept = front.data.len() - front.inserted;
        let is_rest = end.fate_of_rest == Fate::Dropped && self.is_rest(&front, end);
        if end.fate == Fate::Dropped || is_rest {
            self.dropped += kept as u64;
            self.recycle(front.data);
            return;
        }
        let [start, duration] = [end.start, end.duration].map(|it| u64::try_from(it).unwrap_or(0));
        let mut segment = Segment::media(front.data, start, duration, TICKS_PER_SECOND);
        segment.discontinuity = front.discontinuity;
        segment.independent = end.independent;
        segments.push(segment);
    }

    /// Ends the last segment and hands everything out.
    pub(crate) fn finish(&mut self, end: End, segments: &mut Vec<Segment>) {
        self.put_all_early();
        if let Some(last) = self.open.back_mut() {
            if last.data.len() > last.inserted {
                last.end = Some(end);
            } else {
                self.open.pop_back();
            }
        }
        self.release(None, segments);
    }
}

fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1F, packet[2]])
}

/// Whether `bytes` begin with the tables.
fn has_tables_at_the_start(bytes: &[u8], tables: &Tables) -> bool {
    let packets = bytes.chunks_exact(PACKET_LEN).map(pid);
    let of_tables = packets.take_while(|pid| *pid == PAT_PID || *pid == tables.pmt_pid);
    (1..=of_tables.take(LONGEST_TABLES).count())
        .any(|count| tables.are_in(&bytes[..count * PACKET_LEN]))
}

/// How many bytes at the end of `bytes` are the tables, whole, and nothing else.
fn tables_at_the_end(bytes: &[u8], tables: &Tables) -> Option<usize> {
    let packets = bytes
        .rchunks_exact(PACKET_LEN)
        .map_while(Packet::new)
        .take(LONGEST_TABLES);
    packets
        .enumerate()
        .take_while(|(_, packet)| packet.pid() == PAT_PID || packet.pid() == tables.pmt_pid)
        .filter(|(_, packet)| packet.pid() == PAT_PID && packet.starts_unit())
        .map(|(index, _)| (index + 1) * PACKET_LEN)
        .find(|len| tables.are_in(&bytes[bytes.len() - len..]))
}
