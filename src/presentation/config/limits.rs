//! Limits by age and by bytes.

use crate::presentation::time::Micros;

/// Limits that let the oldest segments leave a manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) age: Option<Micros>,
    pub(crate) bytes: Option<u64>,
    pub(crate) quota: Quota,
}

/// How strictly [`max_bytes`](crate::hls::MediaPlaylist::max_bytes) is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quota {
    /// Every file is kept for as long as RFC 8216 §6.2.2 asks for after it has left the manifest:
    /// its own duration and that of the longest manifest that listed it. Files that wait count, so
    /// about half of the bytes are for the listed segments and half for those that wait.
    ///
    /// The bytes are expected by the mean bitrate of the listed segments. After a rise of the
    /// bitrate more may wait than the limit allows, until the longer waits are over.
    #[default]
    Standard,
    /// The bytes come first: waiting files are deleted before their time, oldest first, if the
    /// limit is exceeded or the disk is full.
    ///
    /// This is a breach of RFC 8216 §6.2.2: a client that plays the oldest segments of the
    /// manifest, or that has an old copy of it, finds them missing. A file that the published
    /// manifest or a clip names is never deleted.
    Hard,
}
