//! What a pushed item tells about the numbers of its rendition.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::config::Dates;
use super::core::Core;
use super::entry::{Content, Initialisation, Map};
use super::format::Format;
use super::notice::Notice;
use super::rendition::NUMBERS_END;
use super::time::{Micros, SECOND, Time, is_expressible, to_duration};
use crate::error::WriteError;
use crate::segment::{LONGEST_SECS, MediaTime, ProducedSegment, SegmentInfo, usable};

/// The longest row of missing numbers that is listed as gaps.
const LONGEST_JUMP: u64 = 1024;

/// Two times of the producer agree up to this: one frame at 25 frames a second.
const FRAME: Micros = 40_000;

/// How many bytes of lines of segments that came too late are kept for the next one.
const KEPT_LINE_BYTES: usize = 64 * 1024;

/// What a rendition says about one number.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) content: Content,
    pub(crate) bytes: u64,
    /// The producer's number, for messages.
    pub(crate) sequence: u64,
    pub(crate) duration: Time,
    /// The time between the end of the segment before and the start of this one, by the producer's
    /// own timeline; less than a frame.
    pub(crate) skip: Time,
    /// The state of this segment; a number that was left out has that of the segment before.
    pub(crate) own: Option<Own>,
}

/// The state that a segment brings.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    /// The initialisation segment; `None` goes on with that of the last entry.
    pub(crate) map: Option<Arc<Map>>,
    pub(crate) keys: Arc<Vec<String>>,
    pub(crate) lines: Vec<String>,
    pub(crate) starts_discontinuity: bool,
    pub(crate) date: Option<SystemTime>,
}

impl Told {
    pub(crate) fn map(&self) -> Option<&Arc<Map>> {
        self.own.as_ref()?.map.as_ref()
    }

    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.content, Content::Stored(_))
    }

    /// The files that the entry will name.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let file = match &self.content {
            Content::Stored(file) => Some(file),
            Content::Missing(_) => None,
        };
        file.into_iter().chain(self.map().map(|map| &map.file))
    }
}

impl<F: Format> Core<F> {
    /// Enters an item of the iteration.
    pub(super) fn enter(
        &mut self,
        r: usize,
        item: &Result<ProducedSegment, WriteError>,
        info: &SegmentInfo,
        notices: &mut Vec<Notice>,
    ) {
        match item {
            Ok(segment) if segment.is_init => {
                self.take_info(r, segment.sequence, info, notices);
                self.renditions[r].initialisation_landed(segment, notices);
            }
            Ok(segment) => self.media_landed(r, segment, info, notices),
            Err(error) if error.segment().is_init => {
                self.take_info(r, error.sequence(), info, notices);
                notices.push(Notice::Lost {
                    sequence: error.sequence(),
                    segments: 1,
                });
                self.renditions[r].initialisation_lost();
            }
            Err(error) => {
                self.number(r, error.sequence(), info.time(), notices);
                notices.push(Notice::Lost {
                    sequence: error.sequence(),
                    segments: error.segments(),
                });
                if error.segments() > 1 {
                    self.several_lost(r, error, notices);
                    // Of which of them it was is not known, so it is that of what follows.
                    self.take_info(r, error.last_sequence(), info, notices);
                } else {
                    self.take_info(r, error.sequence(), info, notices);
                    self.missing(r, error.segment(), info, notices);
                }
            }
        }
    }

