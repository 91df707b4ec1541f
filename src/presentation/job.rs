//! The state of the work on one manifest.

use std::path::PathBuf;

use super::deletion::{Bound, Part, Pass};
use super::fingerprint::Fingerprints;
use super::notice::Notice;
use super::parts::Seal;
use crate::error::SinkError;

/// What a call asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) write: Write,
    pub(crate) deletion: Option<Bound>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Nothing,
    /// The side file alone.
    State,
    /// The manifest, if it has changed.
    Manifest,
}

/// The work of the thread that publishes a manifest.
#[derive(Debug)]
pub(crate) struct Job {
    pub(super) request: Request,
    pub(super) phase: Phase,
    pub(super) room: Option<Room>,
    pub(super) pass: Option<Pass>,
    pub(super) part: Part,
    pub(super) text: Option<Rendered>,
    /// The part of the side file that is being written, and the number of its lines.
    pub(super) seal: Option<(Seal, usize)>,
    pub(super) parts_written: usize,
    /// The parts that were deleted.
    pub(super) parts_deleted: usize,
    /// Whether a document of a clip is being deleted, and whether one could not be.
    pub(super) deletes_clip: bool,
    pub(super) clips_failed: bool,
    /// The attempts at the document that is written now.
    pub(super) attempt: u32,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    OldState,
    Render,
    State,
    Manifest,
    Delete,
    EndState,
    Over,
}

/// The text that is about to be published.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) bytes: Vec<u8>,
    pub(super) version: u64,
    pub(super) fingerprint: Fingerprints,
    pub(super) number: u64,
    pub(super) notices: Vec<Notice>,
}

/// A write that found no space, and the deletions since.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) pass: Pass,
    pub(super) part: Part,
    pub(super) error: SinkError,
    pub(super) is_deleting: bool,
}

/// The result of a job. The caller drops it without the lock, as errors are foreign code.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) errors: Vec<SinkError>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) no_space: Vec<NoSpace>,
    /// Errors that were overcome.
    pub(super) overcome: Vec<SinkError>,
}

/// No space is left, and no deletion can make any.
#[derive(Debug)]
pub(crate) struct NoSpace {
    pub(crate) path: PathBuf,
    pub(crate) error: SinkError,
    pub(crate) waiting: usize,
}

impl Job {
    pub(super) fn new(request: Request) -> Self {
        Self {
            phase: match request.write {
                Write::Nothing => Phase::Delete,
                Write::State => Phase::State,
                Write::Manifest => Phase::OldState,
            },
            request,
            room: None,
            pass: None,
            part: Part::default(),
            text: None,
            seal: None,
            parts_written: 0,
            parts_deleted: 0,
            deletes_clip: false,
            clips_failed: false,
            attempt: 1,
            outcome: Outcome::default(),
        }
    }
}

impl Outcome {
    pub(crate) fn append(&mut self, mut other: Self) {
        self.errors.append(&mut other.errors);
        self.notices.append(&mut other.notices);
        self.no_space.append(&mut other.no_space);
        self.overcome.append(&mut other.overcome);
    }
}
