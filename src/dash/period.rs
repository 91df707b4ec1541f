//! A Period: consecutive segments of some representations, without a loss and without a
//! discontinuity.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::template::{Addressing, Template};
use crate::presentation::time::{Micros, Time};

/// The largest difference between two segments that is no jump: one frame at 25 frames a second.
pub(super) const FRAME: Micros = 40_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Period {
    /// Counts up; never used twice.
    pub(super) id: u64,
    /// Since the start of the presentation.
    pub(super) start: Micros,
    /// The duration, if the next Period does not begin where this one ends.
    pub(super) duration: Option<Micros>,
    /// By representation, in their order.
    pub(super) tracks: Vec<Track>,
}

/// The segments of one representation in a Period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Track {
    pub(super) representation: usize,
    pub(super) template: Template,
    /// The URI of the initialisation segment.
    pub(super) initialisation: String,
    pub(super) timescale: NonZeroU32,
    /// The media time at the start of the Period.
    pub(super) offset: u64,
    /// The Period that it is connected with: the one before, with the same initialisation segment.
    pub(super) follows: Option<u64>,
    /// The number of the first segment in the presentation, and in its name.
    pub(super) first: u64,
    pub(super) start_number: u64,
    pub(super) runs: VecDeque<Run>,
}

/// Segments of one duration, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) count: u64,
}

/// A segment as a manifest knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) uri: String,
    /// The producer's number.
    pub(super) sequence: u64,
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) timescale: NonZeroU32,
    pub(super) initialisation: String,
}

impl Segment {
    /// The value that tells its name from those of the others.
    pub(super) fn value(&self, addressing: Addressing) -> u64 {
        match addressing {
            Addressing::Number => self.sequence,
            Addressing::Time => self.start,
        }
    }
}

impl Run {
    fn end(&self) -> u64 {
        let length = self.duration.saturating_mul(self.count);
        self.start.saturating_add(length)
    }
}

impl Track {
    pub(super) fn count(&self) -> u64 {
        self.runs.iter().map(|run| run.count).sum()
    }

    /// The media time at the end.
    pub(super) fn end(&self) -> u64 {
        self.runs.back().map_or(self.offset, Run::end)
    }

    /// How long after the start of the Period it ends.
    pub(super) fn length(&self) -> Time {
        let ticks = i128::from(self.end()) - i128::from(self.offset);
        Time::from_ticks(ticks, self.timescale)
    }

    /// Whether the segment is the next one of this track: the name, the initialisation segment, the
    /// timescale and the time follow.
    pub(super) fn takes(&self, segment: &Segment) -> bool {
        let value = segment.value(self.template.addressing());
        let end = self.end();
        let frame = i128::from(FRAME) * i128::from(self.timescale.get()) / 1_000_000;
        let jump = i128::from(segment.start) - i128::from(end);
        self.start_number + self.count() == segment.sequence
            && self.timescale == segment.timescale
            && self.initialisation == segment.initialisation
            && self.template.fits(&segment.uri, value)
            && jump.abs() <= frame
            && self
                .runs
                .back()
                .is_some_and(|last| segment.start > last.end() - last.duration)
    }

    /// Adds the next segment. Less than a frame between two segments goes to the duration of the
    /// first one, as a timeline without holes is what all players take.
    pub(super) fn push(&mut self, segment: &Segment) {
        if let Some(last) = self.runs.back_mut()
            && last.end() != segment.start
        {
            let start = last.end() - last.duration;
            last.count -= 1;
            let is_empty = last.count == 0;
            if is_empty {
                self.runs.pop_back();
            }
            self.append(start, segment.start - start);
        }
        self.append(segment.start, segment.duration);
    }

    fn append(&mut self, start: u64, duration: u64) {
        match self.runs.back_mut() {
            Some(last) if last.duration == duration && last.end() == start => last.count += 1,
            _ => self.runs.push_back(Run {
                start,
                duration,
                count: 1,
            }),
        }
    }

    /// The last segment alone, for a Period that it reaches into.
    pub(super) fn last(&self) -> Option<Run> {
        let last = self.runs.back()?;
        Some(Run {
            start: last.end() - last.duration,
            count: 1,
            ..*last
        })
    }

    /// Forgets so many segments at the front.
    pub(super) fn drop_front(&mut self, mut count: u64) {
        while count > 0
            && let Some(run) = self.runs.front_mut()
        {
            let gone = count.min(run.count);
            run.start += run.duration * gone;
            run.count -= gone;
            if run.count == 0 {
                self.runs.pop_front();
            }
            self.first += gone;
            self.start_number += gone;
            count -= gone;
        }
    }

    /// Keeps so many segments at the front.
    pub(super) fn truncate(&mut self, mut count: u64) {
        for run in &mut self.runs {
            run.count = run.count.min(count);
            count -= run.count;
        }
        self.runs.retain(|run| run.count > 0);
    }

    /// The place of the segment with this name.
    pub(super) fn place(&self, uri: &str) -> Option<u64> {
        let value = self.template.value_in(uri)?;
        match self.template.addressing() {
            Addressing::Number => {
                let place = value.checked_sub(self.start_number)?;
                (place < self.count()).then_some(place)
            }
            Addressing::Time => {
                let mut before = 0;
                for run in &self.runs {
                    if (run.start..run.end()).contains(&value) {
                        let offset = value - run.start;
                        let is_start = offset.is_multiple_of(run.duration);
                        return is_start.then(|| before + offset / run.duration);
                    }
                    before += run.count;
                }
                None
            }
        }
    }

    /// The longest segment.
    pub(super) fn longest(&self) -> Micros {
        let longest = self.runs.iter().map(|run| run.duration).max();
        let ticks = i128::from(longest.unwrap_or_default());
        Time::from_ticks(ticks, self.timescale).micros()
    }
}

impl Period {
    /// How long after its start its last segment ends.
    pub(super) fn length(&self) -> Micros {
        let longest = self.tracks.iter().map(Track::length).max();
        longest.unwrap_or_default().micros()
    }

    pub(super) fn end(&self) -> Micros {
        self.start.saturating_add(self.length())
    }

    pub(super) fn track(&self, representation: usize) -> Option<&Track> {
        let mut tracks = self.tracks.iter();
        tracks.find(|it| it.representation == representation)
    }
}
