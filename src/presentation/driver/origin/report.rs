//! What the publisher thread reports.

use std::path::{Path, PathBuf};

use crate::error::SinkError;
use crate::sink::ObjectKind;

/// The result of a document or of a removal.
#[derive(Debug)]
pub(crate) enum Report {
    Document {
        path: PathBuf,
        version: u64,
        fate: Fate,
    },
    /// No put that was begun earlier can replace this version any more. It has landed before.
    Settled { path: PathBuf, version: u64 },
    /// A put of unknown outcome could not be replaced, so that an earlier version may appear.
    Unreplaced { path: PathBuf, error: SinkError },
    Removal {
        removal: Removal,
        result: Result<(), SinkError>,
    },
}

/// An object that is to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removal {
    pub(crate) path: PathBuf,
    pub(crate) object: ObjectKind,
}

/// What became of one document of a version. There is one report for each document. If the outcome
/// of one of its puts is unknown, [`Landed`](Fate::Landed) may follow another fate, when the
/// document was put again.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It is at its destination.
    Landed,
    /// A newer version of the same URL took its place before it landed.
    Superseded,
    /// It was not put, because a document that must be put before it failed.
    HeldBack { behind: PathBuf },
    /// It was not put, or not within its time.
    Failed(SinkError),
    /// Its put was under way when the caller stopped waiting. It may land or not.
    InDoubt,
}

impl Report {
    pub(super) fn document(path: &Path, version: u64, fate: Fate) -> Self {
        Self::Document {
            path: path.to_owned(),
            version,
            fate,
        }
    }
}

/// Why a version was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many versions wait as may wait ([`OriginOptions::in_order`](super::OriginOptions)).
    Full,
    /// The publisher thread has ended: its sink panicked, or it was finished.
    Ended,
}

/// How the publisher thread ended.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Finished {
    /// The reports that were not taken before.
    pub(crate) reports: Vec<Report>,
    /// The sink did not end well, or panicked.
    pub(crate) sink_error: Option<SinkError>,
    /// The time was over before the thread had ended.
    pub(crate) is_timeout: bool,
}

impl Removal {
    #[cfg(all(test, not(shuttle)))]
    pub(crate) fn segment(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            object: ObjectKind::MediaSegment,
        }
    }

    pub(crate) fn state(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            object: ObjectKind::State,
        }
    }
}
