//! What a multivariant playlist or an MPD says of a track.

/// A track of the input, as far as the stream has told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Track {
    /// The PID in a transport stream, the `track_ID` in an MP4.
    pub id: u32,
    /// Whether it is seen or heard.
    pub kind: TrackKind,
    /// As in the CODECS attribute of a playlist (RFC 6381).
    pub codec: Option<String>,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
    /// Pictures or samples in a second.
    pub rate: Option<f64>,
    /// The number of channels of audio.
    pub channels: Option<u32>,
    /// Bits in a second, the mean up to now.
    pub bandwidth: Option<u64>,
    /// The language, as ISO 639-2 has it.
    pub language: Option<String>,
}

/// The kind of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

impl Track {
    pub(crate) fn new(id: u32, kind: TrackKind) -> Self {
        Self {
            id,
            kind,
            codec: None,
            size: None,
            rate: None,
            channels: None,
            bandwidth: None,
            language: None,
        }
    }
}
