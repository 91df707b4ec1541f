//! The directory of the segments.

use std::error::Error;
use std::fs;
use std::path::Path;

use segment_stream::DiskSink;
use tempfile::TempDir;

pub enum Folder<'a> {
    Given(&'a Path),
    /// Deleted on drop, unless something was stored.
    Temporary(TempDir),
}

impl<'a> Folder<'a> {
    /// The directory, created if missing. Temp files of a killed program are deleted. The name of
    /// a temporary directory begins with `prefix`.
    pub fn open(given: Option<&'a Path>, prefix: &str) -> Result<Self, Box<dyn Error>> {
        let Some(path) = given else {
            return Ok(Self::Temporary(TempDir::with_prefix(prefix)?));
        };
        fs::create_dir_all(path)
            .map_err(|error| format!("cannot create the directory {}: {error}", path.display()))?;
        // Unreadable directories, such as `lost+found`, are logged and skipped.
        DiskSink::sweep(path)?;
        Ok(Self::Given(path))
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    pub fn keep_if(&mut self, is_wanted: bool) {
        if let Self::Temporary(folder) = self {
            folder.disable_cleanup(is_wanted);
        }
    }
}
