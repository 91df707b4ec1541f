//! Pre-allocation of a file, for programs that write their files themselves.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Creates the file at `path`, with its parent directories, and sets its length to `bytes`.
///
/// An existing file is truncated first, so that it holds `bytes` zero bytes afterwards. A reader
/// sees those zeros until they are overwritten: the promises of [`DiskSink`](crate::DiskSink) do
/// not hold for this file. On most file systems no space is reserved either; only the length is
/// set.
///
/// # Errors
///
/// The directories cannot be created, the file cannot be opened, or its length cannot be set.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let directory = tempfile::tempdir()?;
/// let path = directory.path().join("video/00000.mp4");
/// segment_stream::pre_allocate_file(&path, 4096)?;
/// assert_eq!(std::fs::metadata(&path)?.len(), 4096);
/// # Ok(())
/// # }
/// ```
pub fn pre_allocate_file(path: impl AsRef<Path>, bytes: u64) -> io::Result<()> {
    let path = path.as_ref();
    if let Some(parent) = path.parent().filter(|parent| *parent != Path::new("")) {
        fs::create_dir_all(parent)?;
    }
    File::create(path)?.set_len(bytes)
}
