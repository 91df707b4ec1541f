//! The parts of the crate that differ between operating systems. No other module has `cfg(unix)`,
//! `cfg(windows)` or `cfg(target_os)`.
//!
//! The rules of a system that need no call of it are compiled for the tests everywhere.

#[cfg(any(target_vendor = "apple", test))]
mod apple;
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

pub(crate) use self::system::{
    can_sync_directories, device, has_no_rename_new, has_one_name, identity, is_held_open,
    is_plain_name, is_transient_code, long, rename_new, replace, special_file, sync_directory,
    sync_file,
};

#[cfg(feature = "hls")]
pub(crate) use self::system::{os_string, root_of_text, text_of_root};
