//! Keeps the renditions in step: a number settles for all of them at once.
//!
//! Each rendition tells about one number after the other. Number N settles when every open
//! rendition has told about it, or when those that have not are behind the furthest one by more
//! than the maximum lag. Its discontinuity, its date and its duration are fixed then, for all
//! renditions, and a rendition that has not told lists a gap.

use std::sync::Arc;
use std::time::SystemTime;

use super::common::Arrived;
use super::core::Core;
use super::entry::{Content, Entry};
use super::format::Format;
use super::measure::FRAME;
use super::notice::Notice;
use super::rendition::{Imposed, Life, NUMBERS_END, Rendition};
use super::time::{Micros, Time, from_duration, is_expressible, to_duration};
use super::told::Told;
use super::window::SHORTEST;
use crate::segment::LONGEST_SECS;

/// The number of settled numbers of one push after which the window slides.
const SLID_AT_ONCE: u64 = 1024;

/// How many facts that settled without a rendition are kept for it.
const KEPT_IMPOSED: usize = 1024;

/// The facts of a settled number that all renditions share.
struct Facts {
    /// Whether any rendition has stored it; then it is one number.
    is_stored: bool,
    duration: Time,
    /// The declared durations of its numbers.
    pieces: Vec<Micros>,
    starts_discontinuity: bool,
    /// Whether that is because the wall clock is ahead of the dates.
    is_clock_ahead: bool,
    dates: Vec<Option<SystemTime>>,
}

impl<F: Format> Core<F> {
    /// The number that the next thing that the rendition tells gets, at least.
    pub(super) fn next_number(&self, r: usize) -> Option<u64> {
        let told = self.renditions[r].told.len() as u64;
        Some(self.common.number.saturating_add(told)).filter(|number| *number < NUMBERS_END)
    }

    /// Settles all numbers that can settle.
    pub(super) fn settle(&mut self, notices: &mut Vec<Notice>) {
        while self.can_settle() {
            self.settle_one(notices);
        }
    }

    fn can_settle(&self) -> bool {
        let told = |it: &Rendition| !it.told.is_empty();
        if !self.renditions.iter().any(told) {
            return false;
        }
        let furthest = self.renditions.iter().map(|it| it.told_time).max();
        let longest_row = self.renditions.iter().map(|it| it.told.len()).max();
        let lags = || {
            self.settings.max_lag().is_some_and(|most| {
                // Segments without a duration would wait for ever.
                let count = usize::try_from(most / SHORTEST).unwrap_or(usize::MAX);
                furthest > Some(Time::from_micros(most)) || longest_row > Some(count)
            })
        };
        let mut open = self.renditions.iter().filter(|it| it.life == Life::Open);
        open.all(told) || lags()
    }

    fn settle_one(&mut self, notices: &mut Vec<Notice>) {
        let mut told: Vec<Option<Told>> = Vec::with_capacity(self.renditions.len());
        for it in &mut self.renditions {
            let one = it.told.pop_front();
            if let Some(one) = &one {
                it.told_time = it.told_time - one.skip - one.duration;
                one.files().for_each(|file| it.entries.came(file));
            }
            told.push(one);
        }
        let lead = told.iter().flatten().find(|it| it.is_stored());
        let Some(lead) = lead.or_else(|| told.iter().flatten().next()) else {
            return;
        };
        let (sequence, start) = (lead.sequence, self.common.position + lead.skip);
        let is_dated = told
            .iter()
            .flatten()
            .any(|it| it.own.as_ref().is_some_and(|own| own.date.is_some()));
        let too_early = self.too_early(&told);
        let facts = self.facts(lead, &told, start);
        if facts.dates.first().is_some_and(Option::is_some) {
            self.place_first_ranges(&told);
        }
        for (r, told) in told.into_iter().enumerate() {
            if let Some(told) = told {
                self.append(r, Some(told), &facts);
            } else if self.renditions[r].life == Life::Open {
                self.impose(r, &facts, is_dated, notices);
            }
        }
        self.common.number += facts.pieces.len() as u64;
        self.common.position = start + facts.duration;
        self.common.horizon += 1;
        let last = facts.pieces.last().copied();
        self.common.last_duration = to_duration(last.unwrap_or_default());
        if facts.dates.iter().any(Option::is_some) {
            self.common.earliest = self.common.next_date();
        }
        notices.extend(too_early);
        if facts.is_clock_ahead {
            notices.push(Notice::ClockAhead { sequence });
        }
        let is_undated = |date: &Option<SystemTime>| date.is_some_and(|it| !is_expressible(it));
        let has_no_date = facts.dates.iter().any(is_undated)
            || (self.settings.dates.first().is_some() && facts.dates.iter().any(Option::is_none));
        if has_no_date && !self.common.was_undated {
            notices.push(Notice::Undated { sequence });
            self.common.was_undated = true;
        }
        self.common.since_slide += facts.pieces.len() as u64;
        if self.common.since_slide >= SLID_AT_ONCE {
            // A live manifest lists only the end of a stall of days.
            self.slide();
        }
    }

    /// Whether the date that came with the number is before the end of the last one. At a resume
    /// that is usual: the earlier session may have been faster than its media.
    fn too_early(&self, told: &[Option<Told>]) -> Option<Notice> {
        if self.common.is_seam {
            return None;
        }
        let dated = |it: &Told| Some((it.sequence, it.own.as_ref()?.date?));
        let (sequence, date) = told.iter().flatten().find_map(dated)?;
        let listed = self.common.earliest?;
        let by = listed.duration_since(date).ok()?;
        (from_duration(by) > FRAME).then_some(Notice::DateTooEarly {
            sequence,
            date,
            listed,
        })
    }

