//! Parses a media playlist that this publisher wrote.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quick_m3u8::config::ParsingOptionsBuilder;
use quick_m3u8::tag::HlsPlaylistType;
use quick_m3u8::tag::KnownTag;
use quick_m3u8::tag::hls::Tag;
use quick_m3u8::{HlsLine, Reader};

use super::config::MediaPlaylist;
use super::date;
use super::date_range;
use super::key;
use super::render::{FixedHeader, GAP, Kept, render};
use super::start::Start;
use super::tags;
use crate::presentation::config::{Dates, Extent};
use crate::presentation::date_range::DateRange;
use crate::presentation::entry::{Content, Entry, Map};
use crate::presentation::error::{Refusal, ResumeErrorKind};
use crate::presentation::rendition::{NUMBERS_END, Rendition};
use crate::presentation::time::{Micros, Time, end_of_dates, is_expressible, to_duration};
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

/// The playlist that a text was rendered from.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// Everything that the text does not hold is as in a new one.
    pub(crate) rendition: Rendition,
    pub(crate) fixed: FixedHeader,
}

pub(crate) fn parse(text: &[u8], config: &MediaPlaylist) -> Result<Parsed, Refusal> {
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
    let parsed = reading.finish()?;
    // A segment that renders differently would change, and a listed segment must not.
    let again = render(
        config,
        parsed.fixed,
        &parsed.rendition,
        &mut Kept::default(),
    );
    if again.is_ok_and(|again| again.bytes == text.as_bytes()) {
        Ok(parsed)
    } else {
        Err(Refusal::new(
            ResumeErrorKind::Foreign,
            "it was not written by this publisher, or it is truncated",
        ))
    }
}

#[derive(Debug, Default, Clone, Copy)]
enum What {
    #[default]
    Segment,
    Gap,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the tags of the next segment, as date ranges do.
    BetweenSegments,
    OfSegment,
}

struct Reading<'a> {
    config: &'a MediaPlaylist,
    rendition: Rendition,
    version: Option<u64>,
    target_secs: Option<u64>,
    has_ended: bool,
    media_sequence: Option<u64>,
    kind: Option<HlsPlaylistType>,
    has_header: bool,
    has_independent_segments: bool,
    start: Option<Start>,
    /// The segment whose URI was not read yet.
    next: Entry,
    what: What,
    /// Its EXTINF.
    micros: Option<Micros>,
    keys: Vec<String>,
    /// The keys of the last segment.
    in_force: Arc<Vec<String>>,
    map: Option<Arc<Map>>,
    /// The date ranges, and how many segments stand before each.
    ranges: Vec<(u64, DateRange)>,
    place: Place,
}

