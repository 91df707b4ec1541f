//! HLS playlists of the segments that a stream yields (feature `hls`).
//!
//! A playlist never names a segment that is not stored, and readers never see half of it.
//!
//! A [`MediaPlaylist`] is the configuration. A [`MediaPlaylistPublisher`] takes the items of the
//! iteration and publishes the playlist through a [`SegmentSink`](crate::SegmentSink) of its own,
//! or to an [`Origin`], whose sink is called on a thread of its own.
//! Types that are not of HLS alone call a playlist a manifest.
//! Clauses (§) are those of RFC 8216, unless the draft that revises it
//! (draft-pantos-hls-rfc8216bis) is named.
//!
//! # Players after an outage
//!
//! hls.js returns to its latency when a killed session is resumed. Shaka Player (5.1, 5.2) needs dates
//! and its setting `manifest.availabilityWindowOverride`, the length of the window in seconds.
//! Otherwise its window shrinks with each playlist, until it freezes or fails.

mod attributes;
mod clip;
pub(crate) mod config;
#[cfg(test)]
mod cost;
pub(crate) mod date;
mod date_range;
mod date_ranges;
#[cfg(all(test, shuttle))]
mod explored;
pub(crate) mod format;
pub(crate) mod key;
mod multivariant;
#[cfg(all(test, not(shuttle)))]
mod origin_model;
pub(crate) mod parse;
mod presentation;
mod previous;
mod publisher;
pub(crate) mod render;
mod setup;
mod start;
pub(crate) mod tags;

pub use crate::presentation::config::{Quota, Retention};
pub use crate::presentation::driver::origin::OriginHealth;
pub use crate::presentation::error::{
    PublishError, PublishErrorKind, ResumeError, ResumeErrorKind,
};
pub use crate::presentation::item::Item;
pub use crate::presentation::limit::Usage;
pub use crate::presentation::names::SegmentNames;
pub use crate::presentation::notice::Notice;
pub use crate::presentation::origin::{Destination, Origin, OriginHandle};
pub use crate::presentation::publisher::Pushed;
pub use crate::presentation::reserved::Reserved;
pub use clip::{Clip, ClipError, ClipErrorKind, Clipped};
pub use config::MediaPlaylist;
pub use date::date_text;
pub use date_ranges::DateRanges;
pub use multivariant::{
    AudioRendition, BandwidthNotice, ClosedCaptions, HdcpLevel, InstreamId, MultivariantPlaylist,
    Rendition, SubtitleRendition, Variant, VideoRange,
};
pub use presentation::Presentation;
pub use previous::Previous;
pub use publisher::MediaPlaylistPublisher;
pub use start::{Start, StartError, StartErrorKind};
pub use tags::{TagError, TagErrorKind};

pub use crate::presentation::bitrate::Bitrate;
pub use crate::presentation::clock::ClockPolicy;
pub use crate::presentation::date_range::{
    AttributeValue, Cue, DateRange, DateRangeError, DateRangeErrorKind, Scte35,
};
