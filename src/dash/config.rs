//! The configuration of an MPD.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::sets::{AdaptationSet, Representation, check_names, check_texts, refuse};
use super::template::Addressing;
use super::xml::XmlElement;
use crate::presentation::time::{Micros, from_duration};
use crate::uri;

/// The configuration of an MPD: its path, its adaptation sets, and what a player has to know.
///
/// It belongs to an HLS [`Presentation`](crate::hls::Presentation), whose window, target duration
/// and dates it shares.
///
/// ```
/// use segment_stream::dash::{AdaptationSet, Mpd, Representation, UtcTiming};
/// use std::path::Path;
/// use std::time::Duration;
///
/// let mpd = Mpd::new("live.mpd")
///     .adaptation_set(
///         AdaptationSet::video().representation(
///             Representation::new("video.m3u8", 3_000_000)
///                 .codecs("avc1.64001f")
///                 .size(1280, 720),
///         ),
///     )
///     .adaptation_set(AdaptationSet::audio().language("en").representation(
///         Representation::new("audio.m3u8", 128_000).codecs("mp4a.40.2").channels(2),
///     ))
///     .utc_timing(UtcTiming::HttpHead("https://time.example.com/".into()))
///     .latency_target(Duration::from_secs(6));
/// assert_eq!(mpd.path(), Path::new("live.mpd"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Mpd {
    pub(super) path: PathBuf,
    pub(super) sets: Vec<AdaptationSet>,
    pub(super) base_urls: Vec<String>,
    pub(super) utc_timing: Vec<UtcTiming>,
    pub(super) has_own_timing: bool,
    pub(super) minimum_update_period: Option<Micros>,
    pub(super) suggested_delay: Option<Micros>,
    pub(super) minimum_buffer: Option<Micros>,
    pub(super) latency_target: Option<Micros>,
    pub(super) event_streams: Vec<XmlElement>,
    pub(super) addressing: Addressing,
}

/// A source of the time for players, whose own clocks may be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UtcTiming {
    /// The `Date` header of the answer to a HEAD request to this URL.
    HttpHead(String),
    /// The body of the answer from this URL: an `xs:dateTime`.
    HttpXsDate(String),
    /// The body of the answer from this URL: a date of ISO 8601.
    HttpIso(String),
    /// The NTP servers of this list.
    Ntp(String),
}

impl UtcTiming {
    pub(super) fn scheme(&self) -> &'static str {
        match self {
            Self::HttpHead(_) => "urn:mpeg:dash:utc:http-head:2014",
            Self::HttpXsDate(_) => "urn:mpeg:dash:utc:http-xsdate:2014",
            Self::HttpIso(_) => "urn:mpeg:dash:utc:http-iso:2014",
            Self::Ntp(_) => "urn:mpeg:dash:utc:ntp:2014",
        }
    }

    pub(super) fn value(&self) -> &String {
        match self {
            Self::HttpHead(value)
            | Self::HttpXsDate(value)
            | Self::HttpIso(value)
            | Self::Ntp(value) => value,
        }
    }
}

impl Mpd {
    /// An MPD without adaptation sets. `path` is its path hint at the sinks of the presentation.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            sets: Vec::new(),
            base_urls: Vec::new(),
            utc_timing: Vec::new(),
            has_own_timing: true,
            minimum_update_period: None,
            suggested_delay: None,
            minimum_buffer: None,
            latency_target: None,
            event_streams: Vec::new(),
            addressing: Addressing::Number,
        }
    }

    /// Adds an adaptation set. Segments of the first one say where a Period begins, so give the
    /// video first.
    pub fn adaptation_set(mut self, set: AdaptationSet) -> Self {
        self.sets.push(set);
        self
    }

    /// Adds a URL that all URIs are relative to. By default they are relative to the MPD.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_urls.push(url.into());
        self
    }

    /// Adds a source of the time. Players try them in this order. The default is a HEAD request to
    /// the MPD itself.
    pub fn utc_timing(mut self, source: UtcTiming) -> Self {
        self.utc_timing.push(source);
        self
    }

    /// Names no source of the time but those of [`utc_timing`](Mpd::utc_timing).
    pub fn without_default_timing(mut self) -> Self {
        self.has_own_timing = false;
        self
    }

    /// How often a player loads the MPD again, at most. The default is the target duration.
    pub fn minimum_update_period(mut self, period: Duration) -> Self {
        self.minimum_update_period = Some(from_duration(period));
        self
    }

    /// How far behind the live edge a player should be. The default is three target durations.
    pub fn suggested_presentation_delay(mut self, delay: Duration) -> Self {
        self.suggested_delay = Some(from_duration(delay));
        self
    }

    /// The buffer with which the declared bandwidths suffice. The default is the target duration.
    pub fn minimum_buffer_time(mut self, time: Duration) -> Self {
        self.minimum_buffer = Some(from_duration(time));
        self
    }

    /// The latency that a player should hold (`ServiceDescription`). By default none is given.
    pub fn latency_target(mut self, latency: Duration) -> Self {
        self.latency_target = Some(from_duration(latency));
        self
    }

    /// Adds an `EventStream` element to every Period. Its times are relative to the Period.
    pub fn event_stream(mut self, element: XmlElement) -> Self {
        self.event_streams.push(element);
        self
    }

    /// Finds segments by the media time in their names (`$Time$`). By default it is the number
    /// (`$Number$`): the name of each segment contains its `sequence`, or the start of its
    /// [`MediaTime`](crate::MediaTime), in decimal digits, in front of the extension. The rest of
    /// the name is the same for all segments of a session.
    pub fn by_time(mut self) -> Self {
        self.addressing = Addressing::Time;
        self
    }

    /// The path hint of the MPD.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn check(&self) -> io::Result<()> {
        uri::reference(self.folder(), &self.path)?;
        if self.sets.is_empty() {
            return refuse("the MPD has no adaptation set");
        }
        self.sets.iter().try_for_each(AdaptationSet::check)?;
        let (mut ids, mut renditions) = (HashSet::new(), HashSet::new());
        for (index, (_, it)) in self.representations().enumerate() {
            let id = id(index, it);
            if !renditions.insert(uri::plain(&it.rendition)?) {
                let rendition = it.rendition.display();
                return refuse(&format!(
                    "two representations have the rendition {rendition}"
                ));
            }
            if ids.contains(&id) {
                return refuse(&format!("two representations have the id {id:?}"));
            }
            ids.insert(id);
        }
        check_texts(&self.base_urls)?;
        check_texts(self.utc_timing.iter().map(UtcTiming::value))?;
        check_names(&self.event_streams, "EventStream")
    }

    /// Each representation with the place of its set.
    pub(super) fn representations(&self) -> impl Iterator<Item = (usize, &Representation)> {
        let sets = self.sets.iter().enumerate();
        sets.flat_map(|(at, set)| set.representations.iter().map(move |it| (at, it)))
    }

    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

/// The id of the representation at this place.
pub(super) fn id(index: usize, representation: &Representation) -> String {
    let given = representation.id.clone();
    given.unwrap_or_else(|| index.to_string())
}
