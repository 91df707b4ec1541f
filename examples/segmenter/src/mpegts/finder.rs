//! Finds the random access points, and tells their time.

use std::sync::Arc;

use super::clock::{Ticks, Timeline};
use super::packet::Packet;
use super::pes::Header;
use super::random_access::Scan;
use super::tables::{TableReader, Tables};
use super::track::{Codec, Track};

/// A packet from which a decoder can begin.
#[derive(Clone, Debug)]
pub(crate) struct AccessPoint {
    /// Where in the input the packet begins, in bytes.
    pub(crate) offset: u64,
    /// When its picture is shown.
    pub(crate) time: Ticks,
    /// The tables as they were there.
    pub(crate) tables: Arc<Tables>,
}

/// Follows the elementary stream that decides where to cut.
pub(crate) struct Finder {
    pub(crate) tables: TableReader,
    pub(crate) timeline: Timeline,
    track: Option<Track>,
    last_counter: Option<u8>,
    /// What is being looked at.
    unit: Option<Unit>,
}

/// A picture, or a packet of audio, of which it is not known yet whether a decoder can begin with
/// it.
struct Unit {
    offset: u64,
    tables: Arc<Tables>,
    is_indicated: bool,
    state: State,
}

enum State {
    /// Collects the header of the PES packet.
    Header(Vec<u8>),
    /// Looks into the bitstream.
    Scan(Ticks, Scan),
}

/// Whether a decoder can begin with a unit.
enum Verdict {
    Open,
    Passed,
    /// It can, and this is when the unit is shown.
    Enters(Ticks),
}

impl Verdict {
    fn new(enters: bool, time: Ticks) -> Self {
        if enters {
            Self::Enters(time)
        } else {
            Self::Passed
        }
    }
}

impl Finder {
    /// Begins with the tables that a first look has found.
    pub(crate) fn new(tables: TableReader) -> Self {
        Self {
            tables,
            timeline: Timeline::new(),
            track: None,
            last_counter: None,
            unit: None,
        }
    }

    /// Takes the next packet, which begins at `offset`. Returns the random access point that it
    /// completes: one that began at this packet or before.
    pub(crate) fn push(&mut self, offset: u64, packet: Packet<'_>) -> Option<AccessPoint> {
        self.tables.push(packet);
        let tables = self.tables.current()?;
        let (track, pcr_pid) = (tables.track, tables.pcr_pid);
        if self.track.replace(track) != Some(track) {
            self.unit = None;
            self.last_counter = None;
            self.timeline.change_track();
        }
        let pid = packet.pid();
        if pid == pcr_pid {
            self.timeline.note_clock(packet);
        }
        if pid != track.pid || !packet.has_payload() || self.is_repeated(packet) {
            return None;
        }
        if packet.starts_unit() {
            self.unit = self.tables.current().map(|tables| Unit {
                offset,
                tables: Arc::clone(tables),
                is_indicated: packet.is_random_access(),
                state: State::Header(Vec::new()),
            });
        }
        self.take(track.codec, packet.payload())
    }

    /// Whether the packet was sent before (ISO/IEC 13818-1, 2.4.3.3).
    fn is_repeated(&mut self, packet: Packet<'_>) -> bool {
        let counter = packet.counter();
        match self.last_counter.replace(counter) {
            Some(last) if !packet.is_discontinuous() => {
                if counter != last && counter != (last + 1) & 0x0F {
                    // What is lost may be what would have decided.
                    self.unit = None;
                }
                counter == last
            }
            _ => false,
        }
    }

    fn take(&mut self, codec: Codec, payload: &[u8]) -> Option<AccessPoint> {
        let Some(mut unit) = self.unit.take() else {
            self.timeline.extend(codec, payload);
            return None;
        };
        match unit.push(payload, &mut self.timeline) {
            Verdict::Open => self.unit = Some(unit),
            Verdict::Passed => {}
            Verdict::Enters(time) => {
                return Some(AccessPoint {
                    offset: unit.offset,
                    time,
                    tables: unit.tables,
                });
            }
        }
        None
    }
}

impl Unit {
    /// Takes the payload of the unit's next packet.
    fn push(&mut self, payload: &[u8], timeline: &mut Timeline) -> Verdict {
        let head = match &mut self.state {
            State::Scan(time, scan) => {
                return scan
                    .push(payload)
                    .map_or(Verdict::Open, |enters| Verdict::new(enters, *time));
            }
            State::Header(head) => head,
        };
        head.extend_from_slice(payload);
        let (stamps, len) = match Header::read(head) {
            Header::Incomplete => return Verdict::Open,
            Header::Unreadable => (None, head.len()),
            Header::Read { stamps, len } => (stamps, len),
        };
        let content = head.split_off(len);
        let codec = self.tables.track.codec;
        let placed = timeline.push(stamps);
        timeline.extend(codec, &content);
        if !codec.is_video() {
            return Verdict::new(placed.is_stamped, placed.time);
        }
        if self.is_indicated {
            return Verdict::Enters(placed.time);
        }
        self.state = State::Scan(placed.time, Scan::new(codec));
        self.push(&content, timeline)
    }
}
