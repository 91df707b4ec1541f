//! The common parts of the test files, shared with the tests of the workspace's root. Each of them
//! uses a part of it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate of its own and uses a part of this"
)]

#[path = "../../../../tests/common/joined.rs"]
pub mod joined;
#[path = "../../../../tests/common/means.rs"]
pub mod means;
#[path = "../../../../tests/common/muxer.rs"]
pub mod muxer;
#[path = "../../../../tests/common/splice.rs"]
pub mod splice;
#[path = "../../../../tests/common/thorough.rs"]
pub mod thorough;
