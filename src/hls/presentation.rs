//! Several media playlists of the same content.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::clip::{Clip, ClipError, Clipped};
use super::config::MediaPlaylist;
use super::date_ranges::DateRanges;
use super::format::is_taken;
use super::multivariant::MultivariantPlaylist;
use super::previous::Previous;
use super::publisher::MediaPlaylistPublisher;
use super::setup::{Setup, refuse};
use crate::presentation::config::Settings;
use crate::presentation::error::ResumeError;
use crate::presentation::format::{Format, Manifest, ManifestKind};
use crate::presentation::limit::Usage;
use crate::presentation::origin::Destination;
use crate::presentation::reserved::Reserved;
use crate::presentation::time::from_duration;
use crate::sink::SegmentSink;
use crate::uri;

/// Several renditions of the same content: media playlists that stay in step, and the multivariant
/// playlist that names them.
///
/// Each rendition has a [`MediaPlaylistPublisher`] with a sink of its own, which may be on a thread
/// of its own. All sinks write to the same root, because the thread that settles a number publishes
/// every playlist that lists it. Either all of them are [origins](super::Origin), or none is.
///
/// - A number is listed in all renditions at once: when each of them was pushed it, or when those
///   that were not are behind the furthest one by more than the [maximum
///   lag](Presentation::max_lag). A rendition that is behind lists a gap, and its segment is not
///   listed when it comes later ([`Notice::OutOfStep`](super::Notice::OutOfStep),
///   [`Notice::TooLate`](super::Notice::TooLate)).
/// - A discontinuity or a date that one rendition tells belongs to its number, in all renditions.
/// - [Date ranges](Presentation::date_ranges) are listed in all renditions.
/// - Renditions meet by the `sequence` of their segments. The number that is pushed first begins
///   the presentation. A segment that repeats the number before it is not listed.
/// - A rendition that ended holds up nobody, nor does one whose publisher was dropped.
///
/// ```
/// use segment_stream::hls::{MediaPlaylist, MultivariantPlaylist, Presentation, Variant};
/// use segment_stream::{DiskSink, ProducedSegment};
/// use std::time::Duration;
///
/// fn main() -> std::io::Result<()> {
///     let root = std::env::temp_dir().join("segment-stream-presentation");
///     let disk = || DiskSink::rooted(&root);
///     let shared = MediaPlaylist::live("", Duration::from_secs(30))
///         .target_duration(Duration::from_secs(4));
///     let presentation = Presentation::new(shared)?.multivariant(
///         MultivariantPlaylist::new("main.m3u8")
///             .variant(Variant::new("high.m3u8", 4_000_000))
///             .variant(Variant::new("low.m3u8", 900_000)),
///     )?;
///     let mut high = presentation.rendition("high.m3u8", disk())?;
///     let mut low = presentation.rendition("low.m3u8", disk())?;
///
///     let segment = |path| Ok(ProducedSegment::media(0, vec![0x47; 188], 2.0).with_path(path));
///     high.push(&segment("high-0.ts"))?;
///     assert!(!root.join("high.m3u8").exists()); // The other one has not told yet.
///     low.push(&segment("low-0.ts"))?;
///     assert!(root.join("high.m3u8").exists() && root.join("main.m3u8").exists());
///     high.finish()?;
///     low.finish()?;
/// #   std::fs::remove_dir_all(&root)?;
///     Ok(())
/// }
/// ```
#[must_use]
pub struct Presentation(Setup);

impl Presentation {
    /// A presentation whose media playlists have this configuration, each with a path of its own.
    /// The path of `playlist` itself is not used.
    ///
    /// # Errors
    ///
    /// A playlist other than VOD has no [`target_duration`](MediaPlaylist::target_duration), its
    /// [start](MediaPlaylist::start) is within three target durations of its end, or a limit does
    /// not fit its kind ([`InvalidInput`](io::ErrorKind::InvalidInput)). An invalid base URL is an
    /// error of [`rendition`](Presentation::rendition).
    pub fn new(playlist: MediaPlaylist) -> io::Result<Self> {
        playlist.check_target_duration()?;
        playlist.check_limits()?;
        Ok(Self(Setup::new(playlist)))
    }

    /// Publishes this multivariant playlist as soon as each media playlist was published.
    ///
    /// # Errors
    ///
    /// There is one already, a rendition was added before it, its path is invalid, it has no
    /// variant, or its groups, codecs or scores contradict each other, as in
    /// [`publish`](MultivariantPlaylist::publish) ([`InvalidInput`](io::ErrorKind::InvalidInput)).
    pub fn multivariant(self, playlist: MultivariantPlaylist) -> io::Result<Self> {
        uri::plain(playlist.path())?;
        playlist.check_itself()?;
        let mut core = self.0.core();
        if !core.publications.is_empty() {
            drop(core);
            return refuse(
                "the multivariant playlist must be given once, before any rendition and MPD",
            );
        }
        core.add_manifest(Manifest {
            path: playlist.path().to_path_buf(),
            covers: Vec::new(),
            kind: ManifestKind::Index,
        });
        core.format.multivariant = Some(playlist);
        drop(core);
        Ok(self)
    }

