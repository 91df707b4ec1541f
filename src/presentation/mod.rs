//! Publishing without a format: what a manifest says, and how its documents reach their destination.

#[cfg_attr(
    any(not(test), shuttle),
    expect(dead_code, reason = "the publisher does not use the drivers yet")
)]
pub(crate) mod driver;
