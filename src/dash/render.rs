//! The text of an MPD (ISO/IEC 23009-1, 5.3).

use std::io;
use std::time::SystemTime;

use super::config::{Mpd, id};
use super::date::{print, print_duration};
use super::model::Model;
use super::period::{Period, Track};
use super::sets::{AdaptationSet, Representation};
use super::xml::{Attributes, Lines};
use crate::presentation::time::{Micros, SECOND};

pub(super) const CONNECTIVITY: &str = "urn:mpeg:dash:period-connectivity:2015";
const ROLE: &str = "urn:mpeg:dash:role:2011";
const CHANNELS: &str = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011";

/// What changes from one text to the next, apart from the Periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// When the text is published, if it is known.
    pub(super) published: Option<SystemTime>,
    pub(super) target_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// More segments come. The time for which they stay, if that is limited.
    Dynamic(Option<Micros>),
    /// The end of an MPD whose first Period is not listed any more: times stay as they were.
    Ended,
    /// The end of an MPD whose first Period begins at 0.
    Static,
}

pub(super) fn render(mpd: &Mpd, head: Head, model: &Model) -> io::Result<Vec<u8>> {
    let mut lines = Lines::new();
    let target = head.target_secs.saturating_mul(SECOND);
    lines.open("MPD", attributes(mpd, head, model, target))?;
    for url in &mpd.base_urls {
        lines.text("BaseURL", url)?;
    }
    if let Some(latency) = mpd.latency_target {
        lines.open("ServiceDescription", Attributes::new().with("id", 0))?;
        let target = Attributes::new().with("target", latency / 1000);
        lines.empty("Latency", target)?;
        lines.close("ServiceDescription")?;
    }
    let mut before = None;
    for (at, one) in model.periods.iter().enumerate() {
        let is_last = at + 1 == model.periods.len();
        let has_ended = !matches!(head.kind, Kind::Dynamic(_));
        let duration = match one.duration {
            None if is_last && has_ended => Some(one.length()),
            duration => duration,
        };
        period(&mut lines, mpd, one, duration, before)?;
        before = Some(one.id);
    }
    if head.kind != Kind::Static {
        timing(&mut lines, mpd)?;
    }
    lines.close("MPD")?;
    Ok(lines.finish())
}

fn attributes(mpd: &Mpd, head: Head, model: &Model, target: Micros) -> Attributes {
    let lasting = |micros: Option<Micros>| micros.map(print_duration);
    let is_static = head.kind == Kind::Static;
    let (update, depth) = match head.kind {
        Kind::Dynamic(depth) => (Some(mpd.minimum_update_period.unwrap_or(target)), depth),
        Kind::Ended | Kind::Static => (None, None),
    };
    let delay = mpd.suggested_delay.unwrap_or(target.saturating_mul(3));
    let duration = (!matches!(head.kind, Kind::Dynamic(_))).then(|| model.end());
    let longest = model.longest.max(target);
    Attributes::new()
        .with("xmlns", "urn:mpeg:dash:schema:mpd:2011")
        .with("profiles", "urn:mpeg:dash:profile:isoff-live:2011")
        .with("type", if is_static { "static" } else { "dynamic" })
        .maybe(
            "availabilityStartTime",
            model.origin.filter(|_| !is_static).map(print),
        )
        .maybe("publishTime", head.published.map(print))
        .maybe("mediaPresentationDuration", lasting(duration))
        .maybe("minimumUpdatePeriod", lasting(update))
        .with(
            "minBufferTime",
            print_duration(mpd.minimum_buffer.unwrap_or(target)),
        )
        .maybe("timeShiftBufferDepth", lasting(depth))
        .maybe(
            "suggestedPresentationDelay",
            lasting(Some(delay).filter(|_| !is_static)),
        )
        .with("maxSegmentDuration", print_duration(longest))
}

fn period(
    lines: &mut Lines,
    mpd: &Mpd,
    period: &Period,
    duration: Option<Micros>,
    before: Option<u64>,
) -> io::Result<()> {
    let attributes = Attributes::new()
        .with("id", period.id)
        .with("start", print_duration(period.start))
        .maybe("duration", duration.map(print_duration));
    lines.open("Period", attributes)?;
    for stream in &mpd.event_streams {
        lines.element(stream);
    }
    for (at, set) in mpd.sets.iter().enumerate() {
        let listed: Vec<_> = mpd
            .representations()
            .enumerate()
            .filter(|(_, (of, _))| *of == at)
            .filter_map(|(r, (_, it))| Some((r, it, period.track(r)?)))
            .collect();
        if !listed.is_empty() {
            adaptation_set(lines, at, set, &listed, before)?;
        }
    }
    lines.close("Period")
}

