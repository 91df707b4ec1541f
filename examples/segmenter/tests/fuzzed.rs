//! The inputs that fuzzing has kept, once more. `tests/fuzz` has the targets, which are made of
//! the same checks, and `.ci/fuzz` of the workspace runs them.

#[path = "fuzzed/fragmented_mp4.rs"]
mod fragmented_mp4;
#[path = "fuzzed/transport_streams.rs"]
mod transport_streams;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Runs the checks on each of their target's inputs. The memory is that of one target at a time.
fn replay(target: &str, checks: [fn(&[u8]); 2]) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let folder = fs::read_dir(corpus.join(target)).unwrap();
    let mut inputs: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty(), "there is nothing to replay");
    inputs.sort();
    for input in inputs {
        // Shown where the check fails.
        println!("{}", input.display());
        let input = fs::read(input).unwrap();
        checks.into_iter().for_each(|check| check(&input));
    }
}

#[test]
fn transport_streams() {
    let checks = [transport_streams::check, transport_streams::check_memory];
    replay("transport_streams", checks);
}

#[test]
fn fragmented_mp4() {
    let checks = [fragmented_mp4::check, fragmented_mp4::check_memory];
    replay("fragmented_mp4", checks);
}
