//! What a manifest says, without its format: the timeline, the window, the files that wait for
//! deletion, and the publisher.

pub(crate) mod beside;
pub(crate) mod bitrate;
pub(crate) mod calendar;
mod catch_up;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the publisher does not follow the clock yet")
)]
pub(crate) mod clock;
pub(crate) mod common;
pub(crate) mod config;
pub(crate) mod core;
pub(crate) mod date_range;
mod deferral;
pub(crate) mod deletion;
pub(crate) mod driver;
mod enter;
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
pub(crate) mod standing;
mod step;
pub(crate) mod time;
pub(crate) mod timeline;
pub(crate) mod told;
pub(crate) mod visits;
pub(crate) mod window;
mod work;
