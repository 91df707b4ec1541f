//! An entry of a rendition's timeline.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::time::{Micros, Time};
use crate::segment::MediaTime;

/// A listed media segment, or the gap for one that is missing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) content: Content,
    /// When it begins and ends on the rendition's own timeline, exactly.
    pub(crate) start: Time,
    pub(crate) end: Time,
    /// The producer's own media time; `None` if it gave none, or if a manifest was read back.
    #[cfg_attr(
        not(feature = "dash"),
        expect(dead_code, reason = "some formats need no media time")
    )]
    pub(crate) time: Option<MediaTime>,
    /// The declared duration: the rounded end less the rounded start, and no more than the target
    /// duration allows.
    pub(crate) micros: Micros,
    pub(crate) starts_discontinuity: bool,
    pub(crate) initialisation: Option<Arc<Map>>,
    /// The key lines in force, in the words of the format.
    pub(crate) keys: Arc<Vec<String>>,
    /// The producer's number. `None` if a manifest was read back, whose keys say it already.
    pub(crate) sequence: Option<u64>,
    /// Lines of this segment alone, in the words of the format.
    pub(crate) lines: Vec<String>,
    pub(crate) date: Option<SystemTime>,
    /// When it was listed first in this session, by the publisher's clock.
    pub(crate) since: Duration,
    /// The length of the segment; 0 if it is missing or unknown.
    pub(crate) bytes: u64,
}

/// The stored object of an entry, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// The normalised path of the segment, to be deleted once the entry has slid out.
    Stored(PathBuf),
    /// The path that shows which segment is missing, if a manifest can name it. What is stored
    /// there, if anything, belongs to another segment.
    Missing(Option<PathBuf>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Missing(None)
    }
}

impl Entry {
    /// The path of the segment, if it is stored.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        match &self.content {
            Content::Stored(file) => Some(file),
            Content::Missing(_) => None,
        }
    }

    /// The files of the segment and of its initialisation segment.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let map = self.initialisation.as_ref().map(|map| &map.file);
        self.file().into_iter().chain(map)
    }
}

/// The length of a listed segment, and of the initialisation segment that begins with it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) segment: u64,
    pub(crate) map: u64,
}

/// An initialisation segment.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    pub(crate) file: PathBuf,
    /// Its length; 0 if it is unknown.
    pub(crate) bytes: u64,
}

/// By their files, because a manifest that was read back has no lengths.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file
    }
}

impl Eq for Map {}

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
