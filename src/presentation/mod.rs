//! What a manifest says, without its format.

pub(crate) mod bitrate;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the publisher does not follow the clock yet")
)]
pub(crate) mod clock;
pub(crate) mod date_range;
