//! What a pushed item tells about the numbers of its rendition.

use std::path::Path;
use std::sync::Arc;

use super::config::Dates;
use super::core::Core;
use super::entry::{Content, Initialisation};
use super::format::{Format, Refused, Stored};
use super::measure::{LONGEST_JUMP, compare, exact, measured};
use super::notice::Notice;
use super::time::{Time, to_duration};
use super::told::{Own, Told};
use crate::error::WriteError;
use crate::segment::{ProducedSegment, SegmentInfo};
use crate::uri;

/// Why a line about a date range is refused.
pub(crate) const OTHER_RANGE: &str = "it contradicts the date range of the same id";

/// How many bytes of lines of segments that came too late are kept for the next one.
const KEPT_LINE_BYTES: usize = 64 * 1024;

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
                    // A loss that the producer has told may be longer than a segment.
                    let told = (error.unusable_durations() == 0).then(|| error.duration_secs());
                    let told = told.map(Time::from_secs);
                    let duration = exact(info).or(told);
                    self.missing(r, error.segment(), duration, info, notices);
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
        let hint = segment.path_hint.as_deref();
        let named = hint.and_then(|hint| uri::plain(hint).ok());
        // Missing numbers may let an entry with the same name slide out. Its file is the new one.
        if let Some(file) = &named {
            self.renditions[r].entries.expect(file);
        }
        self.number(r, sequence, info.time(), notices);
        if let Some(file) = &named {
            self.renditions[r].entries.came(file);
        }
        self.take_info(r, sequence, info, notices);
        let it = &mut self.renditions[r];
        let measured = measured(segment, info);
        let Some(file) = it.name(segment, notices) else {
            return self.missing(r, segment, measured, info, notices);
        };
        it.overwritten_by_media(&file);
        let Some(duration) = measured else {
            self.missing(r, segment, None, info, notices);
            return self.renditions[r].retire(file, 0, segment.byte_len() as u64);
        };
        if let Initialisation::Lost { .. } = it.next.initialisation {
            notices.push(Notice::Undecodable { sequence });
            self.missing(r, segment, measured, info, notices);
            return self.renditions[r].retire(file, 0, segment.byte_len() as u64);
        }
        compare(segment, info, notices);
        self.check_listable(r, &file, sequence, info, notices);
        let skip = self.skip(r, sequence, info.time(), notices);
        self.check_length(r, sequence, skip, duration, notices);
        let told = Told {
            content: Content::Stored(file),
            bytes: segment.byte_len() as u64,
            sequence,
            duration,
            time: info.time(),
            skip,
            own: Some(self.own(r)),
        };
        self.tell(r, told, notices);
    }

    /// Reports a segment that some manifest will leave out.
    fn check_listable(
        &self,
        r: usize,
        file: &Path,
        sequence: u64,
        info: &SegmentInfo,
        notices: &mut Vec<Notice>,
    ) {
        let it = &self.renditions[r];
        let has_landed = matches!(it.next.initialisation, Initialisation::Landed { .. });
        let stored = Stored {
            file,
            sequence,
            time: info.time(),
            has_initialisation: has_landed || it.last_map().is_some(),
        };
        if let Some(unlistable) = self.format.unlistable(&it.path, &stored) {
            notices.push(Notice::Unlistable {
                sequence,
                path: file.to_path_buf(),
                manifest: unlistable.manifest,
                reason: unlistable.why,
            });
        }
    }

    /// Tells about a segment that cannot be listed. Without a valid duration it counts as one target
    /// duration.
    fn missing(
        &mut self,
        r: usize,
        segment: &ProducedSegment,
        duration: Option<Time>,
        info: &SegmentInfo,
        notices: &mut Vec<Notice>,
    ) {
        let duration = duration.unwrap_or_else(|| {
            let sequence = segment.sequence;
            notices.push(Notice::UnusableDuration { sequence });
            self.usual_duration(r)
        });
        let told = Told {
            content: self.renditions[r].missing(segment),
            bytes: 0,
            sequence: segment.sequence,
            duration,
            time: None,
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
        if error.unusable_durations() > 0 {
            let sequence = error.sequence();
            notices.push(Notice::UnusableDuration { sequence });
            time = time + usual.times(error.unusable_durations());
        }
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
                time: None,
                skip: Time::ZERO,
                own: Some(self.own(r)),
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
        let mut refuse = |refused: Refused| {
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
                Ok(line) if self.contradicts_a_range(&line) => refuse(Refused {
                    line,
                    why: OTHER_RANGE,
                }),
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
            arrived: next.arrived,
        }
    }

    /// Notes what is said about the next number of a rendition, and settles what can settle.
    pub(super) fn tell(&mut self, r: usize, told: Told, notices: &mut Vec<Notice>) {
        let horizon = self.common.horizon;
        let it = &mut self.renditions[r];
        let step = it.next.step;
        if std::mem::take(&mut it.next.is_repeated) {
            return self.too_late(r, step - 1, told, notices);
        }
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

    /// The number has settled without this rendition, or the rendition has told about it. The state of the segment
    /// holds for the next one.
    fn too_late(&mut self, r: usize, step: i64, told: Told, notices: &mut Vec<Notice>) {
        let it = &mut self.renditions[r];
        let imposed = it.imposed.remove(&step).unwrap_or_default();
        let sequence = told.sequence;
        if let Content::Stored(file) = told.content {
            notices.push(Notice::TooLate { sequence });
            it.retire(file, 0, told.bytes);
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
