//! The Periods of an MPD, from the entries of the renditions. No I/O, no clock, no text.
//!
//! Entries come in order of their numbers. A Period goes on as long as the same representations
//! store every number and nothing else changes. Otherwise the next number begins another one, so
//! that no Period has a hole (players stop there).

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::SystemTime;

use super::config::Mpd;
use super::date::{at, micros_since_1970};
use super::period::{FRAME, Period, Segment, Track};
use super::sets::Content;
use super::template::{Addressing, Template};
use crate::presentation::config::Dates;
use crate::presentation::entry::Entry;
use crate::presentation::format::View;
use crate::presentation::rendition::Rendition;
use crate::presentation::time::{Micros, Time};
use crate::uri;

pub(super) const NO_INITIALISATION: &str =
    "it has no initialisation segment, and an MPD lists fragmented MP4 only";

/// What an MPD says, apart from the configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Model {
    /// The start of the presentation (`availabilityStartTime`): the date of its first segment.
    pub(super) origin: Option<SystemTime>,
    pub(super) periods: VecDeque<Period>,
    /// The id of the next Period.
    pub(super) next_id: u64,
    /// The number that is taken next.
    next: u64,
    /// Whether the last Period may go on.
    is_open: bool,
    /// Read back from an MPD, and not yet compared with the renditions.
    is_read_back: bool,
    pub(super) longest: Micros,
}

/// What all renditions say about a number.
struct Number<'a> {
    segments: Vec<(usize, Segment)>,
    entries: Vec<&'a Entry>,
}

impl Model {
    /// The state that an MPD of an earlier session had.
    pub(super) fn read_back(origin: SystemTime, periods: VecDeque<Period>) -> Self {
        let last = periods.back();
        Self {
            origin: Some(origin),
            next_id: last.map_or(0, |last| last.id.saturating_add(1)),
            is_read_back: true,
            periods,
            ..Self::default()
        }
    }

    /// Takes the entries that came, and forgets those that left.
    pub(super) fn follow(&mut self, mpd: &Mpd, view: &View<'_>) {
        let renditions: Vec<_> = mpd
            .representations()
            .map(|(_, it)| {
                view.renditions
                    .iter()
                    .find(|other| is(other, &it.rendition))
            })
            .collect();
        let known = || renditions.iter().flatten();
        // Windows slide by the durations of their own segments, so one may list a number more.
        let first = known().map(|it| it.media_sequence).max().unwrap_or(0);
        let end = known().map(|it| it.end()).max().unwrap_or(0);
        if std::mem::take(&mut self.is_read_back) {
            self.compare(mpd, &renditions);
            self.next = end;
        }
        if self.next < first {
            self.close();
            self.next = first;
        }
        while self.next < end {
            let number = self.next;
            self.next += 1;
            self.take(mpd, view, number, &renditions);
        }
        self.slide(first);
    }

    fn take(&mut self, mpd: &Mpd, view: &View<'_>, number: u64, from: &[Option<&Rendition>]) {
        let mut found = Number {
            segments: Vec::new(),
            entries: Vec::new(),
        };
        for (r, rendition) in from.iter().enumerate() {
            let entry = rendition.and_then(|it| {
                let place = number.checked_sub(it.media_sequence)?;
                it.entries.get(usize::try_from(place).ok()?)
            });
            let Some(entry) = entry else { continue };
            found.entries.push(entry);
            if let Some(segment) = segment_of(mpd, entry) {
                found.segments.push((r, segment));
            }
        }
        if !is_playable(mpd, from, &found.segments) {
            return self.close();
        }
        let starts_discontinuity = found.entries.iter().any(|it| it.starts_discontinuity);
        if starts_discontinuity || !self.continues(&found.segments) {
            self.begin(mpd, view, number, &found, starts_discontinuity);
        } else if let Some(period) = self.periods.back_mut() {
            for (track, (_, segment)) in period.tracks.iter_mut().zip(&found.segments) {
                track.push(segment);
            }
        }
        if let Some(period) = self.periods.back() {
            let longest = period.tracks.iter().map(Track::longest).max();
            self.longest = self.longest.max(longest.unwrap_or_default());
        }
    }

    /// Whether the last Period lists these representations, and each of these segments next.
    fn continues(&self, segments: &[(usize, Segment)]) -> bool {
        let Some(period) = self.periods.back().filter(|_| self.is_open) else {
            return false;
        };
        period.tracks.len() == segments.len()
            && period
                .tracks
                .iter()
                .zip(segments)
                .all(|(track, (r, segment))| track.representation == *r && track.takes(segment))
    }

