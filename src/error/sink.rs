//! The error of a sink.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::one_line::OneLine;
use super::recovery::{self, Recovery};
use super::send::SendError;

/// The error of a sink that could not write, remove, read or finish.
///
/// [`io::Error`] converts into it and back without loss, so `?` works inside a sink. With
/// [`transient`](SinkError::transient), [`permanent`](SinkError::permanent) and
/// [`with_retry_after`](SinkError::with_retry_after) a sink controls whether and when the stream
/// retries. A clone shares the cause, and is cheap.
///
/// ```
/// use segment_stream::{SinkError, SinkErrorKind};
/// use std::io;
///
/// let error = SinkError::from(io::Error::from_raw_os_error(28))
///     .with_operation("upload")
///     .with_path("live/00007.ts");
/// assert_eq!(error.kind(), SinkErrorKind::Transient);
/// assert_eq!(error.raw_os_error(), Some(28));
/// assert!(error.to_string().starts_with("cannot upload \"live/00007.ts\": "));
///
/// // Nothing is lost on the way to an `io::Error` and back.
/// let back = SinkError::from(io::Error::from(error));
/// assert_eq!(back.operation(), Some("upload"));
/// assert_eq!(back.raw_os_error(), Some(28));
/// ```
#[derive(Clone)]
pub struct SinkError(Arc<Inner>);

/// The number of causes that are searched in a chain.
const CAUSES: usize = 64;

#[derive(Clone)]
struct Inner {
    operation: Option<Cow<'static, str>>,
    path: Option<PathBuf>,
    recovery: Recovery,
    outcome: Outcome,
    retry_after: Option<Duration>,
    /// The box inside lets the last owner have the cause back.
    cause: Arc<Cause>,
}

type Cause = Box<dyn Error + Send + Sync>;

/// Whether a sink knows that its failed write had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The sink has not said it. The table decides.
    Unsaid,
    Known,
    Unknown,
}

/// The kind of a [`SinkError`]: what a caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SinkErrorKind {
    /// The same call may succeed later ([`SinkError::is_transient`]).
    Transient,
    /// The sink or the system does not have this operation. Another sink may have it.
    Unsupported,
    /// The object is larger than the limit of a read, or than the destination takes.
    TooLarge,
    /// The same call will fail again, for any other reason.
    Permanent,
}

impl SinkError {
    /// An error after which the same call may succeed later.
    pub fn transient(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(cause.into(), Recovery::Transient)
    }

    /// An error after which the same call will fail again.
    pub fn permanent(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(cause.into(), Recovery::Permanent)
    }

    /// The error of a call to the operating system.
    pub(crate) fn during(operation: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::from(cause).with_operation(operation).with_path(path)
    }

    fn new(cause: Cause, recovery: Recovery) -> Self {
        // A `SinkError` keeps what was said before about the same failure; only its recovery is
        // replaced.
        match cause.downcast::<Self>() {
            Ok(error) => {
                let mut error = *error;
                error.inner().recovery = recovery;
                error
            }
            Err(cause) => Self::bare(Arc::new(cause), recovery),
        }
    }

    fn bare(cause: Arc<Cause>, recovery: Recovery) -> Self {
        Self(Arc::new(Inner {
            operation: None,
            path: None,
            recovery,
            outcome: Outcome::Unsaid,
            retry_after: None,
            cause,
        }))
    }

    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    /// Sets the operation, as a verb that can follow `cannot`: `"upload"`.
    #[must_use]
    pub fn with_operation(mut self, operation: impl Into<Cow<'static, str>>) -> Self {
        self.inner().operation = Some(operation.into());
        self
    }

