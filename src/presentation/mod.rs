//! What a manifest says, without its format: the timeline, the window, the files that wait for
//! deletion, and the publisher.

pub(crate) mod catch_up;
pub(crate) mod config;
pub(crate) mod core;
pub(crate) mod deletion;
pub(crate) mod driver;
pub(crate) mod entry;
pub(crate) mod error;
pub(crate) mod fingerprint;
pub(crate) mod format;
pub(crate) mod initialisation;
pub(crate) mod item;
pub(crate) mod job;
pub(crate) mod journal;
pub(crate) mod listings;
pub(crate) mod names;
pub(crate) mod notice;
pub(crate) mod publication;
pub(crate) mod publisher;
pub(crate) mod rendition;
pub(crate) mod reserved;
pub(crate) mod retention;
pub(crate) mod retired;
pub(crate) mod reuse;
pub(crate) mod step;
pub(crate) mod time;
pub(crate) mod timeline;
pub(crate) mod told;
pub(crate) mod visits;
pub(crate) mod window;
