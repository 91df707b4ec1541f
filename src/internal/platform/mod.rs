//! The parts of the crate that differ between operating systems. No other module has `cfg(unix)`,
//! `cfg(windows)` or `cfg(target_os)`.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use self::other as system;
#[cfg(unix)]
use self::unix as system;

pub(crate) use self::system::{
    device, has_one_name, identity, is_transient_code, special_file, sync_directory,
};

#[cfg(feature = "hls")]
pub(crate) use self::system::os_string;
