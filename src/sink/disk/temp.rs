//! The file that nobody sees: hidden, short-named, created new, and locked while it is in use.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

const PREFIX: &str = ".segment-";
const SUFFIX: &str = ".tmp";
/// Letters and digits between the two; the whole name stays short whatever the target's length.
const RANDOM: usize = 12;
/// How often a sweep may take a temp file in the instant between its creation and its lock.
const TRIES: u32 = 32;

/// Whether a file of this name is one of ours, living or left over.
pub(super) fn is_temp_name(name: &OsStr) -> bool {
    name.as_encoded_bytes()
        .strip_prefix(PREFIX.as_bytes())
        .and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()))
        .is_some_and(|random| {
            random.len() == RANDOM && random.iter().all(u8::is_ascii_alphanumeric)
        })
}

/// Makes temp files.
#[derive(Debug, Default)]
pub(super) struct TempFiles {
    told_of_missing_locks: bool,
}

impl TempFiles {
    /// A new file in `folder`, locked until it is closed, so that a sweep leaves it alone.
    pub(super) fn create(&mut self, folder: &Path) -> io::Result<NamedTempFile<File>> {
        for _ in 0..TRIES {
            let temp = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(SUFFIX)
                .rand_bytes(RANDOM)
                .make_in(folder, create_new)?;
            if self.hold(&temp)? {
                return Ok(temp);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "every new temp file was swept away before it could be locked",
        ))
    }

    /// Locks the file; returns whether it is still there. A sweep that found it unlocked may have
    /// taken it between its creation and now, but never after the lock.
    fn hold(&mut self, temp: &NamedTempFile<File>) -> io::Result<bool> {
        match temp.as_file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(false),
            // No locks here (some network file systems). A sweep cannot lock either, and then
            // removes nothing, so the write is as safe as any.
            Err(TryLockError::Error(error)) => self.tell_of_missing_locks(&error),
        }
        match fs::symlink_metadata(temp.path()) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn tell_of_missing_locks(&mut self, error: &io::Error) {
        if !self.told_of_missing_locks {
            self.told_of_missing_locks = true;
            log::warn!("no file locks here ({error}): temp files of a killed process will stay");
        }
    }
}

/// `create_new` follows no symbolic link that somebody planted under the name.
fn create_new(path: &Path) -> io::Result<File> {
    // The mode is left at 0666 less the umask: a web server must be able to read the segment.
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Removes a temp file after an error. That error is the one to report; this one is logged, and a
/// sweep takes what stays.
pub(super) fn discard(temp: NamedTempFile<File>) {
    if let Err(error) = temp.close() {
        log::warn!("cannot remove a temp file after an error: {error}");
    }
}
