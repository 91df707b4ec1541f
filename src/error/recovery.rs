//! Which failures may heal: the one table that a retry goes by.

use std::io::{self, ErrorKind};

use crate::internal::platform;

/// Whether the same call may succeed later, as far as the sink said.
///
/// What a sink leaves unsaid is sorted by the [`io::Error`] behind it
/// ([`SinkError::may_heal`](crate::SinkError::may_heal)):
///
/// | may heal, and is tried again | will not, and is tried once |
/// |---|---|
/// | a connection: `ConnectionRefused`, `ConnectionReset`, `ConnectionAborted`, `NotConnected`, `BrokenPipe`, `UnexpectedEof` | a refusal: `PermissionDenied`, `ReadOnlyFilesystem`, `Unsupported` |
/// | the way there: `HostUnreachable`, `NetworkUnreachable`, `NetworkDown`, `AddrNotAvailable` | a name: `InvalidInput`, `InvalidFilename`, `AlreadyExists`, `NotFound`, `IsADirectory`, `NotADirectory`, `CrossesDevices` |
/// | time: `TimedOut`, `WouldBlock`, `Interrupted`, `ResourceBusy`, `ExecutableFileBusy`, `StaleNetworkFileHandle` | the content: `InvalidData`, `FileTooLarge` |
/// | space: `StorageFull`, `QuotaExceeded`, `OutOfMemory`, `WriteZero` | |
/// | on Unix, by their numbers: an I/O error (EIO), too many open files (EMFILE, ENFILE); on Windows: a sharing or lock violation, too many open files | anything else, `Other` and what is not an `io::Error` among it |
///
/// A full disk may heal because retention, the publisher's or somebody else's, deletes what is old. An I/O
/// error may, since each attempt begins anew from memory; a sync that failed is never repeated on the same
/// file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Recovery {
    /// The sink did not say.
    Unknown,
    /// It may heal: a server that is restarting, a disk that somebody is clearing.
    Transient,
    /// It will not: a refused name, a missing permission.
    Permanent,
}

/// The table: by the kind, and where the kind says nothing, by the system's own number.
pub(super) fn of_io(error: &io::Error) -> bool {
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
