//! What sequence parameter sets and sequence headers say of the pictures.

use super::track::Codec;

/// The pictures of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sequence {
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
}

impl Sequence {
    /// Reads a unit, from behind its start code on.
    pub(crate) fn read(codec: Codec, unit: &[u8]) -> Option<Self> {
        let _ = (codec, unit);
        None
    }
}
