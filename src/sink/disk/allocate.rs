//! Pre-allocation of a file by itself, for programs that write their files themselves.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes the file at `path`, with its parent folders, and sets its length to `bytes`.
///
/// An existing file is truncated first, so that it holds `bytes` zero bytes afterwards. Those are
/// what a reader sees until they are overwritten: this makes none of the promises of
/// [`DiskSink`](crate::DiskSink). On most file systems it reserves no space either; it sets a length.
///
/// # Errors
///
/// Whatever keeps the folders from being made, the file from being opened, or its length from being
/// set.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("video/00000.mp4");
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
