//! The cutter: passes packets on to the segments, and decides where these end.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::decisions::{LAST_TABLE_PID, NULL_PID};
use super::error::CutError;
use super::output::Fate;
use super::packet::{PACKET_LEN, Packet};
use super::passing::{Context, Passing, Policy, note};
use super::reserved::Moves;
use super::stage::Stage;
use super::sync::{self, Found, Sync};
use super::tables::TableReader;
use super::timeline::{TICKS_PER_SECOND, to_ticks};
use crate::notice::Notice;
use crate::segment::{Segment, ticks_to_duration};
use crate::track::Track;

/// What the cutter holds at most, unless told otherwise.
const DEFAULT_CAPACITY: usize = 256 << 20;
/// The bytes in which the first packets have to be found.
const LONGEST_SEARCH: u64 = 64 * 1024;
/// Cuts a transport stream at the random access points of its video, or of audio alone.
///
/// See the [module](super) for what is done with damage, jumps of time and undecodable media.
pub struct Cutter {
    policy: Policy,
    sync: Sync,
    tables: TableReader,
    /// The packets before the tables are known.
    prelude: Vec<u8>,
    passed: Option<Passing>,
    /// None if each stream keeps its PID.
    moves: Option<Moves>,
    notices: Vec<Notice>,
    fault: Option<CutError>,
}

impl Cutter {
    /// A cutter whose segments last at least `target`, except the last one and those before a
    /// discontinuity.
    #[must_use]
    pub fn new(target: Duration) -> Self {
        Self {
            policy: Policy {
                target: to_ticks(target).max(1),
                capacity: DEFAULT_CAPACITY,
                undecodable: Fate::Segment,
            },
            sync: Sync::default(),
            tables: TableReader::default(),
            prelude: Vec::new(),
            passed: None,
            moves: None,
            notices: Vec::new(),
            fault: None,
        }
    }

