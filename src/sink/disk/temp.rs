//! Temp files: hidden, with short names, created new, and locked while they are in use.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use log::Level;
use tempfile::{NamedTempFile, PersistError};

use super::directory::{self, Directory};
use crate::internal::log::log;
use crate::internal::platform::{self, Handle};

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
    pub(super) fn create<'a>(
        &mut self,
        directory: io::Result<Directory<'a>>,
    ) -> io::Result<Temp<'a>> {
        let directory = directory?;
        for _ in 0..TRIES {
            let temp = Temp::create(&directory)?;
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

/// A temp file. If it is dropped without a final name, it is removed.
pub(super) struct Temp<'a> {
    directory: Directory<'a>,
    named: Named,
}

enum Named {
    ByPath(NamedTempFile<File>),
    ByHandle(File, Name),
}

/// A rename that failed, and the temp file, which keeps its name.
pub(super) struct Refused<'a> {
    pub(super) error: io::Error,
    pub(super) temp: Temp<'a>,
}

impl<'a> Temp<'a> {
    fn create(directory: &Directory<'a>) -> io::Result<Self> {
        let temp = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .rand_bytes(RANDOM)
            .make_in(platform::long(directory.path()), |path| {
                directory.create_file(path)
            })?;
        let named = match directory.handle() {
            None => Named::ByPath(temp),
            Some(handle) => {
                // `tempfile` would rename and remove it by its path.
                let (file, path) = temp.into_parts();
                Named::ByHandle(file, Name::new(Rc::clone(handle), path.keep()?))
            }
        };
        Ok(Self {
            directory: directory.clone(),
            named,
        })
    }

    pub(super) fn directory(&self) -> &Directory<'a> {
        &self.directory
    }

    pub(super) fn as_file(&self) -> &File {
        match &self.named {
            Named::ByPath(temp) => temp.as_file(),
            Named::ByHandle(file, _) => file,
        }
    }

    pub(super) fn path(&self) -> &Path {
        match &self.named {
            Named::ByPath(temp) => temp.path(),
            Named::ByHandle(_, name) => &name.path,
        }
    }

    /// Renames it to a path in the same directory. If there is a file, that is an error.
    pub(super) fn persist_noclobber(self, path: &Path) -> Result<File, Refused<'a>> {
        self.rename(
            |temp| platform::rename_new(temp, path),
            |handle, old| handle.rename_new(old, directory::name(path)),
        )
    }

    /// Renames it to a path in the same directory, and replaces a file there.
    pub(super) fn persist(self, path: &Path) -> Result<File, Refused<'a>> {
        self.rename(
            |temp| platform::replace(temp, path),
            |handle, old| handle.rename(old, directory::name(path)),
        )
    }

    fn rename(
        self,
        by_path: impl FnOnce(NamedTempFile<File>) -> Result<File, PersistError<File>>,
        by_handle: impl FnOnce(&Handle, &OsStr) -> io::Result<()>,
    ) -> Result<File, Refused<'a>> {
        let Self { directory, named } = self;
        let (error, named) = match named {
            Named::ByPath(temp) => match by_path(temp) {
                Ok(file) => return Ok(file),
                Err(PersistError { error, file }) => (error, Named::ByPath(file)),
            },
            Named::ByHandle(file, name) => {
                match by_handle(&name.handle, directory::name(&name.path)) {
                    Ok(()) => {
                        name.forget();
                        return Ok(file);
                    }
                    Err(error) => (error, Named::ByHandle(file, name)),
                }
            }
        };
        let temp = Self { directory, named };
        Err(Refused { error, temp })
    }

    fn close(self) -> io::Result<()> {
        match self.named {
            Named::ByPath(temp) => temp.close(),
            Named::ByHandle(_, name) => name.remove(),
        }
    }
}

/// The name of a temp file in a directory that is held open. Dropped, it is removed, as after a
/// panic.
struct Name {
    handle: Rc<Handle>,
    path: PathBuf,
    is_ours: bool,
}

impl Name {
    fn new(handle: Rc<Handle>, path: PathBuf) -> Self {
        Self {
            handle,
            path,
            is_ours: true,
        }
    }

    fn forget(mut self) {
        self.is_ours = false;
    }

    fn remove(mut self) -> io::Result<()> {
        self.is_ours = false;
        self.handle.remove_file(directory::name(&self.path))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = self.handle.remove_file(directory::name(&self.path));
        }
    }
}

fn lock(file: &File) -> Result<(), TryLockError> {
    loop {
        match file.try_lock() {
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Removes a temp file after an error. The caller reports that error; a failed removal is logged,
/// and a later sweep removes the file. A sweep may also have removed it already.
pub(super) fn discard(temp: Temp<'_>) {
    match temp.close() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => log(
            Level::Warn,
            format_args!("cannot remove a temp file that is not needed: {error}"),
        ),
        _ => {}
    }
}
