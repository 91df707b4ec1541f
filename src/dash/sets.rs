//! What an application says about its adaptation sets and representations.

use std::io;
use std::num::NonZeroU32;
use std::path::PathBuf;

use super::xml::{XmlElement, is_text};

/// Representations that a player chooses one of: the same content in several qualities.
///
/// A presentation has one for its video and one for each language and role of its audio and
/// subtitles.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct AdaptationSet {
    pub(super) content: Content,
    pub(super) representations: Vec<Representation>,
    pub(super) language: Option<String>,
    pub(super) label: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) is_switchable: bool,
    pub(super) protections: Vec<XmlElement>,
    pub(super) inband_events: Vec<XmlElement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Video,
    Audio,
    Subtitles,
}

impl Content {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Subtitles => "text",
        }
    }

    pub(super) fn mime_type(self) -> &'static str {
        match self {
            Self::Video => "video/mp4",
            Self::Audio => "audio/mp4",
            Self::Subtitles => "application/mp4",
        }
    }
}

impl AdaptationSet {
    /// A set of video representations.
    pub fn video() -> Self {
        Self::new(Content::Video)
    }

    /// A set of audio representations.
    pub fn audio() -> Self {
        Self::new(Content::Audio)
    }

    /// A set of subtitles in fragmented MP4 (`wvtt` or `stpp`).
    pub fn subtitles() -> Self {
        Self::new(Content::Subtitles)
    }

    fn new(content: Content) -> Self {
        Self {
            content,
            representations: Vec::new(),
            language: None,
            label: None,
            roles: Vec::new(),
            is_switchable: false,
            protections: Vec::new(),
            inband_events: Vec::new(),
        }
    }

    /// Adds a representation.
    pub fn representation(mut self, representation: Representation) -> Self {
        self.representations.push(representation);
        self
    }

    /// The language as a tag of RFC 5646, such as `en` or `pt-BR`.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// A name that a player shows.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds a role of the scheme `urn:mpeg:dash:role:2011`, such as `main`, `alternate`, `dub` or
    /// `caption`.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Declares that segments of equal numbers have equal times in all representations, and that
    /// each can be decoded by itself (`@segmentAlignment`, `@startWithSAP="1"`).
    pub fn switchable(mut self) -> Self {
        self.is_switchable = true;
        self
    }

    /// Adds a `ContentProtection` element.
    pub fn content_protection(mut self, element: XmlElement) -> Self {
        self.protections.push(element);
        self
    }

    /// Adds an `InbandEventStream` element.
    pub fn inband_event_stream(mut self, element: XmlElement) -> Self {
        self.inband_events.push(element);
        self
    }

    pub(super) fn check(&self) -> io::Result<()> {
        if self.representations.is_empty() {
            return refuse("an adaptation set has no representation");
        }
        let is_subtag = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|it| it.is_ascii_alphanumeric())
        };
        if let Some(language) = &self.language
            && !(language.starts_with(|it: char| it.is_ascii_alphabetic())
                && language.split('-').all(is_subtag))
        {
            return refuse(&format!("{language:?} is not a language tag"));
        }
        let texts = self.label.iter().chain(&self.roles);
        check_texts(texts)?;
        check_names(&self.protections, "ContentProtection")?;
        check_names(&self.inband_events, "InbandEventStream")?;
        let mut all = self.representations.iter();
        all.try_for_each(Representation::check)
    }
}

/// One version of the content of an adaptation set: a rendition of the presentation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Representation {
    pub(super) rendition: PathBuf,
    pub(super) bandwidth: u32,
    pub(super) id: Option<String>,
    pub(super) codecs: Option<String>,
    pub(super) mime_type: Option<String>,
    pub(super) size: Option<(u32, u32)>,
    pub(super) frame_rate: Option<(u32, NonZeroU32)>,
    pub(super) sampling_rate: Option<u32>,
    pub(super) channels: Option<u32>,
}

impl Representation {
    /// The rendition whose media playlist has this path hint. A player that has this bandwidth in
    /// bits a second, and the minimum buffer time, plays without a stall.
    pub fn new(rendition: impl Into<PathBuf>, bandwidth: u32) -> Self {
        Self {
            rendition: rendition.into(),
            bandwidth,
            id: None,
            codecs: None,
            mime_type: None,
            size: None,
            frame_rate: None,
            sampling_rate: None,
            channels: None,
        }
    }

    /// The `@id`, unique in the MPD and without spaces. The default is the place of the
    /// representation in the MPD, counted from 0. It must be the same after a restart.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The codecs as RFC 6381 writes them, such as `avc1.64001f`.
    pub fn codecs(mut self, codecs: impl Into<String>) -> Self {
        self.codecs = Some(codecs.into());
        self
    }

    /// The MIME type. The default is `video/mp4`, `audio/mp4` or `application/mp4`, by the set.
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Width and height in pixels.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = Some((width, height));
        self
    }

    /// Frames in so many seconds: 30,000 in 1,001.
    pub fn frame_rate(mut self, frames: u32, seconds: NonZeroU32) -> Self {
        self.frame_rate = Some((frames, seconds));
        self
    }

    /// Audio samples a second.
    pub fn sampling_rate(mut self, rate: u32) -> Self {
        self.sampling_rate = Some(rate);
        self
    }

    /// The number of audio channels.
    pub fn channels(mut self, channels: u32) -> Self {
        self.channels = Some(channels);
        self
    }

    fn check(&self) -> io::Result<()> {
        let rendition = format!("{:?}", self.rendition.display().to_string());
        if self.bandwidth == 0 {
            return refuse(&format!("the representation {rendition} has no bandwidth"));
        }
        if let Some(id) = &self.id
            && (id.is_empty() || id.contains(char::is_whitespace))
        {
            return refuse(&format!("the id {id:?} is empty or has a space in it"));
        }
        if let Some(mime_type) = &self.mime_type
            && !mime_type.ends_with("/mp4")
        {
            return refuse(&format!(
                "the representation {rendition} has the type {mime_type:?}: an MPD lists \
                 fragmented MP4 only"
            ));
        }
        let is_codec = |it: u8| it.is_ascii_graphic() && !b"\"'<>&".contains(&it);
        if let Some(codecs) = &self.codecs
            && (codecs.is_empty() || !codecs.bytes().all(is_codec))
        {
            return refuse(&format!("{codecs:?} is not a list of codecs (RFC 6381)"));
        }
        let texts = self.id.iter().chain(&self.mime_type);
        check_texts(texts)
    }
}

pub(super) fn check_texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> io::Result<()> {
    match texts.into_iter().find(|text| !is_text(text)) {
        None => Ok(()),
        Some(text) => refuse(&format!("{text:?} contains a control character")),
    }
}

pub(super) fn check_names(elements: &[XmlElement], name: &str) -> io::Result<()> {
    match elements.iter().find(|it| it.name() != name) {
        None => Ok(()),
        Some(other) => refuse(&format!("{} is given as {name}", other.name())),
    }
}

pub(super) fn refuse<T>(why: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, why.to_owned()))
}
