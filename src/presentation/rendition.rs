//! The state of a media playlist and how pushes change it. No I/O, no clock.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::entry::{Entry, Initialisation};
use super::listings::Listings;
use super::notice::Notice;
use super::retired::RetiredFiles;
use super::time::{Micros, Rounding, SECOND, longest_within, micros, to_duration};
use super::timeline::Entries;
use crate::error::WriteError;
use crate::hls::config::MediaPlaylist;
use crate::hls::date;
use crate::hls::key;
use crate::hls::tags::{self, TagError, TagErrorKind};
use crate::segment::{ProducedSegment, usable};
use crate::uri;

/// Players read the media sequence number as a double or a signed number. From here on some would
/// be wrong.
pub(crate) const NUMBERS_END: u64 = 1 << 53;

/// The number of gaps of one long loss after which the window slides.
const SLID_AT_ONCE: u64 = 1024;

/// The state of a playlist. The version and the target duration never change once published.
#[derive(Debug)]
pub(crate) struct Playlist {
    pub(crate) config: MediaPlaylist,
    /// Fixed with the first media segment.
    pub(crate) version: Option<u64>,
    /// A VOD playlist without a configured one gets it at publication.
    pub(crate) target_secs: Option<u64>,
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) entries: Entries,
    pub(crate) has_ended: bool,
    /// The duration of everything pushed so far.
    pub(crate) media_time: Micros,
    /// The duration of the longest playlist so far that was published.
    pub(crate) longest_published: Micros,
    /// The same for each entry.
    pub(crate) listings: Listings,
    /// The longest segment among the dropped ones; a gap does not hold it.
    pub(crate) longest_lost: Micros,
    pub(crate) retired: RetiredFiles,
    pub(crate) next: Next,
}

/// The state that the next entry begins with.
#[derive(Debug, Default)]
pub(crate) struct Next {
    /// The expected `sequence` of the next media segment.
    pub(crate) sequence: Option<u64>,
    pub(crate) starts_discontinuity: bool,
    /// The keys as they were given; an entry has them with its IV.
    pub(crate) keys: Arc<Vec<String>>,
    pub(crate) tags: Vec<String>,
    pub(crate) date: Option<SystemTime>,
    /// The lower bound of all later dates: the first configured date, and then the end of the last
    /// entry.
    pub(crate) earliest: Option<SystemTime>,
    pub(crate) initialisation: Initialisation,
    /// Whether [`Notice::Undated`] was reported.
    was_undated: bool,
    rounding: Rounding,
}

impl Next {
    fn has_date(&self) -> bool {
        self.date.is_some_and(date::is_printable)
    }
}

impl Playlist {
    pub(crate) fn new(config: MediaPlaylist) -> Self {
        Self {
            version: None,
            target_secs: config.target_secs,
            media_sequence: 0,
            discontinuity_sequence: 0,
            entries: Entries::default(),
            has_ended: false,
            media_time: 0,
            longest_published: 0,
            listings: Listings::default(),
            longest_lost: 0,
            retired: RetiredFiles::default(),
            next: Next {
                date: config.date,
                earliest: config.date,
                ..Next::default()
            },
            config,
        }
    }

    /// The media sequence number that the next entry gets.
    pub(crate) fn next_number(&self) -> Option<u64> {
        self.media_sequence
            .checked_add(self.entries.len() as u64)
            .filter(|number| *number < NUMBERS_END)
    }

    /// The number of discontinuities so far.
    pub(crate) fn discontinuities(&self) -> u64 {
        let listed = self
            .entries
            .iter()
            .filter(|entry| entry.starts_discontinuity);
        self.discontinuity_sequence + listed.count() as u64
    }

    pub(crate) fn total(&self) -> Micros {
        self.entries.total()
    }

    /// Whether a playlist that is published from now on may name the file.
    pub(crate) fn names(&self, file: &Path) -> bool {
        let is = |other: &Option<PathBuf>| other.as_deref() == Some(file);
        let in_force = match &self.next.initialisation {
            Initialisation::Landed { map, .. } => is(&map.file),
            Initialisation::Lost { before } => {
                before.as_ref().is_some_and(|(map, _)| is(&map.file))
            }
            Initialisation::None => false,
        };
        in_force || self.entries.names(file)
    }

    /// Marks a discontinuity before the next segment. In a playlist with dates, `date` is the date
    /// of that segment.
    pub(crate) fn discontinuity(&mut self, date: Option<SystemTime>) {
        self.next.starts_discontinuity = true;
        if let (Some(next), Some(date)) = (&mut self.next.date, date) {
            let earliest = self.next.earliest.unwrap_or(date);
            *next = date.max(earliest);
        }
    }

