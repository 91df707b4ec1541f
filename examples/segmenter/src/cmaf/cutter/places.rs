//! The fragments that decide where to cut, and the decode times that jump.

use std::mem;

use super::{Cutter, Growing, Habit, MOST_NOTICES, Place};
use crate::cmaf::boxes::Header;
use crate::cmaf::description::Totals;
use crate::cmaf::error::CutError;
use crate::cmaf::fragment::{Beginning, Fragment, Fragments};
use crate::cmaf::marks::{Border, Incomplete};
use crate::cmaf::stream::Progress;
use crate::cmaf::timeline::Step;
use crate::notice::Notice;
use crate::segment::Segment;

impl Cutter {
    pub(super) fn take_fragment(
        &mut self,
        header: Header,
        cuts: &mut Vec<Segment>,
    ) -> Result<(), CutError> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        let bytes = |totals: &Totals| {
            let of_tracks = totals.values().map(|total| total.bytes);
            of_tracks.fold(0, u64::saturating_add)
        };
        let before = bytes(&stream.totals);
        let moof = self.intake.last(header);
        let Fragments { deciding, others } =
            Fragment::read(moof, &stream.movie, &mut stream.totals)?;
        let added = bytes(&stream.totals).saturating_sub(before);
        self.habit.missing = self.habit.missing.saturating_add(added);
        let has_jumped_beside = stream.beside.push(&others);
        if deciding.is_some() {
            self.settle(deciding, cuts);
        }
        let border = self.begin_fragment();
        if has_jumped_beside {
            self.marks.early.get_or_insert(border);
        }
        if let Some(fragment) = deciding {
            self.take_deciding(fragment, border, cuts);
        }
        Ok(())
    }

    /// Takes note of a fragment, whose data is still to come. Returns the place before it.
    fn begin_fragment(&mut self) -> Border {
        let doubtful = self.doubtful.as_ref();
        let doubtful = doubtful.map_or(0, |place| place.fragment.duration);
        let lasted = self.stream.as_ref().map_or(0, |it| it.timeline.end());
        let incomplete = Incomplete {
            offset: self.intake.offset,
            lasted: lasted.saturating_add(doubtful),
        };
        self.marks.begin_fragment(self.intake.at, incomplete)
    }

    /// Takes a fragment of the track that decides where to cut.
    fn take_deciding(&mut self, fragment: Fragment, border: Border, cuts: &mut Vec<Segment>) {
        let Some(stream) = &self.stream else { return };
        self.habit.note(fragment);
        let early = self.marks.early.take();
        let place = Place {
            fragment,
            events: mem::take(&mut self.events),
            border,
            border_of_jump: early.filter(|it| it.is_behind_whole).unwrap_or(border),
        };
        let is_renewed = mem::take(&mut self.is_renewed);
        if is_renewed && !stream.timeline.advances(fragment) {
            self.advance(place, Step::Jump, cuts);
        } else if stream.timeline.is_plausible(fragment) {
            self.advance(place, Step::Time, cuts);
        } else if is_renewed {
            self.advance(place, Step::Jump, cuts);
        } else {
            self.doubtful = Some(place);
        }
    }

    /// Decides on a fragment whose decode time was in doubt, by the next one, if there is one.
    pub(super) fn settle(&mut self, next: Option<Fragment>, cuts: &mut Vec<Segment>) {
        let Some(stream) = &self.stream else { return };
        let Some(place) = self.doubtful.take() else {
            return;
        };
        let step = next.map_or(Step::Wild, |next| {
            stream.timeline.judge(place.fragment, next)
        });
        self.advance(place, step, cuts);
    }

    /// Moves on to a fragment, and cuts before it if that is due.
    fn advance(&mut self, mut place: Place, step: Step, cuts: &mut Vec<Segment>) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        if step == Step::Jump && !place.border_of_jump.is_behind_whole {
            // The segment cannot end here. The next fragment shows the jump again.
            stream.timeline.push(place.fragment, Step::Wild);
            stream.take_events(place.events, place.fragment);
            return;
        }
        let lets_in = stream.lets_in(place.fragment);
        if step == Step::Jump {
            self.groups.restart();
            if lets_in {
                self.groups.note(place.fragment.start);
            }
            self.jump(place, lets_in, cuts);
            return;
        }
        let enters = place.border.is_behind_whole && lets_in;
        let is_first = stream.timeline.is_fresh();
        stream.timeline.push(place.fragment, step);
        stream.take_events(mem::take(&mut place.events), place.fragment);
        if enters {
            self.groups.note(stream.timeline.now());
        }
        match stream.progress {
            Progress::Cutting if is_first => {
                self.growing.independent = stream.lets_in(place.fragment);
            }
            Progress::Orphaned => self.leave_orphan(&place, enters, cuts),
            _ if enters => self.consider(place.border.at, cuts),
            _ => {}
        }
    }

    /// Ends the segment before a fragment that does not continue it.
    fn jump(&mut self, place: Place, enters: bool, cuts: &mut Vec<Segment>) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let by = stream.timeline.jump_to(place.fragment);
        let lasted = stream.timeline.end();
        if !stream.progress.has_begun() {
            stream.cues.restart();
            stream.timeline.push(place.fragment, Step::Jump);
            stream.take_events(place.events, place.fragment);
            if enters && place.border.is_behind_whole {
                self.consider(place.border.at, cuts);
            }
            return;
        }
        if self.notices.len() < MOST_NOTICES {
            self.notices.push(Notice::Jump { ticks: by });
        }
        let border = place.border_of_jump;
        if border.has_media_before {
            self.cut_before(border.at, lasted, cuts);
        }
        self.growing = Growing {
            discontinuity: true,
            independent: enters,
        };
        if let Some(stream) = &mut self.stream {
            stream.cues.restart();
            stream.timeline.push(place.fragment, Step::Jump);
            stream.take_events(place.events, place.fragment);
            stream.progress = if enters {
                Progress::Cutting
            } else {
                Progress::Orphaned
            };
        }
    }

    /// Ends media that no decoder can begin with, before an access point or if it is too much.
    fn leave_orphan(&mut self, place: &Place, enters: bool, cuts: &mut Vec<Segment>) {
        let border = place.border;
        let is_full = border.at >= self.capacity / 2;
        if !border.is_behind_whole || !(enters || is_full) {
            return;
        }
        let Some(stream) = &mut self.stream else {
            return;
        };
        let lasted = stream.timeline.elapsed();
        if border.has_media_before {
            self.cut_before(border.at, lasted, cuts);
        }
        if let Some(stream) = &mut self.stream
            && enters
        {
            stream.progress = Progress::Cutting;
            self.growing.independent = true;
        }
    }
}

impl Habit {
    pub(super) fn note(&mut self, fragment: Fragment) {
        let Fragment {
            begins_with,
            samples,
            syncs,
            ..
        } = fragment;
        self.fragments += 1;
        self.is_broken |= begins_with == Beginning::NonSync || syncs != 1 && syncs != samples;
    }
}
