//! Cuts MPEG transport streams and fragmented MP4 into segments that a decoder can begin with.
//!
//! No I/O, no threads, no clock: a cutter takes bytes as they come, in pieces of any length, and
//! returns the segments that they complete. The pieces make no difference to the segments.
//! [`Segmenter`] takes either format; [`mpegts`] has the cutter of transport streams, [`cmaf`] that
//! of fragmented MP4.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used)]

mod bits;
pub mod cmaf;
mod cues;
mod groups;
pub mod mpegts;
mod notice;
pub mod scte35;
mod segment;
mod segmenter;
mod track;

pub use notice::Notice;
pub use segment::{Segment, SegmentKind, Splice};
pub use segmenter::{Error, Format, Segmenter};
pub use track::{Track, TrackKind};

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
