//! What a user should know of a stream that goes on.

use std::fmt;

/// Something that was left out of the segments, or cut otherwise than asked for. Offsets count the
/// bytes of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "each field is named for what it is, and printed by the message"
)]
pub enum Notice {
    /// Bytes that are no packets: damage, padding, or the end of a packet at the start.
    Skipped { offset: u64, len: u64 },
    /// The stream has several programs. All of them are kept, and one decides where to cut; or only
    /// that one is kept.
    SeveralPrograms { count: usize, kept: Option<u16> },
    /// The timestamps jump, by so many ticks of 90 kHz.
    Jump { ticks: i64 },
    /// Those of one audio stream jump, and the others do not.
    AudioJump { pid: u16, ticks: i64 },
    /// The streams of the program or their codecs change.
    NewTracks,
    /// Media beside a discontinuity that players cannot use was dropped: behind it up to the next
    /// random access point, or a short rest without audio before it.
    Dropped { bytes: u64 },
    /// Segments begin without the parameter sets that their pictures need.
    NotAlone { pid: u16 },
    /// The video has no packets, so audio decides where to cut.
    VideoSilent { pid: u16, audio: u16 },
    /// The video that was silent has packets again.
    VideoBack { pid: u16 },
    /// A segment was cut where no decoder can begin, as it would not fit into memory otherwise.
    CutAnywhere { pid: u16, bytes: u64 },
    /// The input ended without a random access point. It is one segment.
    NoRandomAccess { pid: u16 },
    /// Splice information that is damaged, in the box that begins there. The box is kept.
    UnreadableSplice { offset: u64 },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Skipped { offset, len } => {
                write!(f, "skipped {len} bytes at byte {offset}: no packets")
            }
            Self::SeveralPrograms { count, kept: None } => {
                write!(f, "all {count} programs are kept, cut by one of them")
            }
            Self::SeveralPrograms {
                count,
                kept: Some(number),
            } => write!(f, "of {count} programs one is kept, number {number}"),
            Self::Jump { ticks } => write!(
                f,
                "the timestamps jump by {}: discontinuity",
                Seconds(ticks)
            ),
            Self::AudioJump { pid, ticks } => write!(
                f,
                "the timestamps of the audio jump by {} (PID {pid:#x}): discontinuity",
                Seconds(ticks)
            ),
            Self::NewTracks => write!(f, "the tracks of the program change: discontinuity"),
            Self::Dropped { bytes } => write!(
                f,
                "dropped {bytes} bytes beside a discontinuity that cannot be played"
            ),
            Self::NotAlone { pid } => write!(
                f,
                "segments cannot be decoded alone: the parameter sets are not repeated (PID {pid:#x})"
            ),
            Self::VideoSilent { pid, audio } => write!(
                f,
                "no video packets (PID {pid:#x}): cut by audio (PID {audio:#x})"
            ),
            Self::VideoBack { pid } => {
                write!(f, "video packets again (PID {pid:#x}): cut by video")
            }
            Self::CutAnywhere { pid, bytes } => write!(
                f,
                "no random access point in {bytes} bytes (PID {pid:#x}): cut without one"
            ),
            Self::NoRandomAccess { pid } => {
                write!(f, "no random access point in the input (PID {pid:#x})")
            }
            Self::UnreadableSplice { offset } => write!(
                f,
                "the splice information at byte {offset} cannot be read: ignored"
            ),
        }
    }
}

/// Ticks of 90 kHz.
struct Seconds(i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Precise enough for a message.
        let milliseconds = self.0 / 90;
        let sign = if milliseconds < 0 { "-" } else { "" };
        let (seconds, rest) = (
            milliseconds.unsigned_abs() / 1000,
            milliseconds.unsigned_abs() % 1000,
        );
        write!(f, "{sign}{seconds}.{rest:03} s")
    }
}
