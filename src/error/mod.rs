//! The errors. Each one names the operation, the object and the cause, and gives its segment back.

mod loss;
mod one_line;
mod recovery;
mod send;
mod sink;
mod write;

pub(crate) use loss::Loss;
pub use recovery::Recovery;
pub use send::{SendError, SendErrorKind};
pub use sink::{SinkError, SinkErrorKind};
pub use write::{WriteError, WriteErrorKind};
