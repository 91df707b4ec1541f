//! What every MPD must satisfy, beyond the schema, and its contents as exact numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Element, parse};

pub(crate) type Micros = i128;

/// The contents of a checked MPD.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mpd {
    pub(crate) root: Element,
    pub(crate) is_static: bool,
    pub(crate) periods: Vec<Period>,
}

#[derive(Debug, Clone)]
pub(crate) struct Period {
    pub(crate) id: String,
    pub(crate) start: Micros,
    pub(crate) duration: Option<Micros>,
    pub(crate) tracks: BTreeMap<String, Track>,
}

#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub(crate) set: String,
    pub(crate) initialization: String,
    pub(crate) follows: Option<String>,
    pub(crate) timescale: i128,
    pub(crate) offset: i128,
    pub(crate) start_number: i128,
    pub(crate) segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) uri: String,
    pub(crate) time: i128,
    pub(crate) duration: i128,
}

impl Track {
    /// The time of a segment since the start of the presentation.
    pub(crate) fn at(&self, period: &Period, time: i128) -> Micros {
        period.start + (time - self.offset) * 1_000_000 / self.timescale
    }

    fn end(&self) -> i128 {
        self.segments.last().map_or(0, |it| it.time + it.duration)
    }
}

impl Mpd {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.root.attribute(name)
    }

    /// The URIs of one representation, each once, in order.
    pub(crate) fn uris(&self, representation: &str) -> Vec<String> {
        let mut uris: Vec<String> = Vec::new();
        for period in &self.periods {
            let track = period.tracks.get(representation);
            for segment in track.iter().flat_map(|it| &it.segments) {
                if uris.last() != Some(&segment.uri) {
                    uris.push(segment.uri.clone());
                }
            }
        }
        uris
    }

    /// The ids of the Periods, each with the ids of its representations.
    pub(crate) fn shape(&self) -> Vec<(String, String)> {
        let of = |it: &Period| {
            let ids: Vec<_> = it.tracks.keys().cloned().collect();
            (it.id.clone(), ids.join(" "))
        };
        self.periods.iter().map(of).collect()
    }
}

/// `PT2.5S`
pub(crate) fn duration(text: &str) -> Result<Micros, String> {
    let number = text.strip_prefix("PT").and_then(|it| it.strip_suffix('S'));
    let number = number.ok_or(format!("no duration: {text}"))?;
    let (secs, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = format!("{fraction:0<6}");
    let all = format!("{secs}{digits}");
    all.parse().map_err(|_| format!("no duration: {text}"))
}

fn needed<'a>(element: &'a Element, name: &str) -> Result<&'a str, String> {
    let value = element.attribute(name);
    value.ok_or_else(|| format!("{} has no {name}", element.name))
}

fn number(element: &Element, name: &str) -> Result<i128, String> {
    let value = needed(element, name)?;
    let number = value.parse::<u64>().map(i128::from);
    number.map_err(|_| format!("{name}={value}"))
}

fn unless(fails: bool, why: impl Into<String>) -> Result<(), String> {
    if fails { Err(why.into()) } else { Ok(()) }
}

/// A frame at 25 frames a second.
const FRAME: Micros = 40_000;

pub(crate) fn check(text: &str) -> Result<Mpd, String> {
    let root = parse(text)?;
    unless(root.name != "MPD", "no MPD")?;
    unless(
        root.attribute("xmlns") != Some("urn:mpeg:dash:schema:mpd:2011"),
        "the namespace",
    )?;
    needed(&root, "profiles")?;
    let is_static = root.attribute("type") == Some("static");
    head(&root, is_static)?;
    let longest = duration(needed(&root, "maxSegmentDuration")?)?;
    let mut periods = Vec::new();
    for element in root.all("Period") {
        periods.push(period(element, longest)?);
    }
    unless(periods.is_empty(), "no Period")?;
    order(&periods)?;
    connected(&periods)?;
    let has_ended = root.attribute("mediaPresentationDuration").is_some();
    if let (Some(first), Some(last)) = (periods.first(), periods.last()) {
        unless(
            is_static && first.start != 0,
            "the first Period is not at 0",
        )?;
        if has_ended {
            let lasts = last.duration.ok_or("the last Period has no duration")?;
            let whole = duration(needed(&root, "mediaPresentationDuration")?)?;
            unless(last.start + lasts != whole, "the whole duration")?;
        }
    }
    Ok(Mpd {
        root,
        is_static,
        periods,
    })
}

fn head(root: &Element, is_static: bool) -> Result<(), String> {
    let update = root.attribute("minimumUpdatePeriod");
    let whole = root.attribute("mediaPresentationDuration");
    let depth = root.attribute("timeShiftBufferDepth");
    duration(needed(root, "minBufferTime")?)?;
    if is_static {
        unless(
            update.is_some() || depth.is_some(),
            "a static MPD is updated",
        )?;
        needed(root, "mediaPresentationDuration")?;
        return Ok(());
    }
    unless(needed(root, "type")? != "dynamic", "the type")?;
    needed(root, "availabilityStartTime")?;
    needed(root, "publishTime")?;
    needed(root, "suggestedPresentationDelay")?;
    unless(root.first("UTCTiming").is_none(), "no UTCTiming")?;
    unless(
        update.is_some() == whole.is_some(),
        "it ends, or it is updated",
    )?;
    unless(
        depth.is_some() && update.is_none(),
        "a window after the end",
    )
}