    /// Ends the last Period with its last segment: the next number is lost in all renditions.
    fn close(&mut self) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        if let Some(last) = self.periods.back_mut() {
            last.duration = Some(last.length());
        }
    }

    fn begin(
        &mut self,
        mpd: &Mpd,
        view: &View<'_>,
        number: u64,
        found: &Number<'_>,
        starts_discontinuity: bool,
    ) {
        let Some(start) = self.place(view, found) else {
            // Without a date its place is unknown.
            return self.close();
        };
        let before = self.periods.back();
        if before.is_some_and(|last| start <= last.start) {
            return self.close();
        }
        let tracks = self.tracks(mpd, number, found, starts_discontinuity);
        if let Some(last) = self.periods.back_mut() {
            let is_contiguous = last.end().saturating_add(FRAME) >= start;
            last.duration = (!is_contiguous).then(|| last.length());
        }
        self.periods.push_back(Period {
            id: self.next_id,
            start,
            duration: None,
            tracks,
        });
        self.next_id += 1;
        self.is_open = true;
    }

    /// The time of a number since the start of the presentation.
    fn place(&mut self, view: &View<'_>, found: &Number<'_>) -> Option<Micros> {
        if view.settings.dates == Dates::None {
            // Only a static MPD has no dates; it begins at 0.
            let start = found.entries.first()?.start.micros();
            let origin = *self.origin.get_or_insert(at(start));
            return start.checked_sub(micros_since_1970(origin));
        }
        let date = found.entries.iter().find_map(|it| it.date)?;
        let date = micros_since_1970(date);
        let origin = *self.origin.get_or_insert(at(date));
        date.checked_sub(micros_since_1970(origin))
    }

    fn tracks(
        &self,
        mpd: &Mpd,
        number: u64,
        found: &Number<'_>,
        starts_discontinuity: bool,
    ) -> Vec<Track> {
        let before = self.periods.back();
        let boundary = found
            .segments
            .first()
            .map(|(_, it)| (it.start, it.timescale));
        let mut tracks = Vec::new();
        for (r, segment) in &found.segments {
            let value = segment.value(mpd.addressing);
            let Some(template) = Template::of(mpd.addressing, &segment.uri, value) else {
                continue;
            };
            let before_this = before.and_then(|it| Some((it.id, it.track(*r)?)));
            let follows = before_this
                .filter(|(_, it)| it.initialisation == segment.initialisation)
                .map(|(id, _)| id);
            let mut track = Track {
                representation: *r,
                template,
                initialisation: segment.initialisation.clone(),
                timescale: segment.timescale,
                offset: offset(segment, boundary),
                follows,
                first: number,
                start_number: segment.sequence,
                runs: VecDeque::new(),
            };
            if !starts_discontinuity
                && self.is_open
                && let Some((_, before)) = before_this
            {
                track.reaches_into(before, segment);
            }
            track.push(segment);
            tracks.push(track);
        }
        tracks
    }

    fn slide(&mut self, first: u64) {
        for period in &mut self.periods {
            for track in &mut period.tracks {
                let gone = first.saturating_sub(track.first).min(track.count());
                track.drop_front(gone);
            }
        }
        self.forget_empty();
    }

    fn forget_empty(&mut self) {
        if let Some(last) = self.periods.back() {
            self.is_open &= last.tracks.iter().all(|it| !it.runs.is_empty());
        }
        for period in &mut self.periods {
            period.tracks.retain(|it| !it.runs.is_empty());
        }
        self.periods.retain(|it| !it.tracks.is_empty());
    }

    /// Gives the segments of an earlier session their numbers in the presentation. Those that the
    /// renditions do not list are forgotten: they slid out, or a process died between two
    /// manifests, and nobody else knows of them.
    fn compare(&mut self, mpd: &Mpd, renditions: &[Option<&Rendition>]) {
        for track in self.periods.iter_mut().flat_map(|it| &mut it.tracks) {
            let rendition = renditions.get(track.representation).copied().flatten();
            let entries = rendition.into_iter().flat_map(|it| &it.entries);
            let mut listed = None;
            for (entry, number) in entries.zip(rendition.map_or(0, |it| it.media_sequence)..) {
                let uri = entry.file().and_then(|file| uri_of(mpd, file));
                let map = entry.initialisation.as_ref();
                let map = map.and_then(|map| uri_of(mpd, &map.file));
                let is_its = map.as_ref() == Some(&track.initialisation);
                let place = uri.filter(|_| is_its).and_then(|uri| track.place(&uri));
                match (&mut listed, place) {
                    (None, Some(place)) => listed = Some((number, place, 1)),
                    (Some((_, first, count)), Some(place)) if place == *first + *count => {
                        *count += 1;
                    }
                    (None, None) => {}
                    (Some(_), _) => break,
                }
            }
            let (number, place, count) = listed.unwrap_or_default();
            track.drop_front(place);
            track.truncate(count);
            track.first = number;
        }
        // All tracks of a Period end with the same number.
        for period in &mut self.periods {
            let ends = period.tracks.iter().map(|it| it.first + it.count());
            let end = ends.min().unwrap_or_default();
            for track in &mut period.tracks {
                track.truncate(end.saturating_sub(track.first));
            }
        }
        self.forget_empty();
        self.is_open = false;
    }

    /// Whether the first Period is that of the first segment, which may have slid out itself.
    pub(super) fn begins_at_zero(&self) -> bool {
        self.periods.front().is_some_and(|it| it.start == 0)
    }

    /// The end of the last segment, since the start of the presentation.
    pub(super) fn end(&self) -> Micros {
        self.periods.back().map_or(0, Period::end)
    }
}

