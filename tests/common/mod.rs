//! The common parts of several test files. Each of them uses a part of it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate of its own and uses a part of this"
)]

pub mod again;
pub mod config;
pub mod example;
pub mod folder;
pub mod gate;
pub mod joined;
#[cfg(target_os = "linux")]
pub mod linux;
pub mod listing;
pub mod means;
pub mod muxer;
pub mod segments;
pub mod sinks;
pub mod splice;
pub mod sync;
pub mod thorough;
pub mod threads;
#[cfg(unix)]
pub mod unprivileged;
