//! How far the growing segment has come.

use super::timeline::Ticks;

/// The state of the growing segment.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    /// The first segment. Nothing came that a decoder could begin with.
    Seeking,
    /// The first segment, which begins with what is shown first.
    First,
    /// A segment that began at this time.
    Later(Ticks),
    /// Follows a discontinuity at this time, once known. Nothing came that a decoder could begin
    /// with.
    Orphan(Option<Ticks>),
    /// The first segment, of audio that has lasted so long when it began to decide.
    Audio(Ticks),
}
