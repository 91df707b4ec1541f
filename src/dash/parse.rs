//! Parses an MPD that this publisher wrote.

use std::collections::VecDeque;
use std::str::FromStr;
use std::time::SystemTime;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::config::{Mpd, id};
use super::date;
use super::model::Model;
use super::period::{Period, Run, Track};
use super::render::{CONNECTIVITY, Head, Kind, render};
use super::template::Template;
use crate::presentation::error::{Refusal, ResumeErrorKind};
use crate::presentation::time::SECOND;

const SEGMENTS: [&str; 5] = [
    "MPD",
    "Period",
    "AdaptationSet",
    "Representation",
    "SegmentTemplate",
];

fn damaged(why: impl Into<String>) -> Refusal {
    Refusal::new(ResumeErrorKind::Damaged, why)
}

fn foreign(what: &str) -> Refusal {
    let why =
        format!("it was not written by this publisher, or differs from its configuration: {what}");
    Refusal::new(ResumeErrorKind::Foreign, why)
}

/// What a text says, and when it was published.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) model: Model,
    pub(super) published: Option<SystemTime>,
}

pub(super) fn parse(text: &[u8], mpd: &Mpd) -> Result<Parsed, Refusal> {
    let text = std::str::from_utf8(text).map_err(|_| damaged("it is not UTF-8"))?;
    if text.is_empty() {
        return Err(damaged("it is empty"));
    }
    let mut reading = Reading::new(mpd);
    let mut reader = Reader::from_str(text);
    loop {
        let event = reader.read_event();
        let event = event.map_err(|error| damaged(format!("it cannot be read: {error}")))?;
        match event {
            Event::Start(tag) => {
                reading.tag(&tag)?;
                let name = tag.name().as_ref().to_owned();
                reading.path.push(name);
            }
            Event::Empty(tag) => reading.tag(&tag)?,
            Event::End(_) => drop(reading.path.pop()),
            Event::Eof => break,
            _ => {}
        }
    }
    if !reading.path.is_empty() {
        return Err(damaged("it is truncated"));
    }
    let (parsed, head) = reading.finish()?;
    // A Period that renders differently would change, and a listed one must not.
    let again = render(mpd, head, &parsed.model);
    if again.is_ok_and(|again| again == text.as_bytes()) {
        Ok(parsed)
    } else {
        Err(foreign("it is rendered differently"))
    }
}

struct Reading<'a> {
    mpd: &'a Mpd,
    path: Vec<String>,
    head: Option<(SystemTime, Head)>,
    longest: u64,
    periods: VecDeque<Period>,
    /// The Period that the representations of the current adaptation set are connected with.
    follows: Option<u64>,
    representation: Option<usize>,
}

impl<'a> Reading<'a> {
    fn new(mpd: &'a Mpd) -> Self {
        Self {
            mpd,
            path: Vec::new(),
            head: None,
            longest: 0,
            periods: VecDeque::new(),
            follows: None,
            representation: None,
        }
    }

    fn tag(&mut self, tag: &BytesStart<'_>) -> Result<(), Refusal> {
        let name = tag.name();
        let name = name.as_ref();
        let depth = self.path.len().min(SEGMENTS.len());
        let is_ours = self.path.iter().zip(SEGMENTS).all(|(own, it)| own == it);
        if !is_ours || self.path.len() > SEGMENTS.len() + 1 {
            return Ok(());
        }
        match (depth, name) {
            (0, "MPD") => self.head(tag),
            (1, "Period") => self.period(tag),
            (2, "AdaptationSet") => {
                self.follows = None;
                Ok(())
            }
            (3, "SupplementalProperty") => self.property(tag),
            (3, "Representation") => {
                let found = text(tag, "id");
                let mut all = self.mpd.representations().enumerate();
                let it = all.find(|(index, (_, it))| Some(id(*index, it)) == found);
                self.representation = it.map(|(index, _)| index);
                Ok(())
            }
            (4, "SegmentTemplate") => self.track(tag),
            (5, "S") => self.run(tag),
            _ => Ok(()),
        }
    }