    fn media_landed(
        &mut self,
        r: usize,
        segment: &ProducedSegment,
        info: &SegmentInfo,
        notices: &mut Vec<Notice>,
    ) {
        let sequence = segment.sequence;
        self.number(r, sequence, info.time(), notices);
        self.take_info(r, sequence, info, notices);
        let it = &mut self.renditions[r];
        let Some(file) = it.name(segment, notices) else {
            return self.missing(r, segment, info, notices);
        };
        it.overwritten_by_media(&file);
        let Some(duration) = measured(segment, info) else {
            notices.push(Notice::UnusableDuration { sequence });
            self.missing(r, segment, info, notices);
            return self.renditions[r].retire(file, 0);
        };
        if let Initialisation::Lost { .. } = it.next.initialisation {
            notices.push(Notice::Undecodable { sequence });
            self.missing(r, segment, info, notices);
            return self.renditions[r].retire(file, 0);
        }
        compare(segment, info, notices);
        let skip = self.skip(r, sequence, info.time(), notices);
        self.check_length(r, sequence, skip, duration, notices);
        let told = Told {
            content: Content::Stored(file),
            bytes: segment.byte_len() as u64,
            sequence,
            duration,
            skip,
            own: Some(self.own(r)),
        };
        self.tell(r, told, notices);
    }

    /// Tells about a segment that cannot be listed. An invalid duration counts as one target
    /// duration.
    fn missing(
        &mut self,
        r: usize,
        segment: &ProducedSegment,
        info: &SegmentInfo,
        notices: &mut Vec<Notice>,
    ) {
        let duration = measured(segment, info).unwrap_or_else(|| self.usual_duration(r));
        let told = Told {
            content: self.renditions[r].missing(segment),
            bytes: 0,
            sequence: segment.sequence,
            duration,
            skip: self.skip(r, segment.sequence, info.time(), notices),
            own: Some(self.own(r)),
        };
        self.tell(r, told, notices);
    }

    /// The same for several segments that were dropped one after the other. Their own durations
    /// are unknown, so each gets an equal share of the sum. The numbers continue as if each had
    /// come by itself.
    fn several_lost(&mut self, r: usize, error: &WriteError, notices: &mut Vec<Notice>) {
        let usual = self.usual_duration(r);
        let it = &mut self.renditions[r];
        it.next.expected = Some(error.last_sequence().wrapping_add(1));
        it.next.ticks = None;
        let longest = Time::from_secs(error.longest_secs()).micros();
        it.longest_lost = it.longest_lost.max(longest);
        let segments = error.segments();
        let mut time = Time::from_secs(error.duration_secs());
        time = time + usual.times(error.unusable_durations());
        // Numbers that were missing between them were lost as well.
        let numbers = error.last_sequence().checked_sub(error.sequence());
        let count = numbers
            .map_or(segments, |last| last.saturating_add(1))
            .clamp(segments, segments.saturating_add(LONGEST_JUMP));
        time = time + time.share(segments).times(count - segments);
        let start = it.position + it.told_time;
        let mut left = (start + time).micros() - start.micros();
        let content = it.missing(error.segment());
        for left_over in (1..=count).rev() {
            if self.next_number(r).is_none() {
                return;
            }
            let share = left / left_over;
            left -= share;
            let duration = if left_over == 1 {
                time
            } else {
                Time::from_micros(share)
            };
            time = time - duration;
            let told = Told {
                content: content.clone(),
                bytes: 0,
                sequence: error.sequence(),
                duration,
                skip: Time::ZERO,
                own: Some(self.own(r)),
            };
            self.tell(r, told, notices);
        }
    }

    /// Compares the number of a segment with the expected one. Numbers that were left out are told
    /// as gaps.
    fn number(&mut self, r: usize, found: u64, time: Option<MediaTime>, notices: &mut Vec<Notice>) {
        let expected = self.renditions[r].next.expected;
        self.renditions[r].next.expected = Some(found.wrapping_add(1));
        let unexpected = |expected| Notice::UnexpectedNumber { expected, found };
        match (expected, self.common.origin) {
            (None, None) => self.origin(found, notices),
            (None, Some(origin)) => {
                // It begins after another rendition did.
                if let Some(missing) = found.checked_sub(origin)
                    && missing <= LONGEST_JUMP
                {
                    self.jump(r, missing, None, notices);
                } else if let Some(early) = origin.checked_sub(found)
                    && early <= LONGEST_JUMP
                    && let Ok(early) = i64::try_from(early)
                {
                    self.renditions[r].next.step = -early;
                } else {
                    notices.push(unexpected(origin));
                    self.renditions[r].next.step = self.common.horizon;
                }
            }
            (Some(expected), _) if expected != found => {
                notices.push(unexpected(expected));
                match found.checked_sub(expected) {
                    Some(missing) if missing <= LONGEST_JUMP => {
                        self.jump(r, missing, time, notices);
                    }
                    Some(_) => self.renditions[r].next.starts_discontinuity = true,
                    // It is repeated or lower, and counts as the next one.
                    None => {}
                }
            }
            (Some(_), _) => {}
        }
    }

