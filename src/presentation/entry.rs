//! An entry of a media playlist.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::time::Micros;

/// A listed media segment, or a gap for a lost one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) uri: String,
    /// The file to delete once the entry has slid out. A gap has none: nothing is stored for it,
    /// or the stored file belongs to another segment.
    pub(crate) file: Option<PathBuf>,
    pub(crate) is_gap: bool,
    pub(crate) micros: Micros,
    pub(crate) starts_discontinuity: bool,
    pub(crate) map: Option<Arc<Map>>,
    pub(crate) keys: Arc<Vec<String>>,
    pub(crate) tags: Vec<String>,
    pub(crate) date: Option<SystemTime>,
}

impl Entry {
    /// The files of the segment and of its initialisation segment.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let map = self.map.as_ref().and_then(|map| map.file.as_ref());
        self.file.iter().chain(map)
    }
}

/// An initialisation segment (EXT-X-MAP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Map {
    pub(crate) uri: String,
    pub(crate) file: Option<PathBuf>,
}

/// The initialisation segment that is in force for the next entry.
#[derive(Debug, Clone, Default)]
pub(crate) enum Initialisation {
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
