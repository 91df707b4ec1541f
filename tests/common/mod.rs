//! What several test files share. Each of them uses a part of it.
#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

pub mod means;
