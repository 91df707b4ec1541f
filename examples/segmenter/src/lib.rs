//! Cuts MPEG transport streams and fragmented MP4 into segments that a decoder can begin with.
//!
//! No I/O, no threads, no clock: a cutter takes bytes as they come, in pieces of any length, and
//! returns the segments that they complete. [`mpegts`] has the cutter of transport streams,
//! [`cmaf`] that of fragmented MP4.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used)]

pub mod cmaf;
pub mod mpegts;
