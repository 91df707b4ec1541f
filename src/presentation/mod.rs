//! What a manifest says, without its format.

pub(crate) mod bitrate;
