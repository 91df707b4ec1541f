//! What everybody writes by hand: a loop that stores each segment where it was made.

#![allow(dead_code, reason = "each program that measures uses a part of it")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// A payload, made when its turn comes, on both sides: allocated and filled.
pub(crate) fn payload(number: u64, length: usize) -> Vec<u8> {
    vec![number.to_le_bytes()[0]; length]
}

pub(crate) fn name(number: u64) -> String {
    format!("{number:05}.ts")
}

/// Whole files or none: a temp file, and a rename.
pub(crate) fn store(folder: &Path, number: u64, payload: &[u8]) -> io::Result<()> {
    let temp = folder.join(format!(".{number:05}.tmp"));
    let mut file = create(&temp)?;
    file.write_all(payload)?;
    drop(file);
    fs::rename(temp, folder.join(name(number)))
}

/// The same so that it survives a power cut, with the syncs and openings of `Durability::Full`: the
/// folder is opened before the rename, and once more after the sync, as XFS needs it.
pub(crate) fn store_durably(folder: &Path, number: u64, payload: &[u8]) -> io::Result<()> {
    let temp = folder.join(format!(".{number:05}.tmp"));
    let mut file = create(&temp)?;
    file.write_all(payload)?;
    file.sync_all()?;
    drop(file);
    let opened = File::open(folder)?;
    fs::rename(temp, folder.join(name(number)))?;
    opened.sync_all()?;
    File::open(folder).map(drop)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// The loop.
pub(crate) fn plain(
    folder: &Path,
    segments: u64,
    length: usize,
    store: impl Fn(&Path, u64, &[u8]) -> io::Result<()>,
) -> io::Result<Duration> {
    let start = Instant::now();
    for number in 0..segments {
        store(folder, number, &payload(number, length))?;
    }
    Ok(start.elapsed())
}