    /// Sets the path of the object that the operation was about.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.inner().path = Some(path.into());
        self
    }

    /// Sets the operation and the path, unless the sink has set them.
    pub(crate) fn or_during(mut self, operation: &'static str, path: Option<&Path>) -> Self {
        if self.0.operation.is_none() {
            self = self.with_operation(operation);
        }
        match path {
            Some(path) if self.0.path.is_none() => self.with_path(path),
            _ => self,
        }
    }

    /// Sets the shortest time until the next attempt, as a server gives it with `Retry-After`.
    ///
    /// The stream waits at least that long before it retries. If the time would not be over at the
    /// deadline, the error is final. (With
    /// [`while_there_is_room`](crate::RetryPolicy::while_there_is_room) the deadline may move on
    /// instead.) A shutdown cuts the time short, as every pause. The error is transient, unless it
    /// is [`permanent`](SinkError::permanent).
    ///
    /// ```
    /// use segment_stream::SinkError;
    /// use std::time::Duration;
    ///
    /// let busy = SinkError::transient("503 Service Unavailable")
    ///     .with_retry_after(Duration::from_secs(2));
    /// assert_eq!(busy.retry_after(), Some(Duration::from_secs(2)));
    /// ```
    #[must_use]
    pub fn with_retry_after(mut self, time: Duration) -> Self {
        self.inner().retry_after = Some(time);
        self
    }

    /// Says that the object may be stored all the same, now or later: the request was sent, and no
    /// answer came.
    ///
    /// ```
    /// use segment_stream::SinkError;
    ///
    /// let gateway = SinkError::transient("504 Gateway Timeout").with_unknown_outcome();
    /// assert!(gateway.has_unknown_outcome());
    /// ```
    #[must_use]
    pub fn with_unknown_outcome(mut self) -> Self {
        self.inner().outcome = Outcome::Unknown;
        self
    }

    /// Says that the object was not stored and will not be: the server refused it, or the request
    /// was never sent.
    ///
    /// ```
    /// use segment_stream::SinkError;
    /// use std::io::{self, ErrorKind};
    ///
    /// let timed_out = SinkError::from(io::Error::from(ErrorKind::TimedOut));
    /// assert!(timed_out.has_unknown_outcome());
    /// // It was the connection that timed out, before the request.
    /// assert!(!timed_out.with_known_outcome().has_unknown_outcome());
    /// ```
    #[must_use]
    pub fn with_known_outcome(mut self) -> Self {
        self.inner().outcome = Outcome::Known;
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> SinkErrorKind {
        if self.is_transient() {
            return SinkErrorKind::Transient;
        }
        match self.io_kind() {
            io::ErrorKind::Unsupported => SinkErrorKind::Unsupported,
            io::ErrorKind::FileTooLarge => SinkErrorKind::TooLarge,
            _ => SinkErrorKind::Permanent,
        }
    }

    /// The operation that failed, if the sink has set it.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// The path of the object that the operation was about, if the sink has set it.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The shortest time until the next attempt, if the sink has set it.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the sink has called the error transient or permanent.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.0.recovery
    }

    /// Whether the same call may succeed later. If the sink has not said so itself,
    /// [the table](Recovery) decides by the [`io::Error`] in the chain of causes.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.recovery() {
            Recovery::Transient => true,
            Recovery::Permanent => false,
            Recovery::Unknown if self.retry_after().is_some() => true,
            Recovery::Unknown => match self.unsent() {
                Some(unsent) => unsent.is_full() || unsent.is_timeout(),
                None => self.io_error().is_some_and(recovery::is_transient),
            },
        }
    }

    /// Whether the object may be stored all the same, now or later. The publisher of an `Origin` then
    /// puts the current version again.
    ///
    /// If the sink has not said it, the kind of the [`io_error`](SinkError::io_error) decides. The
    /// outcome is unknown after `TimedOut`, `WouldBlock`, `ConnectionReset`, `ConnectionAborted`,
    /// `NotConnected`, `BrokenPipe`, `UnexpectedEof`, `HostUnreachable`, `NetworkUnreachable` and
    /// `NetworkDown`. After every other error, and without an `io::Error`, it is known.
    #[must_use]
    pub fn has_unknown_outcome(&self) -> bool {
        match self.0.outcome {
            Outcome::Unknown => true,
            Outcome::Known => false,
            Outcome::Unsaid => self.io_error().is_some_and(recovery::has_unknown_outcome),
        }
    }

    /// The refusal of another stream, if the sink sends into one.
    fn unsent(&self) -> Option<&SendError> {
        self.causes().find_map(|cause| {
            let inside = || cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref();
            cause.downcast_ref().or_else(inside)
        })
    }

    /// The first [`io::Error`] in the chain of causes.
    #[must_use]
    pub fn io_error(&self) -> Option<&io::Error> {
        self.causes().find_map(|cause| cause.downcast_ref())
    }

    /// The kind of [`io_error`](SinkError::io_error), or [`Other`](io::ErrorKind::Other) if there
    /// is none.
    #[must_use]
    pub fn io_kind(&self) -> io::ErrorKind {
        self.io_error()
            .map_or(io::ErrorKind::Other, io::Error::kind)
    }

    /// The first code of the operating system (`errno`) in the chain of causes.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.causes()
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .find_map(io::Error::raw_os_error)
    }

    /// The cause, the cause of the cause, and so on.
    fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let first: &(dyn Error + 'static) = self.cause();
        let causes = std::iter::successors(Some(first), |cause| below(*cause));
        // Limited, as an error may name itself as its cause.
        causes.take(CAUSES)
    }

    /// The cause, which the message ends with. [`source`](Error::source) returns the cause of the
    /// cause.
    #[must_use]
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &**self.0.cause
    }

    /// Whether this says no more than its cause.
    fn is_bare(&self) -> bool {
        let Inner {
            operation,
            path,
            recovery,
            outcome,
            retry_after,
            cause: _,
        } = &*self.0;
        operation.is_none()
            && path.is_none()
            && retry_after.is_none()
            && *recovery == Recovery::Unknown
            && *outcome == Outcome::Unsaid
    }
}

