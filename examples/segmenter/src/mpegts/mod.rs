//! Cuts an MPEG transport stream (ISO/IEC 13818-1) into segments that a decoder can begin with.
//!
//! No I/O: [`Cutter::push`] takes bytes as they come, and hands out the segments they complete.
//! Joined, the segments are the input, byte for byte, but for the two tables that are put in front
//! of a segment which did not begin with them, and for the continuity counters of those.

mod audio;
mod counters;
mod cutter;
mod decisions;
mod describe;
mod error;
mod lanes;
mod output;
mod packet;
mod passing;
mod pes;
mod pids;
mod scan;
mod section;
mod sequence;
mod sound;
mod split;
mod stage;
mod sync;
mod tables;
mod timeline;
mod track;
mod units;

pub use cutter::Cutter;
pub use error::CutError;
pub use sync::looks_like_transport_stream;
