//! Unix.

use std::fs::{File, FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

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

/// Syncs the names that a directory holds.
pub(crate) fn sync_directory(directory: &File) -> io::Result<()> {
    directory.sync_all()
}

/// A file name of these bytes.
#[cfg(feature = "hls")]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
pub(crate) fn os_string(bytes: Vec<u8>) -> io::Result<std::ffi::OsString> {
    Ok(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}
