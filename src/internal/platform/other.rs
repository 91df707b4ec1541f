//! Windows, and systems without file numbers.

use std::fs::{File, FileType, Metadata};
use std::io;

/// Whether a system call that failed with this code may succeed later. On Windows these are
/// `ERROR_TOO_MANY_OPEN_FILES`, `ERROR_SHARING_VIOLATION` and `ERROR_LOCK_VIOLATION`: another
/// process, such as a virus scanner, has the file open.
pub(crate) fn is_transient_code(code: i32) -> bool {
    cfg!(windows) && matches!(code, 4 | 32 | 33)
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

pub(crate) fn sync_directory(_: &File) -> io::Result<()> {
    unsupported("directories can be synced on Unix only")
}

/// A file name of these bytes, which must be UTF-8.
#[cfg(feature = "hls")]
pub(crate) fn os_string(bytes: Vec<u8>) -> io::Result<std::ffi::OsString> {
    String::from_utf8(bytes)
        .map(Into::into)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

fn unsupported<T>(reason: &'static str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, reason))
}
