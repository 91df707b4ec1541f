//! An entry of a media playlist.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::duration::Micros;

/// A listed media segment, or a gap for a lost one.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub(super) uri: String,
    /// The file to delete once the entry has slid out. A gap has none: nothing is stored for it,
    /// or the stored file belongs to another segment.
    pub(super) file: Option<PathBuf>,
    pub(super) is_gap: bool,
    pub(super) micros: Micros,
    pub(super) starts_discontinuity: bool,
    pub(super) map: Option<Arc<Map>>,
    pub(super) keys: Arc<Vec<String>>,
    pub(super) tags: Vec<String>,
    pub(super) date: Option<SystemTime>,
}

impl Entry {
    /// The files of the segment and of its initialisation segment.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let map = self.map.as_ref().and_then(|map| map.file.as_ref());
        self.file.iter().chain(map)
    }
}

/// An initialisation segment (EXT-X-MAP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    pub(super) uri: String,
    pub(super) file: Option<PathBuf>,
}

/// The initialisation segment that is in force for the next entry.
#[derive(Debug, Clone, Default)]
pub(super) enum Initialisation {
    /// None was pushed in this session: the format needs none, or that of the last entry is still
    /// in force.
    #[default]
    None,
    Landed {
        map: Arc<Map>,
        /// `None` once media has overwritten the file.
        content: Option<Vec<u8>>,
    },
    /// The last one was lost. Until another one arrives, media cannot be decoded.
    Lost {
        /// The last one that did arrive. Its content is known only if the last entry lists it and
        /// nothing has overwritten it. Only then is it still in force if the same content comes
        /// again.
        before: Option<(Arc<Map>, Option<Vec<u8>>)>,
    },
}
