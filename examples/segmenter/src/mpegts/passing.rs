//! Passes packets on to the segments, once the tables are known.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use super::cues::CueSections;
use super::lanes::{Border, Clock, Lane};
use super::output::{End, Fate, Output, Role};
use super::packet::{PACKET_LEN, PAT_PID, Packet};
use super::pids::Pids;
use super::sequence::Sequence;
use super::sound::Sound;
use super::stage::Stage;
use super::tables::{TableReader, Tables};
use super::timeline::{OTHERS, Placed, Ticks, Timeline, to_stamp};
use super::track::Track;
use super::units::{Mark, Place, Tracker, Unit};
use crate::groups::Groups;
use crate::notice::Notice;
use crate::segment::Segment;

/// The notices that wait to be taken.
const MOST_NOTICES: usize = 64;

/// The state once the tables are known.
pub(super) struct Passing {
    pub(super) current: Arc<Tables>,
    pub(super) output: Output,
    pub(super) pids: Pids,
    pub(super) main: Main,
    /// Decides in place of video that is silent.
    pub(super) fallback: Option<Main>,
    pub(super) clock: ProgramClock,
    pub(super) stage: Stage,
    /// The growing segment can be decoded alone.
    pub(super) independent: bool,
    /// The access points with parameter sets so far, two at most.
    pub(super) complete_points: u8,
    pub(super) sequence: Option<Sequence>,
    /// The audio streams that were looked into.
    pub(super) sounds: BTreeMap<u16, Sound>,
    /// The bytes and the time of the main stream.
    pub(super) main_bytes: u64,
    pub(super) main_clock: Clock,
    /// The next access point begins a segment that does not continue the one before.
    pub(super) breaks: bool,
    /// The first lane's time when audio came after the latest picture.
    pub(super) quiet_since: Option<Ticks>,
    pub(super) groups: Groups,
    pub(super) cues: CueSections,
    pub(super) said_not_alone: bool,
    /// A stream that got packets inserted.
    pub(super) counted: Option<u16>,
    pub(super) units: Vec<Unit>,
    pub(super) placed: Vec<Placed>,
}

/// A stream that decides where to cut.
pub(super) struct Main {
    pub(super) tracker: Tracker,
    pub(super) timeline: Timeline,
}

#[derive(Default)]
pub(super) struct ProgramClock {
    pub(super) clock: Clock,
    pub(super) is_announced: bool,
}

impl Main {
    pub(super) fn new(track: Track, timeline: Timeline) -> Self {
        Self {
            tracker: Tracker::new(track),
            timeline,
        }
    }

    pub(super) fn end(&self) -> Ticks {
        self.timeline.end(self.tracker.measure())
    }

    /// The oldest packet that may still matter.
    pub(super) fn oldest_mark(&self) -> Option<Mark> {
        let held = self.timeline.oldest_mark();
        self.tracker.oldest_mark().into_iter().chain(held).min()
    }
}

/// What the user of a cutter asked for.
#[derive(Clone, Copy)]
pub(super) struct Policy {
    pub(super) target: Ticks,
    pub(super) capacity: usize,
    pub(super) undecodable: Fate,
}

/// What decisions depend on, and where they go.
pub(super) struct Context<'a> {
    pub(super) reader: &'a TableReader,
    pub(super) policy: Policy,
    pub(super) notices: &'a mut Vec<Notice>,
    pub(super) segments: &'a mut Vec<Segment>,
}

impl Context<'_> {
    pub(super) fn note(&mut self, notice: Notice) {
        note(self.notices, notice);
    }
}

/// Adds a notice, unless too many wait already.
pub(super) fn note(notices: &mut Vec<Notice>, notice: Notice) {
    if notices.len() < MOST_NOTICES {
        notices.push(notice);
    }
}

impl Passing {
    pub(super) fn new(tables: Arc<Tables>, reader: &TableReader, policy: Policy) -> Self {
        let main = Main::new(tables.track, Timeline::default());
        let mut passing = Self {
            current: tables,
            output: Output::new(policy.capacity),
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
            groups: Groups::default(),
            cues: CueSections::new(),
            said_not_alone: false,
            counted: None,
            units: Vec::new(),
            placed: Vec::new(),
        };
        passing.assign(reader);
        passing
    }

