//! Parses a media playlist that this publisher wrote.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quick_m3u8::config::ParsingOptionsBuilder;
use quick_m3u8::tag::HlsPlaylistType;
use quick_m3u8::tag::KnownTag;
use quick_m3u8::tag::hls::Tag;
use quick_m3u8::{HlsLine, Reader};

use super::config::{Kind, MediaPlaylist};
use super::date;
use super::key;
use super::render::render;
use super::tags;
use crate::presentation::entry::{Entry, Map};
use crate::presentation::error::{Refusal, ResumeErrorKind};
use crate::presentation::rendition::{NUMBERS_END, Playlist};
use crate::presentation::time::{Micros, Rounding, to_duration};
use crate::segment::{LONGEST_SECS, usable};

fn damaged(why: impl Into<String>) -> Refusal {
    Refusal::new(ResumeErrorKind::Damaged, why)
}

fn differs(why: impl Into<String>) -> Refusal {
    Refusal::new(ResumeErrorKind::Configuration, why)
}

fn foreign(what: impl std::fmt::Display) -> Refusal {
    let why = format!("it was not written by this publisher: {what}");
    Refusal::new(ResumeErrorKind::Foreign, why)
}

/// The playlist that rendered this text. Everything that the text does not hold is as in a new
/// playlist.
pub(crate) fn parse(text: &[u8], config: MediaPlaylist) -> Result<Playlist, Refusal> {
    let text = std::str::from_utf8(text).map_err(|_| damaged("it is not UTF-8"))?;
    if text.is_empty() {
        return Err(damaged("it is empty"));
    }
    if !text.ends_with('\n') {
        return Err(damaged("it is truncated: its last line is incomplete"));
    }
    let options = ParsingOptionsBuilder::new()
        .with_parsing_for_all_tags()
        .build();
    let mut reader = Reader::from_str(text, options);
    let mut reading = Reading::new(config);
    for line in text.lines() {
        match reader.read_line() {
            Ok(Some(parsed)) => reading.take(parsed, line)?,
            Ok(None) => break,
            Err(error) => return Err(damaged(format!("it cannot be read: {error}"))),
        }
    }
    let playlist = reading.finish()?;
    // A segment that renders differently would change, and a listed segment must not.
    if render(&playlist).is_ok_and(|again| again == text.as_bytes()) {
        Ok(playlist)
    } else {
        Err(Refusal::new(
            ResumeErrorKind::Foreign,
            "it was not written by this publisher, or it is truncated",
        ))
    }
}

struct Reading {
    playlist: Playlist,
    media_sequence: Option<u64>,
    kind: Option<HlsPlaylistType>,
    has_header: bool,
    has_independent_segments: bool,
    /// The segment whose URI was not read yet.
    next: Entry,
    /// Its EXTINF.
    micros: Option<Micros>,
    keys: Vec<String>,
    /// The keys of the last segment.
    in_force: Arc<Vec<String>>,
    map: Option<Arc<Map>>,
}

impl Reading {
    fn new(config: MediaPlaylist) -> Self {
        let mut playlist = Playlist::new(config);
        playlist.target_secs = None;
        playlist.next.date = None;
        Self {
            playlist,
            media_sequence: None,
            kind: None,
            has_header: false,
            has_independent_segments: false,
            next: Entry::default(),
            micros: None,
            keys: Vec::new(),
            in_force: Arc::default(),
            map: None,
        }
    }

    fn take(&mut self, parsed: HlsLine<'_>, line: &str) -> Result<(), Refusal> {
        match parsed {
            HlsLine::KnownTag(KnownTag::Hls(tag)) => self.tag(&tag, line),
            HlsLine::Uri(uri) => self.segment(&uri),
            HlsLine::Blank => Ok(()),
            HlsLine::KnownTag(_) | HlsLine::UnknownTag(_) | HlsLine::Comment(_) => {
                self.passed_through(line)
            }
        }
    }

    fn tag(&mut self, tag: &Tag<'_>, line: &str) -> Result<(), Refusal> {
        if !self.has_header && !matches!(tag, Tag::M3u(_)) {
            return Err(damaged("it does not begin with #EXTM3U"));
        }
        match tag {
            Tag::M3u(_) => self.has_header = true,
            Tag::Version(tag) => self.playlist.version = Some(tag.version()),
            Tag::Targetduration(tag) => self.playlist.target_secs = Some(tag.target_duration()),
            Tag::MediaSequence(tag) => self.media_sequence = Some(tag.media_sequence()),
            Tag::DiscontinuitySequence(tag) => {
                self.playlist.discontinuity_sequence = tag.discontinuity_sequence();
            }
            Tag::PlaylistType(tag) => self.kind = Some(tag.playlist_type()),
            Tag::IndependentSegments(_) => self.has_independent_segments = true,
            Tag::Endlist(_) => self.playlist.has_ended = true,
            Tag::Inf(tag) => self.micros = Some(printed(tag.duration())?),
            Tag::Gap(_) => self.next.is_gap = true,
            Tag::Discontinuity(_) => self.next.starts_discontinuity = true,
            Tag::Map(tag) => self.map(tag.uri(), tag.byterange().is_some())?,
            Tag::ProgramDateTime(tag) => {
                self.next.date = Some(date::parse(&tag.program_date_time()));
            }
            _ => self.passed_through(line)?,
        }
        Ok(())
    }

    fn passed_through(&mut self, line: &str) -> Result<(), Refusal> {
        match tags::check(line) {
            Ok(tags::Kind::Key) if key::read(line).is_some() => self.keys.push(line.to_owned()),
            Ok(tags::Kind::OfSegment | tags::Kind::WithDates) => {
                self.next.tags.push(line.to_owned());
            }
            Ok(tags::Kind::Key) | Err(_) => {
                return Err(foreign(format!("{line:?}")));
            }
        }
        Ok(())
    }

