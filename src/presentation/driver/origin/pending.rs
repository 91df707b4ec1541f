//! Documents that wait to be put: those being worked on, and the mailbox behind them.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::options::Delivery;
use crate::presentation::driver::document::{Document, Role};
use crate::segment::ProducedSegment;

/// A document that is to be put.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) path: PathBuf,
    pub(super) version: u64,
    pub(super) role: Role,
    pub(super) file: ProducedSegment,
    pub(super) attempts: u32,
    /// From its first attempt on, unless there is a single attempt.
    pub(super) deadline: Option<Instant>,
}

impl Pending {
    pub(super) fn new(version: u64, document: Document) -> Self {
        Self {
            path: document.path.clone(),
            version,
            role: document.role,
            file: document.into_file(),
            attempts: 0,
            deadline: None,
        }
    }
}

/// Puts `newer` documents among `documents`. Returns those whose place was taken.
pub(super) fn merge(documents: &mut Vec<Pending>, newer: Vec<Pending>) -> Vec<Pending> {
    let mut replaced = Vec::new();
    for document in newer {
        match documents.iter_mut().find(|it| it.path == document.path) {
            Some(older) => replaced.push(std::mem::replace(older, document)),
            None => documents.push(document),
        }
    }
    replaced
}

/// What waits behind the documents that are being put.
#[derive(Debug)]
pub(super) enum Mailbox {
    /// One slot for each URL.
    Latest(Vec<Pending>),
    InOrder {
        versions: VecDeque<Vec<Pending>>,
        capacity: usize,
    },
}

impl Mailbox {
    pub(super) fn new(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Latest => Self::Latest(Vec::new()),
            Delivery::InOrder { versions } => Self::InOrder {
                versions: VecDeque::new(),
                capacity: versions,
            },
        }
    }

    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Latest(_) => false,
            Self::InOrder { versions, capacity } => versions.len() >= *capacity,
        }
    }

    /// Adds a version. Returns the documents whose slots it took.
    pub(super) fn add(&mut self, version: Vec<Pending>) -> Vec<Pending> {
        match self {
            Self::Latest(slots) => merge(slots, version),
            Self::InOrder { versions, .. } => {
                versions.push_back(version);
                Vec::new()
            }
        }
    }

    /// Moves on what is to be put next: all slots, or the next version if the last one is through.
    /// Returns the documents whose place was taken.
    pub(super) fn refill(&mut self, pass: &mut Vec<Pending>) -> Vec<Pending> {
        match self {
            Self::Latest(slots) => merge(pass, std::mem::take(slots)),
            Self::InOrder { versions, .. } => {
                while pass.is_empty()
                    && let Some(version) = versions.pop_front()
                {
                    *pass = version;
                }
                Vec::new()
            }
        }
    }

    /// Whether a newer version of the document will take its place.
    pub(super) fn has_newer(&self, path: &Path) -> bool {
        matches!(self, Self::Latest(_)) && self.has(path)
    }

    pub(super) fn has(&self, path: &Path) -> bool {
        self.documents().any(|it| it.path == path)
    }

    pub(super) fn documents(&self) -> impl Iterator<Item = &Pending> {
        let (slots, versions) = match self {
            Self::Latest(slots) => (Some(slots), None),
            Self::InOrder { versions, .. } => (None, Some(versions)),
        };
        let slots = slots.into_iter().flatten();
        slots.chain(versions.into_iter().flatten().flatten())
    }

    /// Takes out what must not be put after this document failed: documents of later roles, up to
    /// the version that brings the document itself again.
    pub(super) fn take_behind(&mut self, path: &Path, role: Role) -> Vec<Pending> {
        let sets: &mut dyn Iterator<Item = &mut Vec<Pending>> = match self {
            Self::Latest(slots) => &mut std::iter::once(slots),
            Self::InOrder { versions, .. } => &mut versions.iter_mut(),
        };
        sets.take_while(|set| set.iter().all(|it| it.path != path))
            .flat_map(|set| take_behind(set, role))
            .collect()
    }

    pub(super) fn take_all(&mut self) -> Vec<Pending> {
        match self {
            Self::Latest(slots) => std::mem::take(slots),
            Self::InOrder { versions, .. } => versions.drain(..).flatten().collect(),
        }
    }
}

/// Takes out the documents of later roles.
pub(super) fn take_behind(documents: &mut Vec<Pending>, role: Role) -> Vec<Pending> {
    documents.extract_if(.., |it| it.role > role).collect()
}
