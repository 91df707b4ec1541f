//! The configuration of a media playlist.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::start::{Start, StartError};
use crate::presentation::clock::ClockPolicy;
use crate::presentation::config::{Dates, Extent, Limits, Retention, Settings};
use crate::presentation::parts::PER_PART;
use crate::presentation::reserved::Reserved;
use crate::presentation::time::{from_duration, whole_seconds_above};
use crate::sink::SegmentSink;
use crate::uri;

mod limits;

/// The first line of a side file.
pub(crate) const STATE_HEADER: &str = "#segment-stream-hls-state:1";

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
    pub(crate) path: PathBuf,
    pub(crate) kind: Extent,
    pub(crate) target_secs: Option<u64>,
    pub(crate) first_sequence: Option<u64>,
    pub(crate) base_url: Option<String>,
    pub(crate) dates: Dates,
    pub(crate) independent_segments: bool,
    pub(crate) start: Option<Start>,
    pub(crate) retention: Retention,
    pub(crate) limits: Limits,
    lines_per_part: usize,
}

impl MediaPlaylist {
    /// A sliding window of about `window`, at least three target durations (RFC 8216 §6.2.2). It
    /// needs a [`target_duration`](MediaPlaylist::target_duration).
    ///
    /// Segments that slid out are deleted as described at [`Retention::Delete`], without a margin.
    ///
    /// The window is measured in media time, so a segment of 0 s takes no room in it. For each
    /// second of it no more than 1,000 segments are listed, so the playlist is bounded even if all
    /// segments last 0 s.
    ///
    /// `path` is the path hint of the playlist at the publisher's sink. It has the same root as
    /// the path hints of the segments, so that their relative URIs are right.
    pub fn live(path: impl Into<PathBuf>, window: Duration) -> Self {
        let window = from_duration(window);
        let delete = Retention::Delete {
            margin: Duration::ZERO,
        };
        Self::new(path.into(), Extent::Window(window), delete)
    }

    /// A recording: a playlist that grows until a limit lets its oldest segments leave. It has no
    /// `EXT-X-PLAYLIST-TYPE`, because a playlist from which segments are removed must not have one
    /// (RFC 8216 §6.2.2). It needs a [`target_duration`](MediaPlaylist::target_duration).
    ///
    /// Without [`max_age`](MediaPlaylist::max_age) and [`max_bytes`](MediaPlaylist::max_bytes) it
    /// keeps everything. Segments that left are deleted as those of a
    /// [`live`](MediaPlaylist::live) playlist are, and both kinds can be resumed as the other one.
    ///
    /// Each push writes the text of the whole playlist: about 50 bytes for each listed segment.
    ///
    /// ```
    /// use segment_stream::hls::{MediaPlaylist, Quota};
    /// use std::time::Duration;
    ///
    /// let playlist = MediaPlaylist::recording("camera.m3u8")
    ///     .target_duration(Duration::from_secs(10))
    ///     .max_age(Duration::from_secs(7 * 86_400))
    ///     .max_bytes(200_000_000_000)
    ///     .quota(Quota::Hard);
    /// # let _ = playlist;
    /// ```
    pub fn recording(path: impl Into<PathBuf>) -> Self {
        let delete = Retention::Delete {
            margin: Duration::ZERO,
        };
        Self::new(path.into(), Extent::Recording, delete)
    }