    /// The first number of a session: that of the first entry of a new presentation.
    fn origin(&mut self, found: u64, notices: &mut Vec<Notice>) {
        self.common.origin = Some(found);
        let expected = self.common.number;
        if self.common.is_resumed {
            if expected != found {
                notices.push(Notice::UnexpectedNumber { expected, found });
            }
        } else if found < NUMBERS_END {
            self.common.number = found;
            for it in &mut self.renditions {
                it.media_sequence = found;
            }
        } else {
            notices.push(Notice::NumberTooLarge { found });
        }
    }

    /// Tells about numbers that were left out.
    fn jump(&mut self, r: usize, missing: u64, time: Option<MediaTime>, notices: &mut Vec<Notice>) {
        let it = &self.renditions[r];
        let sequence = it.next.expected.unwrap_or_default();
        let usual = it
            .next
            .last_duration
            .unwrap_or_else(|| self.usual_duration(r));
        let it = &mut self.renditions[r];
        let most = usual.times(LONGEST_JUMP);
        let hole = it
            .next
            .ticks
            .zip(time)
            .and_then(|((end, timescale), time)| {
                let is_behind = time.timescale == timescale && time.start > end;
                is_behind.then(|| Time::from_ticks(ticks(time.start) - ticks(end), timescale))
            })
            .filter(|hole| *hole <= most);
        // The producer's own timeline says how long they were together.
        it.next.ticks = None;
        let share = hole.map_or(usual, |hole| hole.share(missing));
        for number in (0..missing).rev() {
            if self.next_number(r).is_none() {
                return;
            }
            let told = Told {
                content: Content::Missing(None),
                bytes: 0,
                sequence: sequence.wrapping_sub(number + 2),
                duration: share,
                skip: Time::ZERO,
                own: None,
            };
            self.tell(r, told, notices);
        }
    }

    /// Takes the state that came with a segment. It holds from the next entry on.
    fn take_info(
        &mut self,
        r: usize,
        sequence: u64,
        info: &SegmentInfo,
        notices: &mut Vec<Notice>,
    ) {
        if info.is_empty() {
            return;
        }
        let next = &mut self.renditions[r].next;
        next.starts_discontinuity |= info.discontinuities() > 0;
        if let Some(date) = info.date() {
            if self.settings.dates == Dates::None {
                notices.push(Notice::DateIgnored { sequence });
            } else {
                next.date = Some(date);
            }
        }
        let mut refuse = |refused: super::format::Refused| {
            notices.push(Notice::LineRefused {
                sequence,
                line: refused.line,
                reason: refused.why,
            });
        };
        if let Some(lines) = info.keys() {
            match self.format.keys(r, lines, &next.keys) {
                Ok(keys) => next.keys = Arc::new(keys),
                Err(refused) => refuse(refused),
            }
        }
        let is_dated = self.has_date(r);
        for line in info.event_lines() {
            match self.format.line(r, line, is_dated) {
                Ok(line) => self.renditions[r].next.lines.push(line),
                Err(refused) => refuse(refused),
            }
        }
        if info.omitted_event_lines() > 0 {
            notices.push(Notice::LinesOmitted {
                sequence,
                lines: info.omitted_event_lines(),
            });
        }
    }

    /// Whether the next entry has a date.
    pub(crate) fn has_date(&self, r: usize) -> bool {
        let it = &self.renditions[r];
        let resumed = it.resumed_date.filter(|_| !self.has_started);
        let date = it.next.date.or(resumed);
        let date = date.or_else(|| self.common.next_date());
        date.is_some_and(is_expressible)
    }

