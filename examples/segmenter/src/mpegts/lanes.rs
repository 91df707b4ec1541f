//! Streams beside the one that decides where to cut: their clocks, and the segment that their
//! packets belong to.

use super::packet::Packet;
use super::pes::Header;
use super::timeline::{SECOND, Ticks, difference};

/// How long a finished segment waits for audio that belongs to it.
pub(crate) const LONGEST_HOLD: Ticks = 3 * SECOND / 2;
/// A clock that steps further has lost time, or jumped.
const LONGEST_STEP: Ticks = 2 * SECOND;
/// A stream whose stamps step further has jumped.
const LONGEST_AHEAD: Ticks = 10 * SECOND;
/// `PES_packet_length` counts from behind itself.
const PES_PREFIX: usize = 6;

/// A clock that other clocks are compared with.
#[derive(Clone, Copy, Default)]
pub(crate) struct Clock {
    pub(crate) latest: Option<u64>,
    /// The time that has passed on it, without its jumps.
    pub(crate) passed: Ticks,
}

impl Clock {
    pub(crate) fn note(&mut self, stamp: u64) {
        if let Some(latest) = self.latest.replace(stamp) {
            let step = difference(stamp, latest);
            if (0..=LONGEST_STEP).contains(&step) {
                self.passed += step;
            }
        }
    }
}

/// A stream of audio, of which packets may belong into the segment before.
pub(crate) struct Lane {
    pub(crate) pid: u16,
    pub(crate) clock: Clock,
    /// The segment that gets its packets, by number.
    pub(crate) segment: u64,
    /// The bytes that the PES packet still lacks.
    pub(crate) missing: usize,
    pub(crate) bytes: u64,
    /// Packets after a jump that the stream that decides where to cut has not made yet.
    pub(crate) early: Early,
}

/// Packets that wait for a jump.
#[derive(Default)]
pub(crate) struct Early {
    pub(crate) packets: Vec<u8>,
    /// The latest stamp before them.
    before: Option<u64>,
    /// When they began, on the line of the stream that decides where to cut.
    pub(crate) since: Option<Ticks>,
    /// The jump was told.
    is_told: bool,
}

impl Early {
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Takes the packets, as they wait no more.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self).packets
    }
}

/// Where a segment ends, in stamps.
#[derive(Clone, Copy)]
pub(crate) enum Border {
    /// The next one begins at this time.
    Time(u64),
    /// The time jumps, from here to there.
    Jump { end: u64, start: u64 },
    /// The next one has other tracks.
    Tracks,
}

impl Border {
    /// Whether audio of this time belongs behind the border.
    fn is_passed_by(self, stamp: u64) -> bool {
        match self {
            Self::Time(start) => {
                let behind = difference(stamp, start);
                // What is far away says nothing.
                !(-10 * SECOND..0).contains(&behind)
            }
            Self::Jump { end, start } => {
                difference(stamp, start).abs() <= difference(stamp, end).abs()
            }
            Self::Tracks => true,
        }
    }

    /// The time up to which audio belongs before it.
    fn end(self) -> Option<u64> {
        match self {
            Self::Time(end) | Self::Jump { end, .. } => Some(end),
            Self::Tracks => None,
        }
    }
}

impl Lane {
    pub(crate) fn new(pid: u16) -> Self {
        Self {
            pid,
            clock: Clock::default(),
            segment: 0,
            missing: 0,
            bytes: 0,
            early: Early::default(),
        }
    }

    /// Takes note of the next packet. `main` is the latest stamp of the stream that decides where to
    /// cut.
    pub(crate) fn note(&mut self, packet: Packet<'_>, main: Option<u64>) {
        let payload = packet.payload();
        self.bytes += payload.len() as u64;
        if !packet.starts_unit() {
            self.missing = self.missing.saturating_sub(payload.len());
            return;
        }
        let declared = payload
            .get(4..PES_PREFIX)
            .map_or(0, |len| usize::from(u16::from_be_bytes([len[0], len[1]])));
        self.missing = match declared {
            0 => 0,
            declared => (declared + PES_PREFIX).saturating_sub(payload.len()),
        };
        if let Some(stamp) = stamp(packet) {
            let before = self.early.before.or(self.clock.latest);
            let is_far = |from| difference(stamp, from).abs() > LONGEST_AHEAD;
            let is_ahead = main.is_some_and(is_far);
            self.early.before = before.filter(|before| is_ahead && is_far(*before));
            self.clock.note(stamp);
        }
    }

    /// Whether its packets have jumped.
    pub(crate) fn has_jumped(&self) -> bool {
        self.early.before.is_some()
    }

    /// By how much the stream has jumped, once for each jump.
    pub(crate) fn tell_jump(&mut self) -> Option<(u16, Ticks)> {
        let (before, latest) = self.early.before.zip(self.clock.latest)?;
        let is_told = std::mem::replace(&mut self.early.is_told, true);
        (!is_told).then(|| (self.pid, difference(latest, before)))
    }

    /// Moves on to the segment that this packet belongs to. `border` tells where one ends, if it
    /// has ended.
    pub(crate) fn route(&mut self, packet: Packet<'_>, border: impl Fn(u64) -> Option<Border>) {
        if !packet.starts_unit() {
            return;
        }
        let Some(stamp) = stamp(packet) else {
            return;
        };
        while border(self.segment).is_some_and(|border| border.is_passed_by(stamp)) {
            self.segment += 1;
        }
    }

    /// Whether more may come for a segment that ends there.
    pub(crate) fn may_bring_more(&self, number: u64, border: Border) -> bool {
        if self.segment > number {
            return false;
        }
        let is_near = |latest: u64| {
            border
                .end()
                .is_some_and(|end| difference(end, latest).abs() <= LONGEST_HOLD)
        };
        self.missing > 0 || self.clock.latest.is_some_and(is_near)
    }
}

/// The presentation time of the PES packet that starts in a packet, if its header is there.
fn stamp(packet: Packet<'_>) -> Option<u64> {
    match Header::read(packet.payload()) {
        Header::Read { stamps, .. } => stamps.map(|stamps| stamps.presented),
        _ => None,
    }
}
