//! No reader ever sees part of a file under its final name, or a playlist that names what is
//! missing.

mod common;

#[cfg(feature = "hls")]
#[path = "never_half/playlists.rs"]
mod playlists;
#[cfg(unix)]
#[path = "never_half/segments.rs"]
mod segments;
