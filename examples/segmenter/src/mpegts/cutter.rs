//! The cutter: passes packets on to the segments, and decides where these end.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::error::CutError;
use super::lanes::{Border, Clock, Lane};
use super::output::{End, Fate, Output, Role};
use super::packet::{PACKET_LEN, PAT_PID, Packet};
use super::pes::Header;
use super::pids::Pids;
use super::sequence::Sequence;
use super::sound::Sound;
use super::stage::Stage;
use super::sync::{self, Found, Sync};
use super::tables::{TableReader, Tables};
use super::timeline::{
    OTHERS, Placed, SECOND, TICKS_PER_SECOND, Ticks, Timeline, to_stamp, to_ticks,
};
use super::track::Track;
use super::units::{Entry, Mark, Place, Tracker, Unit};
use crate::notice::Notice;
use crate::segment::Segment;
use crate::track::TrackKind;

/// What the cutter holds at most, unless told otherwise.
const DEFAULT_CAPACITY: usize = 256 << 20;
/// The bytes in which the first packets have to be found.
const LONGEST_SEARCH: u64 = 64 * 1024;
/// The notices that wait to be taken.
const MOST_NOTICES: usize = 64;
/// A PID of packets without content.
const NULL_PID: u16 = 0x1FFF;
/// Up to this PID packets carry tables of some kind, unless a program says otherwise (ISO/IEC
/// 13818-1, table 2-3; EN 300 468, table 1).
const LAST_TABLE_PID: u16 = 0x1F;
/// A video stream of unknown rate is silent after this time, if there were pictures.
const LONGEST_PICTURE: Ticks = 30 * SECOND;

/// Cuts a transport stream at the random access points of its video, or of audio alone.
///
/// See the [module](super) for what is done with damage, jumps of time and undecodable media.
pub struct Cutter {
    target: Ticks,
    capacity: usize,
    undecodable: Fate,
    sync: Sync,
    tables: TableReader,
    /// The packets before the tables are known.
    prelude: Vec<u8>,
    passed: Option<Passing>,
    notices: Vec<Notice>,
    fault: Option<CutError>,
}

/// The state once the tables are known.
struct Passing {
    current: Arc<Tables>,
    output: Output,
    pids: Pids,
    main: Main,
    /// Decides in place of video that is silent.
    fallback: Option<Main>,
    clock: ProgramClock,
    stage: Stage,
    /// The growing segment can be decoded alone.
    independent: bool,
    /// The access points with parameter sets so far, two at most.
    complete_points: u8,
    sequence: Option<Sequence>,
    /// The audio streams that were looked into.
    sounds: BTreeMap<u16, Sound>,
    /// The bytes and the time of the main stream.
    main_bytes: u64,
    main_clock: Clock,
    /// The next access point begins a segment that does not continue the one before.
    breaks: bool,
    /// The first lane's time when audio came after the latest picture.
    quiet_since: Option<Ticks>,
    said_not_alone: bool,
    /// A stream that got packets inserted.
    counted: Option<u16>,
    units: Vec<Unit>,
    placed: Vec<Placed>,
}

/// A stream that decides where to cut.
struct Main {
    tracker: Tracker,
    timeline: Timeline,
}

#[derive(Default)]
struct ProgramClock {
    clock: Clock,
    is_announced: bool,
}

impl Main {
    fn new(track: Track, timeline: Timeline) -> Self {
        Self {
            tracker: Tracker::new(track),
            timeline,
        }
    }

    fn end(&self) -> Ticks {
        self.timeline.end(self.tracker.measure())
    }

    /// The oldest packet that may still matter.
    fn oldest_mark(&self) -> Option<Mark> {
        let held = self.timeline.oldest_mark();
        self.tracker.oldest_mark().into_iter().chain(held).min()
    }
}

impl Cutter {
    /// A cutter whose segments last at least `target`, except the last one and those before a
    /// discontinuity.
    #[must_use]
    pub fn new(target: Duration) -> Self {
        Self {
            target: to_ticks(target).max(1),
            capacity: DEFAULT_CAPACITY,
            undecodable: Fate::Segment,
            sync: Sync::default(),
            tables: TableReader::default(),
            prelude: Vec::new(),
            passed: None,
            notices: Vec::new(),
            fault: None,
        }
    }

