//! Temp files: hidden, with short names, created new, and locked while they are in use.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use log::Level;
use tempfile::NamedTempFile;

use crate::internal::log::log;
use crate::internal::platform;

const PREFIX: &str = ".segment-";
const SUFFIX: &str = ".tmp";
/// The number of letters and digits between the two. The length of the name does not depend on the
/// target's.
const RANDOM: usize = 12;
/// How often a write begins again because a sweep removed its temp file between creation and lock.
pub(super) const TRIES: u32 = 32;

/// Whether this is the name of a temp file, in use or left over.
pub(super) fn is_temp_name(name: &OsStr) -> bool {
    name.as_encoded_bytes()
        .strip_prefix(PREFIX.as_bytes())
        .and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()))
        .is_some_and(|random| {
            random.len() == RANDOM && random.iter().all(u8::is_ascii_alphanumeric)
        })
}

/// Creates temp files.
#[derive(Debug, Clone, Default)]
pub(super) struct TempFiles {
    logged_missing_locks: bool,
}

impl TempFiles {
    /// A new file in `directory`, locked until it is closed, so that a sweep leaves it alone.
    ///
    /// A sweep may have removed its name between creation and lock, but never after the lock. The
    /// rename to the final name detects that.
    pub(super) fn create(&mut self, directory: &Path) -> io::Result<NamedTempFile<File>> {
        for _ in 0..TRIES {
            let temp = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(SUFFIX)
                .rand_bytes(RANDOM)
                .make_in(platform::long(directory), create_new)?;
            match lock(temp.as_file()) {
                Ok(()) => {}
                // A sweep has it.
                Err(TryLockError::WouldBlock) => {
                    discard(temp);
                    continue;
                }
                // Some network file systems have no locks, and a recording must not fail for that.
                // A sweep that cannot lock either removes nothing; one that can costs this write
                // another attempt.
                Err(TryLockError::Error(error)) => self.log_missing_locks(&error),
            }
            return Ok(temp);
        }
        Err(always_swept())
    }

    fn log_missing_locks(&mut self, error: &io::Error) {
        if !self.logged_missing_locks {
            self.logged_missing_locks = true;
            log(
                Level::Warn,
                format_args!(
                    "no file locks here ({error}): temp files of a killed process may stay"
                ),
            );
        }
    }
}

/// The error after [`TRIES`] temp files.
pub(super) fn always_swept() -> io::Error {
    io::Error::new(
        io::ErrorKind::ResourceBusy,
        "a sweep removed every new temp file before it could be used",
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

/// `create_new` does not follow a symbolic link that was planted under the name.
fn create_new(path: &Path) -> io::Result<File> {
    // The mode is left at 0666 less the umask: a web server must be able to read the segment.
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Removes a temp file after an error. The caller reports that error; a failed removal is logged,
/// and a later sweep removes the file. A sweep may also have removed it already.
pub(super) fn discard(temp: NamedTempFile<File>) {
    match temp.close() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => log(
            Level::Warn,
            format_args!("cannot remove a temp file that is not needed: {error}"),
        ),
        _ => {}
    }
}
