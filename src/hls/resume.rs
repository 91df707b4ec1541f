//! What a session before this one left.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::config::MediaPlaylist;
use super::names;
use super::parse::parse;
use super::retired::Retired;
use crate::sink::DiskSink;
use crate::uri;

/// A playlist and its side file as an earlier session left them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Previous {
    /// The text of the playlist.
    pub playlist: Vec<u8>,
    /// The text of the side file, if there is one.
    pub state: Option<Vec<u8>>,
    /// Path hints of segments that were stored and never listed, to be deleted.
    pub orphans: Vec<PathBuf>,
}

impl Previous {
    /// Reads them from the folder that is the root of the publisher's [`DiskSink`], and sweeps that
    /// folder of what a killed process left. `None` where there is no playlist.
    ///
    /// What cannot be swept is logged as a warning, and nothing else: the two files are all that is needed.
    ///
    /// # Errors
    ///
    /// The playlist or its side file is there and cannot be read.
    pub fn read(root: impl AsRef<Path>, playlist: &MediaPlaylist) -> io::Result<Option<Self>> {
        let root = root.as_ref();
        // A temp file that stays is in nobody's way, and each error was logged.
        let _ = DiskSink::sweep(root);
        let Some(text) = content(&root.join(&playlist.path))? else {
            return Ok(None);
        };
        let state = content(&root.join(playlist.state_path()))?;
        Ok(Some(Self {
            playlist: text,
            state,
            orphans: Vec::new(),
        }))
    }

    /// Takes out the files that its text names: as a segment, or as an initialisation segment.
    pub(super) fn spare_listed(&self, playlist: &MediaPlaylist, retired: &mut Vec<Retired>) {
        let lines: HashSet<&[u8]> = self.playlist.split(|byte| *byte == b'\n').collect();
        retired.retain(|retired| {
            playlist.uri_of(retired.file()).map_or(true, |uri| {
                let map = format!("#EXT-X-MAP:URI=\"{uri}\"");
                !lines.contains(uri.as_bytes()) && !lines.contains(map.as_bytes())
            })
        });
    }

    /// Looks for segments that a killed session had stored and not yet listed, up to its
    /// `channel_depth`: in the folder of the playlist and in those of its segments, the files with names
    /// that [`SegmentNames`](super::SegmentNames) gives by itself and the playlist does not list.
    /// [`resume`](super::MediaPlaylistPublisher::resume) then has them deleted, unless everything is kept.
    ///
    /// Only for a playlist that has these folders to itself: the segments of another one, listed there or
    /// just being recorded, would be taken for orphans; so would those of an earlier playlist of the same name
    /// that this one has replaced.
    ///
    /// # Errors
    ///
    /// One of these folders is there and cannot be read, or the playlist is not below the root.
    pub fn with_orphans(
        mut self,
        root: impl AsRef<Path>,
        playlist: &MediaPlaylist,
    ) -> io::Result<Self> {
        // One that cannot be read is not gone on with anyway.
        let Ok(known) = parse(&self.playlist, playlist.clone()) else {
            return Ok(self);
        };
        let mut folders = BTreeSet::from([uri::plain(playlist.folder())?]);
        let files = known
            .entries
            .iter()
            .filter_map(|entry| entry.file.as_deref());
        folders.extend(files.filter_map(Path::parent).map(Path::to_path_buf));
        for folder in folders {
            let entries = match fs::read_dir(root.as_ref().join(&folder)) {
                Ok(entries) => entries,
                // The segments in it are gone as well, and are missed by whoever asks for them.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                let file = folder.join(entry.file_name());
                let is_ours = entry.file_name().to_str().is_some_and(names::is_made_up);
                if is_ours && entry.file_type()?.is_file() && !known.names(&file) {
                    self.orphans.push(file);
                }
            }
        }
        Ok(self)
    }
}

fn content(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
