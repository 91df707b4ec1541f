//! Placeholder.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used)]

mod config;
mod error;
mod handle;
mod intake;
mod interrupt;
mod report;
mod segment;
mod sender;
pub mod sink;
mod stats;
mod stream;
mod writer;

pub use config::SegmentStreamConfig;
pub use error::{Recovery, SendError, SinkError, WriteError, WriteErrorKind};
pub use handle::StreamHandle;
pub use report::{FinishError, Report};
pub use segment::ProducedSegment;
pub use sender::SegmentSender;
pub use sink::{
    DiskSink, Durability, Existing, Pause, SegmentSink, Swept, WriteContext, pre_allocate_file,
};
pub use stats::{StreamStats, Tally};
pub use stream::{NoNext, SegmentStream};