    /// Holds not much more than this many bytes in the growing segment, 256 MiB by default. Half of
    /// it ends a segment at the next random access point, all of it ends a segment anywhere.
    #[must_use]
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.policy.capacity = bytes;
        self
    }

    /// Drops media that no decoder can begin with, after a discontinuity and up to the next random
    /// access point. By default it is a segment of its own.
    #[must_use]
    pub fn drop_undecodable(mut self) -> Self {
        self.policy.undecodable = Fate::Dropped;
        self
    }

    /// Keeps one program only, as an HLS segment must (RFC 8216, 3.2): this one, or else the first
    /// that can be cut. By default all programs are kept, and one of them decides where to cut.
    #[must_use]
    pub fn one_program(mut self, number: Option<u16>) -> Self {
        self.tables.want_one(number);
        self
    }

    /// Moves the streams of the program on PIDs 0x10 to 0x1F to 0x1F10 to 0x1F1F, and their program
    /// map table as well. DVB reserves the former for its tables, and some players ignore them. By
    /// default each stream keeps its PID.
    #[must_use]
    pub fn move_reserved_pids(mut self) -> Self {
        self.moves = Some(Moves::default());
        self
    }

    /// Takes the notices that came since the last call, the oldest 64 of them.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        mem::take(&mut self.notices)
    }

    /// The video and audio of the program that is cut, as far as they are known.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        self.passed.as_ref().map_or_else(Vec::new, Passing::tracks)
    }

    /// The shortest and the longest time between two random access points so far.
    #[must_use]
    pub fn groups(&self) -> Option<(Duration, Duration)> {
        let (shortest, longest) = self.passed.as_ref()?.groups.range()?;
        let duration = |ticks| ticks_to_duration(ticks, TICKS_PER_SECOND);
        Some((duration(shortest), duration(longest)))
    }

    /// Takes the payload of a segment that nobody needs any more, for one that comes. The system
    /// clears new memory page by page, which takes as long as filling it.
    pub fn recycle(&mut self, payload: Vec<u8>) {
        if let Some(passed) = &mut self.passed {
            passed.output.recycle(payload);
        }
    }

    /// Takes the next bytes, of whatever length, and adds the segments that they complete.
    ///
    /// # Errors
    ///
    /// The input is no transport stream, or has nothing to cut. Every later call fails likewise.
    pub fn push(&mut self, bytes: &[u8], segments: &mut Vec<Segment>) -> Result<(), CutError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let before = segments.len();
        let mut sync = mem::take(&mut self.sync);
        sync.push(bytes, &mut |found| self.take(&found, segments));
        self.sync = sync;
        self.move_pids(segments, before);
        if !self.sync.has_begun() && self.sync.offset() > LONGEST_SEARCH {
            self.fault = Some(self.not_transport_stream());
        }
        self.fault.map_or(Ok(()), Err)
    }

    /// Ends the input: adds the last segments.
    ///
    /// # Errors
    ///
    /// That of [`push`](Self::push), if there was one; else the input ended inside a packet, or has
    /// nothing to cut. The segments before are added in any case.
    pub fn finish(&mut self, segments: &mut Vec<Segment>) -> Result<(), CutError> {
        let before = segments.len();
        let mut sync = mem::take(&mut self.sync);
        let end = sync.finish(&mut |found| self.take(&found, segments));
        self.sync = sync;
        self.conclude(segments);
        let is_seeking = self
            .passed
            .as_ref()
            .is_some_and(|it| matches!(it.stage, Stage::Seeking));
        let is_worthless = is_seeking
            && (self.policy.undecodable == Fate::Dropped
                || self.passed.as_mut().is_some_and(|it| !it.has_media()));
        let outcome = self.judge(end, is_worthless);
        if is_worthless {
            self.passed = None;
        }
        if let Some((passed, mut context)) = self.passed(segments) {
            let fate = match passed.stage {
                Stage::Orphan(_) => context.policy.undecodable,
                _ => Fate::Segment,
            };
            if is_seeking && outcome.is_ok() {
                let pid = passed.current.track.pid;
                context.note(Notice::NoRandomAccess { pid });
            }
            passed.finish(fate, &mut context);
        }
        self.move_pids(segments, before);
        self.fault = self.fault.or(outcome.err());
        outcome
    }

    /// Ends in the middle: adds what is held, in whole packets, whatever it is.
    pub fn stop(mut self, segments: &mut Vec<Segment>) {
        let before = segments.len();
        let mut sync = mem::take(&mut self.sync);
        sync.finish(&mut |found| self.take(&found, segments));
        self.conclude(segments);
        if let Some((passed, mut context)) = self.passed(segments) {
            passed.finish(Fate::Segment, &mut context);
        } else if !self.prelude.is_empty() {
            let data = mem::take(&mut self.prelude);
            let mut segment = Segment::media(data, 0, 0, TICKS_PER_SECOND);
            segment.independent = false;
            segments.push(segment);
        }
        self.move_pids(segments, before);
    }

    /// Moves the PIDs of the segments from this index on.
    fn move_pids(&mut self, segments: &mut [Segment], from: usize) {
        let (Some(moves), Some(passed)) = (&mut self.moves, &self.passed) else {
            return;
        };
        moves.follow(&passed.current);
        for segment in segments.iter_mut().skip(from) {
            moves.apply(&mut segment.data);
        }
    }

    fn take(&mut self, found: &Found<'_>, segments: &mut Vec<Segment>) {
        if self.fault.is_some() {
            return;
        }
        match *found {
            Found::Skipped { offset, len } => {
                note(&mut self.notices, Notice::Skipped { offset, len });
            }
            Found::Packet(bytes) => {
                if self.passed.is_some() {
                    self.pass(bytes, segments);
                } else {
                    self.lead(bytes, segments);
                }
            }
        }
    }

    /// Takes a packet before the tables are known.
    fn lead(&mut self, bytes: &[u8; PACKET_LEN], segments: &mut Vec<Segment>) {
        self.prelude.extend_from_slice(bytes);
        if let Some(packet) = Packet::new(bytes) {
            self.tables.push(packet);
        }
        let Some(tables) = self.tables.current().map(Arc::clone) else {
            if self.prelude.len() > self.policy.capacity {
                self.fault = self.check_tables().err().or(Some(CutError::NoTrack));
            }
            return;
        };
        let prelude = mem::take(&mut self.prelude);
        let is_table = |packet: Packet<'_>| {
            let pid = packet.pid();
            let is_low = pid <= LAST_TABLE_PID && !self.tables.is_elementary(pid);
            is_low || pid == NULL_PID || self.tables.pmt_pids().any(|it| it == pid)
        };
        let media_lead = !Packet::all_in(&prelude).all(is_table);
        if tables.programs > 1 {
            let kept = Some(tables.program).filter(|_| tables.is_reduced);
            let count = tables.programs;
            note(&mut self.notices, Notice::SeveralPrograms { count, kept });
        }
        let mut passed = Passing::new(tables, &self.tables, self.policy);
        let tables = Arc::clone(&passed.current);
        passed
            .output
            .begin(&prelude, Some(&*tables).filter(|_| media_lead));
        self.passed = Some(passed);
        // The video may have come before the tables.
        for bytes in prelude.chunks_exact(PACKET_LEN) {
            if let Ok(bytes) = bytes.try_into() {
                self.pass(bytes, segments);
            }
        }
    }

    /// Passes a packet on.
    fn pass(&mut self, bytes: &[u8; PACKET_LEN], segments: &mut Vec<Segment>) {
        let (Some(passed), Some(packet)) = (&mut self.passed, Packet::new(bytes)) else {
            return;
        };
        let pid = packet.pid();
        let is_table = passed.pids.part(pid).is_table();
        if is_table {
            self.tables.push(packet);
            passed.pids.renew(&self.tables, pid);
        }
        let mut context = Context {
            reader: &self.tables,
            policy: self.policy,
            notices: &mut self.notices,
            segments,
        };
        passed.pass(packet, bytes, &mut context);
        if is_table && let Some(tables) = self.tables.current() {
            passed.follow(tables, &mut context);
        }
    }

    /// The state once the tables are known, and what its decisions depend on.
    fn passed<'a>(
        &'a mut self,
        segments: &'a mut Vec<Segment>,
    ) -> Option<(&'a mut Passing, Context<'a>)> {
        let context = Context {
            reader: &self.tables,
            policy: self.policy,
            notices: &mut self.notices,
            segments,
        };
        Some((self.passed.as_mut()?, context))
    }

    /// Decides on what waits for more.
    fn conclude(&mut self, segments: &mut Vec<Segment>) {
        if let Some((passed, mut context)) = self.passed(segments) {
            passed.conclude(&mut context);
        }
    }

    fn not_transport_stream(&self) -> CutError {
        CutError::NotTransportStream {
            found: self.sync.first_byte().unwrap_or(0),
        }
    }

    /// Whether the tables are known, and what is missing else.
    fn check_tables(&self) -> Result<(), CutError> {
        let bytes = self.sync.offset();
        match &self.passed {
            Some(_) => Ok(()),
            None if !self.tables.has_pat() => Err(CutError::NoProgramAssociation { bytes }),
            None if !self.tables.has_pmt() => Err(CutError::NoProgramMap { bytes }),
            None => Err(CutError::NoTrack),
        }
    }

    /// What is to be said of the input when it ends.
    fn judge(&self, end: sync::End, is_worthless: bool) -> Result<(), CutError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.sync.first_byte().is_none() {
            return Err(CutError::Empty);
        }
        if !self.sync.has_begun() {
            return Err(match end {
                sync::End::InsidePacket { offset, len } => {
                    CutError::EndsInsidePacket { offset, len }
                }
                sync::End::Clean => self.not_transport_stream(),
            });
        }
        self.check_tables()?;
        if let Some(passed) = &self.passed
            && is_worthless
        {
            return Err(CutError::NoRandomAccess {
                pid: passed.current.track.pid,
                bytes: self.sync.offset(),
            });
        }
        match end {
            sync::End::Clean => Ok(()),
            sync::End::InsidePacket { offset, len } => {
                Err(CutError::EndsInsidePacket { offset, len })
            }
        }
    }
}
