//! The multivariant playlist: it names the media playlists and describes each of them.

use std::io;
use std::path::{Path, PathBuf};

use quick_m3u8::tag::DecimalResolution;
use quick_m3u8::tag::hls::{IndependentSegments, M3u, Media, MediaType, StreamInf, Version};
use quick_m3u8::{HlsLine, Writer};

use super::config::quoted;
use crate::error::SinkError;
use crate::presentation::error::{PublishError, PublishErrorKind};
use crate::segment::ProducedSegment;
use crate::sink::{ObjectKind, SegmentSink, WriteContext};
use crate::uri;

/// One version of the presentation (EXT-X-STREAM-INF, RFC 8216 §4.3.4.2).
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Variant {
    playlist: PathBuf,
    bandwidth: u64,
    average_bandwidth: Option<u64>,
    codecs: Option<String>,
    resolution: Option<(u64, u64)>,
    frame_rate: Option<f64>,
    audio: Option<String>,
}

impl Variant {
    /// A variant with the media playlist of this path hint. Its segments take at most `bandwidth`
    /// bits a second, those of its audio group included.
    pub fn new(playlist: impl Into<PathBuf>, bandwidth: u64) -> Self {
        Self {
            playlist: playlist.into(),
            bandwidth,
            average_bandwidth: None,
            codecs: None,
            resolution: None,
            frame_rate: None,
            audio: None,
        }
    }

    /// The average bandwidth in bits a second.
    pub fn average_bandwidth(mut self, bandwidth: u64) -> Self {
        self.average_bandwidth = Some(bandwidth);
        self
    }

    /// The codecs in the notation of RFC 6381: `avc1.64001f,mp4a.40.2`. Every variant should name
    /// them.
    pub fn codecs(mut self, codecs: impl Into<String>) -> Self {
        self.codecs = Some(codecs.into());
        self
    }

    /// The width and height of the pictures, in pixels.
    pub fn resolution(mut self, width: u64, height: u64) -> Self {
        self.resolution = Some((width, height));
        self
    }

    /// The highest number of frames a second, rounded to three decimals.
    pub fn frame_rate(mut self, frames_a_second: f64) -> Self {
        self.frame_rate = Some(frames_a_second);
        self
    }

    /// The group of audio renditions that belong to this variant.
    pub fn audio_group(mut self, group: impl Into<String>) -> Self {
        self.audio = Some(group.into());
        self
    }
}

/// An audio rendition with a media playlist of its own (EXT-X-MEDIA, RFC 8216 §4.3.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct AudioRendition {
    playlist: PathBuf,
    group: String,
    name: String,
    language: Option<String>,
    channels: Option<u32>,
    is_default: bool,
}

impl AudioRendition {
    /// A rendition of the group `group` with the media playlist of this path hint. Viewers see it
    /// as `name`.
    ///
    /// All groups have the same renditions. Renditions of one name may differ in their playlist
    /// and channels only (§4.3.4.1.1).
    pub fn new(
        playlist: impl Into<PathBuf>,
        group: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            playlist: playlist.into(),
            group: group.into(),
            name: name.into(),
            language: None,
            channels: None,
            is_default: false,
        }
    }

    /// The language in the notation of RFC 5646: `en`, `pt-BR`.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// The number of audio channels.
    pub fn channels(mut self, channels: u32) -> Self {
        self.channels = Some(channels);
        self
    }

    /// Makes this the default of its group: a player chooses it unless the viewer chose another
    /// one.
    pub fn default_of_its_group(mut self) -> Self {
        self.is_default = true;
        self
    }
}

