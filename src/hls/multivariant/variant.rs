//! One variant: EXT-X-STREAM-INF (RFC 8216 §4.3.4.2, draft-pantos-hls-rfc8216bis §4.4.6.2).

use std::io;
use std::path::{Path, PathBuf};

use super::{Bandwidths, checked_codecs, quotable, quoted, refuse, stable_id};
use crate::hls::attributes::TagLine;
use crate::hls::config::is_url;
use crate::uri;

/// One version of the presentation (EXT-X-STREAM-INF, RFC 8216 §4.3.4.2).
///
/// No attribute but the bandwidth has a default: one that is not set is not written. Values are
/// checked when the multivariant playlist is
/// [published](crate::hls::MultivariantPlaylist::publish).
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Variant {
    pub(super) playlist: PathBuf,
    base_url: Option<String>,
    /// `None` if it is to be measured.
    pub(super) bandwidth: Option<u64>,
    pub(super) average_bandwidth: Option<u64>,
    pub(super) codecs: Option<String>,
    pub(super) supplemental_codecs: Option<String>,
    pub(super) score: Option<f64>,
    resolution: Option<(u64, u64)>,
    frame_rate: Option<f64>,
    hdcp_level: Option<HdcpLevel>,
    video_range: Option<VideoRange>,
    stable_id: Option<String>,
    pub(super) audio: Option<String>,
    pub(super) subtitles: Option<String>,
    pub(super) closed_captions: Option<String>,
}

/// The copy protection that an output needs (HDCP-LEVEL).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HdcpLevel {
    /// None.
    None,
    /// HDCP type 0 or equivalent.
    Type0,
    /// HDCP type 1 or equivalent.
    Type1,
}

/// The dynamic range of the pictures (VIDEO-RANGE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VideoRange {
    /// Standard dynamic range. A variant without a range is one of these.
    Sdr,
    /// Hybrid log-gamma, maybe mixed with SDR.
    Hlg,
    /// Perceptual quantizer, as HDR10 and Dolby Vision have it, maybe mixed with HLG and SDR.
    Pq,
}

impl Variant {
    /// A variant with the media playlist of this path hint. Its segments take at most `bandwidth`
    /// bits a second, those of its groups included.
    ///
    /// The bandwidth is above 0, and is the peak of any playable combination of its renditions. For live content,
    /// take it from similar content with the same settings.
    pub fn new(playlist: impl Into<PathBuf>, bandwidth: u64) -> Self {
        Self {
            bandwidth: Some(bandwidth),
            ..Self::measured(playlist)
        }
    }

    /// A variant whose bandwidths are measured from the segments that its media playlist and those
    /// of its groups have stored so far.
    ///
    /// In a [`Presentation`](crate::hls::Presentation) the multivariant playlist waits until each
    /// of these has stored a segment. At the end, one that has stored none is an error. The
    /// multivariant playlist is published again when a bandwidth has moved by more than a
    /// twentieth, and at the end. After a resume the measurement begins anew.
    pub fn measured(playlist: impl Into<PathBuf>) -> Self {
        Self {
            playlist: playlist.into(),
            base_url: None,
            bandwidth: None,
            average_bandwidth: None,
            codecs: None,
            supplemental_codecs: None,
            score: None,
            resolution: None,
            frame_rate: None,
            hdcp_level: None,
            video_range: None,
            stable_id: None,
            audio: None,
            subtitles: None,
            closed_captions: None,
        }
    }

    /// The URL of the directory of another origin that has the multivariant playlist as well. The
    /// variant is the media playlist there. By default its URI is relative.
    ///
    /// Two variants of one playlist, one of them with another origin, are redundant: a player that
    /// cannot reach one of them takes the other (bis §4.4.6.2). Its groups stay those of the first
    /// origin.
    ///
    /// ```
    /// use segment_stream::hls::{MultivariantPlaylist, Variant};
    ///
    /// let variant = Variant::new("live.m3u8", 4_000_000);
    /// let playlist = MultivariantPlaylist::new("main.m3u8")
    ///     .variant(variant.clone())
    ///     .variant(variant.base_url("https://backup.example/live"));
    /// # drop(playlist);
    /// ```
    pub fn base_url(mut self, base: impl Into<String>) -> Self {
        self.base_url = Some(base.into());
        self
    }

