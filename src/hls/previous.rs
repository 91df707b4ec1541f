//! What a session before this one left.

use std::fs;
use std::io;
use std::path::Path;

use super::config::MediaPlaylist;
use crate::sink::DiskSink;

/// A playlist and its side file as an earlier session left them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// The text of the playlist.
    pub playlist: Vec<u8>,
    /// The text of the side file, if there is one.
    pub state: Option<Vec<u8>>,
}

impl Previous {
    /// Reads them from the folder that is the root of the publisher's [`DiskSink`], and sweeps that
    /// folder of what a killed process left. `None` where there is no playlist.
    ///
    /// # Errors
    ///
    /// A file that is there and cannot be read, or a temp file that cannot be removed.
    pub fn read(root: impl AsRef<Path>, playlist: &MediaPlaylist) -> io::Result<Option<Self>> {
        let root = root.as_ref();
        DiskSink::sweep(root)?;
        let Some(text) = read(&root.join(&playlist.path))? else {
            return Ok(None);
        };
        let state = read(&root.join(playlist.state_path()))?;
        Ok(Some(Self {
            playlist: text,
            state,
        }))
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
