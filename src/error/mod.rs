//! Errors are values: each says what was being done, to what, for which segment and why, and gives
//! the segment back.

mod one_line;
mod recovery;
mod send;
mod sink;
mod write;

pub use recovery::Recovery;
pub use send::SendError;
pub use sink::SinkError;
pub use write::{WriteError, WriteErrorKind};