/// The multivariant playlist: it names the variants and their audio renditions.
///
/// Make its media playlists from one another with
/// [`MediaPlaylist::rendition`](crate::hls::MediaPlaylist::rendition), so that they share what
/// renditions must share (§6.2.4). Mark a discontinuity of one in all of them.
///
/// ```
/// use segment_stream::hls::{
///     MediaPlaylist, MediaPlaylistPublisher, MultivariantPlaylist, Variant,
/// };
/// use segment_stream::{DiskSink, ProducedSegment};
/// use std::time::Duration;
///
/// fn main() -> std::io::Result<()> {
///     let root = std::env::temp_dir().join("segment-stream-variants");
///     let disk = || DiskSink::rooted(&root);
///     let high = MediaPlaylist::live("high.m3u8", Duration::from_secs(30))
///         .target_duration(Duration::from_secs(4));
///     let low = high.rendition("low.m3u8");
///     let main = MultivariantPlaylist::new("main.m3u8")
///         .variant(Variant::new("high.m3u8", 4_000_000).codecs("avc1.64001f,mp4a.40.2"))
///         .variant(Variant::new("low.m3u8", 900_000).codecs("avc1.64001f,mp4a.40.2"));
///
///     let mut high = MediaPlaylistPublisher::new(high, disk())?;
///     let mut low = MediaPlaylistPublisher::new(low, disk())?;
///     for publisher in [&mut high, &mut low] {
///         let segment = ProducedSegment::media(0, vec![0x47; 188], 2.0).with_path("0.ts");
///         publisher.push(&Ok(segment))?;
///     }
///     main.publish(&mut disk(), &[&high, &low])?;
///
///     let text = std::fs::read_to_string(root.join("main.m3u8"))?;
///     assert!(text.contains("#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="));
///     assert!(text.ends_with("\nlow.m3u8\n"));
/// #   std::fs::remove_dir_all(&root)?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct MultivariantPlaylist {
    path: PathBuf,
    variants: Vec<Variant>,
    audio: Vec<AudioRendition>,
    independent_segments: bool,
}

