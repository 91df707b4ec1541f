//! The identity of a directory, which tells it from another one at the same path.

use std::fs::Metadata;
use std::time::SystemTime;

use crate::internal::platform;

/// Not `PartialEq`: without birth times, two equal ones may still be two directories.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    /// The time of its creation, which not every file system keeps.
    born: Option<SystemTime>,
}

impl Identity {
    pub(super) fn of(directory: &Metadata) -> Self {
        let (device, inode) = platform::identity(directory);
        // The number 0 is no inode's: it means that the system has none, and then the time alone
        // proves nothing.
        let born = directory.created().ok().filter(|_| inode != 0);
        Self {
            device,
            inode,
            born,
        }
    }

    /// Whether another directory at the same path would have another identity. The inode number
    /// alone does not ensure it, as a freed number is given out again.
    pub(super) fn is_recognisable(&self) -> bool {
        self.born.is_some()
    }

    /// Whether both are known to be the same directory.
    pub(super) fn is_surely(&self, other: &Self) -> bool {
        self.is_recognisable()
            && (self.device, self.inode, self.born) == (other.device, other.inode, other.born)
    }

    /// The name of a mount point is not stored on the device above it, and no sync makes it
    /// durable.
    pub(super) fn is_on_the_device_of(&self, other: &Self) -> bool {
        self.device == other.device
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn directory(inode: u64, born: Option<u64>) -> Identity {
        Identity {
            device: 1,
            inode,
            born: born.map(|secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs)),
        }
    }

    #[test]
    fn a_directory_is_recognised_by_its_inode_and_its_birth() {
        assert!(directory(2, Some(3)).is_surely(&directory(2, Some(3))));
        assert!(!directory(2, Some(3)).is_surely(&directory(4, Some(3))));
        assert!(!directory(2, Some(3)).is_surely(&directory(2, Some(4))));
    }

    #[test]
    fn without_a_birth_time_no_directory_is_recognised() {
        assert!(!directory(2, None).is_recognisable());
        assert!(!directory(2, None).is_surely(&directory(2, None)));
        assert!(!directory(2, Some(3)).is_surely(&directory(2, None)));
        assert!(!directory(2, None).is_surely(&directory(2, Some(3))));
    }
}
