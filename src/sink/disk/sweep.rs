//! Taking away the temp files that killed processes left.

use std::fs::{self, DirEntry, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use log::Level;

use super::temp;
use crate::error::SinkError;
use crate::internal::log::log as tell;

/// What a [`DiskSink::sweep`](crate::DiskSink::sweep) found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Swept {
    /// The temp files that it removed.
    pub removed: Vec<PathBuf>,
    /// The temp files that a living writer is using, which it left alone.
    pub in_use: Vec<PathBuf>,
    /// The directories that could not be read, and the temp files that could not be opened, locked or
    /// removed. Each error names its path, and was logged as a warning.
    pub errors: Vec<SinkError>,
}

pub(super) fn sweep(root: &Path) -> Result<Swept, SinkError> {
    let mut sweep = Sweep::default();
    // A sweep that could not begin is no sweep. Below, each folder is one of many.
    if let Err(error) = sweep.look_into(root) {
        log(&error);
        return Err(error);
    }
    while let Some(folder) = sweep.folders.pop() {
        if let Err(error) = sweep.look_into(&folder) {
            sweep.note(error);
        }
    }
    Ok(sweep.found)
}

#[derive(Default)]
struct Sweep {
    found: Swept,
    /// Still to be looked into; a stack and no recursion, since folders nest as deep as they like.
    folders: Vec<PathBuf>,
}

impl Sweep {
    /// Fails if the folder cannot be opened.
    fn look_into(&mut self, folder: &Path) -> Result<(), SinkError> {
        let failed = |cause| SinkError::during("read the folder", folder, cause);
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            if let Err(error) = entry.and_then(|entry| self.look_at(&entry)) {
                self.note(failed(error));
            }
        }
        Ok(())
    }

    fn look_at(&mut self, entry: &DirEntry) -> io::Result<()> {
        // Of the entry itself: a link is neither a folder nor a file here, and so left alone.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            self.folders.push(entry.path());
        } else if kind.is_file() && temp::is_temp_name(&entry.file_name()) {
            self.take(entry.path());
        }
        Ok(())
    }

    /// Removes the temp file if nobody holds it. The lock is kept until it is removed, so that a
    /// writer which has only just created it notices, and takes another.
    fn take(&mut self, path: PathBuf) {
        // For writing, as NFS asks for an exclusive lock.
        let writable = OpenOptions::new().write(true).open(&path);
        let opened = match writable {
            // A umask may forbid even its owner to write it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => File::open(&path),
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
            Err(TryLockError::Error(error)) => {
                return self.note(SinkError::during("lock the temp file", &path, error));
            }
        }
        match fs::remove_file(&path) {
            Ok(()) => self.found.removed.push(path),
            // Its writer had finished with it in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.note(SinkError::during("remove the temp file", &path, error)),
        }
    }

    fn note(&mut self, error: SinkError) {
        log(&error);
        self.found.errors.push(error);
    }
}

fn log(error: &SinkError) {
    tell(Level::Warn, format_args!("sweep: {error}"));
}
