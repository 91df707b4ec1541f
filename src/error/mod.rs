//! Errors are values: each one says what was being done, to which object, for which segment and why, and
//! gives the segment back.

mod loss;
mod one_line;
mod recovery;
mod send;
mod sink;
mod write;

pub(crate) use loss::Loss;
pub use recovery::Recovery;
pub use send::{SendError, SendErrorKind};
pub use sink::SinkError;
pub use write::{WriteError, WriteErrorKind};
