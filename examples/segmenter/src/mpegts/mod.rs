//! Cuts an MPEG transport stream (ISO/IEC 13818-1) into segments that a decoder can begin with.
//!
//! No I/O: [`Cutter::push`] takes bytes as they come, and hands out the segments they complete.
//! Joined, the segments are the input, byte for byte, but for the two tables that are put in front
//! of a segment which did not begin with them, and for the continuity counters of those.

mod audio;
mod clock;
mod counters;
mod cutter;
mod error;
mod finder;
mod packet;
mod pes;
mod random_access;
mod section;
mod tables;
mod track;

pub use cutter::{Cut, Cutter};
pub use error::CutError;