    fn map(&mut self, uri: &str, has_byterange: bool) -> Result<(), Refusal> {
        if has_byterange {
            return Err(foreign("EXT-X-MAP with BYTERANGE"));
        }
        self.keys.clear();
        self.map = Some(Arc::new(Map {
            file: Some(self.file_of(uri)?),
            uri: uri.to_owned(),
        }));
        Ok(())
    }

    fn file_of(&self, uri: &str) -> Result<PathBuf, Refusal> {
        let config = &self.playlist.config;
        let refuse = |error| foreign(format!("the URI {uri:?}: {error}"));
        let file = config.file_of(uri).map_err(refuse)?;
        if config.uri_of(&file).is_ok_and(|again| again == uri) {
            Ok(file)
        } else {
            Err(foreign(format!("the URI {uri:?}")))
        }
    }

    fn segment(&mut self, uri: &str) -> Result<(), Refusal> {
        let Some(micros) = self.micros.take() else {
            return Err(damaged(format!(
                "it is not a media playlist: {uri:?} has no EXTINF"
            )));
        };
        let mut entry = std::mem::take(&mut self.next);
        if !entry.is_gap {
            entry.file = Some(self.file_of(uri)?);
        }
        if !self.keys.is_empty() {
            self.in_force = Arc::new(key::plain(std::mem::take(&mut self.keys)));
        }
        let next = &mut self.playlist.next;
        let known = next.date.take();
        let is_over = known.is_some_and(|known| {
            // A segment may be listed as shorter than it is, but is never longer than this.
            let later = known.checked_add(Duration::from_secs_f64(LONGEST_SECS));
            entry.starts_discontinuity || !later.is_some_and(date::is_printable)
        });
        next.date = entry
            .date
            .or(is_over.then(date::end))
            .and_then(|date| date.checked_add(to_duration(micros)));
        self.playlist.entries.push_back(Entry {
            uri: uri.to_owned(),
            micros,
            map: self.map.clone(),
            keys: Arc::clone(&self.in_force),
            ..entry
        });
        Ok(())
    }

    /// Checks that the text is whole and of the requested kind. The text wins; a contradiction is
    /// an error.
    fn finish(mut self) -> Result<Playlist, Refusal> {
        let playlist = &mut self.playlist;
        let config = &playlist.config;
        if playlist.has_ended {
            return Err(Refusal::new(
                ResumeErrorKind::Ended,
                "it has ended (EXT-X-ENDLIST) and must not change",
            ));
        }
        let (Some(target), Some(number), Some(version)) =
            (playlist.target_secs, self.media_sequence, playlist.version)
        else {
            return Err(damaged(
                "it is truncated, or was not written by this publisher: a header is missing",
            ));
        };
        if !matches!(version, 3 | 5 | 6) {
            return Err(foreign("EXT-X-VERSION"));
        }
        if target == 0 {
            // With a target of 0 no segment would stay listed.
            return Err(foreign("EXT-X-TARGETDURATION"));
        }
        let is_at_the_end = |number: u64| {
            let end = number.checked_add(playlist.entries.len() as u64);
            end.is_none_or(|end| end >= NUMBERS_END)
        };
        if is_at_the_end(number) || is_at_the_end(playlist.discontinuity_sequence) {
            return Err(Refusal::new(
                ResumeErrorKind::Ended,
                "its numbers are used up",
            ));
        }
        let kind = match config.kind {
            Kind::Live { .. } => None,
            Kind::Event => Some(HlsPlaylistType::Event),
            Kind::Vod => Some(HlsPlaylistType::Vod),
        };
        if self.kind != kind {
            return Err(differs(
                "its kind (EXT-X-PLAYLIST-TYPE) differs from the configuration",
            ));
        }
        if let Some(asked) = config.target_secs.filter(|asked| *asked != target) {
            return Err(differs(format!(
                "its target duration is {target} s, but {asked} s is configured"
            )));
        }
        if self.has_independent_segments != config.independent_segments {
            return Err(differs(
                "its EXT-X-INDEPENDENT-SEGMENTS differs from the configuration",
            ));
        }
        let has_dates = playlist.next.date.is_some();
        let fits = match config.date {
            None => !has_dates,
            Some(asked) => has_dates || !date::is_printable(asked),
        };
        if !playlist.entries.is_empty() && !fits {
            return Err(differs(
                "its EXT-X-PROGRAM-DATE-TIME differs from the configuration",
            ));
        }
        playlist.media_sequence = number;
        // The text exists, so it was published.
        playlist.was_published();
        Ok(self.go_on())
    }

    /// Marks the seam with a discontinuity.
    fn go_on(mut self) -> Playlist {
        let playlist = &mut self.playlist;
        playlist.next.sequence = playlist.next_number();
        let keys = self.in_force.iter().filter_map(|line| key::read(line));
        playlist.next.keys = Arc::new(keys.collect());
        let asked = playlist.config.date;
        if playlist.entries.is_empty() {
            playlist.next.date = asked;
            playlist.next.earliest = asked;
        } else {
            playlist.next.earliest = playlist.next.date;
            playlist.discontinuity(asked);
        }
        self.playlist
    }
}

fn printed(duration_secs: f64) -> Result<Micros, Refusal> {
    usable(duration_secs)
        .map(|duration| Rounding::default().next(duration))
        .ok_or_else(|| foreign(format!("EXTINF of {duration_secs}")))
}
