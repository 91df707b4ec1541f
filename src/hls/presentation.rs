//! Several media playlists of the same content.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::{MediaPlaylist, quoted};
use super::format::{Hls, Playlist, STATE_HEADER, is_taken};
use super::multivariant::MultivariantPlaylist;
use super::parse::{Parsed, parse};
use super::previous::Previous;
use super::publisher::{MediaPlaylistPublisher, read_state};
use crate::internal::sync::lock;
use crate::presentation::core::Core;
use crate::presentation::driver::inline::Shared;
use crate::presentation::error::{Refusal, ResumeError, ResumeErrorKind};
use crate::presentation::fingerprint::Fingerprints;
use crate::presentation::format::{Manifest, ManifestKind};
use crate::presentation::journal::{Published, State};
use crate::presentation::publisher::{Clock, Handle};
use crate::presentation::rendition::Rendition;
use crate::presentation::reserved::Reserved;
use crate::presentation::retention::Moment;
use crate::presentation::retired::Retired;
use crate::presentation::time::from_duration;
use crate::sink::SegmentSink;
use crate::uri;

/// Several renditions of the same content: media playlists that stay in step, and the multivariant
/// playlist that names them.
///
/// Each rendition has a [`MediaPlaylistPublisher`] with a sink of its own, which may be on a thread
/// of its own. All sinks write to the same root, because the thread that settles a number publishes
/// every playlist that lists it.
///
/// - A number is listed in all renditions at once: when each of them was pushed it, or when those
///   that were not are behind the furthest one by more than the [maximum
///   lag](Presentation::max_lag). A rendition that is behind lists a gap, and its segment is not
///   listed when it comes later ([`Notice::OutOfStep`](super::Notice::OutOfStep),
///   [`Notice::TooLate`](super::Notice::TooLate)).
/// - A discontinuity or a date that one rendition tells belongs to its number, in all renditions.
/// - Renditions meet by the `sequence` of their segments. The number that is pushed first begins
///   the presentation.
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
pub struct Presentation {
    shared: Arc<Shared<Hls>>,
    playlist: MediaPlaylist,
    clock: Clock,
}

impl Presentation {
    /// A presentation whose media playlists have this configuration, each with a path of its own.
    /// The path of `playlist` itself is not used.
    ///
    /// # Errors
    ///
    /// The base URL is invalid, or a live or EVENT playlist has no
    /// [`target_duration`](MediaPlaylist::target_duration)
    /// ([`InvalidInput`](io::ErrorKind::InvalidInput)).
    pub fn new(playlist: MediaPlaylist) -> io::Result<Self> {
        playlist.check_target_duration()?;
        Ok(Self::of(playlist))
    }

    pub(super) fn of(playlist: MediaPlaylist) -> Self {
        let start = Instant::now();
        let core = Core::new(Hls::default(), playlist.settings());
        Self {
            shared: Arc::new(Shared::new(core)),
            playlist,
            clock: Arc::new(move || start.elapsed()),
        }
    }

