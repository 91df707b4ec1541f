//! One step of the publisher thread: what is to be done next, and its outcome.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::pending::Pending;
use super::report::Removal;
use crate::error::SinkError;

/// The next thing to do.
#[derive(Debug)]
pub(super) enum Next {
    Put(Box<Put>),
    Remove(Removal),
    /// Nothing, until this time or the next change.
    Wait(Option<Instant>),
    End,
}

/// A put that is under way.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) pending: Pending,
    pub(super) reason: Reason,
    pub(super) started: Instant,
    /// The sink should give up by then.
    pub(super) deadline: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Version,
    /// To replace what a put of unknown outcome may have left.
    Repeat {
        has_landed: bool,
    },
}

/// The outcome of a put.
#[derive(Debug)]
pub(super) enum Outcome {
    Landed,
    Failed(Failure),
    /// The sink is not to be called again.
    Panicked(SinkError),
}

#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: SinkError,
    pub(super) message: String,
    pub(super) is_transient: bool,
    pub(super) has_unknown_outcome: bool,
}

/// A message for the log, which is written without the lock.
#[derive(Debug)]
pub(super) enum Note {
    /// A manifest landed after the alarm had rung.
    Recovered {
        path: PathBuf,
        after: Duration,
    },
    Retrying {
        attempts: u32,
        error: SinkError,
    },
    NotPut {
        version: u64,
        error: SinkError,
    },
    /// The text that replaces what a put of unknown outcome may have left was not put.
    NotRepeated {
        error: SinkError,
    },
    /// The put ended after the caller had stopped waiting.
    Late {
        error: SinkError,
    },
}