    /// The average bandwidth in bits a second, that of its groups included. It is above 0, and not
    /// above the declared peak.
    pub fn average_bandwidth(mut self, bandwidth: u64) -> Self {
        self.average_bandwidth = Some(bandwidth);
        self
    }

    /// The codecs in the notation of RFC 6381: `avc1.64001f,mp4a.40.2`. Every variant should name
    /// them. They include the codecs of every rendition of its groups (bis §4.4.6.1.1).
    ///
    /// The formats inside the segments are not looked at. These omissions are refused: a codec of a
    /// rendition of its groups; an audio codec if it has an audio group; a video codec if it has a
    /// resolution, a frame rate, a range or captions.
    pub fn codecs(mut self, codecs: impl Into<String>) -> Self {
        self.codecs = Some(codecs.into());
        self
    }

    /// The codecs of enhancement layers, with their brands: `dvh1.08.07/db4h` for Dolby Vision 8.4.
    /// [`codecs`](Variant::codecs) names the layers below them.
    pub fn supplemental_codecs(mut self, codecs: impl Into<String>) -> Self {
        self.supplemental_codecs = Some(codecs.into());
        self
    }

    /// How desirable the variant is, above 0 and below 10^15: a player prefers a higher score. If
    /// one variant has a score, all must have one.
    pub fn score(mut self, score: f64) -> Self {
        self.score = Some(score);
        self
    }

    /// The width and height of the pictures, in pixels.
    pub fn resolution(mut self, width: u64, height: u64) -> Self {
        self.resolution = Some((width, height));
        self
    }

    /// The highest number of frames a second, from 0 to below a million, rounded to three decimals.
    pub fn frame_rate(mut self, frames_a_second: f64) -> Self {
        self.frame_rate = Some(frames_a_second);
        self
    }

    /// The copy protection that the output needs.
    pub fn hdcp_level(mut self, level: HdcpLevel) -> Self {
        self.hdcp_level = Some(level);
        self
    }

    /// The dynamic range of the pictures.
    pub fn video_range(mut self, range: VideoRange) -> Self {
        self.video_range = Some(range);
        self
    }

    /// An id that stays when the URI changes (STABLE-VARIANT-ID): letters, digits and `+/=.-_`.
    pub fn stable_id(mut self, id: impl Into<String>) -> Self {
        self.stable_id = Some(id.into());
        self
    }

    /// The group of audio renditions that belong to this variant.
    pub fn audio_group(mut self, group: impl Into<String>) -> Self {
        self.audio = Some(group.into());
        self
    }

    /// The group of subtitles that belong to this variant.
    pub fn subtitle_group(mut self, group: impl Into<String>) -> Self {
        self.subtitles = Some(group.into());
        self
    }

    /// The group of closed captions in the pictures of this variant.
    pub fn closed_captions_group(mut self, group: impl Into<String>) -> Self {
        self.closed_captions = Some(group.into());
        self
    }

