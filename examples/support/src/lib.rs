//! The common parts of the programs that package a stream: command line, input, threads, Ctrl-C,
//! display.
#![deny(clippy::unwrap_used)]

pub mod arguments;
pub mod convert;
pub mod cut;
pub mod display;
pub mod folder;
pub mod input;
pub mod interrupt;
pub mod pace;
pub mod producer;
