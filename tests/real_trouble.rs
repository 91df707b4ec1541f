//! Real trouble: full, read-only, slow and hung file systems, one that is shut down in mid-run, no
//! permission, no descriptors, and several writers where not all can work or even start.
//!
//! Most of it takes root, for mounts. Each mount is made in a mount namespace of its own, which
//! takes it away with the last process in it, whatever became of the test. Disks that are shut
//! down more often: `SEGMENT_STREAM_THOROUGH=1 cargo test --test real_trouble -- --nocapture`.
#![cfg(target_os = "linux")]

mod common;

#[path = "real_trouble/dead.rs"]
mod dead;
#[cfg(feature = "hls")]
#[path = "real_trouble/fat.rs"]
mod fat;
#[path = "real_trouble/full.rs"]
mod full;
#[path = "real_trouble/hung.rs"]
mod hung;
#[path = "real_trouble/image.rs"]
mod image;
#[path = "endless/memory.rs"]
mod memory;
#[path = "real_trouble/one_writer.rs"]
mod one_writer;
#[path = "real_trouble/recreated.rs"]
mod recreated;
#[path = "real_trouble/refused.rs"]
mod refused;
#[path = "real_trouble/slow.rs"]
mod slow;
#[path = "real_trouble/unmounted.rs"]
mod unmounted;
#[path = "real_trouble/unstarted.rs"]
mod unstarted;

use std::path::Path;

use common::segments::payload;
use segment_stream::{ProducedSegment, WriteError};

const LENGTH: usize = 5_000;

fn segment(number: u64, length: usize, path: String) -> ProducedSegment {
    ProducedSegment::media(number, payload(number, length), 0.04).with_path(path)
}

fn assert_says(error: &WriteError, operation: &str, path: &Path, code: i32) {
    assert_eq!(error.operation(), operation, "{error}");
    assert_eq!(error.path(), Some(path), "{error}");
    assert_eq!(error.raw_os_error(), Some(code), "{error}");
}

/// The figures that a part of a test printed: what follows a star. (The first one stands behind
/// the name of the part, in the same line.)
fn figures(said: &str) -> impl Iterator<Item = &str> {
    said.lines()
        .filter_map(|line| Some(line.split_once("* ")?.1))
}
