//! The parts of the crate that differ between operating systems. No other module has `cfg(unix)`,
//! `cfg(windows)` or `cfg(target_os)`.
//!
//! The rules of a system that need no call of it are compiled for the tests everywhere.

#[cfg(any(target_vendor = "apple", test))]
mod apple;
#[cfg(all(feature = "confined", target_os = "linux"))]
mod handle;
#[cfg(not(all(feature = "confined", target_os = "linux")))]
#[path = "no_handle.rs"]
mod handle;
#[cfg(not(any(unix, windows)))]
mod other;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
#[cfg(any(windows, test))]
mod windows_names;

#[cfg(not(any(unix, windows)))]
use self::other as system;
#[cfg(unix)]
use self::unix as system;
#[cfg(windows)]
use self::windows as system;

pub(crate) use self::handle::Handle;
pub(crate) use self::system::{
    can_sync_directories, device, has_no_rename_new, has_one_name, identity, is_held_open,
    is_plain_name, is_transient_code, long, rename_new, replace, special_file, sync_directory,
    sync_file,
};

#[cfg(feature = "hls")]
pub(crate) use self::system::{os_string, root_of_text, text_of_root};

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