impl Track {
    /// Lists the last segment of the Period before as well, if it ends in this one.
    fn reaches_into(&mut self, before: &Track, next: &Segment) {
        if before.takes(next)
            && before.end() > self.offset
            && let Some(last) = before.last()
            && last.start < self.offset
        {
            self.first -= 1;
            self.start_number -= 1;
            self.runs.push_back(last);
        }
    }
}

/// The media time of a segment's own timeline at the start of the Period. If its timeline is that
/// of the first representation, both begin at the same time, and stay in sync.
fn offset(segment: &Segment, boundary: Option<(u64, std::num::NonZeroU32)>) -> u64 {
    let Some((start, timescale)) = boundary else {
        return segment.start;
    };
    let (own, other) = (
        i128::from(segment.timescale.get()),
        i128::from(timescale.get()),
    );
    let same = (i128::from(start) * own + other / 2) / other;
    let difference = (same - i128::from(segment.start)).abs();
    if difference * 2 <= i128::from(segment.duration) {
        u64::try_from(same).unwrap_or(segment.start)
    } else {
        segment.start
    }
}

/// Whether there is video, if there is any at all, and audio. Players freeze in a Period without one
/// that the others have, and jump over a number that is in no Period. A rendition that is over is
/// not waited for.
fn is_playable(mpd: &Mpd, from: &[Option<&Rendition>], segments: &[(usize, Segment)]) -> bool {
    let contents = || {
        let sets = mpd.representations().map(|(set, _)| mpd.sets[set].content);
        sets.enumerate()
    };
    let is_listed = |content| {
        let mut listed = segments.iter();
        listed.any(|(r, _)| contents().any(|it| it == (*r, content)))
    };
    let is_open = |r: usize| {
        from.get(r)
            .copied()
            .flatten()
            .is_some_and(|it| !it.is_over())
    };
    let mut needed = contents().filter(|(r, it)| *it != Content::Subtitles && is_open(*r));
    !segments.is_empty() && needed.all(|(_, content)| is_listed(content))
}

fn is(rendition: &Rendition, path: &std::path::Path) -> bool {
    rendition.path == path
}

fn uri_of(mpd: &Mpd, file: &std::path::Path) -> Option<String> {
    uri::reference(mpd.folder(), file).ok()
}

/// The segment of an entry, if an MPD can list it.
fn segment_of(mpd: &Mpd, entry: &Entry) -> Option<Segment> {
    let file: &PathBuf = entry.file()?;
    let map = entry.initialisation.as_ref()?;
    let time = entry.time?;
    let sequence = entry.sequence?;
    check(mpd, file, sequence, time, true).ok()?;
    Some(Segment {
        uri: uri_of(mpd, file)?,
        sequence,
        start: time.start,
        duration: time.duration,
        timescale: time.timescale,
        initialisation: uri_of(mpd, &map.file)?,
    })
}

/// Whether an MPD can list a stored segment.
pub(super) fn check(
    mpd: &Mpd,
    file: &std::path::Path,
    sequence: u64,
    time: crate::segment::MediaTime,
    has_initialisation: bool,
) -> Result<(), &'static str> {
    if !has_initialisation {
        return Err(NO_INITIALISATION);
    }
    if time.duration == 0 {
        return Err("its media time has no duration");
    }
    let end = time.start.checked_add(time.duration);
    if end
        .is_none_or(|end| Time::from_ticks(i128::from(end), time.timescale).micros() == Micros::MAX)
    {
        return Err("its media time is out of range");
    }
    if u32::try_from(sequence).is_err() {
        // `@startNumber` is an `xs:unsignedInt`.
        return Err("its number is above 4,294,967,295");
    }
    let (value, why) = match mpd.addressing {
        Addressing::Number => (sequence, "its name does not contain its number"),
        Addressing::Time => (time.start, "its name does not contain its media time"),
    };
    let uri = uri_of(mpd, file).ok_or("no URI leads from the MPD to it")?;
    let template = Template::of(mpd.addressing, &uri, value);
    template.map(drop).ok_or(why)
}
