//! The removal of temp files that killed processes left.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};

use log::Level;

use super::directory::{self, Bounds, Directory};
use super::temp;
use crate::error::SinkError;
use crate::internal::log::log;
use crate::internal::platform::EntryKind;

/// The result of a [`DiskSink::sweep`](crate::DiskSink::sweep).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Swept {
    /// The temp files that were removed.
    pub removed: Vec<PathBuf>,
    /// The temp files that a living writer is using. They were left alone.
    pub in_use: Vec<PathBuf>,
    /// The directories that could not be read, and the temp files that could not be opened, locked
    /// or removed. Each error names its path, and was logged as a warning.
    pub errors: Vec<SinkError>,
}

pub(super) fn sweep(root: &Path) -> Result<Swept, SinkError> {
    let mut sweep = Sweep {
        bounds: Bounds::of(Some(root)),
        ..Sweep::default()
    };
    // Without the root nothing was swept. Below it each directory is one of many.
    if let Err(error) = sweep.look_into(root) {
        warn(&error);
        return Err(error);
    }
    while let Some(directory) = sweep.directories.pop() {
        if let Err(error) = sweep.look_into(&directory) {
            sweep.note(error);
        }
    }
    Ok(sweep.found)
}

#[derive(Default)]
struct Sweep {
    bounds: Bounds,
    found: Swept,
    /// The directories still to be read. A stack and no recursion, as directories may be nested to
    /// any depth.
    directories: Vec<PathBuf>,
    logged_missing_locks: bool,
}

impl Sweep {
    /// Fails if the directory cannot be opened.
    fn look_into(&mut self, path: &Path) -> Result<(), SinkError> {
        let failed = |cause| SinkError::during("read the directory", path, cause);
        let directory = match self.bounds.open(path) {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let entries = match directory.entries() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            match entry {
                Ok((name, kind)) => self.look_at(&directory, path.join(name), kind),
                Err(error) => self.note(failed(error)),
            }
        }
        Ok(())
    }

    /// A link is neither a directory nor a file here, and so left alone.
    fn look_at(&mut self, directory: &Directory<'_>, path: PathBuf, kind: EntryKind) {
        match kind {
            EntryKind::Directory => self.directories.push(path),
            EntryKind::File if temp::is_temp_name(directory::name(&path)) => {
                self.take(directory, path);
            }
            EntryKind::File | EntryKind::Other => {}
        }
    }

    /// Removes the temp file if no writer holds its lock. The lock is kept until the file is
    /// removed. So a writer that has just created the file sees the lock, and creates another.
    fn take(&mut self, directory: &Directory<'_>, path: PathBuf) {
        // For writing: NFS grants an exclusive lock for nothing less.
        let opened = match directory.open_to_write(&path) {
            // The umask may keep even the owner from writing.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                directory.open_to_read(&path)
            }
            result => result,
        };
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                return self.note(SinkError::during("open the temp file", &path, error));
            }
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return self.found.in_use.push(path),
            Err(TryLockError::Error(error)) => return self.note_missing_lock(&path, error),
        }
        match directory.remove_file(&path) {
            Ok(()) => self.found.removed.push(path),
            // Its writer has finished meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.note(SinkError::during("remove the temp file", &path, error)),
        }
    }

    fn note_missing_lock(&mut self, path: &Path, cause: io::Error) {
        let error = SinkError::during("lock the temp file", path, cause);
        if self.is_to_be_logged(&error) {
            warn(&error);
        }
        self.found.errors.push(error);
    }

    /// Whether this error of a lock is another one than before. If the system or the file system
    /// has no locks, each temp file fails so.
    fn is_to_be_logged(&mut self, error: &SinkError) -> bool {
        let is_missing = error.io_kind() == io::ErrorKind::Unsupported;
        let is_known = is_missing && self.logged_missing_locks;
        self.logged_missing_locks |= is_missing;
        !is_known
    }

    fn note(&mut self, error: SinkError) {
        warn(&error);
        self.found.errors.push(error);
    }
}

fn warn(error: &SinkError) {
    log(Level::Warn, format_args!("sweep: {error}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As on Android, whose standard library has no locks.
    #[test]
    fn missing_locks_are_logged_once_and_each_file_is_an_error() {
        let mut sweep = Sweep::default();
        for (number, kind, is_logged) in [
            (0, io::ErrorKind::Unsupported, true),
            (1, io::ErrorKind::Unsupported, false),
            (2, io::ErrorKind::StaleNetworkFileHandle, true),
            (3, io::ErrorKind::StaleNetworkFileHandle, true),
            (4, io::ErrorKind::Unsupported, false),
        ] {
            let path = PathBuf::from(format!("{number}.tmp"));
            let error = SinkError::during("lock the temp file", &path, kind.into());
            assert_eq!(sweep.is_to_be_logged(&error), is_logged, "{number}");
            sweep.note_missing_lock(&path, kind.into());
        }
        let paths = sweep.found.errors.iter().filter_map(SinkError::path);
        let expected = ["0.tmp", "1.tmp", "2.tmp", "3.tmp", "4.tmp"];
        assert!(paths.eq(expected.map(Path::new)));
    }
}