/// The next cause of a chain. The source of a `SinkError` skips its cause, so the cause is taken
/// here.
fn below<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let inside = || cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref();
    match cause.downcast_ref::<SinkError>().or_else(inside) {
        Some(error) => Some(error.cause()),
        None => cause.source(),
    }
}

impl fmt::Display for SinkError {
    /// One line: operation, path and cause. Line breaks and other control characters are escaped,
    /// so that no name and no message can forge a line of a log.
    #[expect(
        clippy::unnecessary_debug_formatting,
        reason = "it escapes the characters of the path"
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
            .field("outcome", &self.0.outcome)
            .field("retry_after", &self.0.retry_after)
            .field("cause", &self.0.cause)
            .finish()
    }
}

impl Error for SinkError {
    /// The cause of the [`cause`](SinkError::cause): the message contains the cause itself.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause().source()
    }
}

/// An `io::Error` that was made from a `SinkError` becomes that `SinkError` again.
impl From<io::Error> for SinkError {
    fn from(error: io::Error) -> Self {
        error
            .downcast::<Self>()
            .unwrap_or_else(|error| Self::new(error.into(), Recovery::Unknown))
    }
}

/// For a sink that sends into another stream. A full stream is transient, a closed one permanent.
impl From<SendError> for SinkError {
    fn from(error: SendError) -> Self {
        Self::new(error.into(), Recovery::Unknown)
    }
}

/// Gives back the `io::Error` that the `SinkError` was made from, if nothing was added to it and
/// no clone shares it. Otherwise the whole `SinkError` is inside an `io::Error` of the same kind.
///
/// An error of the operating system is given back even if a clone shares it.
impl From<SinkError> for io::Error {
    fn from(error: SinkError) -> Self {
        let kind = error.io_kind();
        if !error.is_bare() {
            return io::Error::new(kind, error);
        }
        let of_system = error
            .cause()
            .downcast_ref()
            .and_then(io::Error::raw_os_error);
        if let Some(code) = of_system {
            return io::Error::from_raw_os_error(code);
        }
        match Arc::try_unwrap(error.0).map(|inner| Arc::try_unwrap(inner.cause)) {
            Ok(Ok(cause)) => match cause.downcast::<io::Error>() {
                Ok(cause) => *cause,
                Err(cause) => io::Error::new(kind, cause),
            },
            Ok(Err(cause)) => io::Error::new(kind, SinkError::bare(cause, Recovery::Unknown)),
            Err(inner) => io::Error::new(kind, SinkError(inner)),
        }
    }
}
