//! Decides where segments begin and end.

use std::mem;

use super::lanes::Border;
use super::output::{End, Fate};
use super::packet::Packet;
use super::passing::{Context, Main, Passing};
use super::stage::Stage;
use super::timeline::{Placed, SECOND, Ticks, Timeline, to_stamp};
use super::units::{Entry, Mark, Unit};
use crate::notice::Notice;

/// A picture may be missing for this long in a stream of unknown rate before it counts as silent.
const LONGEST_PICTURE: Ticks = 30 * SECOND;
/// A packet without content.
pub(super) const NULL_PID: u16 = 0x1FFF;
/// Up to this PID packets carry tables of some kind, unless a program says otherwise (ISO/IEC
/// 13818-1, table 2-3; EN 300 468, table 1).
pub(super) const LAST_TABLE_PID: u16 = 0x1F;

impl Passing {
    /// Lets audio decide if the video has been silent for too long.
    pub(super) fn note_silence(
        &mut self,
        lane: usize,
        packet: Packet<'_>,
        context: &mut Context<'_>,
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
        if silence <= usual.max(context.policy.target.saturating_mul(2)) {
            return;
        }
        let (video, audio) = (self.current.track.pid, lane.pid);
        let Some(track) = self.current.map.tracks().find(|track| track.pid == audio) else {
            return;
        };
        context.note(Notice::VideoSilent { pid: video, audio });
        let reference = self.main.timeline.reference();
        if matches!(self.stage, Stage::Seeking) {
            // Everything so far is audio.
            self.stage = Stage::Audio(lane.clock.passed);
        } else {
            self.stage = Stage::Later(self.start());
            self.breaks = true;
        }
        self.fallback = Some(Main::new(track, Timeline::beside(reference)));
        self.assign(context.reader);
    }

    pub(super) fn decide(
        &mut self,
        placed: &mut Vec<Placed>,
        is_fallback: bool,
        context: &mut Context<'_>,
    ) {
        for placed in placed.drain(..) {
            if self.fallback.is_some() && !is_fallback {
                self.come_back(&placed, context);
            } else {
                self.decide_on(&placed, context);
            }
        }
    }

