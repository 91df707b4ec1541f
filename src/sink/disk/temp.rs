//! The file that nobody sees: hidden, short-named, created new, and locked while it is in use.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use log::Level;
use tempfile::NamedTempFile;

use crate::internal::log::log as tell;

const PREFIX: &str = ".segment-";
const SUFFIX: &str = ".tmp";
/// Letters and digits between the two; the whole name stays short whatever the target's length.
const RANDOM: usize = 12;
/// How often a sweep may take a temp file in the instant between its creation and its lock.
pub(super) const TRIES: u32 = 32;

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
#[derive(Debug, Clone, Default)]
pub(super) struct TempFiles {
    told_of_missing_locks: bool,
}

impl TempFiles {
    /// A new file in `folder`, locked until it is closed, so that a sweep leaves it alone.
    ///
    /// A sweep that found it unlocked may have taken its name between its creation and its lock, but never
    /// after the lock. That shows when it is to get its final name.
    pub(super) fn create(&mut self, folder: &Path) -> io::Result<NamedTempFile<File>> {
        for _ in 0..TRIES {
            let temp = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(SUFFIX)
                .rand_bytes(RANDOM)
                .make_in(folder, create_new)?;
            match lock(temp.as_file()) {
                Ok(()) => {}
                // A sweep has it.
                Err(TryLockError::WouldBlock) => {
                    discard(temp);
                    continue;
                }
                // No locks here, as on some network file systems: no reason not to record. A sweep that
                // cannot lock either removes nothing; one that can would cost this write another attempt.
                Err(TryLockError::Error(error)) => self.tell_of_missing_locks(&error),
            }
            return Ok(temp);
        }
        Err(always_swept())
    }

    fn tell_of_missing_locks(&mut self, error: &io::Error) {
        if !self.told_of_missing_locks {
            self.told_of_missing_locks = true;
            tell(
                Level::Warn,
                format_args!(
                    "no file locks here ({error}): temp files of a killed process may stay"
                ),
            );
        }
    }
}

/// What to say when it has happened too often.
pub(super) fn always_swept() -> io::Error {
    io::Error::new(
        io::ErrorKind::ResourceBusy,
        "every new temp file was swept away before it could be used",
    )
}

fn lock(file: &File) -> Result<(), TryLockError> {
    loop {
        match file.try_lock() {
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// `create_new` follows no symbolic link that somebody planted under the name.
fn create_new(path: &Path) -> io::Result<File> {
    // The mode is left at 0666 less the umask: a web server must be able to read the segment.
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Removes a temp file after an error. That error is the one to report; this one is logged, and a
/// sweep takes what stays. A sweep may also have been here first.
pub(super) fn discard(temp: NamedTempFile<File>) {
    match temp.close() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => tell(
            Level::Warn,
            format_args!("cannot remove a temp file that is not needed: {error}"),
        ),
        _ => {}
    }
}
