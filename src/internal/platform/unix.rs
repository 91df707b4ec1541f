//! Unix.

use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use tempfile::{NamedTempFile, PersistError};

/// Whether a system call that failed with this code may succeed later. EIO, ENFILE and EMFILE have
/// the same numbers on every Unix.
pub(crate) fn is_transient_code(code: i32) -> bool {
    matches!(code, 5 | 23 | 24)
}

/// The number of the device that a file is on.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it fails")]
pub(crate) fn device(of: &Metadata) -> io::Result<u64> {
    Ok(of.dev())
}

/// The device and inode numbers of a file.
pub(crate) fn identity(of: &Metadata) -> (u64, u64) {
    (of.dev(), of.ino())
}

/// Whether a file is known to have a single name.
pub(crate) fn has_one_name(file: &File) -> bool {
    file.metadata().is_ok_and(|found| found.nlink() == 1)
}

/// The noun for a FIFO, a socket or a device.
pub(crate) fn special_file(found: FileType) -> Option<&'static str> {
    if found.is_fifo() {
        Some("a FIFO")
    } else if found.is_socket() {
        Some("a socket")
    } else if found.is_block_device() || found.is_char_device() {
        Some("a device")
    } else {
        None
    }
}

/// Whether a component of a path names exactly the file of this name. The caller has split the
/// path, so it is neither empty, `.` or `..`, and has no separator.
pub(crate) fn is_plain_name(_: &OsStr) -> bool {
    true
}

/// The path as `tempfile` can use it, whatever its length.
pub(crate) fn long(path: &Path) -> &Path {
    path
}

/// Renames the temp file, unless the target exists.
pub(crate) fn rename_new(
    temp: NamedTempFile<File>,
    target: &Path,
) -> Result<File, PersistError<File>> {
    temp.persist_noclobber(target)
}

/// Renames the temp file, and replaces what is at the target.
pub(crate) fn replace(
    temp: NamedTempFile<File>,
    target: &Path,
) -> Result<File, PersistError<File>> {
    temp.persist(target)
}

/// Whether [`rename_new`] failed because the file system has neither such a rename nor hard links.
pub(crate) fn has_no_rename_new(refusal: &io::Error) -> bool {
    matches!(
        refusal.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
    ) || is_other_unsupported(refusal)
}

#[cfg(target_vendor = "apple")]
fn is_other_unsupported(error: &io::Error) -> bool {
    super::apple::lacks_renames_that_keep(error)
}

#[cfg(not(target_vendor = "apple"))]
fn is_other_unsupported(_: &io::Error) -> bool {
    false
}

/// Whether a rename failed because another process has one of the two files open.
pub(crate) fn is_held_open(_: &io::Error, _: &Path) -> bool {
    false
}

/// Syncs the content of a file.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    file.sync_all()
}

#[cfg(target_vendor = "apple")]
pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    super::apple::synced(file.sync_all(), || Ok(rustix::fs::fsync(file)?))
}

/// Fails if the system cannot sync the names that a directory holds.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it fails")]
pub(crate) fn can_sync_directories() -> io::Result<()> {
    Ok(())
}

/// Syncs the names that a directory holds.
pub(crate) fn sync_directory(directory: &File) -> io::Result<()> {
    sync_file(directory)
}

/// A file name of these bytes.
#[cfg(feature = "hls")]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
pub(crate) fn os_string(bytes: Vec<u8>) -> io::Result<std::ffi::OsString> {
    Ok(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

/// The text of the root that a path starts with: none if the path is relative. `None` if no text
/// can express the root.
#[cfg(feature = "hls")]
pub(crate) fn text_of_root(root: &Path) -> Option<String> {
    root.to_str().map(str::to_owned)
}

/// Splits a text that begins with that of a root.
#[cfg(feature = "hls")]
pub(crate) fn root_of_text(text: &str) -> (std::path::PathBuf, &str) {
    match text.strip_prefix('/') {
        Some(rest) => ("/".into(), rest),
        None => (std::path::PathBuf::new(), text),
    }
}
