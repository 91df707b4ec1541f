//! What kind of playlist it is to be.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::duration::{Micros, from_duration, whole_seconds_above};
use crate::uri;

/// What becomes of segments that have left the playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retention {
    /// They stay: for recorders.
    Keep,
    /// They are removed through the publisher's sink, but not before a client may need them no more:
    /// once a playlist without the segment was published, its own duration plus that of the longest
    /// playlist that listed it must pass (RFC 8216 §6.2.2), in media time and on the clock, and then
    /// `margin` on the clock, for caches that serve an old playlist.
    ///
    /// So a name must not be given again while
    /// [`waiting_for_deletion`](super::MediaPlaylistPublisher::waiting_for_deletion) has it: the new file could
    /// be stored just before the old one's deletion is due. After a restart that may be a file which is gone
    /// already. [`SegmentNames`](super::SegmentNames) gives no name twice.
    ///
    /// A ring of names must be longer than the segments that are listed, those that wait for
    /// deletion and the stream's `channel_depth` together, since a segment is stored before it is
    /// pushed. A push with a name that is still needed returns
    /// [`Notice::NameReused`](super::Notice::NameReused). It cancels the pending deletion, and
    /// the name waits anew once the new segment has slid out. From then on deletions are held
    /// back for eight pushes, the default `channel_depth`, so that a new file which is stored and
    /// not yet pushed is not deleted. Up to eight files may be lost before the first reuse is
    /// pushed, and more if the stream is deeper.
    ///
    /// A push deletes 16 files at most, and for about 250 ms. If no space or quota is left, it
    /// deletes files that are due and writes again, until the playlist is published, no file is
    /// due, or two seconds are over. If no file is due, that is logged, and a later push
    /// publishes as soon as there is space. A file that a published playlist names is never
    /// deleted.
    Delete {
        /// How much longer they stay than the standard asks for.
        margin: Duration,
    },
}

/// Which of the three kinds of playlist; the first two are published at every push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Live { window: Micros },
    Event,
    Vod,
}

/// A media playlist as it is to be: its kind, its name and what it says.
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
    /// A sliding window of about `window`, never shorter than three target durations (RFC 8216
    /// §6.2.2). Segments that slid out are deleted as [`Retention::Delete`] says, without a margin.
    /// It takes a [`target_duration`](MediaPlaylist::target_duration).
    ///
    /// The window is one of media time, so a segment that lasts 0 s takes no room in it and makes none: of
    /// segments that all do, none slides out or is deleted, and the playlist grows for as long as they come.
    ///
    /// `path` is the path hint of the playlist at the publisher's sink. It starts where the path hints
    /// of the segments start, so that one leads to the other.
    pub fn live(path: impl Into<PathBuf>, window: Duration) -> Self {
        let window = from_duration(window);
        let delete = Retention::Delete {
            margin: Duration::ZERO,
        };
        Self::new(path.into(), Kind::Live { window }, delete)
    }

    /// A playlist that only grows (`EXT-X-PLAYLIST-TYPE:EVENT`), so that a viewer can go back to the
    /// beginning. It takes a [`target_duration`](MediaPlaylist::target_duration).
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

    /// The target duration, in whole seconds, rounded up, at least 1: an upper bound for every segment
    /// that will ever be in the playlist, and not what a cutter aims at. It never changes
    /// (RFC 8216 §6.2.1). A longer segment is listed with the longest duration that the target
    /// allows, and reported.
    ///
    /// A live or EVENT playlist takes one: no default can be right for segments that are still to come. Give
    /// no more than the longest segment needs, since a viewer is about three target durations behind the live
    /// edge. [`resume`](super::MediaPlaylistPublisher::resume) does without: the standing playlist has one. The
    /// default of a VOD playlist is its longest segment.
    pub fn target_duration(mut self, target: Duration) -> Self {
        self.target_secs = Some(whole_seconds_above(from_duration(target)).max(1));
        self
    }

    /// The prefix of every URI, such as a CDN's: the URL of the folder in which the playlist stands.
    /// By default URIs are relative to the playlist.
    pub fn base_url(mut self, base: impl Into<String>) -> Self {
        self.base_url = Some(base.into());
        self
    }

    /// Dates every segment (EXT-X-PROGRAM-DATE-TIME), the first media segment with `first` and each
    /// later one by the durations before it. By default there are no dates. A segment after the year 9999,
    /// which no date can say, has none.
    pub fn program_date_time(mut self, first: SystemTime) -> Self {
        self.date = Some(first);
        self
    }

    /// Says that every segment can be decoded by itself (EXT-X-INDEPENDENT-SEGMENTS). To be said in
    /// the multivariant playlist or in the media playlists, not in both.
    pub fn independent_segments(mut self) -> Self {
        self.independent_segments = true;
        self
    }

    /// What becomes of segments that have left the playlist.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// The same under another path: of another rendition of the same content. Give the target duration
    /// first, as renditions must have the same (RFC 8216 §6.2.4). A base URL is that of the folder of the
    /// playlist: a rendition in another folder needs its own.
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

    /// The path hint of the side file, in which the publisher of a playlist with
    /// [`Retention::Delete`] keeps what is still to be deleted: `.NAME.state` beside the playlist.
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
                "the base URL is empty, or contains what a URL cannot contain",
            )),
            _ => Ok(()),
        }
    }

    /// A new playlist whose segments are still to come takes a target duration.
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
                "cannot publish the {kind} playlist {}: it has no target duration; give \
                 `.target_duration(..)` an upper bound for all segments to come, as it can never change, and \
                 no more, as a viewer is about three times that behind",
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
                "it is not under the base URL",
            )),
        }
    }
}

/// For messages: a name with a line break in it must not forge a line.
pub(super) fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

/// Visible ASCII without what RFC 3986 excludes, and nothing that a line or a quoted string ends at.
fn is_url(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}?#".contains(&byte))
}
