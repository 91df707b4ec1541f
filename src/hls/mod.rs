//! HLS playlists of what the iterator yields (feature `hls`): never ahead of what is stored, never torn.
//!
//! A [`MediaPlaylist`] says what kind of playlist it is to be, a [`MediaPlaylistPublisher`] is fed with
//! the items of the iteration and publishes through a [`SegmentSink`](crate::SegmentSink) of its own.
//! Clauses are those of RFC 8216 unless the draft that revises it (draft-pantos-hls-rfc8216bis) is named.

mod config;
mod date;
mod duration;
mod entry;
mod error;
mod initialisation;
mod key;
mod multivariant;
mod names;
mod notice;
mod playlist;
mod previous;
mod publisher;
mod read;
mod render;
mod reserved;
mod retention;
mod tags;
mod texts;
mod window;

pub use config::{MediaPlaylist, Retention};
pub use error::{PublishError, PublishErrorKind, ResumeError};
pub use multivariant::{AudioRendition, MultivariantPlaylist, Rendition, Variant};
pub use names::SegmentNames;
pub use notice::Notice;
pub use previous::Previous;
pub use publisher::{MediaPlaylistPublisher, Pushed};
pub use reserved::Reserved;
pub use tags::TagError;