    fn head(&mut self, tag: &BytesStart<'_>) -> Result<(), Refusal> {
        let lasting = |name| duration(tag, name);
        let update = lasting("minimumUpdatePeriod");
        if text(tag, "type").as_deref() != Some("dynamic") || update.is_none() {
            let why = "it has ended (static, or without minimumUpdatePeriod) and must not change";
            return Err(Refusal::new(ResumeErrorKind::Ended, why));
        }
        let start = text(tag, "availabilityStartTime");
        let start = start.as_deref().and_then(date::parse);
        let start = start.ok_or_else(|| foreign("availabilityStartTime"))?;
        let published = text(tag, "publishTime");
        let mpd = self.mpd;
        // The target duration is the default of these.
        let defaults = [
            (mpd.minimum_buffer, "minBufferTime", 1),
            (mpd.minimum_update_period, "minimumUpdatePeriod", 1),
            (mpd.suggested_delay, "suggestedPresentationDelay", 3),
        ];
        let mut targets = defaults
            .into_iter()
            .filter(|(given, _, _)| given.is_none())
            .filter_map(|(_, name, times)| Some(lasting(name)? / times / SECOND));
        let head = Head {
            kind: Kind::Dynamic(lasting("timeShiftBufferDepth")),
            published: published.as_deref().and_then(date::parse),
            target_secs: targets.next().unwrap_or_default(),
        };
        self.longest = lasting("maxSegmentDuration").unwrap_or_default();
        self.head = Some((start, head));
        Ok(())
    }

    fn period(&mut self, tag: &BytesStart<'_>) -> Result<(), Refusal> {
        let start = duration(tag, "start").ok_or_else(|| foreign("Period@start"))?;
        let before = self.periods.back();
        let id: u64 = number(tag, "id")?;
        if before.is_some_and(|before| id <= before.id || start <= before.start) {
            return Err(foreign("the order of the Periods"));
        }
        self.periods.push_back(Period {
            id,
            start,
            duration: duration(tag, "duration"),
            tracks: Vec::new(),
        });
        Ok(())
    }

    fn property(&mut self, tag: &BytesStart<'_>) -> Result<(), Refusal> {
        if text(tag, "schemeIdUri").as_deref() == Some(CONNECTIVITY) {
            self.follows = Some(number(tag, "value")?);
        }
        Ok(())
    }

    fn track(&mut self, tag: &BytesStart<'_>) -> Result<(), Refusal> {
        let representation = self.representation.take();
        let representation = representation.ok_or_else(|| foreign("a Representation"))?;
        let media = text(tag, "media").and_then(|it| Template::parse(&it));
        let start_number: u32 = number(tag, "startNumber")?;
        let track = Track {
            representation,
            template: media.ok_or_else(|| foreign("SegmentTemplate@media"))?,
            initialisation: text(tag, "initialization").unwrap_or_default(),
            timescale: number(tag, "timescale")?,
            offset: number(tag, "presentationTimeOffset")?,
            follows: self.follows,
            first: 0,
            start_number: start_number.into(),
            runs: VecDeque::new(),
        };
        if let Some(period) = self.periods.back_mut() {
            period.tracks.push(track);
        }
        Ok(())
    }

    fn run(&mut self, tag: &BytesStart<'_>) -> Result<(), Refusal> {
        let period = self.periods.back_mut();
        let track = period.and_then(|it| it.tracks.last_mut());
        let track = track.ok_or_else(|| foreign("S"))?;
        let start = if track.runs.is_empty() {
            number(tag, "t")?
        } else {
            track.end()
        };
        let more: u32 = match text(tag, "r") {
            Some(_) => number(tag, "r")?,
            None => 0,
        };
        let (duration, count) = (number::<u64>(tag, "d")?, u64::from(more) + 1);
        let length = duration.checked_mul(count);
        if duration == 0 || length.and_then(|it| it.checked_add(start)).is_none() {
            return Err(foreign("S@d"));
        }
        track.runs.push_back(Run {
            start,
            duration,
            count,
        });
        Ok(())
    }

    fn finish(self) -> Result<(Parsed, Head), Refusal> {
        let (origin, head) = self.head.ok_or_else(|| damaged("it is no MPD"))?;
        if self.periods.is_empty() {
            return Err(foreign("it has no Period"));
        }
        let mut tracks = self.periods.iter().flat_map(|it| &it.tracks);
        if tracks.any(|it| it.longest() > self.longest) {
            return Err(foreign("maxSegmentDuration"));
        }
        let mut model = Model::read_back(origin, self.periods);
        model.longest = self.longest;
        let published = head.published;
        Ok((Parsed { model, published }, head))
    }
}

fn text(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok()??;
    let text = quick_xml::escape::unescape(&attribute.value);
    text.ok().map(Into::into)
}

fn duration(tag: &BytesStart<'_>, name: &str) -> Option<u64> {
    date::parse_duration(&text(tag, name)?)
}

fn number<T: FromStr>(tag: &BytesStart<'_>, name: &str) -> Result<T, Refusal> {
    let value = text(tag, name).and_then(|it| it.parse().ok());
    value.ok_or_else(|| foreign(name))
}
