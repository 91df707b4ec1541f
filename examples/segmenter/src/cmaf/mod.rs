//! Cuts a fragmented MP4 (ISO/IEC 14496-12; CMAF is ISO/IEC 23000-19) into an initialisation
//! segment and media segments that a decoder can begin with.
//!
//! No I/O: [`Cutter::push`] takes bytes as they come, and hands out the segments they complete.
//! Joined, the segments are the input, byte for byte, but for what no longer holds once it is cut:
//! the index of the whole file (`mfra`), a `sidx` that counts bytes beyond its segment, and the
//! repetition of an initialisation segment that is in force anyway.
//!
//! Event messages (`emsg`) with splice information are [splices](crate::Segment::splices), and stay in
//! the segments.
//!
//! Decode times that jump are a [discontinuity](crate::Segment::discontinuity), once the next
//! fragment or a repeated initialisation segment confirms them.

mod beside;
mod boxes;
mod cutter;
mod description;
mod error;
mod event;
mod fields;
mod fragment;
mod held;
mod index;
mod intake;
mod kind;
mod marks;
mod movie;
mod stream;
mod timeline;

pub use boxes::looks_like_mp4;
pub use cutter::Cutter;
pub use error::CutError;
pub use kind::Kind;
