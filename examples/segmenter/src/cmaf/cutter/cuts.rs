//! The cut: what ends a segment, and what it says then.

use std::mem;

use super::{Cutter, Growing, MOST_NOTICES, Release, SHORTEST, Undecodable};
use crate::cmaf::movie::Medium;
use crate::cmaf::stream::Progress;
use crate::notice::Notice;
use crate::segment::Segment;

impl Cutter {
    /// Ends the segment before this position.
    pub(super) fn cut_before(&mut self, at: usize, lasted: u64, cuts: &mut Vec<Segment>) {
        let data = self.intake.take_before(at).into_segment();
        self.marks.shift(at);
        cuts.extend(self.ended(data, lasted));
        if let Some(stream) = &mut self.stream {
            stream.timeline.restart();
        }
    }

    /// The segment with this data, unless it is dropped. The next one begins as usual.
    pub(super) fn ended(&mut self, data: Vec<u8>, lasted: u64) -> Option<Segment> {
        let stream = self.stream.as_mut()?;
        if let (Progress::Orphaned, Undecodable::Dropped) = (&stream.progress, self.undecodable) {
            let bytes = data.len() as u64;
            self.growing.independent = false;
            if self.notices.len() < MOST_NOTICES {
                self.notices.push(Notice::Dropped { bytes });
            }
            return None;
        }
        let mut segment = stream.timeline.segment(data, lasted);
        segment.splices = stream.cues.take_waiting();
        let independent = !matches!(stream.progress, Progress::Orphaned);
        let growing = Growing {
            discontinuity: false,
            independent,
        };
        let Growing {
            discontinuity,
            independent,
        } = mem::replace(&mut self.growing, growing);
        (segment.discontinuity, segment.independent) = (discontinuity, independent);
        Some(segment)
    }

    /// Cuts before a fragment that a decoder can begin with, if the segment has lasted long enough.
    pub(super) fn consider(&mut self, start: usize, cuts: &mut Vec<Segment>) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        if matches!(stream.progress, Progress::Seeking) {
            let data = stream.initialisation.clone();
            cuts.push(Segment::initialisation(data));
            stream.progress = Progress::Cutting;
            // What came before this fragment is no segment without it.
            (self.marks.whole, self.marks.media) = (0, 0);
            return;
        }
        let is_full = start >= self.capacity / 2;
        let lasted = stream.timeline.elapsed();
        let wanted = if stream.is_spliced(lasted) || is_full {
            SHORTEST
        } else {
            self.target
        };
        if stream.timeline.is_as_long(lasted, wanted) {
            self.cut_before(start, lasted, cuts);
        }
    }

    /// Cuts behind a fragment if the next one is sure to begin with an access point.
    pub(super) fn release_promptly(&mut self, cuts: &mut Vec<Segment>) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let is_certain = match stream.movie.track.medium {
            Medium::Audio => true,
            Medium::Video => !self.habit.is_broken && self.habit.fragments > 1,
        };
        let lasted = stream.timeline.end();
        if self.release == Release::Prompt
            && matches!(stream.progress, Progress::Cutting)
            && is_certain
            && self.habit.missing == 0
            && self.doubtful.is_none()
            && self.marks.media > 0
            && stream.has_all_tracks()
            && (stream.is_spliced(lasted) || stream.timeline.is_as_long(lasted, self.target))
        {
            self.cut_before(self.intake.at, lasted, cuts);
            if let Some(stream) = &mut self.stream {
                stream.timeline.restart_behind();
            }
        }
    }
}
