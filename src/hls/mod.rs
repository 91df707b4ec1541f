//! HLS playlists of what the iterator yields (feature `hls`): never ahead of what is stored, never torn.
//!
//! A [`MediaPlaylist`] says what kind of playlist it is to be, a [`MediaPlaylistPublisher`] is fed with
//! the items of the iteration and publishes through a [`SegmentSink`](crate::SegmentSink) of its own.
//! Clauses are those of RFC 8216 unless the draft that revises it (draft-pantos-hls-rfc8216bis) is named.

mod config;
mod date;
mod duration;
mod entries;
mod entry;
mod error;
mod fingerprint;
mod initialisation;
mod journal;
mod key;
mod listings;
mod multivariant;
mod names;
mod notice;
mod parse;
mod playlist;
mod publisher;
mod render;
mod reserved;
mod resume;
mod retention;
mod retired;
mod reuse;
mod tags;
mod visits;
mod window;

pub use config::{MediaPlaylist, Retention};
pub use error::{PublishError, ResumeError};
pub use multivariant::{AudioRendition, MultivariantPlaylist, Rendition, Variant};
pub use names::SegmentNames;
pub use notice::Notice;
pub use publisher::{MediaPlaylistPublisher, Pushed};
pub use reserved::Reserved;
pub use resume::Previous;
pub use tags::TagError;
