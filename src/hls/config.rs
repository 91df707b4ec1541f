//! The configuration of a media playlist.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::duration::{Micros, from_duration, whole_seconds_above};
use crate::uri;

/// Whether segments that have left the playlist are kept or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retention {
    /// Segments are kept. For recorders.
    Keep,
    /// Segments are deleted through the publisher's sink, only when no client can still need them.
    ///
    /// A segment begins to wait when a playlist without it was published. Its own duration plus
    /// that of the longest playlist that listed it must pass (RFC 8216 §6.2.2), both in media time
    /// and on the clock. Then `margin` must pass on the clock, for caches that serve an old
    /// playlist.
    ///
    /// A name must not be reused while
    /// [`waiting_for_deletion`](super::MediaPlaylistPublisher::waiting_for_deletion) lists it: the
    /// new file could be stored just before the old one's deletion is due. After a restart the
    /// list may contain files that are deleted already. [`SegmentNames`](super::SegmentNames)
    /// never gives a name twice.
    ///
    /// Names must differ in more than their case if the file system ignores it, as those of Windows
    /// and macOS do: retention takes `A.ts` and `a.ts` for two files, and deletes either.
    ///
    /// A ring of names must be longer than three numbers together: the listed segments, the
    /// segments that wait for deletion, and the stream's `channel_depth`. A segment is stored
    /// before it is pushed, so the depth counts.
    ///
    /// A push with a name that is still needed returns
    /// [`Notice::NameReused`](super::Notice::NameReused). It cancels the pending deletion, and the
    /// name waits anew once the new segment has slid out. From then on deletions are held back for
    /// eight pushes, the default `channel_depth`, so that a new file that is stored and not yet
    /// pushed is not deleted. Up to eight files may be lost before the first reuse is pushed, and
    /// more if the stream is deeper.
    ///
    /// A push deletes at most 16 files, for about 250 ms. If no space or quota is left, it deletes
    /// due files and writes again. It stops when the playlist is published, no file is due, or two
    /// seconds have passed. If no file is due, that is logged, and a later push publishes as soon
    /// as there is space. A file that a published playlist names is never deleted.
    Delete {
        /// The extra time on the clock, after the time that the standard asks for.
        margin: Duration,
    },
}

/// The kind of playlist. Live and EVENT playlists are published at every push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Live { window: Micros },
    Event,
    Vod,
}

/// The configuration of a media playlist: its kind, its path and its contents.
///
/// ```
/// use segment_stream::hls::{MediaPlaylist, Retention};
/// use std::path::Path;
/// use std::time::Duration;
///
/// let playlist = MediaPlaylist::live("live/video.m3u8", Duration::from_secs(30))
///     .target_duration(Duration::from_secs(4))
///     .retention(Retention::Delete { margin: Duration::from_secs(10) });
/// assert_eq!(playlist.path(), Path::new("live/video.m3u8"));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct MediaPlaylist {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    pub(super) target_secs: Option<u64>,
    pub(super) base_url: Option<String>,
    pub(super) date: Option<SystemTime>,
    pub(super) independent_segments: bool,
    pub(super) retention: Retention,
}

impl MediaPlaylist {
    /// A sliding window of about `window`, at least three target durations (RFC 8216 §6.2.2). It
    /// needs a [`target_duration`](MediaPlaylist::target_duration).
    ///
    /// Segments that slid out are deleted as described at [`Retention::Delete`], without a margin.
    ///
    /// The window is measured in media time, so a segment of 0 s takes no room in it. If all
    /// segments last 0 s, none slides out, none is deleted, and the playlist grows without bound.
    ///
    /// `path` is the path hint of the playlist at the publisher's sink. It has the same root as
    /// the path hints of the segments, so that their relative URIs are right.
    pub fn live(path: impl Into<PathBuf>, window: Duration) -> Self {
        let window = from_duration(window);
        let delete = Retention::Delete {
            margin: Duration::ZERO,
        };
        Self::new(path.into(), Kind::Live { window }, delete)
    }