    /// The tag, without the end of its line.
    pub(super) fn tag(&self, bandwidths: Bandwidths, has_no_captions: bool) -> io::Result<String> {
        let shown = quoted(&self.playlist);
        let quotable = |attribute, text: &Option<String>| match text {
            Some(text) => quotable(&shown, attribute, text).map(|()| Some(text.clone())),
            None => Ok(None),
        };
        let codecs = quotable("CODECS", &self.codecs)?;
        let supplemental = quotable("SUPPLEMENTAL-CODECS", &self.supplemental_codecs)?;
        for (attribute, list) in [("CODECS", &codecs), ("SUPPLEMENTAL-CODECS", &supplemental)] {
            checked_codecs(&shown, attribute, list.as_deref())?;
        }
        if supplemental.is_some() && codecs.is_none() {
            return refuse(format!("{shown} has SUPPLEMENTAL-CODECS, but no CODECS"));
        }
        let line = TagLine::new("#EXT-X-STREAM-INF")
            .plain("BANDWIDTH", bandwidths.peak)
            .maybe_plain("AVERAGE-BANDWIDTH", bandwidths.average)
            .maybe_plain("SCORE", self.checked_score(&shown)?)
            .maybe_quoted("CODECS", codecs)
            .maybe_quoted("SUPPLEMENTAL-CODECS", supplemental)
            .maybe_plain(
                "RESOLUTION",
                self.resolution
                    .map(|(width, height)| format!("{width}x{height}")),
            )
            .maybe_plain("FRAME-RATE", self.checked_frame_rate(&shown)?)
            .maybe_plain("HDCP-LEVEL", self.hdcp_level.map(HdcpLevel::text))
            .maybe_plain("VIDEO-RANGE", self.video_range.map(VideoRange::text))
            .maybe_quoted(
                "STABLE-VARIANT-ID",
                stable_id(&shown, "STABLE-VARIANT-ID", self.stable_id.as_deref())?,
            )
            .maybe_quoted("AUDIO", quotable("AUDIO", &self.audio)?)
            .maybe_quoted("SUBTITLES", quotable("SUBTITLES", &self.subtitles)?)
            .maybe_quoted(
                "CLOSED-CAPTIONS",
                quotable("CLOSED-CAPTIONS", &self.closed_captions)?,
            );
        // Not quoted: that would be a group of this name.
        Ok(line
            .maybe_plain("CLOSED-CAPTIONS", has_no_captions.then_some("NONE"))
            .finish())
    }

    /// The first property of pictures that it has.
    pub(super) fn of_pictures(&self) -> Option<&'static str> {
        let has = [
            ("RESOLUTION", self.resolution.is_some()),
            ("FRAME-RATE", self.frame_rate.is_some()),
            ("VIDEO-RANGE", self.video_range.is_some()),
            ("CLOSED-CAPTIONS", self.closed_captions.is_some()),
        ];
        has.into_iter().find_map(|(name, has)| has.then_some(name))
    }

    /// The declared bandwidths are above 0, and the average is not above the peak.
    pub(super) fn check_bandwidths(&self) -> io::Result<()> {
        let shown = quoted(&self.playlist);
        for (attribute, declared) in [
            ("BANDWIDTH", self.bandwidth),
            ("AVERAGE-BANDWIDTH", self.average_bandwidth),
        ] {
            if declared == Some(0) {
                return refuse(format!("the {attribute} of {shown} is 0"));
            }
        }
        match (self.bandwidth, self.average_bandwidth) {
            (Some(peak), Some(average)) if average > peak => refuse(format!(
                "the AVERAGE-BANDWIDTH of {shown}, {average}, is above its BANDWIDTH, {peak}"
            )),
            _ => Ok(()),
        }
    }

    /// The URI of its media playlist, in a multivariant playlist in this directory.
    pub(super) fn uri(&self, folder: &Path) -> io::Result<String> {
        let reference = uri::reference(folder, &self.playlist)?;
        match &self.base_url {
            None => Ok(reference),
            Some(base) if is_url(base) => Ok(format!("{}/{reference}", base.trim_end_matches('/'))),
            Some(base) => refuse(format!(
                "the base URL of {} is empty or has a character that a URL cannot have: {base:?}",
                quoted(&self.playlist)
            )),
        }
    }

    fn checked_score(&self, shown: &str) -> io::Result<Option<f64>> {
        match self.score {
            Some(score) if !(score > 0.0 && score < 1e15) => {
                refuse(format!("the SCORE of {shown} is invalid: {score}"))
            }
            score => Ok(score),
        }
    }

    fn checked_frame_rate(&self, shown: &str) -> io::Result<Option<f64>> {
        match self.frame_rate {
            Some(rate) if !(0.0..1e6).contains(&rate) => {
                refuse(format!("the frame rate of {shown} is invalid: {rate}"))
            }
            rate => Ok(rate.map(|rate| (rate * 1e3).round() / 1e3)),
        }
    }
}

impl HdcpLevel {
    fn text(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Type0 => "TYPE-0",
            Self::Type1 => "TYPE-1",
        }
    }
}

impl VideoRange {
    fn text(self) -> &'static str {
        match self {
            Self::Sdr => "SDR",
            Self::Hlg => "HLG",
            Self::Pq => "PQ",
        }
    }
}