impl<'a> Reading<'a> {
    fn new(config: &'a MediaPlaylist) -> Self {
        Self {
            config,
            rendition: Rendition::new(config.path.clone(), config.own_names()),
            version: None,
            target_secs: None,
            has_ended: false,
            media_sequence: None,
            kind: None,
            has_header: false,
            has_independent_segments: false,
            start: None,
            next: Entry::default(),
            what: What::Segment,
            micros: None,
            keys: Vec::new(),
            in_force: Arc::default(),
            map: None,
            ranges: Vec::new(),
            place: Place::BetweenSegments,
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
        if let Some(range) =
            date_range::parse(line).filter(|_| self.place == Place::BetweenSegments)
        {
            let before = self.rendition.entries.len() as u64;
            self.ranges.push((before, range));
            return Ok(());
        }
        let place = self.place;
        self.place = Place::OfSegment;
        match tag {
            Tag::M3u(_) => self.has_header = true,
            Tag::Version(tag) => self.version = Some(tag.version()),
            Tag::Targetduration(tag) => self.target_secs = Some(tag.target_duration()),
            Tag::MediaSequence(tag) => self.media_sequence = Some(tag.media_sequence()),
            Tag::DiscontinuitySequence(tag) => {
                self.rendition.discontinuity_sequence = tag.discontinuity_sequence();
            }
            Tag::PlaylistType(tag) => self.kind = Some(tag.playlist_type()),
            Tag::IndependentSegments(_) => self.has_independent_segments = true,
            Tag::Endlist(_) => self.has_ended = true,
            Tag::Start(_) => {
                let start = Start::parse(line).ok_or_else(|| foreign(format!("{line:?}")))?;
                self.start = Some(start);
            }
            _ => return self.of_segment(tag, line),
        }
        self.place = place;
        Ok(())
    }

    fn of_segment(&mut self, tag: &Tag<'_>, line: &str) -> Result<(), Refusal> {
        match tag {
            Tag::Inf(tag) => self.micros = Some(printed(tag.duration())?),
            Tag::Gap(_) => self.what = What::Gap,
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
        self.place = Place::OfSegment;
        match tags::check(line) {
            Ok(tags::Kind::Key) if key::read(line).is_some() => self.keys.push(line.to_owned()),
            Ok(tags::Kind::OfSegment | tags::Kind::WithDates) => {
                self.next.lines.push(line.to_owned());
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
            file: self.file_of(uri)?,
            bytes: 0,
        }));
        Ok(())
    }

    fn file_of(&self, uri: &str) -> Result<PathBuf, Refusal> {
        let config = self.config;
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
        self.place = Place::BetweenSegments;
        let entry = std::mem::take(&mut self.next);
        let content = match (std::mem::take(&mut self.what), uri) {
            (What::Gap, GAP) => Content::Missing(None),
            (What::Gap, _) => Content::Missing(Some(self.file_of(uri)?)),
            (What::Segment, _) => Content::Stored(self.file_of(uri)?),
        };
        if !self.keys.is_empty() {
            self.in_force = Arc::new(key::plain(std::mem::take(&mut self.keys)));
        }
        let rendition = &mut self.rendition;
        let known = rendition.resumed_date.take();
        let is_over = known.is_some_and(|known| {
            // A segment may be listed as shorter than it is, but is never longer than this.
            let later = known.checked_add(Duration::from_secs_f64(LONGEST_SECS));
            entry.starts_discontinuity || !later.is_some_and(is_expressible)
        });
        rendition.resumed_date = entry
            .date
            .or(is_over.then(end_of_dates))
            .and_then(|date| date.checked_add(to_duration(micros)));
        let start = rendition.position;
        rendition.position = start + Time::from_micros(micros);
        rendition.entries.push_back(Entry {
            content,
            start,
            end: rendition.position,
            micros,
            initialisation: self.map.clone(),
            keys: Arc::clone(&self.in_force),
            ..entry
        });
        Ok(())
    }

    /// Checks that the text is whole and of the requested kind. The text wins; a contradiction is
    /// an error.
    fn finish(self) -> Result<Parsed, Refusal> {
        let (config, rendition) = (self.config, &self.rendition);
        if self.has_ended {
            return Err(Refusal::new(
                ResumeErrorKind::Ended,
                "it has ended (EXT-X-ENDLIST) and must not change",
            ));
        }
        let (Some(target), Some(number), Some(version)) =
            (self.target_secs, self.media_sequence, self.version)
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
            let end = number.checked_add(rendition.entries.len() as u64);
            end.is_none_or(|end| end >= NUMBERS_END)
        };
        if is_at_the_end(number) || is_at_the_end(rendition.discontinuity_sequence) {
            return Err(Refusal::new(
                ResumeErrorKind::Ended,
                "its numbers are used up",
            ));
        }
        let kind = match config.kind {
            Extent::Window(_) | Extent::Recording => None,
            Extent::Growing => Some(HlsPlaylistType::Event),
            Extent::AtTheEnd => Some(HlsPlaylistType::Vod),
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
        if config.start.is_some_and(|asked| self.start != Some(asked)) {
            return Err(differs("its EXT-X-START differs from the configuration"));
        }
        let has_dates = rendition.resumed_date.is_some();
        let fits = match config.dates {
            Dates::None => !has_dates,
            Dates::From(asked) => has_dates || !is_expressible(asked),
            Dates::InBand | Dates::Clock(_) => true,
        };
        if !rendition.entries.is_empty() && !fits {
            return Err(differs(
                "its EXT-X-PROGRAM-DATE-TIME differs from the configuration",
            ));
        }
        let fixed = FixedHeader {
            version,
            target_secs: target,
            start: self.start,
        };
        let keys = self.in_force.iter().filter_map(|line| key::read(line));
        let keys = Arc::new(keys.collect());
        let mut rendition = self.rendition;
        rendition.media_sequence = number;
        for (before, range) in self.ranges {
            rendition.ranges.push(number + before, Arc::new(range));
        }
        rendition.has_initialisation = Some(version >= 6);
        rendition.has_begun = true;
        rendition.next.keys = keys;
        // The text exists, so it was published.
        rendition.ranges.were_rendered();
        rendition.ranges.were_published();
        rendition.was_listed(rendition.end(), rendition.total());
        Ok(Parsed { rendition, fixed })
    }
}

fn printed(duration_secs: f64) -> Result<Micros, Refusal> {
    usable(duration_secs)
        .map(|duration| Time::from_secs(duration).micros())
        .ok_or_else(|| foreign(format!("EXTINF of {duration_secs}")))
}
