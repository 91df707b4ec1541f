//! Why a sink did not do what it was asked.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::one_line::OneLine;
use super::recovery::{self, Recovery};
use super::send::SendError;

/// Why a sink did not write, remove or finish.
///
/// It converts from and to [`io::Error`] without loss, so that `?` works inside a sink; with
/// [`transient`](SinkError::transient) and [`permanent`](SinkError::permanent) a sink says more.
///
/// ```
/// use segment_stream::SinkError;
/// use std::io;
///
/// let error = SinkError::from(io::Error::from_raw_os_error(28))
///     .with_operation("upload")
///     .with_path("live/00007.ts");
/// assert_eq!(error.raw_os_error(), Some(28));
/// assert!(error.to_string().starts_with("cannot upload \"live/00007.ts\": "));
///
/// // There and back again, nothing is lost.
/// let back = SinkError::from(io::Error::from(error));
/// assert_eq!(back.operation(), Some("upload"));
/// assert_eq!(back.raw_os_error(), Some(28));
/// ```
pub struct SinkError(Box<Inner>);

/// How deep causes are looked into.
const CAUSES: usize = 64;

struct Inner {
    operation: Option<Cow<'static, str>>,
    path: Option<PathBuf>,
    recovery: Recovery,
    cause: Box<dyn Error + Send + Sync>,
}

impl SinkError {
    /// An error that may heal by itself.
    pub fn transient(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(cause.into(), Recovery::Transient)
    }

    /// An error that will not heal.
    pub fn permanent(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(cause.into(), Recovery::Permanent)
    }

    /// What went wrong in a call to the operating system, with all that there is to say about it.
    pub(crate) fn during(operation: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::from(cause).with_operation(operation).with_path(path)
    }

    fn new(cause: Box<dyn Error + Send + Sync>, recovery: Recovery) -> Self {
        // What was said before about the same failure is kept, and its recovery said anew.
        match cause.downcast::<SinkError>() {
            Ok(mut told) => {
                told.0.recovery = recovery;
                *told
            }
            Err(cause) => Self(Box::new(Inner {
                operation: None,
                path: None,
                recovery,
                cause,
            })),
        }
    }

    /// Says what was being done, as a verb that `cannot` can stand before: `"upload"`.
    #[must_use]
    pub fn with_operation(mut self, operation: impl Into<Cow<'static, str>>) -> Self {
        self.0.operation = Some(operation.into());
        self
    }

    /// Says to what it was being done.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.path = Some(path.into());
        self
    }

    /// What was being done, where the sink said so.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// To what it was being done, where the sink said so.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// Whether the same call may succeed later, as far as the sink said.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.0.recovery
    }

    /// Whether the same call may succeed later: what the sink said, and where it said nothing, what
    /// [the table](Recovery) says of the [`io::Error`] behind this.
    #[must_use]
    pub fn may_heal(&self) -> bool {
        match self.recovery() {
            Recovery::Transient => true,
            Recovery::Permanent => false,
            Recovery::Unknown => match self.unsent() {
                Some(unsent) => unsent.is_full() || unsent.is_timeout(),
                None => self.io_error().is_some_and(recovery::of_io),
            },
        }
    }

    /// What a sink that sends into another stream could not send there.
    fn unsent(&self) -> Option<&SendError> {
        self.causes().find_map(|cause| {
            let inside = || cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref();
            cause.downcast_ref().or_else(inside)
        })
    }

    /// The cause, or what caused it in turn, where that is an [`io::Error`].
    #[must_use]
    pub fn io_error(&self) -> Option<&io::Error> {
        self.causes().find_map(|cause| cause.downcast_ref())
    }

    /// The kind of the [`io::Error`] behind this, [`Other`](io::ErrorKind::Other) where there is none.
    #[must_use]
    pub fn io_kind(&self) -> io::ErrorKind {
        self.io_error()
            .map_or(io::ErrorKind::Other, io::Error::kind)
    }

    /// The operating system's code (`errno`), where there is one.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.causes()
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .find_map(io::Error::raw_os_error)
    }

    /// The cause, the cause of the cause, and so on.
    fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let first: &(dyn Error + 'static) = self.cause();
        let causes = std::iter::successors(Some(first), |cause: &&(dyn Error + 'static)| {
            (*cause).source()
        });
        // One that names itself as its cause must not keep the writer for ever.
        causes.take(CAUSES)
    }

    /// The cause itself: what [`source`](Error::source) returns, always there.
    #[must_use]
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0.cause
    }
}

impl fmt::Display for SinkError {
    /// One line: the operation, the path, and the cause. The path is quoted, and everything escaped, so
    /// that a name or a message with a line break in it cannot forge a line of a log.
    #[expect(
        clippy::unnecessary_debug_formatting,
        reason = "the escaping is what it is for"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.operation().map(OneLine), self.path()) {
            (Some(operation), Some(path)) => write!(f, "cannot {operation} {path:?}: ")?,
            (Some(operation), None) => write!(f, "cannot {operation}: ")?,
            (None, Some(path)) => write!(f, "{path:?}: ")?,
            (None, None) => {}
        }
        OneLine(self.cause()).fmt(f)
    }
}

impl fmt::Debug for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkError")
            .field("operation", &self.0.operation)
            .field("path", &self.0.path)
            .field("recovery", &self.0.recovery)
            .field("cause", &self.0.cause)
            .finish()
    }
}

impl Error for SinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause())
    }
}

/// An `io::Error` that was made of a `SinkError` becomes that `SinkError` again.
impl From<io::Error> for SinkError {
    fn from(error: io::Error) -> Self {
        error
            .downcast::<SinkError>()
            .unwrap_or_else(|error| Self::new(error.into(), Recovery::Unknown))
    }
}

/// For a sink that sends into another stream: that it is full may heal, that it is closed will not.
impl From<SendError> for SinkError {
    fn from(error: SendError) -> Self {
        Self::new(error.into(), Recovery::Unknown)
    }
}

/// The `io::Error` that it was made of, where nothing was added to it; else an `io::Error` of the
/// same kind with the whole of this inside.
impl From<SinkError> for io::Error {
    fn from(error: SinkError) -> Self {
        let kind = error.io_kind();
        let nothing_added = error.0.operation.is_none()
            && error.0.path.is_none()
            && error.0.recovery == Recovery::Unknown;
        if !nothing_added {
            return io::Error::new(kind, error);
        }
        match error.0.cause.downcast::<io::Error>() {
            Ok(cause) => *cause,
            Err(cause) => io::Error::new(kind, cause),
        }
    }
}
