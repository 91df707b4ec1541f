//! Clips of a recording: VOD playlists of a part of it.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::publisher::MediaPlaylistPublisher;
use crate::error::SinkError;
use crate::presentation::clip::{NoClip, Section};
use crate::presentation::clipping::{Made, NotMade};
use crate::presentation::publisher::Pushed;
use crate::sink::SegmentSink;

/// A part of what a playlist lists, which is to be a VOD playlist of its own.
///
/// A clip names the segments that are there and copies none of them. It pins them: they are not
/// deleted before the clip is released, whatever leaves the playlist. See
/// [`MediaPlaylistPublisher::clip`](super::MediaPlaylistPublisher::clip).
///
/// The playlist of a clip stands beside the one that it is a part of. The clip `fire` of
/// `camera.m3u8` is `camera.fire.m3u8`.
///
/// ```
/// use segment_stream::hls::Clip;
/// use std::time::{Duration, SystemTime};
///
/// let now = SystemTime::now();
/// let the_last_minute = Clip::last("doorbell", Duration::from_secs(60))
///     .until(now + Duration::from_secs(30 * 86_400));
/// let by_date = Clip::dates("fire", now - Duration::from_secs(90)..now);
/// # let _ = (the_last_minute, by_date);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Clip {
    pub(super) name: String,
    pub(super) section: Section,
    pub(super) until: Option<SystemTime>,
}

/// A clip that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Clipped {
    /// The path hints of its playlists: one for each rendition that lists a part of it, and the
    /// multivariant one.
    pub paths: Vec<PathBuf>,
    /// The media sequence numbers of its segments in the playlist that it is a part of.
    pub numbers: Range<u64>,
}

/// A clip that was not made, or not released.
#[derive(Debug)]
pub struct ClipError {
    name: String,
    kind: ClipErrorKind,
    cause: Option<SinkError>,
}

/// Why a clip was not made, or not released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClipErrorKind {
    /// The name is empty, begins with a dot, or has a character other than ASCII letters, digits,
    /// `-`, `_` and `.`.
    Name,
    /// There is a clip of this name, or another file that has its path.
    Exists,
    /// There is no clip of this name.
    Unknown,
    /// No segment is listed in this part.
    Nothing,
    /// Dates were asked for, and no listed segment has one.
    Undated,
    /// A VOD playlist that is not published yet has no clips.
    NotYet,
    /// The text of a playlist cannot be made.
    Text,
    /// The playlists go to an [`Origin`](super::Origin). A clip must not be there before a side file
    /// that pins its segments, and at an origin an older side file may come back. Record to a disk
    /// beside the origin, and make the clip there.
    AtOrigin,
    /// The sink failed. The segments are pinned, because a playlist of the clip may be there: make
    /// it again, or release it.
    Sink,
}

impl Clip {
    /// The segments that hold these dates. Playback begins exactly at the first date (EXT-X-START)
    /// and ends with the last segment. It needs a playlist with dates.
    pub fn dates(name: impl Into<String>, dates: Range<SystemTime>) -> Self {
        Self::new(name, Section::Dates(dates))
    }

    /// The segments that hold the last media of this duration. Playback begins exactly there
    /// (EXT-X-START).
    pub fn last(name: impl Into<String>, duration: Duration) -> Self {
        Self::new(name, Section::Last(duration))
    }

    /// The segments with these media sequence numbers.
    pub fn numbers(name: impl Into<String>, numbers: Range<u64>) -> Self {
        Self::new(name, Section::Numbers(numbers))
    }

    fn new(name: impl Into<String>, section: Section) -> Self {
        Self {
            name: name.into(),
            section,
            until: None,
        }
    }

    /// Releases the clip with the first push or
    /// [`delete_due`](super::MediaPlaylistPublisher::delete_due) at or after this date. By default
    /// it stays until it is released. A session that resumes the playlist knows the date in whole
    /// seconds, rounded up.
    pub fn until(mut self, date: SystemTime) -> Self {
        self.until = Some(date);
        self
    }

    /// The name of the clip.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn check(&self) -> Result<(), ClipError> {
        let name = &self.name;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(is_plain) {
            return Err(ClipError::new(name, ClipErrorKind::Name));
        }
        Ok(())
    }
}

