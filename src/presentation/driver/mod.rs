//! The ways in which the actions of a presentation are carried out.

pub(crate) mod document;
pub(crate) mod inline;
pub(crate) mod link;
pub(crate) mod origin;

use std::path::PathBuf;

use crate::sink::ObjectKind;

/// One version of a document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) object: ObjectKind,
    pub(crate) version: u64,
    /// The number of this attempt, counted from 1.
    pub(crate) attempt: u32,
}

/// What is to be done through a sink.
#[derive(Debug)]
pub(crate) enum Action {
    Put(Document),
    Delete { path: PathBuf, object: ObjectKind },
}

impl Action {
    pub(crate) fn delete(path: PathBuf, object: ObjectKind) -> Self {
        Self::Delete { path, object }
    }
}