    /// Video that was silent has a picture.
    pub(super) fn come_back(&mut self, placed: &Placed, context: &mut Context<'_>) {
        if placed.unit.entry != Entry::Yes {
            return;
        }
        let pid = self.current.track.pid;
        context.note(Notice::VideoBack { pid });
        // Both clocks are the program's, but one of them may have gone round more often.
        let end = self.deciding().end();
        self.fallback = None;
        self.assign(context.reader);
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
            self.cut_at(mark, Border::Time(to_stamp(time)), end, time, context);
        }
        self.begin(time, true);
    }

    pub(super) fn decide_on(&mut self, placed: &Placed, context: &mut Context<'_>) {
        let Placed { unit, time, jump } = placed;
        let time = *time;
        if let Some(jump) = jump {
            context.note(Notice::Jump { ticks: jump.by });
            self.groups.restart();
            self.cues.cues.restart();
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
            self.break_at(unit.mark, border, jump.end, Some(time), context);
        }
        if let Stage::Orphan(start @ None) = &mut self.stage {
            *start = Some(time);
        }
        if let Stage::Audio(passed) = self.stage {
            self.stage = Stage::Later(time - passed);
        }
        let lasted = time - self.start();
        let Some(independent) = self.enters(unit, lasted, context) else {
            return;
        };
        self.groups.note(time);
        match self.stage {
            Stage::Seeking => {
                self.stage = Stage::First;
                self.independent = independent;
            }
            Stage::Orphan(_) => {
                self.breaks = false;
                let keeps_on = context.policy.undecodable == Fate::Segment;
                let media = self.has_media_before(unit.mark);
                if media {
                    self.take_sets(unit, context);
                    self.cut_at(unit.mark, Border::Time(to_stamp(time)), time, time, context);
                    if !keeps_on {
                        self.output.set_discontinuity();
                    }
                    self.output.put_all_early();
                }
                self.stage = Stage::Later(time);
                self.independent = independent;
            }
            Stage::First | Stage::Later(_) | Stage::Audio(_) => {
                let is_full = self.output.len_before(unit.mark) >= context.policy.capacity / 2;
                let is_spliced = self.cues.cues.is_due(time - lasted, time);
                let is_due =
                    lasted >= context.policy.target || is_full || is_spliced || self.breaks;
                if is_due && lasted > 0 {
                    // After a cut without an access point there may be nothing before this one.
                    if self.has_media_before(unit.mark) {
                        self.take_sets(unit, context);
                        self.cut_at(unit.mark, Border::Time(to_stamp(time)), time, time, context);
                    }
                    self.begin(time, independent);
                }
            }
        }
    }

    /// Begins a segment that an access point has just cut.
    pub(super) fn begin(&mut self, time: Ticks, independent: bool) {
        if mem::take(&mut self.breaks) {
            self.output.set_discontinuity();
            self.output.put_all_early();
        }
        self.stage = Stage::Later(time);
        self.independent = independent;
    }

    /// Whether a segment may begin with a unit, and whether it can be decoded alone then.
    pub(super) fn enters(
        &mut self,
        unit: &Unit,
        lasted: Ticks,
        context: &mut Context<'_>,
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
                if repeats && lasted < context.policy.target.saturating_mul(2) {
                    return None;
                }
                if !mem::replace(&mut self.said_not_alone, true) {
                    let pid = self.current.track.pid;
                    context.note(Notice::NotAlone { pid });
                }
                Some(false)
            }
        }
    }

    /// Whether the PES packet before a unit ends with its parameter sets.
    pub(super) fn has_sets_before(&self, unit: &Unit) -> bool {
        let track = self.main.tracker.track;
        unit.before
            .zip(unit.stamps)
            .is_some_and(|(before, _)| self.output.ends_with_sets(before, unit.mark, track))
    }

    /// Moves the parameter sets at the end of the PES packet before a unit to the unit.
    pub(super) fn take_sets(&mut self, unit: &Unit, context: &mut Context<'_>) {
        let track = self.main.tracker.track;
        if unit.entry == Entry::WithEarlierSets
            && let (Some(before), Some(stamps)) = (unit.before, unit.stamps)
            && self.output.split(before, unit.mark, track, stamps)
            && self.counted != Some(track.pid)
        {
            self.counted = Some(track.pid);
            self.assign(context.reader);
        }
    }

    /// Whether the growing segment has media.
    pub(super) fn has_media(&mut self) -> bool {
        let end = self.output.mark();
        self.has_media_before(end)
    }

    pub(super) fn has_media_before(&self, mark: Mark) -> bool {
        self.output.has_before(mark, |pid| {
            let streams = &self.current.map.streams;
            let part = self.pids.part(pid);
            !part.is_table() && pid > LAST_TABLE_PID && pid != NULL_PID
                || streams.iter().any(|stream| stream.pid == pid)
        })
    }

    /// Ends the growing segment where the stream does not continue. What follows is no segment
    /// before an access point. `now` is where the line goes on.
    pub(super) fn break_at(
        &mut self,
        mark: Mark,
        border: Border,
        end: Ticks,
        now: Option<Ticks>,
        context: &mut Context<'_>,
    ) {
        if self.has_media_before(mark) {
            self.cut_at(mark, border, end, now.unwrap_or(end), context);
        }
        self.output.set_discontinuity();
        self.breaks = false;
        self.stage = Stage::Orphan(now);
        self.independent = false;
    }

    /// Ends the growing segment before a mark. It lasts until `end`; `now` is where the line goes
    /// on.
    pub(super) fn cut_at(
        &mut self,
        mark: Mark,
        border: Border,
        end: Ticks,
        now: Ticks,
        context: &mut Context<'_>,
    ) {
        let start = self.start();
        let fate = match self.stage {
            Stage::Orphan(_) | Stage::Seeking => context.policy.undecodable,
            _ => Fate::Segment,
        };
        let end = End {
            border,
            time: now,
            start,
            duration: end - start,
            independent: self.independent && !matches!(self.stage, Stage::Seeking),
            fate,
            fate_of_rest: match border {
                Border::Jump { .. } => context.policy.undecodable,
                Border::Time(_) | Border::Tracks => Fate::Segment,
            },
        };
        let pids = &self.pids;
        let role = |pid| pids.part(pid).role;
        self.output.cut(mark, end, &self.current, role);
    }

    /// Ends a segment that would not fit into memory.
    pub(super) fn cut_anywhere(&mut self, context: &mut Context<'_>) {
        let pid = self.deciding().tracker.track.pid;
        let bytes = self.output.len() as u64;
        context.note(Notice::CutAnywhere { pid, bytes });
        let end = self.deciding().end().max(self.start());
        let mark = self.output.mark();
        self.cut_at(mark, Border::Time(to_stamp(end)), end, end, context);
        self.stage = match self.stage {
            Stage::Seeking | Stage::Orphan(_) => Stage::Orphan(Some(end)),
            _ => Stage::Later(end),
        };
        self.independent = false;
        let count = context.segments.len();
        self.output.release(None, context.segments);
        self.announce(count, context);
    }

    /// The time at which the growing segment began.
    pub(super) fn start(&self) -> Ticks {
        match self.stage {
            Stage::Seeking | Stage::First => self.deciding().timeline.start(),
            Stage::Later(time) => time,
            Stage::Orphan(time) => time.unwrap_or_else(|| self.deciding().end()),
            Stage::Audio(passed) => self.deciding().timeline.start() - passed,
        }
    }
}