    /// Gives out the parts of the PIDs.
    pub(super) fn assign(&mut self, reader: &TableReader) {
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
    pub(super) fn follow(&mut self, tables: &Arc<Tables>, context: &mut Context<'_>) {
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
            self.conclude(context);
        }
        let before = mem::replace(&mut self.current, Arc::clone(tables));
        if *before == **tables {
            return;
        }
        if is_broken {
            context.note(Notice::NewTracks);
            let mark = self
                .output
                .mark_tables(&[PAT_PID, before.pmt_pid, tables.pmt_pid]);
            let end = self.deciding().end();
            self.break_at(mark, Border::Tracks, end, None, context);
            let reference = self.deciding().timeline.reference();
            self.fallback = None;
            self.quiet_since = None;
            self.sequence = None;
            self.sounds.clear();
            (self.main_bytes, self.main_clock) = (0, Clock::default());
            self.complete_points = 0;
            self.main = Main::new(tables.track, Timeline::beside(reference));
        } else if old != new {
            context.note(Notice::NewTracks);
            self.breaks = true;
        }
        self.assign(context.reader);
    }

    /// The stream that decides where to cut now.
    pub(super) fn deciding(&self) -> &Main {
        self.fallback.as_ref().unwrap_or(&self.main)
    }

    pub(super) fn pass(
        &mut self,
        packet: Packet<'_>,
        bytes: &[u8; PACKET_LEN],
        context: &mut Context<'_>,
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
        if part.is_cue() {
            let reference = self.deciding().timeline.reference();
            self.cues.push(packet, reference);
        }
        if packet.starts_unit() && (part.lane.is_some() || part.is_main()) {
            self.listen(packet);
        }
        if self.output.len() + PACKET_LEN > context.policy.capacity {
            self.cut_anywhere(context);
        }
        if let Some(lane) = part.lane {
            self.note_silence(usize::from(lane), packet, context);
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
            self.place(is_fallback, context);
        } else if part.lane.is_some() && packet.starts_unit() {
            self.release(context);
        }
    }

    /// Lets a tracker see a packet that comes next.
    pub(super) fn track(&mut self, packet: Packet<'_>, is_fallback: bool) {
        if !is_fallback {
            self.main_bytes += packet.payload().len() as u64;
        }
        if packet.starts_unit() && !is_fallback {
            self.quiet_since = None;
        }
        let mut others = [self.clock.clock.passed; OTHERS];
        if packet.starts_unit() {
            for (other, lane) in others[1..].iter_mut().zip(&self.output.lanes) {
                *other = lane.clock.passed;
            }
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

    /// Places the units that were found, and decides on each.
    pub(super) fn place(&mut self, is_fallback: bool, context: &mut Context<'_>) {
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
        self.decide(&mut placed, is_fallback, context);
        self.placed = placed;
        self.settle(context);
    }

    pub(super) fn settle(&mut self, context: &mut Context<'_>) {
        let fallback = self.fallback.as_ref().and_then(Main::oldest_mark);
        let oldest = self.main.oldest_mark().into_iter().chain(fallback).min();
        self.output.forget_before(oldest);
        let reference = self.deciding().timeline.reference();
        self.cues.settle(reference);
        self.output.main_stamp = reference.map(|(stamp, _)| stamp);
        self.release(context);
    }

    /// Hands out the segments that are complete, and what is to be said.
    fn release(&mut self, context: &mut Context<'_>) {
        let count = context.segments.len();
        self.output
            .release(self.deciding().timeline.now(), context.segments);
        self.announce(count, context);
        self.report(context);
    }

    /// Adds the splices that came to the first of the segments from this one on.
    pub(super) fn announce(&mut self, count: usize, context: &mut Context<'_>) {
        if let Some(first) = context.segments.get_mut(count) {
            first.splices = self.cues.cues.take_waiting();
        }
    }

    pub(super) fn report(&mut self, context: &mut Context<'_>) {
        let bytes = mem::take(&mut self.output.dropped);
        if bytes > 0 {
            context.note(Notice::Dropped { bytes });
        }
        if let Some((pid, ticks)) = self.output.lone_jump.take() {
            context.note(Notice::AudioJump { pid, ticks });
            self.breaks = true;
        }
    }

    pub(super) fn conclude(&mut self, context: &mut Context<'_>) {
        self.main.tracker.finish(&mut self.units);
        self.place(false, context);
        let mut placed = Vec::new();
        self.main.timeline.flush(&mut placed);
        self.decide(&mut placed, false, context);
        if let Some(fallback) = &mut self.fallback {
            fallback.timeline.flush(&mut placed);
            self.decide(&mut placed, true, context);
        }
        self.settle(context);
    }

    pub(super) fn finish(&mut self, fate: Fate, context: &mut Context<'_>) {
        let time = self.deciding().end();
        let start = self.start();
        let end = End {
            border: Border::Time(to_stamp(time)),
            time,
            start,
            duration: time - start,
            independent: self.independent && !matches!(self.stage, Stage::Seeking),
            fate,
            fate_of_rest: Fate::Segment,
        };
        let count = context.segments.len();
        self.output.finish(end, context.segments);
        self.announce(count, context);
        self.report(context);
    }
}
