//! How long a segment lasts, and when: by the producer's own timeline, if that was given.

use super::config::Dates;
use super::core::Core;
use super::entry::Initialisation;
use super::format::Format;
use super::notice::Notice;
use super::time::{Micros, SECOND, Time, is_expressible, to_duration};
use crate::segment::{LONGEST_SECS, MediaTime, ProducedSegment, SegmentInfo, usable};

/// The longest row of missing numbers that is listed as gaps.
pub(super) const LONGEST_JUMP: u64 = 1024;

/// Two times of the producer agree up to this: one frame at 25 frames a second.
pub(super) const FRAME: Micros = 40_000;

impl<F: Format> Core<F> {
    /// Whether the next entry has a date.
    pub(crate) fn has_date(&self, r: usize) -> bool {
        if matches!(self.settings.dates, Dates::Clock(_)) {
            return true;
        }
        let it = &self.renditions[r];
        let resumed = it.resumed_date.filter(|_| !self.has_started);
        let date = it.next.date.or(resumed);
        let date = date.or_else(|| self.common.next_date());
        date.is_some_and(is_expressible)
    }

    /// The time between the last segment and this one, if the producer's timeline says that it is
    /// less than a frame. More is a jump.
    pub(super) fn skip(
        &mut self,
        r: usize,
        sequence: u64,
        time: Option<MediaTime>,
        notices: &mut Vec<Notice>,
    ) -> Time {
        let next = &mut self.renditions[r].next;
        let end = time.and_then(|it| Some((it.start.checked_add(it.duration)?, it.timescale)));
        let before = std::mem::replace(&mut next.ticks, end);
        let (Some(time), Some((end, timescale))) = (time, before) else {
            return Time::ZERO;
        };
        if next.starts_discontinuity || time.timescale != timescale {
            return Time::ZERO;
        }
        let skip = Time::from_ticks(ticks(time.start) - ticks(end), timescale);
        if skip.abs().micros() <= FRAME {
            return skip;
        }
        notices.push(Notice::TimeJump {
            sequence,
            expected: to_duration(Time::from_ticks(ticks(end), timescale).micros()),
            found: to_duration(Time::from_ticks(ticks(time.start), timescale).micros()),
        });
        Time::ZERO
    }

    pub(super) fn check_length(
        &self,
        r: usize,
        sequence: u64,
        skip: Time,
        duration: Time,
        notices: &mut Vec<Notice>,
    ) {
        let it = &self.renditions[r];
        let start = it.position + it.told_time + skip;
        let micros = (start + duration).micros() - start.micros();
        if let Some(longest) = self.longest(r)
            && micros > longest
        {
            notices.push(Notice::TooLong {
                sequence,
                duration: to_duration(micros),
                listed_as: to_duration(longest),
            });
        }
    }

    /// The longest duration that the rendition's manifest may declare.
    pub(super) fn longest(&self, r: usize) -> Option<Micros> {
        let it = &self.renditions[r];
        let has = it
            .has_initialisation
            .unwrap_or(!matches!(it.next.initialisation, Initialisation::None));
        Some(self.format.longest(self.settings.target_secs?, has))
    }

    pub(super) fn usual_duration(&self, r: usize) -> Time {
        let it = &self.renditions[r];
        let last = || it.entries.back().map(|last| last.micros);
        let micros = match self.settings.target_secs {
            Some(target) => target.min(3600) * SECOND,
            None => last().unwrap_or(SECOND),
        };
        Time::from_micros(micros)
    }
}

pub(super) fn ticks(ticks: u64) -> i128 {
    i128::from(ticks)
}

/// The duration of a segment: by the producer's own timeline, if that was given.
pub(super) fn measured(segment: &ProducedSegment, info: &SegmentInfo) -> Option<Time> {
    exact(info).or_else(|| usable(segment.duration_secs).map(Time::from_secs))
}

/// The duration by the producer's own timeline, if that was given.
pub(super) fn exact(info: &SegmentInfo) -> Option<Time> {
    let time = info.time()?;
    let duration = Time::from_ticks(ticks(time.duration), time.timescale);
    (duration <= Time::from_secs(LONGEST_SECS)).then_some(duration)
}

pub(super) fn compare(segment: &ProducedSegment, info: &SegmentInfo, notices: &mut Vec<Notice>) {
    let declared = usable(segment.duration_secs).map(Time::from_secs);
    let (Some(exact), Some(declared)) = (exact(info), declared) else {
        return;
    };
    if (exact - declared).abs().micros() > FRAME {
        notices.push(Notice::DurationDiffers {
            sequence: segment.sequence,
            media_time: to_duration(exact.micros()),
            declared: to_duration(declared.micros()),
        });
    }
}
