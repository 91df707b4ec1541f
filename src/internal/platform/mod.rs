//! The parts of the crate that differ between operating systems. No other module has `cfg(unix)`,
//! `cfg(windows)` or `cfg(target_os)`.

#[cfg(all(feature = "confined", target_os = "linux"))]
mod handle;
#[cfg(not(all(feature = "confined", target_os = "linux")))]
#[path = "no_handle.rs"]
mod handle;
#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use self::other as system;
#[cfg(unix)]
use self::unix as system;

pub(crate) use self::handle::Handle;
pub(crate) use self::system::{
    device, has_one_name, identity, is_transient_code, special_file, sync_directory,
};

#[cfg(feature = "hls")]
pub(crate) use self::system::os_string;

use std::fs::FileType;

/// Whether the directories of a rooted sink are reached by handle, with the feature `confined`.
pub(crate) const HOLDS_DIRECTORIES: bool = cfg!(feature = "confined");

/// The kind of an entry of a directory, which is that of a link itself and not of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Directory,
    File,
    Other,
}

impl EntryKind {
    pub(crate) fn of(found: FileType) -> Self {
        if found.is_dir() {
            Self::Directory
        } else if found.is_file() {
            Self::File
        } else {
            Self::Other
        }
    }
}
