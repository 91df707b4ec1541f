//! The final name: given in one step, and taken away again.

use std::fs::{self, File, FileType};
use std::io;
use std::path::{Path, PathBuf};

use log::Level;
use tempfile::{NamedTempFile, PersistError};

use super::policy::Existing;
use super::target::Target;
use super::temp;
use crate::error::SinkError;
use crate::internal::log::log as tell;

/// What became of a temp file that was to get its final name.
pub(super) enum Published {
    /// It has it.
    Done,
    /// It was gone: swept, before it was locked.
    Gone,
}

/// Gives files their final names.
#[derive(Debug, Clone, Default)]
pub(super) struct Publisher {
    /// The folder of the last file, if that had one name and no other afterwards. Then the next one in it
    /// need not be looked at.
    renames_in: Option<PathBuf>,
}

impl Publisher {
    /// Renames the whole temp file to its final name, or removes it.
    ///
    /// A rename that refuses to replace is tried first: in the usual case it is the only call. Only if
    /// something is in the way, or the file system knows no such rename, is the target looked at.
    pub(super) fn publish(
        &mut self,
        temp: NamedTempFile<File>,
        target: &Target,
        existing: Existing,
    ) -> Result<Published, SinkError> {
        let name = temp.path().to_path_buf();
        let path = &target.path;
        let renamed = temp.persist_noclobber(path).or_else(|refused| {
            match may_replace(refused.error, path, existing) {
                Ok(()) => refused.file.persist(path),
                Err(error) => Err(PersistError {
                    error,
                    file: refused.file,
                }),
            }
        });
        let (cause, temp) = match renamed {
            Ok(file) => {
                self.leave_one_name(&file, &name, &target.folder);
                return Ok(Published::Done);
            }
            Err(PersistError { error, file: temp }) => (error, temp),
        };
        if cause.kind() == io::ErrorKind::NotFound && is_gone(&name) {
            return Ok(Published::Gone);
        }
        temp::discard(temp);
        Err(SinkError::during("rename the temp file to", path, cause))
    }

    /// Where the file system cannot rename without replacing, the file gets its final name as a link, and
    /// what becomes of its first name goes unreported: here it is looked at. What holds for one file of a
    /// folder holds for the next.
    fn leave_one_name(&mut self, file: &File, name: &Path, folder: &Path) {
        if self.renames_in.as_deref() == Some(folder) {
            return;
        }
        if has_one_name(file) {
            self.renames_in = Some(folder.to_path_buf());
            return;
        }
        match fs::remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => tell(
                Level::Warn,
                format_args!("cannot remove a temp file that is not needed: {error}"),
            ),
            _ => {}
        }
    }
}

#[cfg(unix)]
fn has_one_name(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|file| file.nlink() == 1)
}

#[cfg(not(unix))]
fn has_one_name(_: &File) -> bool {
    false
}

fn is_gone(name: &Path) -> bool {
    let found = fs::symlink_metadata(name);
    found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Whether a plain rename may follow a rename that would not replace; if not, why.
fn may_replace(refusal: io::Error, target: &Path, existing: Existing) -> io::Result<()> {
    let in_the_way = refusal.kind() == io::ErrorKind::AlreadyExists;
    // What a file system answers that knows neither such a rename nor hard links.
    let cannot_tell = matches!(
        refusal.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
    );
    if !in_the_way && !cannot_tell {
        return Err(refusal);
    }
    match fs::symlink_metadata(target) {
        Ok(metadata) => only_a_regular_file(metadata.file_type())?,
        // It was there a moment ago: somebody else is at work on this name.
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

/// A rename over a device or a FIFO would take it away from the whole host, and one over a link
/// would leave what it names stale.
fn only_a_regular_file(found: FileType) -> io::Result<()> {
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
        format!("{what} stands there, which is not a regular file"),
    ))
}

fn describe(found: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if found.is_fifo() {
            return "a FIFO";
        }
        if found.is_socket() {
            return "a socket";
        }
        if found.is_block_device() || found.is_char_device() {
            return "a device";
        }
    }
    if found.is_dir() {
        "a folder"
    } else if found.is_symlink() {
        "a symbolic link"
    } else {
        "something else than a file"
    }
}

/// Removes a regular file; one that is already gone is as good as removed.
pub(super) fn withdraw(target: &Path) -> Result<(), SinkError> {
    let gone = fs::symlink_metadata(target)
        .and_then(|metadata| only_a_regular_file(metadata.file_type()))
        .and_then(|()| fs::remove_file(target));
    match gone {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(|cause| SinkError::during("remove", target, cause)),
    }
}
