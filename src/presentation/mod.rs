//! What a manifest says, without its format: the segments of a rendition, the window, the files
//! that wait for deletion, and the publisher.

pub(crate) mod bitrate;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the publisher does not follow the clock yet")
)]
pub(crate) mod clock;
pub(crate) mod date_range;
pub(crate) mod entry;
pub(crate) mod error;
pub(crate) mod fingerprint;
pub(crate) mod initialisation;
pub(crate) mod journal;
pub(crate) mod listings;
pub(crate) mod names;
pub(crate) mod notice;
pub(crate) mod publisher;
pub(crate) mod rendition;
pub(crate) mod reserved;
pub(crate) mod resume;
pub(crate) mod retention;
pub(crate) mod retired;
pub(crate) mod reuse;
pub(crate) mod time;
pub(crate) mod timeline;
pub(crate) mod visits;
pub(crate) mod window;
