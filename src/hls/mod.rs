//! HLS playlists of the segments that a stream yields (feature `hls`).
//!
//! A playlist never names a segment that is not stored, and readers never see half of it.
//!
//! A [`MediaPlaylist`] is the configuration. A [`MediaPlaylistPublisher`] takes the items of the
//! iteration and publishes the playlist through a [`SegmentSink`](crate::SegmentSink) of its own.
//! Clauses (§) are those of RFC 8216, unless the draft that revises it
//! (draft-pantos-hls-rfc8216bis) is named.

mod attributes;
mod config;
mod date;
#[cfg_attr(not(test), expect(dead_code, reason = "no playlist lists them yet"))]
mod date_range;
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
#[cfg_attr(not(test), expect(dead_code, reason = "no playlist has one yet"))]
mod start;
mod tags;
mod visits;
mod window;

pub use config::{MediaPlaylist, Retention};
pub use date::date_text;
pub use error::{PublishError, PublishErrorKind, ResumeError, ResumeErrorKind};
pub use multivariant::{AudioRendition, MultivariantPlaylist, Rendition, Variant};
pub use names::SegmentNames;
pub use notice::Notice;
pub use publisher::{MediaPlaylistPublisher, Pushed};
pub use reserved::Reserved;
pub use resume::Previous;
pub use start::{Start, StartError, StartErrorKind};
pub use tags::{TagError, TagErrorKind};

pub use crate::presentation::bitrate::Bitrate;
pub use crate::presentation::clock::ClockPolicy;
pub use crate::presentation::date_range::{
    AttributeValue, Cue, DateRange, DateRangeError, DateRangeErrorKind, Scte35,
};
