//! Taking away the temp files that killed processes left.

use std::fs::{self, DirEntry, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use log::Level;

use super::temp;
use crate::error::SinkError;
use crate::internal::log::log as tell;

/// What a [`DiskSink::sweep`](crate::DiskSink::sweep) found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// The temp files that it removed.
    pub removed: Vec<PathBuf>,
    /// The temp files that a living writer is using, which it left alone.
    pub in_use: Vec<PathBuf>,
}

pub(super) fn sweep(folder: &Path) -> Result<Swept, SinkError> {
    let mut sweep = Sweep {
        found: Swept::default(),
        first_error: None,
        folders: vec![folder.to_path_buf()],
    };
    while let Some(folder) = sweep.folders.pop() {
        sweep.look_into(&folder);
    }
    match sweep.first_error {
        None => Ok(sweep.found),
        Some(error) => Err(error),
    }
}

struct Sweep {
    found: Swept,
    first_error: Option<SinkError>,
    /// Still to be looked into; a stack and no recursion, since folders nest as deep as they like.
    folders: Vec<PathBuf>,
}

impl Sweep {
    fn look_into(&mut self, folder: &Path) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.note("read the folder", folder, error),
        };
        for entry in entries {
            let looked_at = match entry {
                Ok(entry) => self.look_at(&entry),
                Err(error) => Err(error),
            };
            if let Err(error) = looked_at {
                self.note("read the folder", folder, error);
            }
        }
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
            Err(error) => return self.note("open the temp file", &path, error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return self.found.in_use.push(path),
            Err(TryLockError::Error(error)) => {
                return self.note("lock the temp file", &path, error);
            }
        }
        match fs::remove_file(&path) {
            Ok(()) => self.found.removed.push(path),
            // Its writer had finished with it in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.note("remove the temp file", &path, error),
        }
    }

    fn note(&mut self, operation: &'static str, path: &Path, cause: io::Error) {
        let error = SinkError::during(operation, path, cause);
        tell(Level::Warn, format_args!("sweep: {error}"));
        self.first_error.get_or_insert(error);
    }
}
