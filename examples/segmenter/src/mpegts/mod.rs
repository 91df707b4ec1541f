//! Cuts an MPEG transport stream (ISO/IEC 13818-1) into segments that a decoder can begin with.
//!
//! [`Cutter::push`] takes bytes as they come, and adds the segments that they complete. Joined, the
//! segments hold the packets of the input, of each PID in the same order. Exceptions are the two
//! tables in front of a segment that did not begin with them, the continuity counters of those, and
//! parameter sets at the end of a PES packet, which are split off.
//!
//! - A jump of the timestamps, other codecs and another picture size are a
//!   [discontinuity](crate::Segment::discontinuity).
//! - Audio that comes after the cut and lies before it in time goes into the segment before. That
//!   segment waits for it, for 1.5 s of media time at most.
//! - Timestamps of the audio alone that jump begin a segment with a discontinuity at the next access
//!   point.
//! - Splice information (SCTE 35) comes with the [segments](crate::Segment::splices), and cuts.
//! - With [`Cutter::move_reserved_pids`], streams on PIDs that DVB reserves for tables get others.
//! - What is no packet is skipped, and is a [`Notice`](crate::Notice).

mod audio;
mod counters;
mod cues;
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
mod reserved;
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
pub(crate) use section::crc32;
pub use sync::looks_like_transport_stream;
