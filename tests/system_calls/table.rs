//! Which faults are tried at which kind of call, and when.

use std::fmt;

use libc::{
    EACCES, EBADF, EBUSY, EDQUOT, EEXIST, EFBIG, EINTR, EINVAL, EIO, ELOOP, EMFILE, EMLINK, ENFILE,
    ENOENT, ENOLCK, ENOMEM, ENOSPC, ENOTDIR, ENOTEMPTY, EOPNOTSUPP, EPERM, EROFS, EWOULDBLOCK,
    EXDEV,
};

use crate::interposed::{Call, Fault, Kind, Plan};

/// The codes that such a call may fail with, by its manual page, the most telling first. An
/// interruption is not among them: it is no failure, see [`may_be_interrupted`].
///
/// # Panics
///
/// If the kind of call is not known. A new kind of call in the crate needs its codes here.
pub(crate) fn codes(call: &Call) -> &'static [i32] {
    match call.kind {
        Kind::Create => &[
            EIO, ENOSPC, EDQUOT, EACCES, EPERM, EROFS, EMFILE, ENFILE, ENOMEM, EEXIST, ENOENT,
            ENOTDIR, ELOOP, EINVAL,
        ],
        Kind::Open | Kind::OpenFolder => &[
            EIO, EMFILE, ENFILE, EACCES, ENOMEM, ENOENT, ENOTDIR, ELOOP, EPERM,
        ],
        Kind::Close => &[EIO, ENOSPC, EDQUOT, EINTR],
        Kind::Read => &[EIO, EINVAL, ENOMEM],
        Kind::Write => &[EIO, ENOSPC, EDQUOT, EFBIG, EPERM, ENOMEM, EINVAL],
        Kind::Truncate => &[EIO, ENOSPC, EFBIG, EINVAL, EPERM, EDQUOT],
        Kind::Sync => &[EIO, ENOSPC, EDQUOT, EROFS, EINVAL],
        Kind::Lock => &[ENOLCK, EWOULDBLOCK, EINVAL, EIO, EOPNOTSUPP],
        Kind::Look | Kind::Resolve => &[EIO, EACCES, ENOMEM, ENOENT, ENOTDIR, ELOOP],
        Kind::MakeFolder => &[
            EIO, ENOSPC, EDQUOT, EACCES, EPERM, EROFS, EEXIST, ENOENT, ENOTDIR, ENOMEM, ELOOP,
            EMLINK,
        ],
        Kind::RemoveFolder => &[EIO, EACCES, EPERM, EROFS, EBUSY, ENOTEMPTY, ENOENT, ENOMEM],
        Kind::Rename | Kind::RenameToNew => &[
            EIO, ENOSPC, EDQUOT, EACCES, EPERM, EROFS, EEXIST, ENOENT, ENOTDIR, EXDEV, EINVAL,
            ELOOP, ENOMEM, EBUSY,
        ],
        Kind::Link => &[
            EIO, ENOSPC, EDQUOT, EACCES, EPERM, EROFS, EEXIST, ENOENT, EXDEV, EMLINK, ENOMEM,
            EOPNOTSUPP,
        ],
        Kind::Remove => &[EIO, EACCES, EPERM, EROFS, EBUSY, ENOENT, ENOMEM],
        Kind::ReadFolder => &[EIO, EBADF, EINVAL],
        // std panics at any other code: only a bug could be behind it.
        Kind::CloseFolder => &[EINTR],
        Kind::Unknown => panic!("a call that no fault is known of: {call:?}"),
    }
}

/// Whether a signal may interrupt such a call.
pub(crate) fn may_be_interrupted(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Create
            | Kind::Open
            | Kind::Read
            | Kind::Write
            | Kind::Truncate
            | Kind::Sync
            | Kind::Lock
    )
}

/// How often a fault happens from its position on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lasts {
    /// At this call.
    Once,
    /// At this one and at the next ones of the same function and kind, so many together.
    Times(usize),
    /// The same without an end.
    ForEver,
}

/// A fault at a position.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct At {
    pub(crate) position: usize,
    pub(crate) fault: Fault,
    pub(crate) lasts: Lasts,
}

impl At {
    pub(crate) fn once(position: usize, code: i32) -> Self {
        Self {
            position,
            fault: Fault::Code(code),
            lasts: Lasts::Once,
        }
    }
}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            position,
            fault,
            lasts,
        } = self;
        write!(f, "{fault:?} at {position} {lasts:?}")
    }
}

/// The plan of these faults; `unknown` is what the system is to refuse all along.
pub(crate) fn plan(faults: &[At], unknown: &'static [(Kind, i32)]) -> Plan {
    let mut faults: Vec<_> = faults.iter().map(|at| (*at, None, 0)).collect();
    Box::new(move |position, call| {
        for (at, begun, times) in &mut faults {
            if position == at.position {
                *begun = Some((call.function, call.kind));
            } else if *begun != Some((call.function, call.kind)) {
                continue;
            }
            *times += 1;
            let is_on = match at.lasts {
                Lasts::Once => *times == 1,
                Lasts::Times(most) => *times <= most,
                Lasts::ForEver => true,
            };
            if is_on {
                return Some(at.fault);
            }
        }
        let refused = unknown.iter().find(|(kind, _)| *kind == call.kind)?;
        Some(Fault::Unknown(refused.1))
    })
}
