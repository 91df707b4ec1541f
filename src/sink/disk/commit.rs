//! The final name of a file: given in one step, and removed again.

use std::fs::{File, FileType};
use std::io;
use std::path::{Path, PathBuf};

use log::Level;

use super::directory::Directory;
use super::options::Existing;
use super::target::Target;
use super::temp::{self, Refused, Temp};
use crate::error::SinkError;
use crate::internal::log::log;
use crate::internal::platform;

/// The result of a commit.
pub(super) enum Committed {
    /// The file has its final name.
    Done,
    /// A sweep removed the temp file before it was locked.
    Gone,
}

/// Gives files their final names.
#[derive(Debug, Clone, Default)]
pub(super) struct Committer {
    /// The directory of the last file, if a rename there is known to leave a single name. Then the
    /// next file in it needs no check.
    renames_in: Option<PathBuf>,
}

impl Committer {
    /// Renames the whole temp file to its final name, or removes it.
    ///
    /// A rename that does not replace comes first, and is usually the only call. The target is
    /// checked only if a file is in the way, or the file system has no such rename.
    pub(super) fn commit(
        &mut self,
        temp: Temp<'_>,
        target: &Target,
        existing: Existing,
    ) -> Result<Committed, SinkError> {
        let name = temp.path().to_path_buf();
        let directory = temp.directory().clone();
        let path = &target.path;
        let renamed = temp.persist_noclobber(path).or_else(|refused| {
            match may_replace(refused.error, &directory, path, existing) {
                Ok(()) => refused.temp.persist(path),
                Err(error) => Err(Refused {
                    error,
                    temp: refused.temp,
                }),
            }
        });
        let (cause, temp) = match renamed {
            Ok(file) => {
                self.leave_one_name(&file, &name, &directory);
                return Ok(Committed::Done);
            }
            Err(Refused { error, temp }) => (error, temp),
        };
        if cause.kind() == io::ErrorKind::NotFound && is_gone(&directory, &name) {
            return Ok(Committed::Gone);
        }
        temp::discard(temp);
        let is_held_open = platform::is_held_open(&cause, path);
        let error = SinkError::during("rename the temp file to", path, cause);
        Err(if is_held_open {
            SinkError::transient(error)
        } else {
            error
        })
    }

    /// If the file system cannot rename without replacing, `tempfile` links the file to its final
    /// name, and does not report a first name that it could not remove. So the number of names is
    /// checked here. The result for one file of a directory holds for the next.
    fn leave_one_name(&mut self, file: &File, name: &Path, directory: &Directory<'_>) {
        if self.renames_in.as_deref() == Some(directory.path()) {
            return;
        }
        if platform::has_one_name(file) {
            self.renames_in = Some(directory.path().to_path_buf());
            return;
        }
        match directory.remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => log(
                Level::Warn,
                format_args!("cannot remove a temp file that is not needed: {error}"),
            ),
            _ => {}
        }
    }
}

fn is_gone(directory: &Directory<'_>, name: &Path) -> bool {
    let found = directory.metadata_of(name);
    found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Whether a plain rename may follow the one that did not replace. If not, returns the reason.
fn may_replace(
    refusal: io::Error,
    directory: &Directory<'_>,
    target: &Path,
    existing: Existing,
) -> io::Result<()> {
    let in_the_way = refusal.kind() == io::ErrorKind::AlreadyExists;
    let cannot_tell = platform::has_no_rename_new(&refusal);
    if !in_the_way && !cannot_tell {
        return Err(refusal);
    }
    match directory.metadata_of(target) {
        Ok(metadata) => only_a_regular_file(metadata.file_type())?,
        // It existed a moment ago: another process is changing this name.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match (in_the_way, existing) {
                (true, Existing::Refuse) => Err(refusal),
                _ => Ok(()),
            };
        }
        Err(error) => return Err(error),
    }
    match existing {
        Existing::Replace => Ok(()),
        Existing::Refuse => Err(if in_the_way {
            refusal
        } else {
            io::ErrorKind::AlreadyExists.into()
        }),
    }
}

/// A rename over a device or a FIFO would remove it for the whole host. A rename over a link would
/// leave the link's target stale.
pub(super) fn only_a_regular_file(found: FileType) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let kind = if found.is_dir() {
        io::ErrorKind::IsADirectory
    } else {
        io::ErrorKind::AlreadyExists
    };
    let what = describe(found);
    Err(io::Error::new(
        kind,
        format!("{what} is there, which is not a regular file"),
    ))
}

fn describe(found: FileType) -> &'static str {
    if let Some(special) = platform::special_file(found) {
        special
    } else if found.is_dir() {
        "a directory"
    } else if found.is_symlink() {
        "a symbolic link"
    } else {
        "an object of another kind"
    }
}

/// Removes a regular file. A file that is already gone is a success.
pub(super) fn remove(target: &Target) -> Result<(), SinkError> {
    let path = &target.path;
    let gone = target.open_directory().and_then(|directory| {
        only_a_regular_file(directory.metadata_of(path)?.file_type())?;
        directory.remove_file(path)
    });
    match gone {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(|cause| SinkError::during("remove", path, cause)),
    }
}
