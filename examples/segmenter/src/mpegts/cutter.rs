//! The cutter: holds the bytes of one segment, and lets them go at a random access point.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::clock::{Ticks, to_duration, to_ticks};
use super::counters::Counters;
use super::error::CutError;
use super::finder::{AccessPoint, Finder};
use super::packet::{PACKET_LEN, PAT_PID, Packet, SYNC_BYTE};
use super::tables::{TableReader, Tables};

/// What the cutter holds at most, unless told otherwise.
const DEFAULT_CAPACITY: usize = 256 << 20;
/// How many payloads it keeps for the next segments.
const MOST_SPARES: usize = 2;
/// Which sync bytes are asked for before the input passes for a transport stream at all.
const PROBED_PACKETS: u64 = 5;
/// Up to this PID packets carry tables of some kind (ISO/IEC 13818-1, table 2-3; EN 300 468, table
/// 1).
const LAST_TABLE_PID: u16 = 0x1F;
const NULL_PID: u16 = 0x1FFF;
/// How far the tables before a random access point are looked for.
const LONGEST_TABLES: usize = 64;

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Whole packets.
    pub data: Vec<u8>,
    /// From its random access point to the next one, or to the end of the last picture.
    pub duration: Duration,
}

/// Cuts a transport stream at the random access points of its video, or of audio alone.
pub struct Cutter {
    target: Ticks,
    capacity: usize,
    /// The segment that grows, and what of the input was not looked at yet.
    pending: Vec<u8>,
    /// Memory for the next segments.
    spares: Vec<Vec<u8>>,
    /// How much at the start of `pending` was inserted and is not of the input.
    inserted: usize,
    /// Where in the input the rest of `pending` begins.
    base: u64,
    /// How far the input was looked at.
    examined: u64,
    finder: Finder,
    counters: Counters,
    /// The tables as they were where the segment begins. None until some are known.
    tables: Option<Arc<Tables>>,
    progress: Progress,
    fault: Option<CutError>,
}

/// How far the segment that grows has come.
#[derive(Clone, Copy)]
enum Progress {
    /// The first segment, and nothing that a decoder could begin with.
    Seeking,
    /// The first segment.
    First,
    /// A later one, which began at this time.
    Later(Ticks),
}

impl Cutter {
    /// A cutter whose segments last at least `target`, but for the last one.
    #[must_use]
    pub fn new(target: Duration) -> Self {
        Self {
            target: to_ticks(target).max(1),
            capacity: DEFAULT_CAPACITY,
            pending: Vec::new(),
            spares: Vec::new(),
            inserted: 0,
            base: 0,
            examined: 0,
            finder: Finder::new(TableReader::default()),
            counters: Counters::default(),
            tables: None,
            progress: Progress::Seeking,
            fault: None,
        }
    }

    /// Never holds much more than this many bytes, 256 MiB if it is not said. A segment that has
    /// come half as far is cut before it reaches its duration; one that comes all the way is an
    /// error.
    #[must_use]
    pub fn capacity(self, bytes: usize) -> Self {
        Self {
            capacity: bytes,
            ..self
        }
    }

    /// The number of programs in the stream, once known. One of them is cut, all are recorded.
    #[must_use]
    pub fn programs(&self) -> Option<usize> {
        self.finder.tables.current().map(|tables| tables.programs)
    }

    /// Takes the payload of a segment that nobody needs any more, for one that comes. The memory of
    /// a new one would be cleared by the system page by page, which takes as long as to read what
    /// goes into it.
    pub fn recycle(&mut self, mut payload: Vec<u8>) {
        if self.spares.len() < MOST_SPARES {
            payload.clear();
            self.spares.push(payload);
        }
    }