    /// The state of the segment that is told about now.
    fn own(&mut self, r: usize) -> Own {
        let it = &mut self.renditions[r];
        if it.has_initialisation.is_none() {
            let has = !matches!(it.next.initialisation, Initialisation::None);
            it.has_initialisation = Some(has);
            self.format.begins(r, has, &it.next.keys);
        }
        it.has_begun = true;
        let next = &mut it.next;
        Own {
            map: match &next.initialisation {
                Initialisation::Landed { map, .. } => Some(Arc::clone(map)),
                _ => None,
            },
            keys: Arc::clone(&next.keys),
            lines: std::mem::take(&mut next.lines),
            starts_discontinuity: std::mem::take(&mut next.starts_discontinuity),
            date: next.date.take(),
        }
    }

    /// The time between the last segment and this one, if the producer's timeline says that it is
    /// less than a frame. More is a jump.
    fn skip(
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

    fn check_length(
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

    fn usual_duration(&self, r: usize) -> Time {
        let it = &self.renditions[r];
        let last = || it.entries.back().map(|last| last.micros);
        let micros = match self.settings.target_secs {
            Some(target) => target.min(3600) * SECOND,
            None => last().unwrap_or(SECOND),
        };
        Time::from_micros(micros)
    }

    /// Notes what is said about the next number of a rendition, and settles what can settle.
    fn tell(&mut self, r: usize, told: Told, notices: &mut Vec<Notice>) {
        let horizon = self.common.horizon;
        let it = &mut self.renditions[r];
        let step = it.next.step;
        it.next.step += 1;
        it.next.last_duration = Some(told.duration);
        if step >= horizon {
            told.files().for_each(|file| it.entries.expect(file));
            it.told_time = it.told_time + told.skip + told.duration;
            it.told.push_back(told);
            return self.settle(notices);
        }
        self.too_late(r, step, told, notices);
    }

    /// The number has settled without this rendition, and does not change. The state of the segment
    /// holds for the next one.
    fn too_late(&mut self, r: usize, step: i64, told: Told, notices: &mut Vec<Notice>) {
        let it = &mut self.renditions[r];
        let imposed = it.imposed.remove(&step).unwrap_or_default();
        let sequence = told.sequence;
        if let Content::Stored(file) = told.content {
            notices.push(Notice::TooLate { sequence });
            it.retire(file, 0);
        }
        let Some(own) = told.own else {
            return;
        };
        it.next.starts_discontinuity |= own.starts_discontinuity && !imposed.discontinuity;
        if let Some(date) = own.date
            && !imposed.date
        {
            let later = date.checked_add(to_duration(told.duration.micros()));
            it.next.date = later;
        }
        let mut lines = own.lines;
        lines.append(&mut it.next.lines);
        let mut bytes = 0;
        let fits = |line: &&String| {
            bytes += line.len();
            bytes <= KEPT_LINE_BYTES
        };
        let kept = lines.iter().take_while(fits).count();
        let omitted = lines.drain(kept..).count() as u64;
        it.next.lines = lines;
        if omitted > 0 {
            notices.push(Notice::LinesOmitted {
                sequence,
                lines: omitted,
            });
        }
    }
}

fn ticks(ticks: u64) -> i128 {
    i128::from(ticks)
}

/// The duration of a segment: by the producer's own timeline, if that was given.
fn measured(segment: &ProducedSegment, info: &SegmentInfo) -> Option<Time> {
    exact(info).or_else(|| usable(segment.duration_secs).map(Time::from_secs))
}

fn exact(info: &SegmentInfo) -> Option<Time> {
    let time = info.time()?;
    let duration = Time::from_ticks(ticks(time.duration), time.timescale);
    (duration <= Time::from_secs(LONGEST_SECS)).then_some(duration)
}

fn compare(segment: &ProducedSegment, info: &SegmentInfo, notices: &mut Vec<Notice>) {
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