    /// Adds lines to the next segment. All are taken, or none.
    pub(crate) fn tag_next<'a>(
        &mut self,
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), TagError> {
        let (mut keys, mut tags) = (Vec::new(), Vec::new());
        for line in lines {
            match tags::check(line)? {
                tags::Kind::Key if key::takes_version_5(line) && !self.allows_version_5() => {
                    let why =
                        "KEYFORMAT needs version 5, and the playlist's lower version is fixed";
                    return Err(TagError::new(line, TagErrorKind::Playlist, why));
                }
                tags::Kind::Key => keys.push(key::kept(line)),
                tags::Kind::WithDates if !self.next.has_date() => {
                    let why = "it needs a playlist with dates";
                    return Err(TagError::new(line, TagErrorKind::Playlist, why));
                }
                tags::Kind::OfSegment | tags::Kind::WithDates => tags.push(line.to_owned()),
            }
        }
        if !keys.is_empty() {
            self.next.keys = Arc::new(key::plain(keys));
        }
        self.next.tags.extend(tags);
        Ok(())
    }

    /// Enters an item of the iteration.
    pub(crate) fn push(
        &mut self,
        item: &Result<ProducedSegment, WriteError>,
        notices: &mut Vec<Notice>,
    ) {
        self.enter(item, notices);
        let last = self.entries.back();
        let is_undated = self.config.date.is_some() && last.is_some_and(|last| last.date.is_none());
        if is_undated && !self.next.was_undated {
            let sequence = item
                .as_ref()
                .map_or_else(WriteError::sequence, |it| it.sequence);
            notices.push(Notice::Undated { sequence });
            self.next.was_undated = true;
        }
    }

    fn enter(&mut self, item: &Result<ProducedSegment, WriteError>, notices: &mut Vec<Notice>) {
        match item {
            Ok(segment) if segment.is_init => self.initialisation_landed(segment, notices),
            Ok(segment) => self.media_landed(segment, notices),
            Err(error) if error.segment().is_init => {
                notices.push(Notice::Lost {
                    sequence: error.sequence(),
                    segments: 1,
                });
                self.initialisation_lost();
            }
            Err(error) => {
                self.check_number(error.sequence(), notices);
                notices.push(Notice::Lost {
                    sequence: error.sequence(),
                    segments: error.segments(),
                });
                if error.segments() > 1 {
                    self.gap_of_several(error);
                } else {
                    self.gap(error.segment());
                }
            }
        }
    }

    fn media_landed(&mut self, segment: &ProducedSegment, notices: &mut Vec<Notice>) {
        self.check_number(segment.sequence, notices);
        let Some((uri, file)) = self.name(segment, notices) else {
            return self.gap(segment);
        };
        self.overwritten_by_media(&file);
        let Some(duration) = usable(segment.duration_secs) else {
            notices.push(Notice::UnusableDuration {
                sequence: segment.sequence,
            });
            self.gap(segment);
            return self.retire(file, 0);
        };
        if let Initialisation::Lost { .. } = self.next.initialisation {
            notices.push(Notice::Undecodable {
                sequence: segment.sequence,
            });
            self.gap(segment);
            return self.retire(file, 0);
        }
        let mut micros = self.next.rounding.next(duration);
        let real = micros;
        if let Some(longest) = self.longest_allowed()
            && micros > longest
        {
            notices.push(Notice::TooLong {
                sequence: segment.sequence,
                duration: to_duration(micros),
                listed_as: to_duration(longest),
            });
            micros = longest;
        }
        let keys = self.keys_of(segment.sequence);
        self.append(uri, Some(file), keys, micros, real);
    }

    /// Adds one or more gaps with the total duration of a segment that cannot be listed
    /// (EXT-X-GAP, draft-pantos-hls-rfc8216bis §4.4.4.7 and §6.2.1). An invalid duration counts as
    /// one target duration.
    fn gap(&mut self, segment: &ProducedSegment) {
        let left = match usable(segment.duration_secs) {
            Some(duration) => self.next.rounding.next(duration),
            None => self.usual_duration(),
        };
        self.append_gaps(segment, left);
    }

    /// The same for several segments that were dropped one after the other. Their own durations
    /// are unknown, so each gets an equal share of the sum. The numbers continue as if each had
    /// come by itself.
    fn gap_of_several(&mut self, error: &WriteError) {
        self.next.sequence = Some(error.last_sequence().wrapping_add(1));
        self.longest_lost = self.longest_lost.max(micros(error.longest_secs()));
        let unusable = self
            .usual_duration()
            .saturating_mul(error.unusable_durations());
        let measured = self.next.rounding.next(error.duration_secs());
        let mut left = measured.saturating_add(unusable);
        for count in (1..=error.segments()).rev() {
            if self.next_number().is_none() {
                return;
            }
            let share = left / count;
            left -= share;
            self.append_gaps(error.segment(), share);
            if count % SLID_AT_ONCE == 0 {
                // A live playlist lists only the end of a stall of days.
                self.slide();
            }
        }
    }

    fn append_gaps(&mut self, segment: &ProducedSegment, mut left: Micros) {
        // Any URI will do, because no client may load it; the hint shows which file is missing.
        let hint = segment.path_hint.as_deref();
        let uri = hint
            .filter(|hint| !uri::plain(hint).is_ok_and(|file| self.is_own(&file)))
            .and_then(|hint| self.config.uri_of(hint).ok())
            .unwrap_or_else(|| "gap".to_owned());
        let most = self
            .target_secs
            .map_or(Micros::MAX, |target| target.saturating_mul(SECOND));
        let keys = self.keys_of(segment.sequence);
        loop {
            let micros = left.min(most);
            left -= micros;
            self.append(uri.clone(), None, Arc::clone(&keys), micros, micros);
            if left == 0 || self.next_number().is_none() {
                return;
            }
        }
    }

    /// The key lines of a segment of this number.
    fn keys_of(&self, number: u64) -> Arc<Vec<String>> {
        let Some(lines) = key::of_segment(&self.next.keys, number) else {
            return Arc::clone(&self.next.keys);
        };
        match self.entries.back() {
            Some(last) if *last.keys == lines => Arc::clone(&last.keys),
            _ => Arc::new(lines),
        }
    }

    fn append(
        &mut self,
        uri: String,
        file: Option<PathBuf>,
        keys: Arc<Vec<String>>,
        micros: Micros,
        real: Micros,
    ) {
        let map = match &self.next.initialisation {
            Initialisation::Landed { map, .. } => Some(Arc::clone(map)),
            // A lost one changes nothing, and the one of a resumed playlist stays in force.
            _ => self.entries.back().and_then(|last| last.map.clone()),
        };
        let version = self.version_needed();
        self.version.get_or_insert(version);
        let date = self.next.date;
        self.next.date = date.and_then(|date| date.checked_add(to_duration(real)));
        self.next.earliest = self.next.date;
        self.media_time = self.media_time.saturating_add(real);
        self.entries.push_back(Entry {
            uri,
            is_gap: file.is_none(),
            file,
            micros,
            starts_discontinuity: std::mem::take(&mut self.next.starts_discontinuity),
            map,
            keys,
            tags: std::mem::take(&mut self.next.tags),
            date: date.filter(|date| date::is_printable(*date)),
        });
    }

    /// The first number sets the media sequence number; later ones are only compared.
    fn check_number(&mut self, found: u64, notices: &mut Vec<Notice>) {
        match self.next.sequence {
            None if found < NUMBERS_END => self.media_sequence = found,
            None => notices.push(Notice::NumberTooLarge { found }),
            Some(expected) if expected != found => {
                notices.push(Notice::UnexpectedNumber { expected, found });
            }
            Some(_) => {}
        }
        self.next.sequence = Some(found.wrapping_add(1));
    }

    pub(crate) fn name(
        &self,
        segment: &ProducedSegment,
        notices: &mut Vec<Notice>,
    ) -> Option<(String, PathBuf)> {
        let named = segment
            .path_hint
            .as_deref()
            .and_then(|hint| Some((self.config.uri_of(hint).ok()?, uri::plain(hint).ok()?)))
            .filter(|(_, file)| !self.is_own(file));
        if named.is_none() {
            notices.push(Notice::NoName {
                sequence: segment.sequence,
            });
        }
        named
    }

    fn is_own(&self, file: &Path) -> bool {
        [self.config.path.clone(), self.config.state_path()]
            .iter()
            .any(|own| uri::may_be_same(own, file))
    }

    fn longest_allowed(&self) -> Option<Micros> {
        let version = self.version.unwrap_or_else(|| self.version_needed());
        Some(longest_within(self.target_secs?, version))
    }

    /// 3 for fractional durations, 5 for key formats, 6 for EXT-X-MAP (RFC 8216 §7), and no higher
    /// than needed.
    pub(crate) fn version_needed(&self) -> u64 {
        match self.next.initialisation {
            Initialisation::Landed { .. } | Initialisation::Lost { .. } => 6,
            Initialisation::None if self.next.keys.iter().any(|it| key::takes_version_5(it)) => 5,
            Initialisation::None => 3,
        }
    }

    fn allows_version_5(&self) -> bool {
        self.version.is_none_or(|version| version >= 5)
    }

    fn usual_duration(&self) -> Micros {
        match (self.target_secs, self.entries.back()) {
            (Some(target), _) => target.min(3600) * SECOND,
            (None, Some(last)) => last.micros,
            (None, None) => SECOND,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Loss, WriteErrorKind};
    use crate::segment::SegmentInfo;

    #[test]
    fn of_a_loss_of_days_no_more_is_held_than_slides_at_once() {
        let first = ProducedSegment::media(0, Vec::new(), 2.0);
        let loss = Loss {
            segments: 100_000,
            duration_secs: 200_000.0,
            ..Loss::of(first, SegmentInfo::new(), 0)
        };
        let window = std::time::Duration::from_secs(10);
        let config = MediaPlaylist::live("live.m3u8", window)
            .target_duration(std::time::Duration::from_secs(2));
        let mut playlist = Playlist::new(config);
        playlist.push(
            &Err(WriteError::lost(WriteErrorKind::Dropped, loss)),
            &mut Vec::new(),
        );
        assert_eq!(playlist.next_number(), Some(100_000));
        // The capacity shows the highest length so far.
        let most = playlist.entries.capacity() as u64;
        assert!(most < 4 * SLID_AT_ONCE, "{most}");
    }
}