impl<S: SegmentSink> MediaPlaylistPublisher<S> {
    /// Makes a clip: a VOD playlist of a part of what is listed now, for each rendition of the
    /// presentation, and for its multivariant playlist.
    ///
    /// - It names the stored segments and copies none of them. It begins with the initialisation
    ///   segment, the keys and the date that are in force there. Each key has an IV of its own.
    ///   Gaps and discontinuities are kept. Playback begins at the in-point (EXT-X-START).
    /// - Its segments are pinned: they stay after they have left the playlist, until the clip is
    ///   released ([`release_clip`](MediaPlaylistPublisher::release_clip),
    ///   [`Clip::until`]). [`usage`](MediaPlaylistPublisher::usage) counts the bytes that only
    ///   clips keep. They count against [`max_bytes`](super::MediaPlaylist::max_bytes).
    /// - The side file notes the clip before the clip is written, so a session that resumes the
    ///   playlist knows its pins. With [`Retention::Keep`](super::Retention::Keep) nothing is
    ///   deleted, so there are no pins, and a later session does not know the clip.
    ///
    /// The call waits for a thread that publishes one of the playlists.
    ///
    /// ```
    /// use segment_stream::hls::{Clip, MediaPlaylist, MediaPlaylistPublisher};
    /// use segment_stream::{DiskSink, ProducedSegment};
    /// use std::time::Duration;
    ///
    /// fn main() -> std::io::Result<()> {
    ///     let root = std::env::temp_dir().join("segment-stream-clip");
    ///     let playlist = MediaPlaylist::recording("camera.m3u8")
    ///         .target_duration(Duration::from_secs(2));
    ///     let mut publisher = MediaPlaylistPublisher::new(playlist, DiskSink::rooted(&root))?;
    ///     for number in 0..30 {
    ///         let path = format!("{number}.ts");
    ///         publisher.push(&Ok(ProducedSegment::media(number, vec![0x47], 2.0).with_path(path)))?;
    ///     }
    ///     let clip = publisher.clip(&Clip::last("fire", Duration::from_secs(5)))?;
    ///     assert_eq!(clip.numbers, 27..30);
    ///     let text = std::fs::read_to_string(root.join("camera.fire.m3u8"))?;
    ///     assert!(text.contains("#EXT-X-START:TIME-OFFSET=1.000,PRECISE=YES\n"));
    ///     publisher.release_clip("fire")?;
    /// #   std::fs::remove_dir_all(root)?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`ClipErrorKind`]. Nothing was written, unless the sink failed
    /// ([`Sink`](ClipErrorKind::Sink)).
    pub fn clip(&mut self, clip: &Clip) -> Result<Clipped, ClipError> {
        clip.check()?;
        let made = self.handle.clip(&clip.section, &clip.name, clip.until);
        let made = made.map_err(|error| ClipError::of(&clip.name, error))?;
        Ok(Clipped::of(made))
    }

    /// Deletes the playlists of a clip. Its segments that have left the playlist wait anew, because
    /// clients of the clip may need them: each for its own duration and that of the longest
    /// playlist that listed it (RFC 8216 §6.2.2). Then they are deleted.
    ///
    /// A playlist that cannot be deleted is reported as
    /// [`Notice::NotDeleted`](super::Notice::NotDeleted). The segments stay pinned then, and the
    /// next push tries again.
    ///
    /// # Errors
    ///
    /// There is no clip of this name ([`Unknown`](ClipErrorKind::Unknown)).
    pub fn release_clip(&mut self, name: &str) -> Result<Pushed, ClipError> {
        let released = self.handle.release_clip(name);
        released.ok_or_else(|| ClipError::new(name, ClipErrorKind::Unknown))
    }

    /// The names of the clips of the presentation that were not released.
    #[must_use]
    pub fn clips(&self) -> Vec<String> {
        self.handle.core().clips()
    }
}

impl Clipped {
    pub(super) fn of(made: Made) -> Self {
        Self {
            paths: made.paths,
            numbers: made.numbers,
        }
    }
}

impl ClipError {
    pub(super) fn new(name: &str, kind: ClipErrorKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            cause: None,
        }
    }

    pub(super) fn of(name: &str, not_made: NotMade) -> Self {
        let (kind, cause) = match not_made {
            NotMade::Refused(NoClip::Undated) => (ClipErrorKind::Undated, None),
            NotMade::Refused(NoClip::Nothing) => (ClipErrorKind::Nothing, None),
            NotMade::Refused(NoClip::Exists) => (ClipErrorKind::Exists, None),
            NotMade::Refused(NoClip::NotYet) => (ClipErrorKind::NotYet, None),
            NotMade::Refused(NoClip::Text) => (ClipErrorKind::Text, None),
            NotMade::Refused(NoClip::AtOrigin) => (ClipErrorKind::AtOrigin, None),
            NotMade::Sink(cause) => (ClipErrorKind::Sink, Some(cause)),
        };
        Self {
            name: name.to_owned(),
            kind,
            cause,
        }
    }

    /// Why the clip was not made, or not released.
    #[must_use]
    pub fn kind(&self) -> ClipErrorKind {
        self.kind
    }

    /// The name of the clip.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The error of the sink, if the kind is [`Sink`](ClipErrorKind::Sink).
    #[must_use]
    pub fn sink_error(&self) -> Option<&SinkError> {
        self.cause.as_ref()
    }
}

impl fmt::Display for ClipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        let reason = match (self.kind, &self.cause) {
            (ClipErrorKind::Unknown, _) => {
                return write!(
                    f,
                    "cannot release the clip {name:?}: there is none of this name"
                );
            }
            (_, Some(cause)) => return write!(f, "cannot make the clip {name:?}: {cause}"),
            (ClipErrorKind::Name, _) => {
                "its name must consist of letters, digits, '-', '_' and '.', with no dot first"
            }
            (ClipErrorKind::Exists, _) => "there is one, or another file of its path",
            (ClipErrorKind::Nothing, _) => "no segment is listed there",
            (ClipErrorKind::Undated, _) => "no listed segment has a date",
            (ClipErrorKind::NotYet, _) => "nothing is published before the end of a VOD playlist",
            (ClipErrorKind::AtOrigin, _) => "its playlists go to an origin",
            (ClipErrorKind::Text | ClipErrorKind::Sink, _) => "its text cannot be made",
        };
        write!(f, "cannot make the clip {name:?}: {reason}")
    }
}

impl Error for ClipError {
    /// The cause of the sink error's [cause](SinkError::cause): the message contains the cause
    /// itself.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref()?.source()
    }
}

impl From<ClipError> for std::io::Error {
    fn from(error: ClipError) -> Self {
        let kind = match (&error.cause, error.kind) {
            (Some(cause), _) => cause.io_kind(),
            (None, ClipErrorKind::Unknown | ClipErrorKind::Nothing) => std::io::ErrorKind::NotFound,
            (None, ClipErrorKind::Exists) => std::io::ErrorKind::AlreadyExists,
            (None, _) => std::io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
