//! The inputs that fuzzing has kept, once more. `tests/fuzz` has the targets, which are made of
//! the same checks, and `.ci/fuzz` of the workspace runs them.

#[path = "fuzzed/fragmented_mp4.rs"]
mod fragmented_mp4;
#[path = "fuzzed/transport_streams.rs"]
mod transport_streams;

use std::fs;
use std::path::{Path, PathBuf};

/// Runs a check on each of its target's inputs.
fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let folder = fs::read_dir(corpus.join(target)).unwrap();
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
fn transport_streams() {
    replay("transport_streams", transport_streams::check);
}

#[test]
fn fragmented_mp4() {
    replay("fragmented_mp4", fragmented_mp4::check);
}
