//! The multivariant playlist: which media playlists there are, and what each of them is.

use std::io;
use std::path::{Path, PathBuf};

use quick_m3u8::tag::DecimalResolution;
use quick_m3u8::tag::hls::{IndependentSegments, M3u, Media, MediaType, StreamInf, Version};
use quick_m3u8::{HlsLine, Writer};

use super::error::PublishError;
use super::publisher::{MediaPlaylistPublisher, write};
use crate::error::SinkError;
use crate::sink::SegmentSink;
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
    /// The media playlist with this path hint, whose segments take at most `bandwidth` bits a second,
    /// those of its audio group included.
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

    /// How many bits a second it takes in the mean.
    pub fn average_bandwidth(mut self, bandwidth: u64) -> Self {
        self.average_bandwidth = Some(bandwidth);
        self
    }

    /// The formats in it, as RFC 6381 names them: `avc1.64001f,mp4a.40.2`. Every variant should say.
    pub fn codecs(mut self, codecs: impl Into<String>) -> Self {
        self.codecs = Some(codecs.into());
        self
    }

    /// Width and height of the pictures in pixels.
    pub fn resolution(mut self, width: u64, height: u64) -> Self {
        self.resolution = Some((width, height));
        self
    }

    /// The highest number of pictures a second; rounded to three decimals.
    pub fn frame_rate(mut self, frames_a_second: f64) -> Self {
        self.frame_rate = Some(frames_a_second);
        self
    }

    /// The group of audio renditions that go with it.
    pub fn audio_group(mut self, group: impl Into<String>) -> Self {
        self.audio = Some(group.into());
        self
    }
}

/// Audio that has a media playlist of its own (EXT-X-MEDIA, RFC 8216 §4.3.4.1).
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
    /// The media playlist with this path hint: one of the group `group`, which viewers know by `name`.
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

    /// Its language, as RFC 5646 names it: `en`, `pt-BR`.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// How many channels it has.
    pub fn channels(mut self, channels: u32) -> Self {
        self.channels = Some(channels);
        self
    }

    /// What a player plays that was not told otherwise.
    pub fn default_of_its_group(mut self) -> Self {
        self.is_default = true;
        self
    }
}

