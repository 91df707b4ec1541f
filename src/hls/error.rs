//! Why a playlist was not published, or not gone on with.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::notice::Notice;
use crate::error::SinkError;

/// A push, a `finish` or a `suspend` whose playlist was not published.
///
/// What was pushed is entered all the same, and is published with the next push.
#[derive(Debug)]
pub struct PublishError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    cause: SinkError,
    notices: Vec<Notice>,
}

impl PublishError {
    pub(super) fn new(cause: SinkError, notices: Vec<Notice>) -> Self {
        Self(Box::new(Inner { cause, notices }))
    }

    /// What the publisher's sink said.
    #[must_use]
    pub fn sink_error(&self) -> &SinkError {
        &self.0.cause
    }

    /// What else there is to know of this push.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.0.notices
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the playlist was not published: {}", self.0.cause)
    }
}

impl Error for PublishError {
    /// The cause of the sink error's [cause](SinkError::cause): the message contains the cause itself.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.source()
    }
}

impl From<PublishError> for io::Error {
    fn from(error: PublishError) -> Self {
        io::Error::new(error.0.cause.io_kind(), error)
    }
}

/// An existing playlist that a publisher does not go on with. It was left as it is.
#[derive(Debug)]
pub struct ResumeError {
    path: PathBuf,
    why: String,
}

impl ResumeError {
    pub(super) fn new(path: impl Into<PathBuf>, why: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            why: why.into(),
        }
    }

    /// The playlist, or its side file.
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
        write!(f, "cannot go on with {:?}: {}", self.path, self.why)
    }
}

impl Error for ResumeError {}

impl From<ResumeError> for io::Error {
    fn from(error: ResumeError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}