impl MultivariantPlaylist {
    /// An empty playlist with this path hint.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            variants: Vec::new(),
            audio: Vec::new(),
            independent_segments: false,
        }
    }

    /// Adds a variant. A player starts with the first one unless it has a reason to choose
    /// another.
    pub fn variant(mut self, variant: Variant) -> Self {
        self.variants.push(variant);
        self
    }

    /// Adds an audio rendition.
    pub fn audio(mut self, rendition: AudioRendition) -> Self {
        self.audio.push(rendition);
        self
    }

    /// Declares that every segment of every variant can be decoded by itself
    /// (EXT-X-INDEPENDENT-SEGMENTS). The media playlists must then not declare it
    /// (draft-pantos-hls-rfc8216bis §4.4.2.1).
    pub fn independent_segments(mut self) -> Self {
        self.independent_segments = true;
        self
    }

    /// Publishes the playlist. Call it once, when every media playlist that it names has been
    /// published.
    ///
    /// # Errors
    ///
    /// - A media playlist that it names is not among `publishers`, or is not published yet.
    /// - A media playlist has the path of this one, or two of them have one path, on a file system
    ///   that ignores case, or dots and spaces at the end of a name.
    /// - The media playlists differ in their target duration, in whether they have dates, or in
    ///   their number of discontinuities.
    /// - Two renditions of an audio group have the same name, or both are its default.
    /// - Two audio groups have different members, or members of one name that differ in more than
    ///   their playlist and channels (§4.3.4.1.1).
    /// - A text has a character that a quoted string cannot have.
    /// - The sink failed.
    ///
    /// The error names the affected media playlists and renditions. Unless the sink failed,
    /// nothing was written.
    pub fn publish(
        &self,
        sink: &mut impl SegmentSink,
        publishers: &[&dyn Rendition],
    ) -> Result<(), PublishError> {
        let text = self
            .check(publishers)
            .and_then(|()| self.render())
            .map_err(|cause| SinkError::from(cause).with_path(&self.path))
            .map_err(|cause| PublishError::refused(PublishErrorKind::Invalid, cause, Vec::new()))?;
        let file = ProducedSegment::media(0, text, 0.0).with_path(&self.path);
        let context = WriteContext::default().for_object(ObjectKind::Manifest);
        sink.write(&file, &context)
            .map_err(|error| error.or_during("write", Some(&self.path)))
            .map_err(|cause| PublishError::new([cause], Vec::new()))
    }

    /// The text for the media playlists of a presentation.
    pub(crate) fn text(&self, listed: &[Listed<'_>]) -> io::Result<Vec<u8>> {
        let listed: Vec<_> = listed.iter().map(|it| it as &dyn Rendition).collect();
        self.check(&listed).and_then(|()| self.render())
    }

    /// The path hint of the playlist.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn check(&self, publishers: &[&dyn Rendition]) -> io::Result<()> {
        if self.variants.is_empty() {
            return refuse("it names no variant".into());
        }
        let named = self.variants.iter().map(|variant| &variant.playlist);
        let named = named.chain(self.audio.iter().map(|audio| &audio.playlist));
        let mut known: Vec<(&Path, Shared)> = Vec::new();
        uri::plain(&self.path)?;
        for path in named {
            let plain = uri::plain(path)?;
            let shown = quoted(path);
            if uri::may_be_same(&self.path, path) {
                return refuse(format!("it would replace its media playlist {shown}"));
            }
            let is_it = |it: &&&dyn Rendition| uri::plain(it.path()).is_ok_and(|it| it == plain);
            let Some(publisher) = publishers.iter().find(is_it) else {
                return refuse(format!("its media playlist {shown} has no publisher"));
            };
            let Some(shared) = publisher.shared() else {
                return refuse(format!("its media playlist {shown} was not published yet"));
            };
            for (other, _) in &known {
                if uri::may_be_same(other, path) && uri::plain(other)? != plain {
                    return refuse(format!(
                        "its media playlists {shown} and {} are one file on file systems that \
                         ignore case, or dots and spaces at the end of a name",
                        quoted(other)
                    ));
                }
            }
            if let Some((first, of_first)) = known.first()
                && let Some(how) = shared.differs_from(of_first)
            {
                return refuse(format!(
                    "the media playlists {shown} and {} differ: {how}",
                    quoted(first)
                ));
            }
            known.push((path, shared));
        }
        for variant in &self.variants {
            if let Some(group) = &variant.audio
                && !self.audio.iter().any(|audio| audio.group == *group)
            {
                return refuse(format!(
                    "the variant {} names the audio group {group:?}, which does not exist",
                    quoted(&variant.playlist)
                ));
            }
        }
        self.check_members()?;
        self.check_groups()
    }

    /// The rules of §4.3.4.1.1 for one group.
    fn check_members(&self) -> io::Result<()> {
        for (at, audio) in self.audio.iter().enumerate() {
            let others = self.audio[..at].iter();
            for other in others.filter(|it| it.group == audio.group) {
                let (group, name) = (&audio.group, &audio.name);
                if *name == other.name {
                    return refuse(format!(
                        "two renditions of the audio group {group:?} have the same name, {name:?}"
                    ));
                }
                if audio.is_default && other.is_default {
                    return refuse(format!(
                        "the renditions {:?} and {name:?} of the audio group {group:?} are both its default",
                        other.name
                    ));
                }
            }
        }
        Ok(())
    }

    /// The rules of §4.3.4.1.1 for several groups: they have the same members, which differ in
    /// their URIs and channels only.
    fn check_groups(&self) -> io::Result<()> {
        let Some(first) = self.audio.first().map(|audio| &audio.group) else {
            return Ok(());
        };
        let named = |group: &str, name: &str| {
            let mut all = self.audio.iter();
            all.find(|it| it.group == group && it.name == name)
        };
        for audio in self.audio.iter().filter(|it| it.group != *first) {
            let (group, name) = (&audio.group, &audio.name);
            let Some(other) = named(first, name) else {
                return lacks(first, name, group);
            };
            let (its, others) = (audio.attributes(), other.attributes());
            if let Some(((attribute, its), (_, others))) =
                its.iter().zip(&others).find(|(its, others)| its != others)
            {
                return refuse(format!(
                    "the rendition {name:?} has {attribute} {its} in the audio group {group:?}, and {others} in \
                     {first:?}; renditions of one name may differ in playlist and channels only"
                ));
            }
            let mut of_first = self.audio.iter().filter(|it| it.group == *first);
            if let Some(missing) = of_first.find(|it| named(group, &it.name).is_none()) {
                return lacks(group, &missing.name, first);
            }
        }
        Ok(())
    }

    fn render(&self) -> io::Result<Vec<u8>> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let mut text = Writer::new(Vec::new());
        text.write_line(HlsLine::from(M3u))?;
        text.write_line(HlsLine::from(Version::new(3)))?;
        if self.independent_segments {
            text.write_line(HlsLine::from(IndependentSegments))?;
        }
        for audio in &self.audio {
            let uri = uri::reference(folder, &audio.playlist)?;
            text.write_line(HlsLine::from(audio.tag(uri)?))?;
        }
        for variant in &self.variants {
            text.write_line(HlsLine::from(variant.tag()?))?;
            text.write_uri(uri::reference(folder, &variant.playlist)?)?;
        }
        Ok(text.into_inner())
    }
}

