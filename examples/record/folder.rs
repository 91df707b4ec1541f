//! The folder that the segments go into.

use std::error::Error;
use std::fs;
use std::path::Path;

use segment_stream::DiskSink;
use tempfile::TempDir;

const PREFIX: &str = "segment-";
const SUFFIX: &str = ".ts";
const DIGITS: usize = 5;

pub(crate) fn segment_name(number: u64) -> String {
    format!("{PREFIX}{number:0DIGITS$}{SUFFIX}")
}

/// The number in a name that [`segment_name`] made.
fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let are_ours = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| are_ours)
}

pub(crate) enum Folder<'a> {
    Given(&'a Path),
    /// Goes with this, unless something was stored.
    Temporary(TempDir),
}

impl<'a> Folder<'a> {
    /// The folder, made if need be, and without what a killed recording left half-written.
    pub(crate) fn open(given: Option<&'a Path>) -> Result<Self, Box<dyn Error>> {
        let Some(path) = given else {
            return Ok(Self::Temporary(TempDir::with_prefix("record-")?));
        };
        fs::create_dir_all(path)
            .map_err(|error| format!("cannot make the folder {}: {error}", path.display()))?;
        DiskSink::sweep(path)?;
        Ok(Self::Given(path))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    /// The first number that no segment in the folder has, nor any after it.
    pub(crate) fn next_number(&self) -> Result<u64, Box<dyn Error>> {
        let path = self.path();
        let failed = |error| format!("cannot read the folder {}: {error}", path.display());
        let mut next = 0;
        for entry in fs::read_dir(path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if let Some(number) = name.to_str().and_then(segment_number) {
                next = next.max(number.saturating_add(1));
            }
        }
        Ok(next)
    }

    pub(crate) fn keep_if(&mut self, is_wanted: bool) {
        if let Self::Temporary(folder) = self {
            folder.disable_cleanup(is_wanted);
        }
    }
}