    /// Publishes this multivariant playlist as soon as each media playlist was published.
    ///
    /// # Errors
    ///
    /// There is one already, or a rendition was added before it, or its path is invalid.
    pub fn multivariant(self, playlist: MultivariantPlaylist) -> io::Result<Self> {
        uri::plain(playlist.path())?;
        let mut core = lock(&self.shared.core);
        if !core.publications.is_empty() {
            drop(core);
            return refuse("the multivariant playlist must be given once, before any rendition");
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

    /// The media time by which a rendition may be behind the furthest one. The default is one
    /// target duration. A VOD playlist waits for every rendition.
    pub fn max_lag(self, lag: Duration) -> Self {
        lock(&self.shared.core).settings.max_lag = Some(from_duration(lag));
        self
    }

    /// Uses this clock for the renditions that are added from now on, as
    /// [`MediaPlaylistPublisher::with_clock`].
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Adds a rendition with a new media playlist at this path.
    ///
    /// # Errors
    ///
    /// The path is invalid or that of another playlist, or something was pushed already: all
    /// renditions must be known before.
    pub fn rendition<S: SegmentSink>(
        &self,
        path: impl Into<PathBuf>,
        sink: S,
    ) -> io::Result<MediaPlaylistPublisher<S>> {
        self.rendition_of(self.playlist.rendition(path), sink)
    }

    /// Adds a rendition that resumes its media playlist.
    ///
    /// If a process died between two playlists, one lists more than the other. The shorter one then
    /// lists gaps for the rest, so that all go on with the same number.
    ///
    /// # Errors
    ///
    /// As [`MediaPlaylistPublisher::resume`], and those of [`rendition`](Presentation::rendition).
    pub fn resume<S: SegmentSink>(
        &self,
        path: impl Into<PathBuf>,
        sink: S,
        previous: &Previous,
    ) -> Result<MediaPlaylistPublisher<S>, ResumeError> {
        self.resume_of(self.playlist.rendition(path), sink, previous)
    }

    /// A sink for the segments that refuses the names of all playlists and side files that were
    /// added so far.
    pub fn reserve<S: SegmentSink>(&self, sink: S) -> Reserved<S> {
        Reserved::new(sink, self.own_names())
    }

    fn own_names(&self) -> Vec<PathBuf> {
        let core = lock(&self.shared.core);
        let media = core.format.playlists.iter();
        let media = media.flat_map(|it| it.config.own_names());
        let main = core.format.multivariant.iter();
        main.map(|it| it.path().to_path_buf())
            .chain(media)
            .collect()
    }

    pub(super) fn rendition_of<S: SegmentSink>(
        &self,
        playlist: MediaPlaylist,
        sink: S,
    ) -> io::Result<MediaPlaylistPublisher<S>> {
        playlist.validate()?;
        let rendition = Rendition::new(playlist.path.clone(), Vec::new());
        let index = self.add(playlist, rendition, None)?;
        Ok(self.publisher(index, sink))
    }

    pub(super) fn resume_of<S: SegmentSink>(
        &self,
        playlist: MediaPlaylist,
        sink: S,
        previous: &Previous,
    ) -> Result<MediaPlaylistPublisher<S>, ResumeError> {
        let (path, state_path) = (playlist.path.clone(), playlist.state_path());
        let refuse = |refusal: Refusal| ResumeError::new(&path, refusal);
        let parsed = parse(&previous.playlist, &playlist).map_err(refuse)?;
        let state = match &previous.state {
            None => State::default(),
            Some(text) => read_state(text, &state_path)?,
        };
        let configuration = ResumeErrorKind::Configuration;
        let is_valid = playlist.validate();
        is_valid.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))?;
        check(&parsed, previous, &state).map_err(refuse)?;
        let Parsed { rendition, settled } = parsed;
        let target = self.settle(settled.target_secs);
        target.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))?;
        let index = self.add(playlist, rendition, Some(settled.version));
        let index =
            index.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))?;
        self.restore(index, previous, state);
        Ok(self.publisher(index, sink))
    }

    /// The target duration of the standing playlists wins, and all share it.
    fn settle(&self, target_secs: u64) -> io::Result<()> {
        let mut core = lock(&self.shared.core);
        let is_first = core.format.playlists.is_empty();
        match core.settings.target_secs {
            Some(other) if other != target_secs && !is_first => {
                drop(core);
                refuse(&format!(
                    "its target duration is {target_secs} s, but that of the other playlists is {other} s"
                ))
            }
            _ => {
                core.settings.target_secs = Some(target_secs);
                Ok(())
            }
        }
    }

    fn add(
        &self,
        playlist: MediaPlaylist,
        mut rendition: Rendition,
        version: Option<u64>,
    ) -> io::Result<usize> {
        let taken = self.own_names();
        if let Some(own) = playlist.own_names().iter().find(|it| is_taken(it, &taken)) {
            return refuse(&format!(
                "another playlist of the presentation has the path {}",
                quoted(own)
            ));
        }
        let mut core = lock(&self.shared.core);
        if core.has_started {
            drop(core);
            return refuse("all renditions must be known before the first push");
        }
        let own = playlist.own_names();
        for other in &mut core.renditions {
            other.reserved.extend(own.iter().cloned());
        }
        rendition.reserved = taken;
        rendition.reserved.extend(own);
        let index = core.renditions.len();
        core.add_manifest(Manifest {
            path: playlist.path.clone(),
            covers: vec![index],
            kind: ManifestKind::Segments {
                state: playlist.state_path(),
                state_header: STATE_HEADER,
            },
        });
        if core.format.multivariant.is_some() {
            core.publications[0].manifest.covers.push(index);
        }
        core.format.playlists.push(Playlist::new(playlist, version));
        core.renditions.push(rendition);
        Ok(index)
    }

    /// Takes over what the side file says.
    fn restore(&self, index: usize, previous: &Previous, state: State) {
        let now = (self.clock)();
        let mut core = lock(&self.shared.core);
        let p = core.publication_of(index);
        let core = &mut *core;
        let rendition = &mut core.renditions[index];
        let end = rendition.end();
        rendition.was_listed(end, state.published.longest);
        let it = &mut core.publications[p];
        it.texts = Fingerprints::only(&previous.playlist);
        it.may_have_old_state &= previous.state.is_some();
        it.published = Published {
            number: end,
            longest: rendition.longest_published,
        };
        let since = Moment {
            media: 0,
            clock: now,
        };
        let orphans = previous.orphans.iter();
        it.add_retired(orphans.map(|file| Retired::new(file.clone(), 0)), since);
        it.add_retired(state.retired, since);
        if let Some(retention) = &mut it.retention {
            retention.spare(|file| rendition.names(file));
        }
        it.resumed(end);
    }

    fn publisher<S: SegmentSink>(&self, index: usize, sink: S) -> MediaPlaylistPublisher<S> {
        let shared = Arc::clone(&self.shared);
        let clock = Arc::clone(&self.clock);
        MediaPlaylistPublisher::of(Handle::new(shared, index, sink, clock))
    }
}

/// The text is at least the last published one, and not another one than its side file says.
fn check(parsed: &Parsed, previous: &Previous, state: &State) -> Result<(), Refusal> {
    if parsed.rendition.end() < state.published.number {
        return Err(Refusal::new(
            ResumeErrorKind::Damaged,
            "it is truncated: published segments are missing",
        ));
    }
    if !state.texts.may_be(&previous.playlist) {
        return Err(Refusal::new(
            ResumeErrorKind::Damaged,
            "it is truncated, or not the playlist of its side file",
        ));
    }
    Ok(())
}

fn refuse<T>(why: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, why.to_owned()))
}

impl fmt::Debug for Presentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = lock(&self.shared.core);
        let paths: Vec<_> = core.renditions.iter().map(|it| &it.path).collect();
        f.debug_struct("Presentation")
            .field("renditions", &paths)
            .finish_non_exhaustive()
    }
}
