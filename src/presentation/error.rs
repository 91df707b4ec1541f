//! The errors of publishing and of resuming a manifest.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::notice::Notice;
use crate::error::SinkError;

/// A push, a `finish` or a `suspend` that did not publish the manifest.
///
/// If the kind is [`PublishErrorKind::Sink`], the pushed item is entered all the same, and the next
/// push publishes it. Otherwise no item was entered.
#[derive(Debug)]
pub struct PublishError(Box<Inner>);

/// The kind of a [`PublishError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublishErrorKind {
    /// The publisher's sink failed.
    Sink,
    /// The time to finish was over before the origin had the manifest for certain.
    TimedOut,
    /// The manifest takes no more items: it has ended, or its numbers are used up.
    Ended,
    /// The call does not fit the manifest: there is nothing to publish, a manifest that
    /// is published at its end only cannot be suspended, or an index contradicts its manifests.
    Invalid,
}

#[derive(Debug)]
struct Inner {
    kind: PublishErrorKind,
    cause: SinkError,
    others: Vec<SinkError>,
    notices: Vec<Notice>,
}

impl PublishError {
    /// One error of the sink for each manifest that was not published.
    pub(crate) fn new(causes: impl IntoIterator<Item = SinkError>, notices: Vec<Notice>) -> Self {
        Self::of_kind(PublishErrorKind::Sink, causes, notices)
    }

    pub(crate) fn of_kind(
        kind: PublishErrorKind,
        causes: impl IntoIterator<Item = SinkError>,
        notices: Vec<Notice>,
    ) -> Self {
        let mut causes = causes.into_iter();
        let cause = causes
            .next()
            .unwrap_or_else(|| SinkError::permanent("it was not said why"));
        Self(Box::new(Inner {
            kind,
            cause,
            others: causes.collect(),
            notices,
        }))
    }

    /// The same error after the time was over.
    pub(crate) fn into_timed_out(mut self) -> Self {
        self.0.kind = PublishErrorKind::TimedOut;
        self
    }

    /// Nothing was published or entered.
    pub(crate) fn refused(kind: PublishErrorKind, cause: SinkError, notices: Vec<Notice>) -> Self {
        Self(Box::new(Inner {
            kind,
            cause,
            others: Vec::new(),
            notices,
        }))
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> PublishErrorKind {
        self.0.kind
    }

    /// The error of the publisher's sink, or the reason of a refusal.
    #[must_use]
    pub fn sink_error(&self) -> &SinkError {
        &self.0.cause
    }

    /// The errors of the other manifests that this call did not publish either. The thread of one
    /// rendition also publishes the manifests of the others.
    #[must_use]
    pub fn other_errors(&self) -> &[SinkError] {
        &self.0.others
    }

    /// The notices of this push.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.0.notices
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the manifest was not published: {}", self.0.cause)?;
        match self.0.others.len() {
            0 => Ok(()),
            others => write!(f, " (and {others} more)"),
        }
    }
}

impl Error for PublishError {
    /// The cause of the sink error's [cause](SinkError::cause): the message contains the cause
    /// itself.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.source()
    }
}

impl From<PublishError> for io::Error {
    fn from(error: PublishError) -> Self {
        io::Error::new(error.0.cause.io_kind(), error)
    }
}

/// An existing manifest that cannot be resumed. It is left unchanged.
#[derive(Debug)]
pub struct ResumeError {
    path: PathBuf,
    refusal: Refusal,
}

/// Why a manifest cannot be resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResumeErrorKind {
    /// The manifest is empty, truncated or no manifest, or published segments are missing in it.
    Damaged,
    /// The manifest was not written by this publisher.
    Foreign,
    /// The manifest has ended, or its numbers are used up, and must not change.
    Ended,
    /// The manifest differs from the configuration, or the configuration is invalid.
    Configuration,
    /// The side file is truncated, or was not written by this publisher.
    State,
}

/// A kind and its reason, before the path is known.
#[derive(Debug)]
pub(crate) struct Refusal {
    kind: ResumeErrorKind,
    why: String,
}

impl Refusal {
    pub(crate) fn new(kind: ResumeErrorKind, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { kind, why }
    }
}

impl ResumeError {
    pub(crate) fn new(path: impl Into<PathBuf>, refusal: Refusal) -> Self {
        Self {
            path: path.into(),
            refusal,
        }
    }

    /// Why the manifest cannot be resumed.
    #[must_use]
    pub fn kind(&self) -> ResumeErrorKind {
        self.refusal.kind
    }

    /// The path hint of the manifest or of its side file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for ResumeError {
    #[expect(
        clippy::unnecessary_debug_formatting,
        reason = "a name with a line break in it must not forge a line"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot resume {:?}: {}", self.path, self.refusal.why)
    }
}

impl Error for ResumeError {}

impl From<ResumeError> for io::Error {
    fn from(error: ResumeError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}
