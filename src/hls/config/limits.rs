//! Limits of live playlists and recordings.

use std::io;
use std::time::Duration;

use super::{MediaPlaylist, quoted};
use crate::presentation::config::{Extent, Limits, Quota, Retention};
use crate::presentation::time::from_duration;

impl MediaPlaylist {
    /// The longest age of a listed segment; none by default. An older one leaves a live playlist or
    /// a recording with the next push, unless less than three target durations would stay (RFC 8216
    /// §6.2.2).
    ///
    /// The age of a segment is the duration of the media behind it, or the time on the publisher's
    /// clock since this session listed it if that is longer, as in an outage. A session that
    /// resumes the playlist counts the time anew.
    ///
    /// For an EVENT or VOD playlist a limit is an error of the publisher's constructor.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.limits.age = Some(from_duration(age));
        self
    }

    /// The most bytes of a live playlist or a recording; no limit by default. They are those of the
    /// segments that it lists, of those that left it and wait for their deletion, and of those that
    /// [`resume`](crate::hls::MediaPlaylistPublisher::resume) found waiting. The oldest segments
    /// leave in time, unless less than three target durations would stay (RFC 8216 §6.2.2).
    /// [`quota`](MediaPlaylist::quota) says how strictly the limit is kept.
    ///
    /// It is the limit of all renditions of a presentation together. The oldest number leaves all
    /// of them at once, so a rendition of a higher bitrate takes a larger share.
    ///
    /// Playlists, side files, segments that are not pushed yet, and segments of unknown length do
    /// not count. The side file notes lengths only if there is a limit, so those of a session
    /// without one are unknown. A segment counts for `max_bytes` with the length that was pushed.
    ///
    /// It needs [`Retention::Delete`]. Otherwise, and for an EVENT or VOD playlist, it is an error
    /// of the publisher's constructor.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.limits.bytes = Some(bytes);
        self
    }

    /// How strictly [`max_bytes`](MediaPlaylist::max_bytes) is kept. The default is
    /// [`Quota::Standard`].
    pub fn quota(mut self, quota: Quota) -> Self {
        self.limits.quota = quota;
        self
    }

    /// Only a playlist from which segments may be removed can have limits.
    pub(crate) fn check_limits(&self) -> io::Result<()> {
        let Limits { age, bytes, .. } = self.limits;
        let why = match self.kind {
            _ if age.is_none() && bytes.is_none() => return Ok(()),
            // Segments are only appended to it (RFC 8216bis §6.2.1).
            Extent::Growing => "an EVENT playlist keeps all segments",
            Extent::AtTheEnd => "a VOD playlist never changes",
            Extent::Window(_) | Extent::Recording => {
                if self.retention != Retention::Keep || bytes.is_none() {
                    return Ok(());
                }
                "a limit of bytes needs Retention::Delete"
            }
        };
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("cannot limit the playlist {}: {why}", quoted(&self.path)),
        ))
    }
}