fn period(element: &Element, longest: Micros) -> Result<Period, String> {
    let mut period = Period {
        id: needed(element, "id")?.to_owned(),
        start: duration(needed(element, "start")?)?,
        duration: element.attribute("duration").map(duration).transpose()?,
        tracks: BTreeMap::new(),
    };
    let mut sets = BTreeSet::new();
    for set in element.all("AdaptationSet") {
        let id = needed(set, "id")?;
        unless(!sets.insert(id), format!("two adaptation sets {id}"))?;
        needed(set, "contentType")?;
        let follows = set
            .all("SupplementalProperty")
            .find(|it| {
                it.attribute("schemeIdUri") == Some("urn:mpeg:dash:period-connectivity:2015")
            })
            .map(|it| needed(it, "value"))
            .transpose()?;
        unless(set.first("Representation").is_none(), "an empty set")?;
        for it in set.all("Representation") {
            let name = needed(it, "id")?;
            number(it, "bandwidth")?;
            unless(!needed(it, "mimeType")?.ends_with("/mp4"), "the type")?;
            let mut track = track(it)?;
            id.clone_into(&mut track.set);
            track.follows = follows.map(str::to_owned);
            let is_new = period.tracks.insert(name.to_owned(), track).is_none();
            unless(!is_new, format!("two representations {name}"))?;
        }
    }
    unless(period.tracks.is_empty(), "an empty Period")?;
    for track in period.tracks.values() {
        for segment in &track.segments {
            let micros = segment.duration * 1_000_000 / track.timescale;
            unless(micros > longest, "longer than maxSegmentDuration")?;
        }
        let first = &track.segments[0];
        let begins = track.at(&period, first.time + first.duration);
        unless(begins <= period.start, "a segment before its Period")?;
    }
    Ok(period)
}

fn track(representation: &Element) -> Result<Track, String> {
    let template = representation.first("SegmentTemplate");
    let template = template.ok_or("no SegmentTemplate")?;
    let media = needed(template, "media")?;
    let parts: Vec<_> = media.split('$').collect();
    let [before, middle, after] = parts[..] else {
        return Err(format!("the template {media}"));
    };
    let (name, width) = middle.split_once("%0").unwrap_or((middle, "1d"));
    let width: usize = width.trim_end_matches('d').parse().map_err(|_| media)?;
    unless(!["Number", "Time"].contains(&name), media)?;
    let mut track = Track {
        set: String::new(),
        initialization: needed(template, "initialization")?.to_owned(),
        follows: None,
        timescale: number(template, "timescale")?,
        offset: number(template, "presentationTimeOffset")?,
        start_number: number(template, "startNumber")?,
        segments: Vec::new(),
    };
    unless(track.timescale == 0, "a timescale of 0")?;
    let timeline = template.first("SegmentTimeline").ok_or("no timeline")?;
    for run in timeline.all("S") {
        let end = track.end();
        let time = match run.attribute("t") {
            Some(_) => number(run, "t")?,
            None if track.segments.is_empty() => return Err("the first S has no t".into()),
            None => end,
        };
        unless(
            !track.segments.is_empty() && time != end,
            "a hole or an overlap in the timeline",
        )?;
        let lasts = number(run, "d")?;
        unless(lasts == 0, "a segment of 0")?;
        let count = run.attribute("r").map_or(Ok(0), |_| number(run, "r"))? + 1;
        for at in 0..count {
            let time = time + at * lasts;
            let place = track.segments.len() as i128;
            let value = match name {
                "Number" => track.start_number + place,
                _ => time,
            };
            track.segments.push(Segment {
                uri: format!("{before}{value:0width$}{after}"),
                time,
                duration: lasts,
            });
        }
    }
    unless(track.segments.is_empty(), "an empty timeline")?;
    Ok(track)
}

/// Periods follow each other, and say so if something is missing between them.
fn order(periods: &[Period]) -> Result<(), String> {
    let ids: BTreeSet<_> = periods.iter().map(|it| &it.id).collect();
    unless(ids.len() != periods.len(), "two Periods of one id")?;
    for pair in periods.windows(2) {
        let [one, next] = pair else { continue };
        unless(next.start <= one.start, "the start of a Period")?;
        let ends = one.tracks.values().map(|it| it.at(one, it.end())).max();
        let ends = ends.unwrap_or_default();
        match one.duration {
            Some(lasts) => {
                unless(lasts <= 0, "a duration of 0")?;
                unless(one.start + lasts > next.start, "Periods overlap")?;
            }
            None => unless(
                ends + FRAME < next.start,
                format!("a hole after Period {}", one.id),
            )?,
        }
    }
    Ok(())
}

/// Connected sets have the same initialisation segments in the Period before.
fn connected(periods: &[Period]) -> Result<(), String> {
    for (at, period) in periods.iter().enumerate() {
        for (id, track) in &period.tracks {
            let Some(follows) = &track.follows else {
                continue;
            };
            let before = at.checked_sub(1).map(|it| &periods[it]);
            let before = before.filter(|it| it.id == *follows);
            let other = before.and_then(|it| it.tracks.get(id));
            let is_same = other
                .is_some_and(|it| it.initialization == track.initialization && it.set == track.set);
            unless(!is_same, format!("the connectivity of {id}"))?;
        }
    }
    Ok(())
}