    /// A playlist that only grows (`EXT-X-PLAYLIST-TYPE:EVENT`), so that a viewer can go back to
    /// the beginning. It needs a [`target_duration`](MediaPlaylist::target_duration).
    pub fn event(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), Kind::Event, Retention::Keep)
    }

    /// A playlist that is published once, at the end, and never changes
    /// (`EXT-X-PLAYLIST-TYPE:VOD`).
    pub fn vod(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), Kind::Vod, Retention::Keep)
    }

    fn new(path: PathBuf, kind: Kind, retention: Retention) -> Self {
        Self {
            path,
            kind,
            target_secs: None,
            base_url: None,
            date: None,
            independent_segments: false,
            retention,
        }
    }

    /// The target duration in whole seconds, rounded up, at least 1.
    ///
    /// It is an upper bound for every segment that will ever be in the playlist, not the duration
    /// that a cutter aims at. It never changes (RFC 8216 §6.2.1). A longer segment is listed with
    /// the longest duration that the target allows, and reported as
    /// [`Notice::TooLong`](super::Notice::TooLong).
    ///
    /// A live or EVENT playlist needs one: no default can be right for segments that are still to
    /// come. Give no more than the longest segment needs, because a viewer is about three target
    /// durations behind the live edge. [`resume`](super::MediaPlaylistPublisher::resume) needs
    /// none, because the existing playlist has one. The default of a VOD playlist is its longest
    /// segment.
    pub fn target_duration(mut self, target: Duration) -> Self {
        self.target_secs = Some(whole_seconds_above(from_duration(target)).max(1));
        self
    }

    /// The prefix of every URI, such as a CDN's: the URL of the directory that contains the
    /// playlist. By default URIs are relative to the playlist.
    pub fn base_url(mut self, base: impl Into<String>) -> Self {
        self.base_url = Some(base.into());
        self
    }

    /// Dates every segment (EXT-X-PROGRAM-DATE-TIME). The first media segment has the date
    /// `first`; each later date adds the durations before it. By default there are no dates. A
    /// segment after the year 9999 has no date, because the format cannot express it.
    pub fn program_date_time(mut self, first: SystemTime) -> Self {
        self.date = Some(first);
        self
    }

    /// Declares that every segment can be decoded by itself (EXT-X-INDEPENDENT-SEGMENTS). Declare
    /// it in the multivariant playlist or in the media playlists, not in both.
    pub fn independent_segments(mut self) -> Self {
        self.independent_segments = true;
        self
    }

    /// Whether segments that have left the playlist are kept or deleted. The default is
    /// [`Retention::Delete`] without a margin for a live playlist, and [`Retention::Keep`] for the
    /// others.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// The same configuration under another path, for another rendition of the same content.
    ///
    /// Set the target duration first, because renditions must share it (RFC 8216 §6.2.4). The base
    /// URL is that of the playlist's directory, so a rendition in another directory needs its own.
    pub fn rendition(&self, path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            ..self.clone()
        }
    }

    /// The path hint of the playlist.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path hint of the side file: `.NAME.state` beside the playlist. The publisher of a
    /// playlist with [`Retention::Delete`] keeps the pending deletions in it.
    #[must_use]
    pub fn state_path(&self) -> PathBuf {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".state");
        self.path.with_file_name(name)
    }

    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    pub(super) fn validate(&self) -> io::Result<()> {
        uri::reference(self.folder(), &self.path)?;
        match &self.base_url {
            Some(base) if !is_url(base) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the base URL is empty or has a character that a URL cannot have",
            )),
            _ => Ok(()),
        }
    }

    /// A live or EVENT playlist needs a target duration, as its segments are still to come.
    pub(super) fn check_target_duration(&self) -> io::Result<()> {
        let kind = match self.kind {
            Kind::Live { .. } => "live",
            Kind::Event => "EVENT",
            Kind::Vod => return Ok(()),
        };
        if self.target_secs.is_some() {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "cannot publish the {kind} playlist {}: it has no target duration; set \
                 `.target_duration(..)` to an upper bound for all segments, because it can never change, \
                 and no higher, because viewers are about three times that behind",
                quoted(&self.path)
            ),
        ))
    }

    /// The URI of a file, as a playlist names it.
    pub(super) fn uri_of(&self, file: &Path) -> io::Result<String> {
        let reference = uri::reference(self.folder(), file)?;
        Ok(match &self.base_url {
            None => reference,
            Some(base) => format!("{}/{reference}", base.trim_end_matches('/')),
        })
    }

    /// The file that a URI of such a playlist names.
    pub(super) fn file_of(&self, uri: &str) -> io::Result<PathBuf> {
        let reference = match &self.base_url {
            None => Some(uri),
            Some(base) => uri
                .strip_prefix(base.trim_end_matches('/'))
                .and_then(|rest| rest.strip_prefix('/')),
        };
        match reference {
            Some(reference) => uri::resolve(self.folder(), reference),
            None => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not below the base URL",
            )),
        }
    }
}

/// For messages: a name with a line break in it must not forge a line.
pub(super) fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

/// Visible ASCII without the characters that RFC 3986 excludes, and with no query and no fragment.
fn is_url(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}?#".contains(&byte))
}
