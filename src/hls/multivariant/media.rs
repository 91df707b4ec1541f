//! The renditions beside the variants: EXT-X-MEDIA (RFC 8216 §4.3.4.1, draft-pantos-hls-rfc8216bis
//! §4.4.6.1).

use std::io;
use std::path::{Path, PathBuf};

use super::{checked_codecs, quotable, refuse, stable_id};
use crate::hls::attributes::TagLine;
use crate::uri;

/// The fields of all three kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) kind: Kind,
    /// `None` if the media is in the segments of the variants.
    pub(super) playlist: Option<PathBuf>,
    pub(super) group: String,
    pub(super) name: String,
    language: Option<String>,
    associated_language: Option<String>,
    stable_id: Option<String>,
    pub(super) selection: Selection,
    is_forced: bool,
    characteristics: Vec<String>,
    channels: Option<u32>,
    spatial_audio: Option<String>,
    pub(super) instream: Option<InstreamId>,
    pub(super) codecs: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Audio,
    Subtitles,
    ClosedCaptions,
}

/// Who chooses a rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selection {
    /// The player, unless it knows better.
    Default,
    /// The player, if it fits the language and the like.
    Automatic,
    /// The viewer only.
    OnRequest,
}

/// An audio rendition (EXT-X-MEDIA, RFC 8216 §4.3.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct AudioRendition(pub(super) Media);

/// Subtitles with a media playlist of their own (EXT-X-MEDIA, RFC 8216 §4.3.4.1).
///
/// Their segments are `WebVTT` or IMSC1. A `WebVTT` segment maps its cues to the media timeline with
/// a header, `X-TIMESTAMP-MAP` (§3.5), which is part of the segment. The application writes it, and
/// it is stored as it is. After a discontinuity, and wherever the timestamps wrap, it must map to
/// the new timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct SubtitleRendition(pub(super) Media);

/// Closed captions in the pictures of the variants (EXT-X-MEDIA, RFC 8216 §4.3.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct ClosedCaptions(pub(super) Media);

/// The channel of closed captions in the pictures (INSTREAM-ID).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InstreamId(Channel);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Channel {
    Cea608(u8),
    Cea708(u8),
}

impl InstreamId {
    /// A line 21 channel, `CC1` to `CC4`; `None` unless `channel` is 1 to 4.
    #[must_use]
    pub fn cea608(channel: u8) -> Option<Self> {
        (1..=4)
            .contains(&channel)
            .then_some(Self(Channel::Cea608(channel)))
    }

    /// A digital caption service, `SERVICE1` to `SERVICE63`; `None` unless `service` is 1 to 63.
    #[must_use]
    pub fn cea708(service: u8) -> Option<Self> {
        (1..=63)
            .contains(&service)
            .then_some(Self(Channel::Cea708(service)))
    }

    /// Services need version 7 (§7).
    pub(super) fn takes_version_7(self) -> bool {
        matches!(self.0, Channel::Cea708(_))
    }

    fn text(self) -> String {
        match self.0 {
            Channel::Cea608(channel) => format!("CC{channel}"),
            Channel::Cea708(service) => format!("SERVICE{service}"),
        }
    }
}

/// The setters that all kinds have.
macro_rules! common_setters {
    ($kind:ident) => {
        impl $kind {
            /// The language in the notation of RFC 5646: `en`, `pt-BR`.
            pub fn language(mut self, language: impl Into<String>) -> Self {
                self.0.language = Some(language.into());
                self
            }

            /// A language that is used in another role, such as the written form of a spoken one.
            pub fn associated_language(mut self, language: impl Into<String>) -> Self {
                self.0.associated_language = Some(language.into());
                self
            }

            /// One more characteristic, such as `public.accessibility.describes-video`.
            pub fn characteristic(mut self, characteristic: impl Into<String>) -> Self {
                self.0.characteristics.push(characteristic.into());
                self
            }

            /// An id that stays when the URI changes (STABLE-RENDITION-ID): letters, digits and
            /// `+/=.-_`.
            pub fn stable_id(mut self, id: impl Into<String>) -> Self {
                self.0.stable_id = Some(id.into());
                self
            }

            /// Makes this the default of its group: a player chooses it unless the viewer chose
            /// another one.
            pub fn default_of_its_group(mut self) -> Self {
                self.0.selection = Selection::Default;
                self
            }

            /// Leaves the choice to the viewer: no player chooses it because of a language. The
            /// default is that players may.
            pub fn on_request_only(mut self) -> Self {
                self.0.selection = Selection::OnRequest;
                self
            }
        }
    };
}