/// The playlist that names the others: the variants, and the audio that goes with them.
///
/// Its media playlists are made of one another with
/// [`MediaPlaylist::rendition`](super::MediaPlaylist::rendition), so that they share what renditions
/// have to share (§6.2.4), and a discontinuity of one is told to all.
///
/// ```
/// use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, MultivariantPlaylist, Variant};
/// use segment_stream::{DiskSink, ProducedSegment};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let disk = || DiskSink::rooted(folder.path());
/// let high = MediaPlaylist::live("high.m3u8", Duration::from_secs(30))
///     .target_duration(Duration::from_secs(4));
/// let low = high.rendition("low.m3u8");
/// let main = MultivariantPlaylist::new("main.m3u8")
///     .variant(Variant::new("high.m3u8", 4_000_000).codecs("avc1.64001f,mp4a.40.2"))
///     .variant(Variant::new("low.m3u8", 900_000).codecs("avc1.64001f,mp4a.40.2"));
///
/// let mut high = MediaPlaylistPublisher::new(high, disk())?;
/// let mut low = MediaPlaylistPublisher::new(low, disk())?;
/// for publisher in [&mut high, &mut low] {
///     let segment = ProducedSegment::media(0, vec![0x47; 188], 2.0).with_path("0.ts");
///     let _ = publisher.push(&Ok(segment))?;
/// }
/// main.publish(&mut disk(), &[&high, &low])?;
///
/// let text = std::fs::read_to_string(folder.path().join("main.m3u8"))?;
/// assert!(text.contains("#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS=\"avc1.64001f,mp4a.40.2\"\nlow.m3u8\n"));
/// # for mut publisher in [high, low] { let _ = publisher.finish()?; }
/// # Ok(())
/// # }
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
    /// A playlist with this path hint, which names nothing yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            variants: Vec::new(),
            audio: Vec::new(),
            independent_segments: false,
        }
    }

    /// Adds a variant. The first one is what a player begins with that does not know better.
    pub fn variant(mut self, variant: Variant) -> Self {
        self.variants.push(variant);
        self
    }

    /// Adds an audio rendition.
    pub fn audio(mut self, rendition: AudioRendition) -> Self {
        self.audio.push(rendition);
        self
    }

    /// Says that every segment of every variant can be decoded by itself (EXT-X-INDEPENDENT-SEGMENTS).
    /// Then the media playlists do not say it (draft-pantos-hls-rfc8216bis §4.4.2.1).
    pub fn independent_segments(mut self) -> Self {
        self.independent_segments = true;
        self
    }

    /// Publishes it, once: when every media playlist that it names has been published.
    ///
    /// # Errors
    ///
    /// A media playlist that it names is not among `publishers`, was not published yet or has its own path,
    /// they differ in what renditions have to share, two renditions of a group have the same name or are both
    /// the default (§4.3.4.1.1), a text has a character that a quoted string cannot have, or the
    /// sink failed. Nothing is written except by the sink.
    pub fn publish(
        &self,
        sink: &mut impl SegmentSink,
        publishers: &[&dyn Rendition],
    ) -> Result<(), PublishError> {
        let text = self
            .check(publishers)
            .and_then(|()| self.render())
            .map_err(|cause| SinkError::from(cause).with_path(&self.path))
            .map_err(|cause| PublishError::new(cause, Vec::new()))?;
        write(sink, self.path.clone(), text).map_err(|cause| PublishError::new(cause, Vec::new()))
    }

    fn check(&self, publishers: &[&dyn Rendition]) -> io::Result<()> {
        if self.variants.is_empty() {
            return refuse("it names no variant");
        }
        let named = self.variants.iter().map(|variant| &variant.playlist);
        let named = named.chain(self.audio.iter().map(|audio| &audio.playlist));
        let mut shared = None;
        let own_path = uri::plain(&self.path)?;
        for path in named {
            let path = uri::plain(path)?;
            if path == own_path {
                return refuse("it would replace one of its media playlists");
            }
            let publisher = publishers
                .iter()
                .find(|publisher| uri::plain(publisher.path()).is_ok_and(|it| it == path));
            let Some(publisher) = publisher else {
                return refuse("one of its media playlists has no publisher");
            };
            let Some(of_this_one) = publisher.shared() else {
                return refuse("one of its media playlists was not published yet");
            };
            if *shared.get_or_insert(of_this_one) != of_this_one {
                return refuse(
                    "its media playlists differ in their target duration, in having dates, or in how \
                     many discontinuities there were",
                );
            }
        }
        let has_group = |group: &String| self.audio.iter().any(|audio| audio.group == *group);
        let groups = self
            .variants
            .iter()
            .filter_map(|variant| variant.audio.as_ref());
        if !groups.into_iter().all(has_group) {
            return refuse("a variant asks for an audio group that is not there");
        }
        self.check_groups()
    }

    /// §4.3.4.1.1.
    fn check_groups(&self) -> io::Result<()> {
        for (at, audio) in self.audio.iter().enumerate() {
            let mut others = self.audio[..at].iter().filter(|it| it.group == audio.group);
            if others.clone().any(|it| it.name == audio.name) {
                return refuse("two renditions of a group have the same name");
            }
            if audio.is_default && others.any(|it| it.is_default) {
                return refuse("two renditions of a group are its default");
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
        let mut tag = StreamInf::builder().with_bandwidth(self.bandwidth);
        if let Some(bandwidth) = self.average_bandwidth {
            tag = tag.with_average_bandwidth(bandwidth);
        }
        if let Some(codecs) = &self.codecs {
            tag = tag.with_codecs(quotable(codecs)?);
        }
        if let Some((width, height)) = self.resolution {
            tag = tag.with_resolution(DecimalResolution { width, height });
        }
        if let Some(rate) = self.frame_rate {
            if !(0.0..1e6).contains(&rate) {
                return refuse("a frame rate that cannot be one");
            }
            tag = tag.with_frame_rate((rate * 1e3).round() / 1e3);
        }
        if let Some(group) = &self.audio {
            tag = tag.with_audio(quotable(group)?);
        }
        Ok(tag.finish())
    }
}

impl AudioRendition {
    fn tag(&self, uri: String) -> io::Result<Media<'_>> {
        let mut tag = Media::builder()
            .with_media_type(MediaType::Audio)
            .with_name(quotable(&self.name)?)
            .with_group_id(quotable(&self.group)?)
            .with_uri(uri)
            // A default that a player may not choose by itself would be none.
            .with_autoselect();
        if let Some(language) = &self.language {
            tag = tag.with_language(quotable(language)?);
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

/// A quoted string has no quote and no line break in it (§4.2).
fn quotable(text: &str) -> io::Result<&str> {
    if text.contains(|character: char| character == '"' || character.is_control()) {
        return refuse("a text has a quote or a control character in it");
    }
    Ok(text)
}

fn refuse<T>(why: &'static str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

/// A media playlist that a multivariant playlist may name. Publishers are; nothing else is.
pub trait Rendition: sealed::Sealed {}

impl<S: SegmentSink> Rendition for MediaPlaylistPublisher<S> {}

mod sealed {
    use std::path::Path;

    use crate::hls::publisher::{MediaPlaylistPublisher, Shared};
    use crate::sink::SegmentSink;

    pub trait Sealed {
        fn path(&self) -> &Path;
        /// `None` before the first publication.
        fn shared(&self) -> Option<Shared>;
    }

    impl<S: SegmentSink> Sealed for MediaPlaylistPublisher<S> {
        fn path(&self) -> &Path {
            self.playlist_path()
        }

        fn shared(&self) -> Option<Shared> {
            self.shared()
        }
    }
}
