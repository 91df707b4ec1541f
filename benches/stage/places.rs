//! Where it is measured: in memory and on the disk.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    Disk,
}

impl Place {
    pub(crate) const BOTH: [Self; 2] = [Self::Memory, Self::Disk];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "tmpfs",
            Self::Disk => "disk",
        }
    }

    /// A new folder there.
    ///
    /// # Errors
    ///
    /// There is no tmpfs where Linux has it, or no room.
    pub(crate) fn folder(self) -> io::Result<TempDir> {
        let base = match self {
            Self::Memory => PathBuf::from("/dev/shm"),
            Self::Disk => {
                let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
                env::var_os("BENCH_DISK").map_or(target, PathBuf::from)
            }
        };
        fs::create_dir_all(&base)?;
        tempfile::Builder::new()
            .prefix("segment-stream-bench-")
            .tempdir_in(base)
    }
}
