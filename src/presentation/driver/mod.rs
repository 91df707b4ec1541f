//! The drivers, which bring the documents of a publisher to its sink.

pub(crate) mod document;
pub(crate) mod origin;
