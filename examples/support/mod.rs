//! The common parts of the programs that package a stream: command line, input, threads, Ctrl-C,
//! display.
#![allow(
    dead_code,
    reason = "each program that includes this uses a part of it"
)]

pub(crate) mod arguments;
pub(crate) mod convert;
pub(crate) mod display;
pub(crate) mod folder;
pub(crate) mod input;
pub(crate) mod interrupt;
pub(crate) mod pace;
pub(crate) mod producer;
