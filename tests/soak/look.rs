//! The resources of a process at a moment, and its directory.

use std::fmt;
use std::fs;
use std::path::Path;

use super::memory::resident_bytes;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    resident: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    pub(crate) files: u64,
}

impl Look {
    pub(crate) fn at(folder: &Path) -> Self {
        let count = |path: &Path| fs::read_dir(path).unwrap().count() as u64;
        Self {
            resident: resident_bytes().expect("Linux says it"),
            descriptors: count(Path::new("/proc/self/fd")),
            threads: count(Path::new("/proc/self/task")),
            files: count(folder),
        }
    }

    /// Demands that it is what it was, within a twentieth.
    pub(crate) fn assert_like(&self, earlier: &Self) {
        let numbers = |look: &Self| [look.resident, look.descriptors, look.threads, look.files];
        let names = ["resident bytes", "descriptors", "threads", "files"];
        for ((name, now), before) in names.into_iter().zip(numbers(self)).zip(numbers(earlier)) {
            // A process as small as this one grows by as much when pages of the program itself are
            // read.
            let least = if name == names[0] { 512 << 10 } else { 0 };
            let more = now.saturating_sub(before);
            assert!(
                more <= least.max(before / 20),
                "{name} grew from {before} to {now}: {self}"
            );
        }
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kB resident, {} descriptors, {} threads, {} files",
            self.resident / 1024,
            self.descriptors,
            self.threads,
            self.files
        )
    }
}
