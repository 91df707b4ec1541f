//! The multivariant playlist: it names the media playlists and describes each of them.

mod bandwidth;
mod check;
mod formats;
mod groups;
mod media;
mod named;
mod values;
mod variant;

pub use bandwidth::BandwidthNotice;
pub use media::{AudioRendition, ClosedCaptions, InstreamId, SubtitleRendition};
pub(crate) use named::Listed;
pub use named::Rendition;
pub(super) use named::Shared;
pub(super) use named::sealed;
pub use variant::{HdcpLevel, Variant, VideoRange};

use std::io;
use std::path::{Path, PathBuf};

use log::Level;

use self::bandwidth::bandwidths;
pub(crate) use self::bandwidth::{Bandwidths, Measured};
use self::media::Media;
use self::values::{checked_codecs, quotable, refuse, stable_id};
use super::config::quoted;
use super::start::Start;
use crate::error::SinkError;
use crate::internal::log::log as tell;
use crate::presentation::error::{PublishError, PublishErrorKind};
use crate::segment::ProducedSegment;
use crate::sink::{ObjectKind, SegmentSink, WriteContext};
use crate::uri;

/// The multivariant playlist: it names the variants and the renditions beside them.
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
    media: Vec<Media>,
    has_no_closed_captions: bool,
    independent_segments: bool,
    start: Option<Start>,
}

