//! The file of the journal: lines are appended, and now and then it is written anew.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// `None` after a failure.
    file: Option<File>,
    lines: usize,
    is_synced: bool,
    /// Held for as long as the journal is open. The journal itself is replaced, and its lock with
    /// it.
    _lock: File,
}

impl Journal {
    /// Locks the journal and returns its text.
    pub(super) fn read(path: &Path) -> io::Result<(File, Vec<u8>)> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let why = "another backfill has this journal open";
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, why));
            }
            // Some systems have no locks.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        match fs::read(path) {
            Ok(text) => Ok((lock, text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((lock, Vec::new())),
            Err(error) => Err(error),
        }
    }

    /// Writes it anew. `is_synced`: every change survives a power cut.
    pub(super) fn create(path: &Path, lock: File, text: &str, is_synced: bool) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: Some(replace(path, text)?),
            lines: count(text),
            is_synced,
            _lock: lock,
        })
    }

    pub(super) fn append(&mut self, lines: &str) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Err(io::Error::other("it could not be written anew"));
        };
        file.write_all(lines.as_bytes())?;
        self.lines += count(lines);
        if self.is_synced {
            file.sync_data()?;
        }
        Ok(())
    }

    pub(super) fn rewrite(&mut self, text: &str) -> io::Result<()> {
        // Some systems refuse to replace a file that is open.
        self.file = None;
        self.file = Some(replace(&self.path, text)?);
        self.lines = count(text);
        Ok(())
    }

    /// Whether most of its lines say nothing any more.
    pub(super) fn is_due(&self, entries: usize) -> bool {
        self.lines > 1024 + entries * 4
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn count(lines: &str) -> usize {
    lines.bytes().filter(|byte| *byte == b'\n').count()
}

/// The old journal or the new one is there whenever the process dies, and never a part of one.
fn replace(path: &Path, text: &str) -> io::Result<File> {
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    // Or a power cut may leave the new name and nothing in it.
    file.as_file().sync_data()?;
    Ok(file.persist(path)?)
}
