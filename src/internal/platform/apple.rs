//! macOS and its relatives: error codes that the standard library does not know, and syncs.

use std::io;

/// ENOTSUP, which differs from EOPNOTSUPP (102) here, and is not an
/// [`Unsupported`](io::ErrorKind::Unsupported) of the standard library.
const ENOTSUP: i32 = 45;
const EINVAL: i32 = 22;
const ENOTTY: i32 = 25;
const EOPNOTSUPP: i32 = 102;

/// The result of a sync. `full` is that of `F_FULLFSYNC`, which the standard library uses for every
/// sync; it flushes the cache of the drive as well. Network volumes and some others refuse it.
/// They have no drive of this machine to flush, so `plain`, an `fsync`, does the same there.
pub(super) fn synced(
    full: io::Result<()>,
    plain: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    match full {
        Err(error) if is_unsupported(&error) => plain(),
        result => result,
    }
}

/// Whether a rename that keeps an existing target failed because the volume has none
/// (`VOL_CAP_INT_RENAME_EXCL`).
pub(super) fn lacks_renames_that_keep(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ENOTSUP)
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(ENOTSUP | EOPNOTSUPP | ENOTTY | EINVAL)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: i32) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(code))
    }

    #[test]
    fn a_volume_without_full_syncs_is_synced_plainly() {
        for code in [45, 102, 25, 22] {
            assert!(synced(failed(code), || Ok(())).is_ok(), "{code}");
            // EIO of the plain sync is the result.
            let error = synced(failed(code), || failed(5)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(5), "{code}");
        }
    }

    #[test]
    fn a_volume_without_renames_that_keep_is_told_from_a_failure() {
        // EIO, ENOENT, EEXIST
        for (code, expected) in [(45, true), (5, false), (2, false), (17, false)] {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(lacks_renames_that_keep(&error), expected, "{code}");
        }
    }

    #[test]
    fn a_sync_that_fails_is_not_tried_again() {
        // EIO, EBADF, ENOSPC
        for code in [5, 9, 28] {
            let error = synced(failed(code), || unreachable!()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(code));
        }
        assert!(synced(Ok(()), || unreachable!()).is_ok());
    }
}