impl MultivariantPlaylist {
    /// An empty playlist with this path hint.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            variants: Vec::new(),
            media: Vec::new(),
            has_no_closed_captions: false,
            independent_segments: false,
            start: None,
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
        self.media.push(rendition.0);
        self
    }

    /// Adds subtitles.
    pub fn subtitles(mut self, rendition: SubtitleRendition) -> Self {
        self.media.push(rendition.0);
        self
    }

    /// Adds closed captions.
    pub fn closed_captions(mut self, captions: ClosedCaptions) -> Self {
        self.media.push(captions.0);
        self
    }

    /// Declares that no variant has closed captions (CLOSED-CAPTIONS=NONE). By default a player
    /// looks for them in the pictures.
    pub fn no_closed_captions(mut self) -> Self {
        self.has_no_closed_captions = true;
        self
    }

    /// Where players begin, in every media playlist (EXT-X-START). It is not checked against their
    /// target duration. By default a player begins three target durations before the live edge, or
    /// at the beginning.
    pub fn start(mut self, start: Start) -> Self {
        self.start = Some(start);
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
    /// The notices tell which declared bandwidth is too low, and by how much. They are logged as
    /// warnings as well.
    ///
    /// # Errors
    ///
    /// - A media playlist that it names is not among `publishers`, or is not published yet. At
    ///   several [origins](Variant::base_url) it has a publisher for each.
    /// - A media playlist has the path of this one, or two of them have one path, on a file system
    ///   that ignores case, or dots and spaces at the end of a name.
    /// - The media playlists differ in their target duration, in whether they have dates, or in
    ///   their number of discontinuities.
    /// - A media playlist has another [start](MultivariantPlaylist::start).
    /// - A variant names a group that does not exist.
    /// - Two renditions of a group have the same name, or both are its default.
    /// - Two groups of a type have different members, or members of one name that differ in more
    ///   than they may (bis §4.4.6.1.1).
    /// - A variant does not name all codecs that the renditions of its groups have.
    /// - The codecs of a variant cannot be all of its media: see [`codecs`](Variant::codecs).
    /// - A declared bandwidth is 0, or an average is above its peak.
    /// - Some variants have a score, and others have none.
    /// - There are closed captions, and [none](MultivariantPlaylist::no_closed_captions) are
    ///   declared.
    /// - No segment is stored of a [measured](Variant::measured) variant or of its groups.
    /// - A value is invalid.
    /// - A text has a character that a quoted string cannot have.
    /// - The sink failed.
    ///
    /// The error names the affected media playlists and renditions. Unless the sink failed,
    /// nothing was written.
    pub fn publish(
        &self,
        sink: &mut impl SegmentSink,
        publishers: &[&dyn Rendition],
    ) -> Result<Vec<BandwidthNotice>, PublishError> {
        let mut notices = Vec::new();
        let text = self
            .check(publishers)
            .and_then(|()| self.bandwidths(publishers, &mut notices))
            .and_then(|bandwidths| self.render(&bandwidths))
            .map_err(|cause| SinkError::from(cause).with_path(&self.path))
            .map_err(|cause| PublishError::refused(PublishErrorKind::Invalid, cause, Vec::new()))?;
        for notice in &notices {
            self.log(notice);
        }
        let file = ProducedSegment::media(0, text, 0.0).with_path(&self.path);
        let context = WriteContext::default().for_object(ObjectKind::Manifest);
        sink.write(&file, &context)
            .map_err(|error| error.or_during("write", Some(&self.path)))
            .map_err(|cause| PublishError::new([cause], Vec::new()))?;
        Ok(notices)
    }

    /// The same about other media playlists.
    pub(super) fn renamed(&self, name: impl Fn(&Path) -> PathBuf) -> Self {
        let mut renamed = self.clone();
        renamed.path = name(&self.path);
        for variant in &mut renamed.variants {
            variant.playlist = name(&variant.playlist);
        }
        for media in &mut renamed.media {
            media.playlist = media.playlist.as_deref().map(&name);
        }
        renamed
    }

    /// The text for the media playlists of a presentation.
    pub(crate) fn text(
        &self,
        listed: &[Listed<'_>],
        bandwidths: &[Bandwidths],
    ) -> io::Result<Vec<u8>> {
        let listed: Vec<_> = listed.iter().map(|it| it as &dyn Rendition).collect();
        self.check(&listed)?;
        self.render(bandwidths)
    }

    /// The bandwidths of its variants, and what is to be noticed about them.
    pub(crate) fn bandwidths_in(
        &self,
        listed: &[Listed<'_>],
    ) -> io::Result<(Vec<Bandwidths>, Vec<BandwidthNotice>)> {
        let listed: Vec<_> = listed.iter().map(|it| it as &dyn Rendition).collect();
        let mut notices = Vec::new();
        let found = self.bandwidths(&listed, &mut notices)?;
        Ok((found, notices))
    }

    /// The path hint of the playlist.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn log(&self, notice: &BandwidthNotice) {
        tell(
            Level::Warn,
            format_args!("{}: {notice}", quoted(&self.path)),
        );
    }

    fn bandwidths(
        &self,
        publishers: &[&dyn Rendition],
        notices: &mut Vec<BandwidthNotice>,
    ) -> io::Result<Vec<Bandwidths>> {
        let measured = |path: &Path| {
            let plain = uri::plain(path).ok()?;
            let is_it = |it: &&&dyn Rendition| uri::plain(it.path()).is_ok_and(|it| it == plain);
            publishers.iter().find(is_it)?.measured()
        };
        let of = |variant| bandwidths(variant, &self.media, &measured, notices);
        self.variants.iter().map(of).collect()
    }

    fn render(&self, bandwidths: &[Bandwidths]) -> io::Result<Vec<u8>> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let mut instream = self.media.iter().filter_map(|it| it.instream);
        let version = if instream.any(InstreamId::takes_version_7) {
            7
        } else {
            3
        };
        let mut lines = vec!["#EXTM3U".to_owned(), format!("#EXT-X-VERSION:{version}")];
        if self.independent_segments {
            lines.push("#EXT-X-INDEPENDENT-SEGMENTS".into());
        }
        lines.extend(self.start.map(|start| start.print()));
        for media in &self.media {
            lines.push(media.tag(folder)?);
        }
        for (variant, bandwidths) in self.variants.iter().zip(bandwidths) {
            lines.push(variant.tag(*bandwidths, self.has_no_closed_captions)?);
            lines.push(variant.uri(folder)?);
        }
        // The last line ends as well.
        lines.push(String::new());
        Ok(lines.join("\n").into_bytes())
    }
}