impl Variant {
    fn tag(&self) -> io::Result<StreamInf<'_>> {
        let quotable = |attribute, text| quotable(&self.playlist, attribute, text);
        let mut tag = StreamInf::builder().with_bandwidth(self.bandwidth);
        if let Some(bandwidth) = self.average_bandwidth {
            tag = tag.with_average_bandwidth(bandwidth);
        }
        if let Some(codecs) = &self.codecs {
            tag = tag.with_codecs(quotable("CODECS", codecs)?);
        }
        if let Some((width, height)) = self.resolution {
            tag = tag.with_resolution(DecimalResolution { width, height });
        }
        if let Some(rate) = self.frame_rate {
            if !(0.0..1e6).contains(&rate) {
                return refuse(format!(
                    "the frame rate of {} is invalid: {rate}",
                    quoted(&self.playlist)
                ));
            }
            tag = tag.with_frame_rate((rate * 1e3).round() / 1e3);
        }
        if let Some(group) = &self.audio {
            tag = tag.with_audio(quotable("AUDIO", group)?);
        }
        Ok(tag.finish())
    }
}

impl AudioRendition {
    /// The attributes that renditions of one name must share between groups (§4.3.4.1.1), as
    /// texts.
    fn attributes(&self) -> [(&'static str, String); 2] {
        let language = self.language.as_ref();
        let default = if self.is_default { "YES" } else { "NO" };
        [
            (
                "LANGUAGE",
                language.map_or_else(|| "none".into(), |it| format!("{it:?}")),
            ),
            ("DEFAULT", default.into()),
        ]
    }

    fn tag(&self, uri: String) -> io::Result<Media<'_>> {
        let quotable = |attribute, text| quotable(&self.playlist, attribute, text);
        let mut tag = Media::builder()
            .with_media_type(MediaType::Audio)
            .with_name(quotable("NAME", &self.name)?)
            .with_group_id(quotable("GROUP-ID", &self.group)?)
            .with_uri(uri)
            // A default rendition that a player must not choose by itself would be useless.
            .with_autoselect();
        if let Some(language) = &self.language {
            tag = tag.with_language(quotable("LANGUAGE", language)?);
        }
        if let Some(channels) = self.channels {
            tag = tag.with_channels(channels.to_string());
        }
        if self.is_default {
            tag = tag.with_default();
        }
        Ok(tag.finish())
    }
}

/// A quoted string has no quote and no line break (§4.2).
fn quotable<'a>(playlist: &Path, attribute: &str, text: &'a str) -> io::Result<&'a str> {
    if text.contains(|character: char| character == '"' || character.is_control()) {
        return refuse(format!(
            "the {attribute} of {} has a quote or a control character: {text:?}",
            quoted(playlist)
        ));
    }
    Ok(text)
}

/// The properties that renditions of the same content must share (RFC 8216 §6.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    pub(super) target_secs: u64,
    pub(super) has_dates: bool,
    pub(super) discontinuities: u64,
}

/// A media playlist of a presentation, whatever thread publishes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed<'a> {
    pub(crate) path: &'a Path,
    pub(crate) shared: Shared,
}

impl Rendition for Listed<'_> {}

impl Shared {
    /// All differences between the two.
    fn differs_from(&self, second: &Self) -> Option<String> {
        let mut how = Vec::new();
        if self.target_secs != second.target_secs {
            how.push(format!(
                "their target durations are {} s and {} s",
                self.target_secs, second.target_secs
            ));
        }
        if self.has_dates != second.has_dates {
            let (with, without) = if self.has_dates {
                ("first", "second")
            } else {
                ("second", "first")
            };
            how.push(format!(
                "the {with} has dates (EXT-X-PROGRAM-DATE-TIME), the {without} has none"
            ));
        }
        if self.discontinuities != second.discontinuities {
            how.push(format!(
                "their numbers of discontinuities are {} and {}",
                self.discontinuities, second.discontinuities
            ));
        }
        (!how.is_empty()).then(|| how.join("; "))
    }
}

fn lacks<T>(group: &str, name: &str, other: &str) -> io::Result<T> {
    refuse(format!(
        "the audio group {group:?} lacks the rendition {name:?}, which the group {other:?} has"
    ))
}

fn refuse<T>(why: String) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

/// A media playlist that a multivariant playlist may name. Implemented by publishers only.
pub trait Rendition: sealed::Sealed {}

pub(super) mod sealed {
    use std::path::Path;

    use crate::hls::multivariant::{Listed, Shared};

    pub trait Sealed {
        fn path(&self) -> &Path;
        /// `None` before the first publication.
        fn shared(&self) -> Option<Shared>;
    }

    impl Sealed for Listed<'_> {
        fn path(&self) -> &Path {
            self.path
        }

        fn shared(&self) -> Option<Shared> {
            Some(self.shared)
        }
    }
}
