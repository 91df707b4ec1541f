//! A document that a publisher has put at its destination.

use std::path::PathBuf;

use crate::segment::ProducedSegment;
use crate::sink::ObjectKind;

/// The role of a document. Within a version, documents of an earlier role are put first: a state
/// must know what a manifest may name, and a manifest must not name what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// The memory of the publisher.
    State,
    /// The manifest of one rendition.
    Rendition,
    /// The manifest that names those of the renditions.
    Presentation,
}

impl Role {
    pub(crate) fn object(self) -> ObjectKind {
        match self {
            Self::State => ObjectKind::State,
            Self::Rendition | Self::Presentation => ObjectKind::Manifest,
        }
    }
}

/// One document of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) role: Role,
}

impl Document {
    pub(crate) fn new(path: impl Into<PathBuf>, bytes: Vec<u8>, role: Role) -> Self {
        Self {
            path: path.into(),
            bytes,
            role,
        }
    }

    /// The document as a sink takes it.
    pub(crate) fn into_file(self) -> ProducedSegment {
        ProducedSegment::media(0, self.bytes, 0.0).with_path(self.path)
    }
}
