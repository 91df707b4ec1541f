//! What can be wrong with an input.

use std::fmt;

use super::kind::Kind;

/// What makes ffmpeg write what can be cut.
const MEND: &str = "-movflags +frag_keyframe+empty_moov+default_base_moof";

/// Why an input cannot be cut, or not any further. Offsets count the bytes of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each field is named for what it is, and printed by the message"
)]
pub enum CutError {
    /// There is no input.
    Empty,
    /// It does not even begin as an MP4 file.
    NotMp4,
    /// It began as one, and at this byte no box begins.
    Damaged { offset: u64 },
    /// No box of this kind can have this size.
    WrongSize { kind: Kind, offset: u64, size: u64 },
    /// The box is longer than what can be held.
    TooLarge {
        kind: Kind,
        offset: u64,
        size: u64,
        capacity: usize,
    },
    /// The box is not as the standard has it.
    Unreadable { kind: Kind, offset: u64 },
    /// The last box, which begins at this byte, is cut short.
    EndsInsideBox { offset: u64, len: usize },
    /// The media data of the fragment that begins at this byte is not there.
    NoData { offset: u64 },
    /// A fragment or media data that no `moov` has announced.
    NoMovie { kind: Kind, offset: u64 },
    /// The `moov` has samples of its own: the file is not fragmented, or not from its first sample
    /// on.
    MovieWithSamples { offset: u64 },
    /// The `moov` announces no fragments.
    NotFragmented { offset: u64 },
    /// No track that is announced has video or audio.
    NoTrack { offset: u64 },
    /// After the `moov` nothing comes.
    NoFragment { bytes: u64 },
    /// The fragment counts its data from the start of the file, which is another one in a segment.
    AbsoluteOffset { offset: u64 },
    /// The fragment has its samples before itself, where no cut can take them along.
    DataInFront { offset: u64 },
    /// Nothing says when the fragment is to be decoded.
    NoDecodeTime { offset: u64 },
    /// The track that decides where to cut never lets a decoder in.
    NoSyncSample { track: u32, bytes: u64 },
    /// It has not let a decoder in for longer than a segment can be held.
    TooLong {
        track: u32,
        offset: u64,
        bytes: usize,
    },
}

impl fmt::Display for CutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => write!(f, "the input is empty"),
            Self::NotMp4 => write!(f, "not an MP4 file: it begins with no box of one"),
            Self::Damaged { offset } => write!(
                f,
                "the stream is damaged: at byte {offset} there is no box where one should begin"
            ),
            Self::WrongSize { kind, offset, size } => write!(
                f,
                "the stream is damaged: the {kind} box at byte {offset} cannot be {size} bytes long"
            ),
            Self::TooLarge {
                kind,
                offset,
                size,
                capacity,
            } => write!(
                f,
                "the {kind} box at byte {offset} is {size} bytes long, more than the {capacity} \
                 that can be held"
            ),
            Self::Unreadable { kind, offset } => write!(
                f,
                "the stream is damaged: the {kind} box at byte {offset} cannot be read"
            ),
            Self::EndsInsideBox { offset, len } => write!(
                f,
                "the input is cut short: of the box that begins at byte {offset} only {len} bytes \
                 are there"
            ),
            Self::NoData { offset } => write!(
                f,
                "the input is cut short: the media data (mdat) of the fragment at byte {offset} is \
                 missing"
            ),
            Self::NoMovie { kind, offset } => write!(
                f,
                "the {kind} box at byte {offset} comes before any 'moov'; ffmpeg writes one first \
                 with {MEND}"
            ),
            Self::MovieWithSamples { offset } => write!(
                f,
                "the 'moov' box at byte {offset} has samples of its own; ffmpeg puts them all into \
                 fragments with {MEND}"
            ),
            Self::NotFragmented { offset } => write!(
                f,
                "the 'moov' box at byte {offset} announces no fragments (mvex); ffmpeg writes them \
                 with {MEND}"
            ),
            Self::NoTrack { offset } => write!(
                f,
                "nothing to cut at: the 'moov' box at byte {offset} has no fragmented video or \
                 audio track"
            ),
            Self::NoFragment { bytes } => write!(f, "no fragment (moof) in {bytes} bytes"),
            Self::AbsoluteOffset { offset } => write!(
                f,
                "the fragment at byte {offset} counts its data from the start of the file; ffmpeg \
                 counts it from the fragment with -movflags +default_base_moof"
            ),
            Self::DataInFront { offset } => write!(
                f,
                "the fragment at byte {offset} has its samples before itself; ffmpeg puts them \
                 behind it with {MEND}"
            ),
            Self::NoDecodeTime { offset } => write!(
                f,
                "the fragment at byte {offset} does not say when it is decoded (tfdt); ffmpeg says \
                 so with -f mp4 {MEND}"
            ),
            Self::NoSyncSample { track, bytes } => write!(
                f,
                "no fragment of track {track} begins with a sync sample in {bytes} bytes; ffmpeg \
                 begins one at each with -movflags +frag_keyframe"
            ),
            Self::TooLong {
                track,
                offset,
                bytes,
            } => write!(
                f,
                "no fragment of track {track} begins with a sync sample to cut at in the {bytes} \
                 bytes from byte {offset}; ffmpeg begins one at each with -movflags +frag_keyframe"
            ),
        }
    }
}

impl std::error::Error for CutError {}