    /// Holds not much more than this many bytes in the growing segment, 256 MiB by default. Half of
    /// it ends a segment at the next random access point, all of it ends a segment anywhere.
    #[must_use]
    pub fn capacity(self, bytes: usize) -> Self {
        Self {
            capacity: bytes,
            ..self
        }
    }

    /// Drops media that no decoder can begin with, after a discontinuity and up to the next random
    /// access point. By default it is a segment of its own.
    #[must_use]
    pub fn drop_undecodable(self) -> Self {
        Self {
            undecodable: Fate::Dropped,
            ..self
        }
    }

    /// Keeps one program only, as an HLS segment must (RFC 8216, 3.2): this one, or else the first
    /// that can be cut. By default all programs are kept, and one of them decides where to cut.
    #[must_use]
    pub fn one_program(mut self, number: Option<u16>) -> Self {
        self.tables.want_one(number);
        self
    }

    /// Takes the notices that came since the last call, the oldest 64 of them.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        mem::take(&mut self.notices)
    }

    /// The video and audio of the program that is cut, as far as they are known.
    #[must_use]
    pub fn tracks(&self) -> Vec<crate::Track> {
        self.passed.as_ref().map_or_else(Vec::new, Passing::tracks)
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
        let mut sync = mem::take(&mut self.sync);
        sync.push(bytes, &mut |found| self.take(&found, segments));
        self.sync = sync;
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
        let mut sync = mem::take(&mut self.sync);
        let end = sync.finish(&mut |found| self.take(&found, segments));
        self.sync = sync;
        self.conclude(segments);
        let is_seeking = self
            .passed
            .as_ref()
            .is_some_and(|it| matches!(it.stage, Stage::Seeking));
        let is_worthless = is_seeking
            && (self.undecodable == Fate::Dropped
                || self.passed.as_mut().is_some_and(|it| !it.has_media()));
        let outcome = self.judge(end, is_worthless);
        if is_worthless {
            self.passed = None;
        }
        if let Some(passed) = &mut self.passed {
            let fate = match passed.stage {
                Stage::Orphan(_) => self.undecodable,
                _ => Fate::Segment,
            };
            if is_seeking && outcome.is_ok() {
                let pid = passed.current.track.pid;
                note(&mut self.notices, Notice::NoRandomAccess { pid });
            }
            passed.finish(fate, segments);
            passed.report_dropped(&mut self.notices);
        }
        self.fault = self.fault.or(outcome.err());
        outcome
    }

    /// Ends in the middle: adds what is held, in whole packets, whatever it is.
    pub fn stop(mut self, segments: &mut Vec<Segment>) {
        let mut sync = mem::take(&mut self.sync);
        sync.finish(&mut |found| self.take(&found, segments));
        self.conclude(segments);
        if let Some(passed) = &mut self.passed {
            passed.finish(Fate::Segment, segments);
        } else if !self.prelude.is_empty() {
            let data = mem::take(&mut self.prelude);
            let mut segment = Segment::media(data, 0, 0, TICKS_PER_SECOND);
            segment.independent = false;
            segments.push(segment);
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
            if self.prelude.len() > self.capacity {
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
        let mut passed = Passing::new(tables, &self.tables);
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
        let policy = Policy {
            target: self.target,
            capacity: self.capacity,
            undecodable: self.undecodable,
        };
        let pid = packet.pid();
        let part = passed.pids.part(pid);
        if part.is_table() {
            self.tables.push(packet);
            passed.pids.renew(&self.tables, pid);
        }
        passed.pass(
            packet,
            bytes,
            &self.tables,
            policy,
            &mut self.notices,
            segments,
        );
        if part.is_table()
            && let Some(tables) = self.tables.current()
        {
            passed.follow(tables, &self.tables, policy, &mut self.notices, segments);
        }
    }

    /// Decides on what waits for more.
    fn conclude(&mut self, segments: &mut Vec<Segment>) {
        let policy = Policy {
            target: self.target,
            capacity: self.capacity,
            undecodable: self.undecodable,
        };
        if let Some(passed) = &mut self.passed {
            passed.conclude(&self.tables, policy, &mut self.notices, segments);
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

/// What the user of a cutter asked for.
#[derive(Clone, Copy)]
struct Policy {
    target: Ticks,
    capacity: usize,
    undecodable: Fate,
}

fn note(notices: &mut Vec<Notice>, notice: Notice) {
    if notices.len() < MOST_NOTICES {
        notices.push(notice);
    }
}

impl Passing {
    fn new(tables: Arc<Tables>, reader: &TableReader) -> Self {
        let main = Main::new(tables.track, Timeline::default());
        let mut passing = Self {
            current: tables,
            output: Output::default(),
            pids: Pids::default(),
            main,
            fallback: None,
            clock: ProgramClock::default(),
            stage: Stage::Seeking,
            independent: true,
            complete_points: 0,
            sequence: None,
            sounds: BTreeMap::new(),
            main_bytes: 0,
            main_clock: Clock::default(),
            breaks: false,
            quiet_since: None,
            said_not_alone: false,
            counted: None,
            units: Vec::new(),
            placed: Vec::new(),
        };
        passing.assign(reader);
        passing
    }

    /// Gives out the parts of the PIDs.
    fn assign(&mut self, reader: &TableReader) {
        let main = self.current.track.pid;
        let tracks = self.current.map.tracks();
        let beside = tracks.filter(|track| !track.codec.is_video() && track.pid != main);
        let mut known = mem::take(&mut self.output.lanes);
        for track in beside {
            let old = known.iter().position(|lane| lane.pid == track.pid);
            let lane = old.map_or_else(|| Lane::new(track.pid), |at| known.swap_remove(at));
            self.output.lanes.push(lane);
        }
        let fallback = self.fallback.as_ref().map(|it| it.tracker.track.pid);
        let lanes = self.output.lanes.iter().map(|lane| lane.pid);
        self.pids
            .assign(reader, &self.current, lanes, fallback, self.counted);
    }

    /// Goes on with the tables that are in force now. The last packet completed them.
    fn follow(
        &mut self,
        tables: &Arc<Tables>,
        reader: &TableReader,
        policy: Policy,
        notices: &mut Vec<Notice>,
        segments: &mut Vec<Segment>,
    ) {
        if Arc::ptr_eq(tables, &self.current) {
            return;
        }
        let old: Vec<Track> = self.current.map.tracks().collect();
        let new: Vec<Track> = tables.map.tracks().collect();
        let has_new_codec = old.iter().any(|old| {
            new.iter()
                .any(|new| new.pid == old.pid && new.codec != old.codec)
        });
        let is_broken = self.current.track != tables.track || has_new_codec;
        if is_broken {
            self.conclude(reader, policy, notices, segments);
        }
        let before = mem::replace(&mut self.current, Arc::clone(tables));
        if *before == **tables {
            return;
        }
        if is_broken {
            note(notices, Notice::NewTracks);
            let mark = self
                .output
                .mark_tables(&[PAT_PID, before.pmt_pid, tables.pmt_pid]);
            let end = self.deciding().end();
            self.break_at(mark, Border::Tracks, end, None, policy);
            let reference = self.deciding().timeline.reference();
            self.fallback = None;
            self.quiet_since = None;
            self.sequence = None;
            self.sounds.clear();
            (self.main_bytes, self.main_clock) = (0, Clock::default());
            self.complete_points = 0;
            self.main = Main::new(tables.track, Timeline::beside(reference));
        } else if old != new {
            note(notices, Notice::NewTracks);
            self.breaks = true;
        }
        self.assign(reader);
    }

    /// The stream that decides where to cut now.
    fn deciding(&self) -> &Main {
        self.fallback.as_ref().unwrap_or(&self.main)
    }

    fn pass(
        &mut self,
        packet: Packet<'_>,
        bytes: &[u8; PACKET_LEN],
        reader: &TableReader,
        policy: Policy,
        notices: &mut Vec<Notice>,
        segments: &mut Vec<Segment>,
    ) {
        let part = self.pids.part(packet.pid());
        if part.is_foreign() {
            return;
        }
        if part.is_clock() {
            self.clock.is_announced |= packet.is_discontinuous();
            if let Some(stamp) = packet.pcr() {
                self.clock.clock.note(stamp);
            }
        }
        if packet.starts_unit() && (part.lane.is_some() || part.is_main()) {
            self.listen(packet);
        }
        if self.output.len() + PACKET_LEN > policy.capacity {
            self.cut_anywhere(policy, notices, segments);
        }
        if let Some(lane) = part.lane {
            self.note_silence(usize::from(lane), packet, reader, policy, notices);
        }
        let part = self.pids.part(packet.pid());
        let is_fallback = self
            .fallback
            .as_ref()
            .is_some_and(|it| it.tracker.track.pid == packet.pid());
        if part.is_main() || is_fallback {
            self.track(packet, is_fallback);
        }
        if self.current.is_reduced && packet.pid() == PAT_PID {
            if packet.starts_unit() {
                self.output.append_section(PAT_PID, &self.current.pat[0]);
            }
        } else {
            if let (Some(lane), Role::Plain) = (part.lane, part.role) {
                self.output.lanes[usize::from(lane)].note(packet, None);
            }
            self.output.append(bytes, part.role);
        }
        if part.lane == Some(0) && packet.starts_unit() {
            let passed = self.output.lanes[0].clock.passed;
            self.quiet_since.get_or_insert(passed);
        }
        if !self.units.is_empty() {
            self.place(is_fallback, reader, policy, notices, segments);
        } else if part.lane.is_some() && packet.starts_unit() {
            self.output
                .release(self.deciding().timeline.now(), segments);
            self.report_dropped(notices);
        }
    }

    /// Looks into audio that was not looked into.
    fn listen(&mut self, packet: Packet<'_>) {
        let pid = packet.pid();
        if self.sounds.contains_key(&pid) {
            return;
        }
        let mut tracks = self.current.map.tracks();
        let track = tracks.find(|track| track.pid == pid && !track.codec.is_video());
        if let (Some(track), Header::Read { len, .. }) = (track, Header::read(packet.payload()))
            && let Some(sound) = Sound::read(track.codec, &packet.payload()[len..])
        {
            self.sounds.insert(pid, sound);
        }
    }

    fn tracks(&self) -> Vec<crate::Track> {
        let described = |track: Track| {
            let is_main = track.pid == self.current.track.pid;
            let lane = self.output.lanes.iter().find(|lane| lane.pid == track.pid);
            let measured = match lane {
                _ if is_main => Some((self.main_bytes, self.main_clock)),
                Some(lane) => Some((lane.bytes, lane.clock)),
                None => None,
            };
            let kind = if track.codec.is_video() {
                TrackKind::Video
            } else {
                TrackKind::Audio
            };
            let mut described = crate::Track::new(track.pid.into(), kind);
            if let Some(sequence) = self.sequence.as_ref().filter(|_| is_main) {
                described.codec = Some(sequence.codec.clone());
                described.size = Some(sequence.size);
                described.rate = sequence.rate.or_else(|| self.main.timeline.rate());
            }
            if let Some(sound) = self.sounds.get(&track.pid) {
                described.codec = Some(sound.codec.clone());
                described.rate = Some(sound.rate.into());
                described.channels = sound.channels;
            }
            described.bandwidth = measured.and_then(|(bytes, clock)| {
                let passed = u64::try_from(clock.passed).ok().filter(|it| *it > 0)?;
                let bits = bytes.saturating_mul(8);
                Some(bits.saturating_mul(TICKS_PER_SECOND.into()) / passed)
            });
            let mut streams = self.current.map.streams.iter();
            let language = streams.find(|it| it.pid == track.pid)?.language;
            described.language = language.and_then(|code| String::from_utf8(code.to_vec()).ok());
            Some(described)
        };
        self.current.map.tracks().filter_map(described).collect()
    }

    /// Lets a tracker see a packet that comes next.
    fn track(&mut self, packet: Packet<'_>, is_fallback: bool) {
        if !is_fallback {
            self.main_bytes += packet.payload().len() as u64;
        }
        if packet.starts_unit() && !is_fallback {
            self.quiet_since = None;
        }
        let mut others = [self.clock.clock.passed; OTHERS];
        for (other, lane) in others[1..].iter_mut().zip(&self.output.lanes) {
            *other = lane.clock.passed;
        }
        let (output, clock) = (&mut self.output, &mut self.clock);
        let place = || Place {
            mark: output.mark(),
            clock: clock.clock.latest,
            is_announced: mem::take(&mut clock.is_announced),
            others,
        };
        let main = match &mut self.fallback {
            Some(fallback) if is_fallback => fallback,
            _ => &mut self.main,
        };
        main.tracker.push(packet, place, &mut self.units);
    }

    /// Lets audio decide if the video has been silent for too long.
    fn note_silence(
        &mut self,
        lane: usize,
        packet: Packet<'_>,
        reader: &TableReader,
        policy: Policy,
        notices: &mut Vec<Notice>,
    ) {
        if lane != 0
            || self.fallback.is_some()
            || !packet.starts_unit()
            || !self.main.tracker.track.codec.is_video()
        {
            return;
        }
        let lane = &self.output.lanes[0];
        let silence = lane.clock.passed - self.quiet_since.unwrap_or(lane.clock.passed);
        let usual = match (self.main.timeline.now(), self.main.timeline.step()) {
            (None, _) => 0,
            (Some(_), None) => LONGEST_PICTURE,
            (Some(_), Some(step)) => 3 * step,
        };
        if silence <= usual.max(policy.target.saturating_mul(2)) {
            return;
        }
        let (video, audio) = (self.current.track.pid, lane.pid);
        let Some(track) = self.current.map.tracks().find(|track| track.pid == audio) else {
            return;
        };
        note(notices, Notice::VideoSilent { pid: video, audio });
        let reference = self.main.timeline.reference();
        if matches!(self.stage, Stage::Seeking) {
            // Everything so far is audio.
            self.stage = Stage::Audio(lane.clock.passed);
        } else {
            self.stage = Stage::Later(self.start());
            self.breaks = true;
        }
        self.fallback = Some(Main::new(track, Timeline::beside(reference)));
        self.assign(reader);
    }

    /// Places the units that were found, and decides on each.
    fn place(
        &mut self,
        is_fallback: bool,
        reader: &TableReader,
        policy: Policy,
        notices: &mut Vec<Notice>,
        segments: &mut Vec<Segment>,
    ) {
        if let Some(sequence) = self.main.tracker.take_sequence() {
            let size = sequence.size;
            let before = self.sequence.replace(sequence);
            self.breaks |= before.is_some_and(|before| before.size != size);
        }
        let mut units = mem::take(&mut self.units);
        let mut placed = mem::take(&mut self.placed);
        for unit in units.drain(..) {
            if let Some(stamps) = unit.stamps.filter(|_| !is_fallback) {
                self.main_clock.note(stamps.decoded);
            }
            let main = match &mut self.fallback {
                Some(fallback) if is_fallback => fallback,
                _ => &mut self.main,
            };
            main.timeline.push(unit, &mut placed);
        }
        self.units = units;
        self.decide(&mut placed, is_fallback, reader, policy, notices);
        self.placed = placed;
        self.settle(notices, segments);
    }

    fn settle(&mut self, notices: &mut Vec<Notice>, segments: &mut Vec<Segment>) {
        let fallback = self.fallback.as_ref().and_then(Main::oldest_mark);
        let oldest = self.main.oldest_mark().into_iter().chain(fallback).min();
        self.output.forget_before(oldest);
        let reference = self.deciding().timeline.reference();
        self.output.main_stamp = reference.map(|(stamp, _)| stamp);
        self.output
            .release(self.deciding().timeline.now(), segments);
        self.report_dropped(notices);
    }

    fn report_dropped(&mut self, notices: &mut Vec<Notice>) {
        let bytes = mem::take(&mut self.output.dropped);
        if bytes > 0 {
            note(notices, Notice::Dropped { bytes });
        }
    }

    fn decide(
        &mut self,
        placed: &mut Vec<Placed>,
        is_fallback: bool,
        reader: &TableReader,
        policy: Policy,
        notices: &mut Vec<Notice>,
    ) {
        for placed in placed.drain(..) {
            if self.fallback.is_some() && !is_fallback {
                self.come_back(&placed, reader, policy, notices);
            } else {
                self.decide_on(&placed, reader, policy, notices);
            }
        }
    }

    /// Video that was silent has a picture.
    fn come_back(
        &mut self,
        placed: &Placed,
        reader: &TableReader,
        policy: Policy,
        notices: &mut Vec<Notice>,
    ) {
        if placed.unit.entry != Entry::Yes {
            return;
        }
        let pid = self.current.track.pid;
        note(notices, Notice::VideoBack { pid });
        // Both clocks are the program's, but one of them may have gone round more often.
        let end = self.deciding().end();
        self.fallback = None;
        self.assign(reader);
        self.breaks = true;
        self.stage = Stage::Later(self.start());
        let time = placed.time;
        let end = if (end - time).abs() < 10 * SECOND {
            time
        } else {
            end
        };
        let mark = placed.unit.mark;
        if self.has_media_before(mark) {
            self.cut_at(mark, Border::Time(to_stamp(time)), end, time, policy);
        }
        self.begin(time, true);
    }

    fn decide_on(
        &mut self,
        placed: &Placed,
        reader: &TableReader,
        policy: Policy,
        notices: &mut Vec<Notice>,
    ) {
        let Placed { unit, time, jump } = placed;
        let time = *time;
        if let Some(jump) = jump {
            note(notices, Notice::Jump { ticks: jump.by });
            match self.stage {
                Stage::Seeking => {
                    self.stage = Stage::Orphan(Some(jump.start));
                    self.independent = false;
                }
                Stage::First => self.stage = Stage::Later(jump.start),
                _ => {}
            }
            let border = Border::Jump {
                end: to_stamp(jump.end),
                start: to_stamp(time),
            };
            self.break_at(unit.mark, border, jump.end, Some(time), policy);
        }
        if let Stage::Orphan(start @ None) = &mut self.stage {
            *start = Some(time);
        }
        if let Stage::Audio(passed) = self.stage {
            self.stage = Stage::Later(time - passed);
        }
        let lasted = time - self.start();
        let Some(independent) = self.enters(unit, lasted, policy, notices) else {
            return;
        };
        match self.stage {
            Stage::Seeking => {
                self.stage = Stage::First;
                self.independent = independent;
            }
            Stage::Orphan(_) => {
                self.breaks = false;
                let keeps_on = policy.undecodable == Fate::Segment;
                let media = self.has_media_before(unit.mark);
                if media {
                    self.take_sets(unit, reader);
                    self.cut_at(unit.mark, Border::Time(to_stamp(time)), time, time, policy);
                    if !keeps_on {
                        self.output.set_discontinuity();
                    }
                }
                self.stage = Stage::Later(time);
                self.independent = independent;
            }
            Stage::First | Stage::Later(_) | Stage::Audio(_) => {
                let is_full = self.output.len_before(unit.mark) >= policy.capacity / 2;
                let is_due = lasted >= policy.target || is_full || self.breaks;
                if is_due && lasted > 0 {
                    // After a cut without an access point there may be nothing before this one.
                    if self.has_media_before(unit.mark) {
                        self.take_sets(unit, reader);
                        self.cut_at(unit.mark, Border::Time(to_stamp(time)), time, time, policy);
                    }
                    self.begin(time, independent);
                }
            }
        }
    }

    /// Begins a segment that an access point has just cut.
    fn begin(&mut self, time: Ticks, independent: bool) {
        if mem::take(&mut self.breaks) {
            self.output.set_discontinuity();
        }
        self.stage = Stage::Later(time);
        self.independent = independent;
    }

    /// Whether a segment may begin with a unit, and whether it can be decoded alone then.
    fn enters(
        &mut self,
        unit: &Unit,
        lasted: Ticks,
        policy: Policy,
        notices: &mut Vec<Notice>,
    ) -> Option<bool> {
        match unit.entry {
            Entry::No => None,
            Entry::Yes => {
                self.complete_points = (self.complete_points + 1).min(2);
                Some(true)
            }
            Entry::WithEarlierSets => {
                if self.has_sets_before(unit) {
                    self.complete_points = (self.complete_points + 1).min(2);
                    return Some(true);
                }
                if !self.main.tracker.knows_sets() {
                    return None;
                }
                // A stream that repeats its parameter sets will have them again.
                let repeats = self.complete_points > 1;
                if repeats && lasted < policy.target.saturating_mul(2) {
                    return None;
                }
                if !mem::replace(&mut self.said_not_alone, true) {
                    let pid = self.current.track.pid;
                    note(notices, Notice::NotAlone { pid });
                }
                Some(false)
            }
        }
    }

    /// Whether the PES packet before a unit ends with its parameter sets.
    fn has_sets_before(&self, unit: &Unit) -> bool {
        let track = self.main.tracker.track;
        unit.before
            .zip(unit.stamps)
            .is_some_and(|(before, _)| self.output.ends_with_sets(before, unit.mark, track))
    }

    /// Moves the parameter sets at the end of the PES packet before a unit to the unit.
    fn take_sets(&mut self, unit: &Unit, reader: &TableReader) {
        let track = self.main.tracker.track;
        if unit.entry == Entry::WithEarlierSets
            && let (Some(before), Some(stamps)) = (unit.before, unit.stamps)
            && self.output.split(before, unit.mark, track, stamps)
            && self.counted != Some(track.pid)
        {
            self.counted = Some(track.pid);
            self.assign(reader);
        }
    }

    /// Whether the growing segment has media.
    fn has_media(&mut self) -> bool {
        let end = self.output.mark();
        self.has_media_before(end)
    }

    fn has_media_before(&self, mark: Mark) -> bool {
        self.output.has_before(mark, |pid| {
            let streams = &self.current.map.streams;
            let part = self.pids.part(pid);
            !part.is_table() && pid > LAST_TABLE_PID && pid != NULL_PID
                || streams.iter().any(|stream| stream.pid == pid)
        })
    }

    /// Ends the growing segment where the stream does not continue. What follows is no segment
    /// before an access point. `now` is where the line goes on.
    fn break_at(
        &mut self,
        mark: Mark,
        border: Border,
        end: Ticks,
        now: Option<Ticks>,
        policy: Policy,
    ) {
        if self.has_media_before(mark) {
            self.cut_at(mark, border, end, now.unwrap_or(end), policy);
        }
        self.output.set_discontinuity();
        self.breaks = false;
        self.stage = Stage::Orphan(now);
        self.independent = false;
    }

    /// Ends the growing segment before a mark. It lasts until `end`; `now` is where the line goes
    /// on.
    fn cut_at(&mut self, mark: Mark, border: Border, end: Ticks, now: Ticks, policy: Policy) {
        let start = self.start();
        let fate = match self.stage {
            Stage::Orphan(_) | Stage::Seeking => policy.undecodable,
            _ => Fate::Segment,
        };
        let end = End {
            border,
            time: now,
            start,
            duration: end - start,
            independent: self.independent && !matches!(self.stage, Stage::Seeking),
            fate,
        };
        let pids = &self.pids;
        let role = |pid| pids.part(pid).role;
        self.output.cut(mark, end, &self.current, role);
    }

    /// Ends a segment that would not fit into memory.
    fn cut_anywhere(
        &mut self,
        policy: Policy,
        notices: &mut Vec<Notice>,
        segments: &mut Vec<Segment>,
    ) {
        let pid = self.deciding().tracker.track.pid;
        let bytes = self.output.len() as u64;
        note(notices, Notice::CutAnywhere { pid, bytes });
        let end = self.deciding().end().max(self.start());
        let mark = self.output.mark();
        self.cut_at(mark, Border::Time(to_stamp(end)), end, end, policy);
        self.stage = match self.stage {
            Stage::Seeking | Stage::Orphan(_) => Stage::Orphan(Some(end)),
            _ => Stage::Later(end),
        };
        self.independent = false;
        self.output.release(None, segments);
    }

    /// The time at which the growing segment began.
    fn start(&self) -> Ticks {
        match self.stage {
            Stage::Seeking | Stage::First => self.deciding().timeline.start(),
            Stage::Later(time) => time,
            Stage::Orphan(time) => time.unwrap_or_else(|| self.deciding().end()),
            Stage::Audio(passed) => self.deciding().timeline.start() - passed,
        }
    }

    fn conclude(
        &mut self,
        reader: &TableReader,
        policy: Policy,
        notices: &mut Vec<Notice>,
        segments: &mut Vec<Segment>,
    ) {
        self.main.tracker.finish(&mut self.units);
        self.place(false, reader, policy, notices, segments);
        let mut placed = Vec::new();
        self.main.timeline.flush(&mut placed);
        self.decide(&mut placed, false, reader, policy, notices);
        if let Some(fallback) = &mut self.fallback {
            fallback.timeline.flush(&mut placed);
            self.decide(&mut placed, true, reader, policy, notices);
        }
        self.settle(notices, segments);
    }

    fn finish(&mut self, fate: Fate, segments: &mut Vec<Segment>) {
        let time = self.deciding().end();
        let start = self.start();
        let end = End {
            border: Border::Time(to_stamp(time)),
            time,
            start,
            duration: time - start,
            independent: self.independent && !matches!(self.stage, Stage::Seeking),
            fate,
        };
        self.output.finish(end, segments);
    }
}
