//! Systems that are neither Unix nor Windows.

use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata};
use std::io;
use std::path::Path;

use tempfile::{NamedTempFile, PersistError};

pub(crate) fn is_transient_code(_: i32) -> bool {
    false
}

pub(crate) fn device(_: &Metadata) -> io::Result<u64> {
    unsupported("the device of a directory is known on Unix only")
}

/// Without numbers all files look alike. A caller must not take equal numbers for the same file.
pub(crate) fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

pub(crate) fn has_one_name(_: &File) -> bool {
    false
}

pub(crate) fn special_file(_: FileType) -> Option<&'static str> {
    None
}

pub(crate) fn is_plain_name(_: &OsStr) -> bool {
    true
}

pub(crate) fn long(path: &Path) -> &Path {
    path
}

pub(crate) fn rename_new(
    temp: NamedTempFile<File>,
    target: &Path,
) -> Result<File, PersistError<File>> {
    temp.persist_noclobber(target)
}

pub(crate) fn replace(
    temp: NamedTempFile<File>,
    target: &Path,
) -> Result<File, PersistError<File>> {
    temp.persist(target)
}

pub(crate) fn has_no_rename_new(refusal: &io::Error) -> bool {
    refusal.kind() == io::ErrorKind::Unsupported
}

pub(crate) fn is_held_open(_: &io::Error, _: &Path) -> bool {
    false
}

pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    file.sync_all()
}

pub(crate) fn can_sync_directories() -> io::Result<()> {
    unsupported("directories can be synced on Unix only, so Durability::Full is not supported here")
}

pub(crate) fn sync_directory(_: &File) -> io::Result<()> {
    can_sync_directories()
}

/// A file name of these bytes, which must be UTF-8.
#[cfg(feature = "hls")]
pub(crate) fn os_string(bytes: Vec<u8>) -> io::Result<std::ffi::OsString> {
    String::from_utf8(bytes)
        .map(Into::into)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
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

fn unsupported<T>(reason: &'static str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, reason))
}