fn adaptation_set(
    lines: &mut Lines,
    at: usize,
    set: &AdaptationSet,
    listed: &[(usize, &Representation, &Track)],
    before: Option<u64>,
) -> io::Result<()> {
    let attributes = Attributes::new()
        .with("id", at + 1)
        .with("contentType", set.content.content_type())
        .maybe("lang", set.language.as_ref())
        .maybe("segmentAlignment", set.is_switchable.then_some("true"))
        .maybe("startWithSAP", set.is_switchable.then_some(1));
    lines.open("AdaptationSet", attributes)?;
    for protection in &set.protections {
        lines.element(protection);
    }
    let is_connected = listed
        .iter()
        .all(|(_, _, track)| before.is_some() && track.follows == before);
    if let Some(before) = before.filter(|_| is_connected) {
        let property = Attributes::new()
            .with("schemeIdUri", CONNECTIVITY)
            .with("value", before);
        lines.empty("SupplementalProperty", property)?;
    }
    for stream in &set.inband_events {
        lines.element(stream);
    }
    if let Some(label) = &set.label {
        lines.text("Label", label)?;
    }
    for role in &set.roles {
        let role = Attributes::new()
            .with("schemeIdUri", ROLE)
            .with("value", role);
        lines.empty("Role", role)?;
    }
    for (r, it, track) in listed {
        representation(lines, set, *r, it, track)?;
    }
    lines.close("AdaptationSet")
}

fn representation(
    lines: &mut Lines,
    set: &AdaptationSet,
    index: usize,
    it: &Representation,
    track: &Track,
) -> io::Result<()> {
    let mime_type = it.mime_type.as_deref();
    let rate = it.frame_rate.map(|(frames, seconds)| match seconds.get() {
        1 => frames.to_string(),
        seconds => format!("{frames}/{seconds}"),
    });
    let attributes = Attributes::new()
        .with("id", id(index, it))
        .with("bandwidth", it.bandwidth)
        .maybe("width", it.size.map(|size| size.0))
        .maybe("height", it.size.map(|size| size.1))
        .maybe("frameRate", rate)
        .maybe("audioSamplingRate", it.sampling_rate)
        .with("mimeType", mime_type.unwrap_or(set.content.mime_type()))
        .maybe("codecs", it.codecs.as_ref());
    lines.open("Representation", attributes)?;
    if let Some(channels) = it.channels {
        let channels = Attributes::new()
            .with("schemeIdUri", CHANNELS)
            .with("value", channels);
        lines.empty("AudioChannelConfiguration", channels)?;
    }
    segments(lines, track)?;
    lines.close("Representation")
}

fn segments(lines: &mut Lines, track: &Track) -> io::Result<()> {
    let attributes = Attributes::new()
        .with("timescale", track.timescale)
        .with("presentationTimeOffset", track.offset)
        .with("startNumber", track.start_number)
        .with("media", track.template.print())
        .with("initialization", &track.initialisation);
    lines.open("SegmentTemplate", attributes)?;
    lines.open("SegmentTimeline", Attributes::new())?;
    for (at, run) in track.runs.iter().enumerate() {
        // There are no holes, so the others begin where those before them end.
        let start = (at == 0).then_some(run.start);
        let more = (run.count > 1).then(|| run.count - 1);
        let attributes = Attributes::new()
            .maybe("t", start)
            .with("d", run.duration)
            .maybe("r", more);
        lines.empty("S", attributes)?;
    }
    lines.close("SegmentTimeline")?;
    lines.close("SegmentTemplate")
}

fn timing(lines: &mut Lines, mpd: &Mpd) -> io::Result<()> {
    let mut source = |scheme: &str, value: &str| {
        let source = Attributes::new()
            .with("schemeIdUri", scheme)
            .with("value", value);
        lines.empty("UTCTiming", source)
    };
    for it in &mpd.utc_timing {
        source(it.scheme(), it.value())?;
    }
    if mpd.utc_timing.is_empty() && mpd.has_own_timing {
        let own = crate::uri::reference(mpd.folder(), &mpd.path)?;
        source("urn:mpeg:dash:utc:http-head:2014", &own)?;
    }
    Ok(())
}
