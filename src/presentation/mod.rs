//! What a manifest says, without its format: the timeline, the window, the files that wait for
//! deletion, and the publisher.

mod announce;
pub(crate) mod bitrate;
mod catch_up;
pub(crate) mod clock;
pub(crate) mod common;
pub(crate) mod config;
pub(crate) mod core;
pub(crate) mod date_range;
pub(crate) mod deletion;
pub(crate) mod driver;
pub(crate) mod enter;
pub(crate) mod entry;
pub(crate) mod error;
pub(crate) mod fingerprint;
pub(crate) mod format;
pub(crate) mod initialisation;
pub(crate) mod item;
pub(crate) mod job;
pub(crate) mod journal;
pub(crate) mod listings;
mod measure;
pub(crate) mod names;
#[cfg(test)]
mod names_only;
pub(crate) mod notice;
mod number;
pub(crate) mod publication;
pub(crate) mod publisher;
pub(crate) mod rendition;
pub(crate) mod reserved;
pub(crate) mod retention;
pub(crate) mod retired;
pub(crate) mod reuse;
mod room;
mod step;
pub(crate) mod time;
pub(crate) mod timeline;
pub(crate) mod told;
pub(crate) mod visits;
pub(crate) mod window;
mod work;
