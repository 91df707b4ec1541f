//! The files that a manifest beside others may still name.
//!
//! Such a manifest keeps no files. A file that left the manifest that keeps it is noted here, and is not
//! deleted before a text without it has landed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The files that left, and that the text at the destination may name.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// They left before the text that is being published was made.
    replaced: HashSet<PathBuf>,
    left: HashSet<PathBuf>,
}

impl Standing {
    /// Notes a file that left.
    pub(crate) fn add(&mut self, file: PathBuf) {
        self.left.insert(file);
    }

    /// A text is made that names none of them.
    pub(crate) fn is_replaced(&mut self) {
        self.replaced.extend(self.left.drain());
    }

    /// That text has landed. Returns the files that no text names any more.
    pub(crate) fn has_landed(&mut self) -> HashSet<PathBuf> {
        std::mem::take(&mut self.replaced)
    }

    pub(crate) fn has(&self, file: &Path) -> bool {
        self.replaced.contains(file) || self.left.contains(file)
    }
}
