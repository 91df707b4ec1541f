//! The folder that the segments go into.

use std::error::Error;
use std::fs;
use std::path::Path;

use segment_stream::DiskSink;
use tempfile::TempDir;

pub(crate) enum Folder<'a> {
    Given(&'a Path),
    /// Goes with this, unless something was stored.
    Temporary(TempDir),
}

impl<'a> Folder<'a> {
    /// The folder, made if need be, and without what a killed program left half-written. A temporary one
    /// has a name that begins with `prefix`.
    pub(crate) fn open(given: Option<&'a Path>, prefix: &str) -> Result<Self, Box<dyn Error>> {
        let Some(path) = given else {
            return Ok(Self::Temporary(TempDir::with_prefix(prefix)?));
        };
        fs::create_dir_all(path)
            .map_err(|error| format!("cannot make the folder {}: {error}", path.display()))?;
        // What could not be swept is logged, and in nobody's way: `lost+found` at the top of a disk, say.
        DiskSink::sweep(path)?;
        Ok(Self::Given(path))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    pub(crate) fn keep_if(&mut self, is_wanted: bool) {
        if let Self::Temporary(folder) = self {
            folder.disable_cleanup(is_wanted);
        }
    }
}