common_setters!(AudioRendition);
common_setters!(SubtitleRendition);
common_setters!(ClosedCaptions);

impl AudioRendition {
    /// A rendition of the group `group` with the media playlist of this path hint. Viewers see it
    /// as `name`.
    ///
    /// All audio groups have the same renditions. Renditions of one name may differ in their
    /// playlist, channels, codecs and stable id only (bis §4.4.6.1.1).
    pub fn new(
        playlist: impl Into<PathBuf>,
        group: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self(Media::new(
            Kind::Audio,
            Some(playlist.into()),
            group.into(),
            name.into(),
        ))
    }

    /// The audio in the segments of the variants themselves.
    pub fn in_the_variant(group: impl Into<String>, name: impl Into<String>) -> Self {
        Self(Media::new(Kind::Audio, None, group.into(), name.into()))
    }

    /// The number of audio channels. All audio renditions should have it.
    pub fn channels(mut self, channels: u32) -> Self {
        self.0.channels = Some(channels);
        self
    }

    /// The kinds of spatial audio behind the [`channels`](AudioRendition::channels), separated by
    /// commas: `JOC` for Dolby Atmos.
    pub fn spatial_audio(mut self, identifiers: impl Into<String>) -> Self {
        self.0.spatial_audio = Some(identifiers.into());
        self
    }

    /// The codecs of this rendition. Every variant with its group must name them in its own
    /// [`codecs`](super::Variant::codecs).
    pub fn codecs(mut self, codecs: impl Into<String>) -> Self {
        self.0.codecs = Some(codecs.into());
        self
    }
}

impl SubtitleRendition {
    /// Subtitles of the group `group` with the media playlist of this path hint. Viewers see them
    /// as `name`.
    ///
    /// All subtitle groups have the same renditions. Renditions of one name may differ in their
    /// playlist, codecs and stable id only (bis §4.4.6.1.1).
    pub fn new(
        playlist: impl Into<PathBuf>,
        group: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self(Media::new(
            Kind::Subtitles,
            Some(playlist.into()),
            group.into(),
            name.into(),
        ))
    }

    /// Subtitles that are essential: translations of foreign speech in the presentation.
    pub fn forced(mut self) -> Self {
        self.0.is_forced = true;
        self
    }

    /// The codecs, which IMSC1 has (`stpp.ttml.im1t`) and `WebVTT` does not need. Every variant with
    /// its group must name them in its own [`codecs`](super::Variant::codecs).
    pub fn codecs(mut self, codecs: impl Into<String>) -> Self {
        self.0.codecs = Some(codecs.into());
        self
    }
}

impl ClosedCaptions {
    /// Captions of the group `group` in the channel `id` of the pictures. Viewers see them as
    /// `name`.
    pub fn new(group: impl Into<String>, name: impl Into<String>, id: InstreamId) -> Self {
        let media = Media::new(Kind::ClosedCaptions, None, group.into(), name.into());
        Self(Media {
            instream: Some(id),
            ..media
        })
    }
}

impl Kind {
    /// The group, in messages.
    pub(super) fn group(self) -> &'static str {
        match self {
            Self::Audio => "audio group",
            Self::Subtitles => "subtitle group",
            Self::ClosedCaptions => "closed caption group",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Audio => "AUDIO",
            Self::Subtitles => "SUBTITLES",
            Self::ClosedCaptions => "CLOSED-CAPTIONS",
        }
    }
}

impl Media {
    fn new(kind: Kind, playlist: Option<PathBuf>, group: String, name: String) -> Self {
        Self {
            kind,
            playlist,
            group,
            name,
            language: None,
            associated_language: None,
            stable_id: None,
            selection: Selection::Automatic,
            is_forced: false,
            characteristics: Vec::new(),
            channels: None,
            spatial_audio: None,
            instream: None,
            codecs: None,
        }
    }