    /// Publishes a manifest of another format, which lists what the playlists list.
    #[cfg_attr(not(feature = "dash"), expect(dead_code, reason = "there is none"))]
    pub(crate) fn beside(mut self, path: PathBuf, format: Box<dyn Format>) -> io::Result<Self> {
        if is_taken(&path, &self.0.own_names()) {
            return refuse("another manifest of the presentation has this path");
        }
        let mut core = self.0.core();
        if !core.renditions.is_empty() {
            drop(core);
            return refuse("a manifest of another format must be given before any rendition");
        }
        let manifest = core.publications.len();
        core.add_manifest(Manifest {
            path: path.clone(),
            covers: Vec::new(),
            kind: ManifestKind::Beside,
        });
        core.format.beside.add(manifest, format);
        drop(core);
        self.0.beside.push(path);
        Ok(self)
    }

    /// What the renditions share.
    #[cfg_attr(
        not(feature = "dash"),
        expect(dead_code, reason = "no other format asks")
    )]
    pub(crate) fn settings(&self) -> Settings {
        self.0.core().settings.clone()
    }

    /// The media time by which a rendition may be behind the furthest one, and no more than 1,000
    /// numbers for each second of it. The default is one target duration. A VOD playlist waits for
    /// every rendition.
    pub fn max_lag(self, lag: Duration) -> Self {
        self.0.core().settings.max_lag = Some(from_duration(lag));
        self
    }

    /// Uses this clock for the renditions that are added from now on, as
    /// [`MediaPlaylistPublisher::with_clock`].
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.0.clock = Arc::new(clock);
        self
    }

    /// Uses this wall clock for the renditions that are added from now on, as
    /// [`MediaPlaylistPublisher::with_wall_clock`].
    pub fn with_wall_clock(
        mut self,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        self.0.wall_clock = Arc::new(clock);
        self
    }

    /// Adds a rendition with a new media playlist at this path.
    ///
    /// # Errors
    ///
    /// - The path is invalid or that of another playlist, or the base URL is invalid
    ///   ([`InvalidInput`](io::ErrorKind::InvalidInput), as the next two).
    /// - Something was pushed already: all renditions must be known before.
    /// - The destination is an [`Origin`](super::Origin) and that of the first rendition is not, or
    ///   the other way round. The presentation is of no use then.
    /// - The thread of an origin cannot be started. The presentation is of no use then.
    pub fn rendition<D: Destination>(
        &self,
        path: impl Into<PathBuf>,
        destination: D,
    ) -> io::Result<MediaPlaylistPublisher<D>> {
        let playlist = self.0.playlist.rendition(path);
        let handle = self.0.rendition(playlist, destination.route())?;
        Ok(MediaPlaylistPublisher::of(handle))
    }

    /// Adds a rendition that resumes its media playlist.
    ///
    /// If a process died between two playlists, one lists more than the other. The shorter one then
    /// lists gaps for the rest, so that all continue with the same number.
    ///
    /// # Errors
    ///
    /// As [`MediaPlaylistPublisher::resume`]. The errors of [`rendition`](Presentation::rendition),
    /// a target duration other than that of the other playlists, and date ranges that contradict
    /// theirs are of the kind [`Configuration`](super::ResumeErrorKind::Configuration).
    pub fn resume<D: Destination>(
        &self,
        path: impl Into<PathBuf>,
        destination: D,
        previous: &Previous,
    ) -> Result<MediaPlaylistPublisher<D>, ResumeError> {
        let playlist = self.0.playlist.rendition(path);
        let handle = self.0.resume(playlist, destination.route(), previous)?;
        Ok(MediaPlaylistPublisher::of(handle))
    }

    /// The date ranges of the presentation, which all renditions list: a handle for any thread.
    #[must_use]
    pub fn date_ranges(&self) -> DateRanges {
        self.0.date_ranges()
    }

    /// Makes a clip of all renditions, as [`MediaPlaylistPublisher::clip`]. The dates and numbers
    /// are those of the rendition that was added first. Its playlists and the side files are
    /// written through `sink`.
    ///
    /// # Errors
    ///
    /// As [`MediaPlaylistPublisher::clip`].
    pub fn clip<S: SegmentSink>(&self, clip: &Clip, sink: S) -> Result<Clipped, ClipError> {
        clip.check()?;
        let made = self.0.clip(&clip.section, &clip.name, clip.until, sink);
        let made = made.map_err(|error| ClipError::of(&clip.name, error))?;
        Ok(Clipped::of(made))
    }

    /// The names of the clips that were not released.
    #[must_use]
    pub fn clips(&self) -> Vec<String> {
        self.0.core().clips()
    }

    /// The bytes of all renditions, and their limit.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.0.core().usage()
    }

    /// A sink for the segments that refuses the names of all playlists and side files that were
    /// added so far.
    pub fn reserve<S: SegmentSink>(&self, sink: S) -> Reserved<S> {
        Reserved::new(sink, self.0.own_names())
    }
}

impl fmt::Debug for Presentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.0.core();
        let paths: Vec<_> = core.renditions.iter().map(|it| &it.path).collect();
        f.debug_struct("Presentation")
            .field("renditions", &paths)
            .finish_non_exhaustive()
    }
}
