//! Which folder a path leads to, told from one that takes its place.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Not `PartialEq`: that two of these do not differ says little where birth times are missing.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    disk: u64,
    number: u64,
    /// When it was made, which not every file system keeps.
    born: Option<SystemTime>,
}

impl Identity {
    #[cfg(unix)]
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(folder)?;
        Ok(Self {
            disk: found.dev(),
            number: found.ino(),
            born: found.created().ok(),
        })
    }

    /// There are no numbers here to go by, so nothing is recognised.
    #[cfg(not(unix))]
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        fs::metadata(folder)?;
        Ok(Self {
            disk: 0,
            number: 0,
            born: None,
        })
    }

    /// Whether this can be told from a folder that takes its place. The number alone does not tell: it is
    /// given out again as soon as it is free.
    pub(super) fn is_recognisable(&self) -> bool {
        self.born.is_some()
    }

    /// Whether both are known to be one folder.
    pub(super) fn is_surely(&self, other: &Self) -> bool {
        self.is_recognisable()
            && (self.disk, self.number, self.born) == (other.disk, other.number, other.born)
    }

    /// The name of a mount point is no name on the disk above it, and no sync makes it durable.
    pub(super) fn is_on_the_disk_of(&self, other: &Self) -> bool {
        self.disk == other.disk
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn folder(number: u64, born: Option<u64>) -> Identity {
        Identity {
            disk: 1,
            number,
            born: born.map(|secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs)),
        }
    }

    #[test]
    fn a_folder_is_recognised_by_its_number_and_its_birth() {
        assert!(folder(2, Some(3)).is_surely(&folder(2, Some(3))));
        assert!(!folder(2, Some(3)).is_surely(&folder(4, Some(3))));
        assert!(!folder(2, Some(3)).is_surely(&folder(2, Some(4))));
    }

    #[test]
    fn without_a_birth_time_no_folder_is_recognised() {
        assert!(!folder(2, None).is_recognisable());
        assert!(!folder(2, None).is_surely(&folder(2, None)));
        assert!(!folder(2, Some(3)).is_surely(&folder(2, None)));
        assert!(!folder(2, None).is_surely(&folder(2, Some(3))));
    }
}
