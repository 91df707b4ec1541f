//! What a rendition says about one number.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::entry::{Content, Map};
use super::time::Time;
use crate::segment::MediaTime;

/// What a rendition says about one number.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) content: Content,
    pub(crate) bytes: u64,
    /// The producer's number, for messages.
    pub(crate) sequence: u64,
    pub(crate) duration: Time,
    /// The producer's own media time.
    pub(crate) time: Option<MediaTime>,
    /// The time between the end of the segment before and the start of this one, by the producer's
    /// own timeline; less than a frame.
    pub(crate) skip: Time,
    /// The state of this segment; a number that was left out has that of the segment before.
    pub(crate) own: Option<Own>,
}

/// The state that a segment brings.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    /// The initialisation segment; `None` goes on with that of the last entry.
    pub(crate) map: Option<Arc<Map>>,
    pub(crate) keys: Arc<Vec<String>>,
    pub(crate) lines: Vec<String>,
    pub(crate) starts_discontinuity: bool,
    pub(crate) date: Option<SystemTime>,
    /// The wall clock when it was pushed.
    pub(crate) arrived: Option<SystemTime>,
}

impl Told {
    pub(crate) fn map(&self) -> Option<&Arc<Map>> {
        self.own.as_ref()?.map.as_ref()
    }

    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.content, Content::Stored(_))
    }

    /// The files that the entry will name.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let file = match &self.content {
            Content::Stored(file) => Some(file),
            Content::Missing(_) => None,
        };
        file.into_iter().chain(self.map().map(|map| &map.file))
    }
}