    /// A playlist that only grows (`EXT-X-PLAYLIST-TYPE:EVENT`), so that a viewer can go back to
    /// the beginning. It needs a [`target_duration`](MediaPlaylist::target_duration).
    pub fn event(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), Extent::Growing, Retention::Keep)
    }

    /// A playlist that is published once, at the end, and never changes
    /// (`EXT-X-PLAYLIST-TYPE:VOD`).
    pub fn vod(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), Extent::AtTheEnd, Retention::Keep)
    }

    fn new(path: PathBuf, kind: Extent, retention: Retention) -> Self {
        Self {
            path,
            kind,
            target_secs: None,
            first_sequence: None,
            base_url: None,
            dates: Dates::None,
            independent_segments: false,
            start: None,
            retention,
            limits: Limits::default(),
            lines_per_part: PER_PART,
        }
    }

    /// The target duration in whole seconds, rounded up, at least 1.
    ///
    /// It is an upper bound for every segment that will ever be in the playlist, not the duration
    /// that a cutter aims at. It never changes (RFC 8216 §6.2.1). A longer segment is listed with
    /// the longest duration that the target allows, and reported as
    /// [`Notice::TooLong`](crate::hls::Notice::TooLong).
    ///
    /// Every playlist but a VOD one needs one: no default can be right for segments that are still
    /// to come. Give no more than the longest segment needs, because a viewer is about three target
    /// durations behind the live edge. [`resume`](crate::hls::MediaPlaylistPublisher::resume) needs
    /// none, because the existing playlist has one. The default of a VOD playlist is its longest
    /// segment.
    pub fn target_duration(mut self, target: Duration) -> Self {
        self.target_secs = Some(whole_seconds_above(from_duration(target)).max(1));
        self
    }

    /// The media sequence number of the first segment, for receivers that want it to be 0. By
    /// default it is the `sequence` of the first media segment. A resumed playlist continues with
    /// its own numbers.
    pub fn first_sequence(mut self, number: u64) -> Self {
        self.first_sequence = Some(number);
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
    /// segment after the year 9999 has no date, because the format cannot express it. A date that
    /// the producer sends with a segment wins, unless it is before the end of the last segment.
    pub fn program_date_time(mut self, first: SystemTime) -> Self {
        self.dates = Dates::From(first);
        self
    }

    /// Dates every segment by the dates that the producer sends with the segments
    /// ([`SegmentInfo::program_date_time`](crate::SegmentInfo::program_date_time)). Segments before
    /// the first of them have no date; each segment after it that has none of its own adds the
    /// durations before it. Dates never go back.
    pub fn program_date_time_in_band(mut self) -> Self {
        self.dates = Dates::InBand;
        self
    }

    /// Dates every segment by the wall clock, so that dates do not drift with the clock of the
    /// encoder. The first date is the time of the push, less the duration of the segment. Each
    /// later date adds the durations before it, and is corrected as the policy says.
    ///
    /// Listed dates never change, and one decision holds for all renditions. Small corrections need
    /// no discontinuity; a jump forward has one
    /// ([`Notice::ClockAhead`](crate::hls::Notice::ClockAhead)). Dates never jump back, because no
    /// date may be that of two segments (draft-pantos-hls-rfc8216bis §6.2.1). After a resume, and
    /// after any other discontinuity, dates that are behind the clock by more than the tolerance
    /// jump to it.
    ///
    /// A date that the producer sends with a segment wins for that segment, unless it is before the
    /// end of the last one.
    pub fn program_date_time_by_clock(mut self, policy: ClockPolicy) -> Self {
        self.dates = Dates::Clock(policy);
        self
    }

    /// Declares that every segment can be decoded by itself (EXT-X-INDEPENDENT-SEGMENTS). Declare
    /// it in the multivariant playlist or in the media playlists, not in both.
    pub fn independent_segments(mut self) -> Self {
        self.independent_segments = true;
        self
    }

    /// Where players begin (EXT-X-START). By default a player begins three target durations before
    /// the live edge, or at the beginning.
    ///
    /// A start before the end is at least three target durations before it, unless the playlist is
    /// a VOD one (RFC 8216 §4.3.5.2). The start never changes: a resumed playlist keeps its own,
    /// and refuses another one. Give a start here or in the multivariant playlist, not in both
    /// (draft-pantos-hls-rfc8216bis §4.4.2).
    pub fn start(mut self, start: Start) -> Self {
        self.start = Some(start);
        self
    }

    /// Whether segments that have left the playlist are kept or deleted. The default is
    /// [`Retention::Delete`] without a margin for a live playlist and a recording, and
    /// [`Retention::Keep`] for the others.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// The number of lines of a part of the side file. For tests, in which few files wait.
    #[doc(hidden)]
    pub fn side_file_lines(mut self, lines: usize) -> Self {
        self.lines_per_part = lines;
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
    /// playlist with [`Retention::Delete`] keeps the pending deletions in it. Objects with this
    /// path and a further suffix are its parts, if many files wait, and the lists of the files that
    /// clips pin.
    #[must_use]
    pub fn state_path(&self) -> PathBuf {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".state");
        self.path.with_file_name(name)
    }

    /// A sink for the segments of this playlist: `sink`, but unable to overwrite the playlist or
    /// its side file.
    pub fn reserve<S: SegmentSink>(&self, sink: S) -> Reserved<S> {
        Reserved::new(sink, self.own_names())
    }

    /// The names that no segment may have.
    pub(crate) fn own_names(&self) -> Vec<PathBuf> {
        vec![self.path.clone(), self.state_path()]
    }

    /// What the renditions of a presentation share.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            extent: self.kind,
            target_secs: self.target_secs,
            dates: self.dates,
            retention: self.retention,
            limits: self.limits,
            lines_per_part: self.lines_per_part,
            max_lag: None,
            first_sequence: self.first_sequence,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    pub(crate) fn validate(&self) -> io::Result<()> {
        uri::reference(self.folder(), &self.path)?;
        match &self.base_url {
            Some(base) if !is_url(base) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the base URL is empty or has a character that a URL cannot have",
            )),
            _ => self.check_limits(),
        }
    }

    /// A live or EVENT playlist needs a target duration, as its segments are still to come, and its
    /// start depends on that.
    pub(crate) fn check_target_duration(&self) -> io::Result<()> {
        self.check_has_target_duration()?;
        self.check_start(self.target_secs.unwrap_or_default())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }

    pub(crate) fn check_start(&self, target_secs: u64) -> Result<(), StartError> {
        match (self.start, self.kind) {
            (None, _) | (_, Extent::AtTheEnd) => Ok(()),
            (Some(start), Extent::Window(_) | Extent::Recording | Extent::Growing) => {
                start.check_growing(Duration::from_secs(target_secs))
            }
        }
    }

    fn check_has_target_duration(&self) -> io::Result<()> {
        let kind = match self.kind {
            Extent::Window(_) => "live",
            Extent::Recording => "recorded",
            Extent::Growing => "EVENT",
            Extent::AtTheEnd => return Ok(()),
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
    pub(crate) fn uri_of(&self, file: &Path) -> io::Result<String> {
        let reference = uri::reference(self.folder(), file)?;
        Ok(match &self.base_url {
            None => reference,
            Some(base) => format!("{}/{reference}", base.trim_end_matches('/')),
        })
    }

    /// The file that a URI of such a playlist names.
    pub(crate) fn file_of(&self, uri: &str) -> io::Result<PathBuf> {
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
pub(crate) fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

/// Visible ASCII without the characters that RFC 3986 excludes, and with no query and no fragment.
pub(crate) fn is_url(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}?#".contains(&byte))
}
