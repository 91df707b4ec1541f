//! The inputs that fuzzing has kept, once more. `tests/fuzz` has the targets, which are made of
//! the same checks, and `.ci/fuzz` runs them.
#![cfg(all(unix, feature = "hls"))]

#[cfg(feature = "dash")]
#[path = "dash/bench.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod bench;
#[path = "fuzzed/bytes.rs"]
mod bytes;
#[cfg(feature = "dash")]
#[path = "dash/check.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod check;
#[cfg(feature = "dash")]
#[path = "dash/document.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod document;
#[path = "fuzzed/listing.rs"]
mod listing;
#[path = "fuzzed/losses.rs"]
mod losses;
#[cfg(feature = "dash")]
#[path = "hls_model/lost.rs"]
mod lost;
#[cfg(feature = "dash")]
#[path = "in_step/memory.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod memory;
#[path = "fuzzed/path_hints.rs"]
mod path_hints;
#[cfg(feature = "dash")]
#[path = "fuzzed/previous_mpds.rs"]
mod previous_mpds;
#[path = "fuzzed/previous_playlists.rs"]
mod previous_playlists;
#[cfg(feature = "dash")]
#[path = "dash/resume.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod resume;
#[path = "fuzzed/sequences.rs"]
mod sequences;
#[path = "fuzzed/streams.rs"]
mod streams;

use std::fs;
use std::path::{Path, PathBuf};

/// Runs a check on each of its target's inputs.
fn replay(target: &str, check: fn(&[u8])) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    if !package.exists() {
        // Of the published crate it is no part, as it is a package of its own.
        return;
    }
    let folder = fs::read_dir(package.join("corpus").join(target)).unwrap();
    let mut inputs: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty(), "there is nothing to replay");
    inputs.sort();
    for input in inputs {
        // Shown where the check fails.
        println!("{}", input.display());
        check(&fs::read(input).unwrap());
    }
}

#[test]
fn path_hints() {
    replay("path_hints", path_hints::check);
}

#[test]
fn sequences() {
    replay("sequences", sequences::check);
}

#[test]
fn streams() {
    replay("streams", streams::check);
}

#[test]
fn previous_playlists() {
    replay("previous_playlists", previous_playlists::check);
}

#[cfg(feature = "dash")]
#[test]
fn previous_mpds() {
    replay("previous_mpds", previous_mpds::check);
}
