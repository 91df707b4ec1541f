//! The file that nobody sees: hidden, short-named, created new, and locked while it is in use.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use log::Level;
use tempfile::NamedTempFile;

use crate::contain::tell;

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
#[derive(Debug, Clone, Default)]
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
            match self.hold(&temp) {
                Ok(Held::Safely) => return Ok(temp),
                Ok(Held::ByASweep) => discard(temp),
                Err(error) => {
                    discard(temp);
                    return Err(error);
                }
            }
        }
        Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "every new temp file was swept away before it could be locked",
        ))
    }

    /// Locks the file. A sweep that found it unlocked may have taken it between its creation and now,
    /// but never after the lock.
    fn hold(&mut self, temp: &NamedTempFile<File>) -> io::Result<Held> {
        match lock(temp.as_file()) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Held::ByASweep),
            // No locks here, as on some network file systems: no reason not to record. A sweep that
            // cannot lock either removes nothing; one that can would make this write an error.
            Err(TryLockError::Error(error)) => self.tell_of_missing_locks(&error),
        }
        match fs::symlink_metadata(temp.path()) {
            Ok(_) => Ok(Held::Safely),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Held::ByASweep),
            Err(error) => Err(error),
        }
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

/// Whose a new temp file is.
enum Held {
    Safely,
    ByASweep,
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
