//! A look into a folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder in memory, where the system has that, for tests that rewrite a file more often than a
/// disk likes to. `SEGMENT_STREAM_TEST_MEMORY` names another place for such folders.
pub fn in_memory() -> TempDir {
    let place = env::var_os("SEGMENT_STREAM_TEST_MEMORY").unwrap_or("/dev/shm".into());
    tempfile::tempdir_in(place).unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Every entry below the folder, relative to it, in order; links are not followed.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            found.push(entry.path().strip_prefix(folder).unwrap().to_path_buf());
        }
    }
    found.sort();
    found
}

/// The temp files below the folder, by the look of their names.
pub fn temps(folder: &Path) -> Vec<PathBuf> {
    let mut found = entries(folder);
    found.retain(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(".segment-"))
    });
    found
}
