//! The number of threads and descriptors of this process.

use std::fs;

use super::common::linux::{thread_number, wait_until_asleep};

fn entries(what: &str) -> Vec<String> {
    let folder = fs::read_dir(format!("/proc/self/{what}")).unwrap();
    folder
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Threads, and open descriptors.
pub(crate) fn threads_and_descriptors() -> (usize, usize) {
    (entries("task").len(), entries("fd").len())
}

/// Waits until every other thread sleeps.
pub(crate) fn wait_until_all_sleep() {
    let this = thread_number();
    let others = entries("task");
    others
        .iter()
        .filter(|number| **number != this)
        .for_each(|number| wait_until_asleep(number));
}