    /// Fixes what the renditions share, by the first one that has something to say.
    fn facts(&mut self, lead: &Told, told: &[Option<Told>], start: Time) -> Facts {
        let own = || told.iter().flatten().filter_map(|it| it.own.as_ref());
        let is_seam = std::mem::take(&mut self.common.is_seam);
        let starts_discontinuity = is_seam || own().any(|own| own.starts_discontinuity);
        let mut is_clock_ahead = false;
        if let Some(date) = own().find_map(|own| own.date) {
            let earliest = self.common.earliest.unwrap_or(date);
            self.common.anchor = Some((date.max(earliest), start.micros()));
        } else if lead.is_stored() {
            let stored = told.iter().flatten().filter(|it| it.is_stored());
            let arrived = stored.filter_map(|it| it.own.as_ref()?.arrived).min();
            is_clock_ahead = self.common.follow_clock(&Arrived {
                at: arrived,
                start,
                duration: lead.duration,
                is_discontinuity: starts_discontinuity,
            });
        }
        let mut left = (start + lead.duration).micros() - start.micros();
        let mut pieces = Vec::new();
        let mut dates = Vec::new();
        let mut at = start;
        // A told loss may be longer than any segment.
        let longest = Time::from_secs(LONGEST_SECS).micros();
        let most = self.settings.target().unwrap_or(Micros::MAX).min(longest);
        while self.common.number + (pieces.len() as u64) < NUMBERS_END {
            let piece = if lead.is_stored() {
                left
            } else {
                left.min(most)
            };
            left -= piece;
            dates.push(self.common.date_at(at));
            pieces.push(piece);
            at = at + Time::from_micros(piece);
            if left == 0 {
                break;
            }
        }
        Facts {
            is_stored: lead.is_stored(),
            duration: lead.duration,
            pieces,
            starts_discontinuity: starts_discontinuity || is_clock_ahead,
            is_clock_ahead,
            dates,
        }
    }

    /// Lists a gap in a rendition that has not told about the number.
    fn impose(&mut self, r: usize, facts: &Facts, date: bool, notices: &mut Vec<Notice>) {
        let it = &mut self.renditions[r];
        notices.push(Notice::OutOfStep {
            rendition: it.path.clone(),
            number: it.end(),
        });
        let discontinuity = facts.starts_discontinuity;
        if discontinuity || date {
            let imposed = Imposed {
                discontinuity,
                date,
            };
            it.imposed.insert(self.common.horizon, imposed);
            if it.imposed.len() > KEPT_IMPOSED {
                it.imposed.pop_first();
            }
        }
        if it.has_initialisation.is_none() {
            // The manifest allows for one, as it is not known whether one will come.
            it.has_initialisation = Some(true);
            self.format.begins(r, true, &[]);
        }
        self.append(r, None, facts);
    }

    /// Lists the number in a rendition: its own segment, or a gap.
    fn append(&mut self, r: usize, told: Option<Told>, facts: &Facts) {
        let longest = self.longest(r).unwrap_or(Micros::MAX);
        let target = self.settings.target();
        let it = &mut self.renditions[r];
        let last = it.entries.back();
        let last_map = || last.and_then(|last| last.initialisation.clone());
        let last_keys = last.map_or((Arc::default(), None), |last| {
            (Arc::clone(&last.keys), last.sequence)
        });
        let skip = told.as_ref().map_or(Time::ZERO, |told| told.skip);
        let mut bytes = 0;
        let time = told.as_ref().and_then(|told| told.time);
        let (content, duration, own) = match told {
            Some(told) => {
                let duration = if told.is_stored() {
                    told.duration
                } else {
                    facts.duration
                };
                bytes = told.bytes;
                let sequence = told.sequence;
                (told.content, duration, told.own.map(|own| (own, sequence)))
            }
            None => (Content::Missing(None), facts.duration, None),
        };
        let (map, (keys, sequence), mut lines) = match own {
            Some((own, sequence)) => (
                own.map.or_else(last_map),
                (own.keys, Some(sequence)),
                own.lines,
            ),
            None => (last_map(), last_keys, Vec::new()),
        };
        if facts.pieces.is_empty()
            && let Content::Stored(file) = &content
        {
            // The numbers are used up.
            it.retire(file.clone(), 0, bytes);
        }
        let mut start = it.position + skip;
        let end = start + duration;
        let count = facts.pieces.len();
        for (at, (piece, date)) in facts.pieces.iter().zip(&facts.dates).enumerate() {
            let is_last = at + 1 == count;
            let piece_end = if is_last {
                end
            } else {
                start + Time::from_micros(*piece)
            };
            let real = if facts.is_stored {
                piece_end.micros() - start.micros()
            } else {
                *piece
            };
            it.media_time = it.media_time.saturating_add(real);
            let entry = Entry {
                content: content.clone(),
                start,
                end: piece_end,
                time,
                micros: if facts.is_stored {
                    real.min(longest)
                } else {
                    real
                },
                starts_discontinuity: at == 0 && facts.starts_discontinuity,
                initialisation: map.clone(),
                keys: Arc::clone(&keys),
                sequence,
                lines: std::mem::take(&mut lines),
                date: date.filter(|date| is_expressible(*date)),
                since: self.now,
                bytes,
            };
            it.list(entry, target);
            start = piece_end;
        }
        it.position = end;
    }

    /// Lets entries slide out of the windows.
    pub(super) fn slide(&mut self) {
        self.common.since_slide = 0;
        let Some(target) = self.settings.target_secs else {
            return;
        };
        let longest = self.format.longest(target, true);
        for it in &mut self.renditions {
            it.slide(&self.settings, longest);
        }
        self.limit(longest);
        self.discard_ranges();
    }
}