    /// Takes the next bytes, of whatever length, and adds the segments that they complete to
    /// `cuts`.
    ///
    /// # Errors
    ///
    /// The input is no transport stream, or cannot be cut. The segments before the fault are in
    /// `cuts`; the last of them comes from [`finish`](Self::finish). Every later call fails
    /// likewise.
    pub fn push(&mut self, bytes: &[u8], cuts: &mut Vec<Cut>) -> Result<(), CutError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.pending.extend_from_slice(bytes);
        let outcome = self.examine(cuts).and_then(|()| self.check_capacity());
        self.fault = outcome.err();
        outcome
    }

    /// Ends the input: adds the last segment to `cuts`, unless there never was a random access
    /// point.
    ///
    /// # Errors
    ///
    /// That of [`push`](Self::push), if there was one; else the input ended too early, or has
    /// nothing to cut at.
    pub fn finish(self, cuts: &mut Vec<Cut>) -> Result<(), CutError> {
        let outcome = self.judge();
        if !matches!(self.progress, Progress::Seeking) {
            cuts.extend(self.stop());
        }
        outcome
    }

    /// Ends in the middle: hands out what is held, in whole packets, whatever it is.
    #[must_use]
    pub fn stop(mut self) -> Option<Cut> {
        let end = self.index(self.examined);
        self.pending.truncate(end);
        if let Some(tables) = self.tables.take() {
            self.counters
                .rewrite(&mut self.pending[self.inserted..], &tables);
        }
        let duration = self.finder.timeline.end() - self.start();
        (end > 0).then(|| Cut {
            data: self.pending,
            duration: to_duration(duration),
        })
    }

    /// Looks at every whole packet that was not looked at.
    fn examine(&mut self, cuts: &mut Vec<Cut>) -> Result<(), CutError> {
        loop {
            let at = self.index(self.examined);
            let Some(bytes) = self.pending.get(at..at + PACKET_LEN) else {
                return Ok(());
            };
            let packet = Packet::new(bytes).ok_or_else(|| self.lost_sync(bytes[0]))?;
            let point = self.finder.push(self.examined, packet);
            self.examined += PACKET_LEN as u64;
            if self.tables.is_none() {
                self.begin();
            } else if let Some(point) = point {
                self.consider(point, cuts);
            }
        }
    }

    /// Once the tables are known, looks again from the start: the video may have come before them.
    fn begin(&mut self) {
        let Some(tables) = self.finder.tables.current().map(Arc::clone) else {
            return;
        };
        let seen = &self.pending[..self.index(self.examined)];
        let is_table = |packet: Packet<'_>| {
            let pid = packet.pid();
            pid <= LAST_TABLE_PID || pid == NULL_PID || self.finder.tables.is_listed(pid)
        };
        if !Packet::all_in(seen).all(is_table) {
            self.counters.begin_before(seen, &tables);
            let packets = self.counters.insert(&tables);
            self.inserted = packets.len();
            self.pending.splice(..0, packets);
        }
        self.tables = Some(tables);
        self.finder = Finder::new(mem::take(&mut self.finder.tables));
        self.examined = self.base;
    }

    /// Cuts at a random access point, if the segment has lasted long enough.
    fn consider(&mut self, point: AccessPoint, cuts: &mut Vec<Cut>) {
        if matches!(self.progress, Progress::Seeking) {
            self.progress = Progress::First;
            return;
        }
        let lasted = point.time - self.start();
        let is_full = self.index(point.offset) >= self.capacity / 2;
        if lasted >= self.target || is_full && lasted > 0 {
            self.cut(point, lasted, cuts);
        }
    }

    fn cut(&mut self, point: AccessPoint, lasted: Ticks, cuts: &mut Vec<Cut>) {
        let at = self.index(point.offset);
        let before = &self.pending[self.inserted..at];
        let own_tables = tables_at_the_end(before, &point.tables);
        let at = at - own_tables.unwrap_or(0);

        let next = self.spares.pop().unwrap_or_default();
        let mut data = mem::replace(&mut self.pending, next);
        let rest = data.split_off(at);
        self.base += (at - self.inserted) as u64;
        self.counters
            .rewrite(&mut data[self.inserted..], &point.tables);
        cuts.push(Cut {
            data,
            duration: to_duration(lasted),
        });

        if own_tables.is_none() {
            self.pending
                .extend_from_slice(&self.counters.insert(&point.tables));
        }
        self.inserted = self.pending.len();
        self.pending.extend_from_slice(&rest);
        self.tables = Some(point.tables);
        self.progress = Progress::Later(point.time);
    }

    /// When the segment that grows began.
    fn start(&self) -> Ticks {
        match self.progress {
            Progress::Seeking | Progress::First => self.finder.timeline.start(),
            Progress::Later(time) => time,
        }
    }

    /// Where in `pending` a byte of the input stands.
    fn index(&self, offset: u64) -> usize {
        let held = usize::try_from(offset - self.base).expect("BUG: what is held fits into memory");
        self.inserted + held
    }

    fn lost_sync(&self, found: u8) -> CutError {
        let offset = self.examined;
        if offset < PROBED_PACKETS * PACKET_LEN as u64 {
            CutError::NotTransportStream { offset, found }
        } else {
            CutError::LostSync { offset, found }
        }
    }

    fn check_capacity(&self) -> Result<(), CutError> {
        if self.pending.len() <= self.capacity {
            return Ok(());
        }
        self.check_content()?;
        let Some(tables) = &self.tables else {
            return Err(CutError::NoTrack);
        };
        Err(CutError::TooLong {
            pid: tables.track.pid,
            offset: self.base,
            bytes: self.pending.len(),
        })
    }

    /// Whether there was anything to cut at.
    fn check_content(&self) -> Result<(), CutError> {
        let bytes = self.examined;
        match (&self.tables, self.progress) {
            (None, _) if !self.finder.tables.has_pat() => {
                Err(CutError::NoProgramAssociation { bytes })
            }
            (None, _) if !self.finder.tables.has_pmt() => Err(CutError::NoProgramMap { bytes }),
            (None, _) => Err(CutError::NoTrack),
            (Some(tables), Progress::Seeking) => Err(CutError::NoRandomAccess {
                pid: tables.track.pid,
                bytes,
            }),
            _ => Ok(()),
        }
    }

    /// What is to be said of the input when it ends here.
    fn judge(&self) -> Result<(), CutError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let rest = &self.pending[self.index(self.examined)..];
        match rest.first() {
            None if self.examined == 0 => return Err(CutError::Empty),
            Some(&found) if found != SYNC_BYTE => return Err(self.lost_sync(found)),
            _ => {}
        }
        if self.examined > 0 {
            self.check_content()?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        Err(CutError::EndsInsidePacket {
            offset: self.examined,
            len: rest.len(),
        })
    }
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