    /// The attributes that renditions of one name share between groups (bis §4.4.6.1.1), as texts.
    pub(super) fn shared_attributes(&self) -> [(&'static str, String); 6] {
        let text = |it: Option<&String>| it.map_or_else(|| "none".into(), |it| format!("{it:?}"));
        let yes_or_no = |it| if it { "YES".into() } else { "NO".into() };
        [
            ("LANGUAGE", text(self.language.as_ref())),
            ("ASSOC-LANGUAGE", text(self.associated_language.as_ref())),
            ("DEFAULT", yes_or_no(self.selection == Selection::Default)),
            (
                "AUTOSELECT",
                yes_or_no(self.selection != Selection::OnRequest),
            ),
            ("FORCED", yes_or_no(self.is_forced)),
            ("CHARACTERISTICS", text(self.characteristics().as_ref())),
        ]
    }

    fn characteristics(&self) -> Option<String> {
        (!self.characteristics.is_empty()).then(|| self.characteristics.join(","))
    }

    /// The tag, without the end of its line.
    pub(super) fn tag(&self, folder: &Path) -> io::Result<String> {
        let shown = format!(
            "the rendition {:?} of the {} {:?}",
            self.name,
            self.kind.group(),
            self.group
        );
        let quotable = |attribute, text: Option<&String>| match text {
            Some(text) => quotable(&shown, attribute, text).map(|()| Some(text.clone())),
            None => Ok(None),
        };
        let uri = self.playlist.as_ref();
        let uri = uri.map(|it| uri::reference(folder, it)).transpose()?;
        let yes = |it: bool| it.then_some("YES");
        checked_codecs(&shown, "CODECS", self.codecs.as_deref())?;
        for characteristic in &self.characteristics {
            if characteristic.is_empty() || characteristic.contains(',') {
                return refuse(format!(
                    "the CHARACTERISTICS of {shown} are invalid: {characteristic:?}"
                ));
            }
        }
        let line = TagLine::new("#EXT-X-MEDIA")
            .plain("TYPE", self.kind.text())
            .maybe_quoted("NAME", quotable("NAME", Some(&self.name))?)
            .maybe_quoted("GROUP-ID", quotable("GROUP-ID", Some(&self.group))?)
            .maybe_quoted("URI", uri)
            .maybe_quoted("LANGUAGE", quotable("LANGUAGE", self.language.as_ref())?)
            .maybe_quoted(
                "ASSOC-LANGUAGE",
                quotable("ASSOC-LANGUAGE", self.associated_language.as_ref())?,
            )
            .maybe_quoted(
                "STABLE-RENDITION-ID",
                stable_id(&shown, "STABLE-RENDITION-ID", self.stable_id.as_deref())?,
            )
            .maybe_plain("DEFAULT", yes(self.selection == Selection::Default))
            .maybe_plain("AUTOSELECT", yes(self.selection != Selection::OnRequest))
            .maybe_plain("FORCED", yes(self.is_forced))
            .maybe_quoted("INSTREAM-ID", self.instream.map(InstreamId::text))
            .maybe_quoted(
                "CHARACTERISTICS",
                quotable("CHARACTERISTICS", self.characteristics().as_ref())?,
            )
            .maybe_quoted("CHANNELS", self.checked_channels(&shown)?);
        Ok(line.finish())
    }

    fn checked_channels(&self, shown: &str) -> io::Result<Option<String>> {
        let Some(spatial) = &self.spatial_audio else {
            return Ok(self.channels.map(|it| it.to_string()));
        };
        let Some(channels) = self.channels else {
            return refuse(format!(
                "{shown} has spatial audio, but no number of CHANNELS"
            ));
        };
        let is_in_one =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        let is_identifier = |it: &str| !it.is_empty() && it.bytes().all(is_in_one);
        if !spatial.split(',').all(is_identifier) {
            return refuse(format!(
                "the CHANNELS of {shown} have invalid spatial audio: {spatial:?}"
            ));
        }
        Ok(Some(format!("{channels}/{spatial}")))
    }
}
