//! What can be wrong with an input.

use std::fmt;

use super::packet::{PACKET_LEN, SYNC_BYTE};

/// Why an input cannot be cut, or not any further. Offsets count the bytes of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each field is named for what it is, and printed by the message"
)]
pub enum CutError {
    /// There is no input.
    Empty,
    /// It does not even begin as a transport stream.
    NotTransportStream { found: u8 },
    /// The last packet, which begins at this byte, is cut short.
    EndsInsidePacket { offset: u64, len: usize },
    /// Nothing says what programs there are.
    NoProgramAssociation { bytes: u64 },
    /// Nothing says what the programs consist of.
    NoProgramMap { bytes: u64 },
    /// No program has video or audio.
    NoTrack,
    /// The stream that decides where to cut never lets a decoder in.
    NoRandomAccess { pid: u16, bytes: u64 },
}

impl fmt::Display for CutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => write!(f, "the input is empty"),
            Self::NotTransportStream { found } => write!(
                f,
                "not an MPEG transport stream: it begins with {found:#04x}, and no packets begin \
                 with {SYNC_BYTE:#04x}"
            ),
            Self::EndsInsidePacket { offset, len } => write!(
                f,
                "the input is cut short: of the packet that begins at byte {offset} only {len} \
                 of {PACKET_LEN} bytes are there"
            ),
            Self::NoProgramAssociation { bytes } => {
                write!(f, "no program association table (PAT) in {bytes} bytes")
            }
            Self::NoProgramMap { bytes } => {
                write!(f, "no program map table (PMT) in {bytes} bytes")
            }
            Self::NoTrack => write!(
                f,
                "nothing to cut at: no program has a known video or audio stream"
            ),
            Self::NoRandomAccess { pid, bytes } => {
                write!(f, "no random access point in {bytes} bytes (PID {pid:#x})")
            }
        }
    }
}

impl std::error::Error for CutError {}
