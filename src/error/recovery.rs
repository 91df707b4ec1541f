//! The table of transient errors, which decides about retries.

use std::io::{self, ErrorKind};

use crate::internal::platform;

/// Whether a sink has called its error transient or permanent.
///
/// If it has not, the [`io::Error`] in the chain of causes decides
/// ([`SinkError::is_transient`](crate::SinkError::is_transient)):
///
/// **Transient, and retried:**
///
/// - a connection: `ConnectionRefused`, `ConnectionReset`, `ConnectionAborted`, `NotConnected`,
///   `BrokenPipe`, `UnexpectedEof`
/// - the network: `HostUnreachable`, `NetworkUnreachable`, `NetworkDown`, `AddrNotAvailable`
/// - time: `TimedOut`, `WouldBlock`, `Interrupted`, `ResourceBusy`, `ExecutableFileBusy`,
///   `StaleNetworkFileHandle`
/// - space: `StorageFull`, `QuotaExceeded`, `OutOfMemory`, `WriteZero`
/// - codes on Unix: an I/O error (EIO), too many open files (EMFILE, ENFILE); on Windows: a sharing
///   or lock violation, too many open files
///
/// **Permanent, and tried once:** every other, for example
///
/// - a refusal: `PermissionDenied`, `ReadOnlyFilesystem`, `Unsupported`
/// - a name: `InvalidInput`, `InvalidFilename`, `AlreadyExists`, `NotFound`, `IsADirectory`,
///   `NotADirectory`, `CrossesDevices`
/// - the content: `InvalidData`, `FileTooLarge`
/// - `Other`, and a cause without an `io::Error`
///
/// A full disk is transient because retention deletes old segments. An I/O error is transient
/// because each attempt starts again from memory; a failed sync is never repeated on the same file
/// or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Recovery {
    /// The sink has not said it. The table above decides.
    Unknown,
    /// The same call may succeed later: a server is restarting, a full disk is being cleared.
    Transient,
    /// The same call will fail again: a name is refused, a permission is missing.
    Permanent,
}

/// The table: the kind decides, or else the code of the operating system.
pub(super) fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::TimedOut
            | ErrorKind::WouldBlock
            | ErrorKind::Interrupted
            | ErrorKind::ResourceBusy
            | ErrorKind::ExecutableFileBusy
            | ErrorKind::StaleNetworkFileHandle
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::OutOfMemory
            | ErrorKind::WriteZero
    ) || error
        .raw_os_error()
        .is_some_and(platform::is_transient_code)
}

/// Whether the request may have reached its destination before the connection failed. A time-out of
/// a socket is `WouldBlock` on Unix.
pub(super) fn has_unknown_outcome(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::TimedOut
            | ErrorKind::WouldBlock
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
    )
}
