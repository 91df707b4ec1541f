//! The order, the limits and the state of deletion after a push. On a full disk `room.rs` deletes
//! as well, before a write is repeated.

use std::io;
use std::time::Duration;

use super::driver::Action;
use super::retention::Ticket;
use crate::error::SinkError;

/// The limit of one round of deletion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    pub(super) files: usize,
    pub(super) time: Duration,
}

/// The next pushes delete the rest.
pub(crate) const A_PUSH: Bound = Bound {
    files: 16,
    time: Duration::from_millis(250),
};

pub(crate) const ALL: Bound = Bound {
    files: usize::MAX,
    time: Duration::MAX,
};

/// The time for which one push deletes and writes again on a full disk.
const MAKING_ROOM: Duration = Duration::from_secs(2);

/// One pass over the files that are due when it begins. Each is tried once.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(super) last: Option<Ticket>,
    /// Files that fail are put behind this ticket.
    pub(super) end: Ticket,
    pub(super) began: Duration,
}

impl Pass {
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.began) >= MAKING_ROOM
    }
}

/// One part of a pass, within a bound.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) deleted: usize,
    /// No file is left to try.
    pub(crate) is_last: bool,
    pub(super) tried: usize,
    pub(super) began: Option<Duration>,
}

impl Part {
    pub(crate) fn has_begun(&self) -> bool {
        self.began.is_some()
    }
}

pub(crate) enum Step {
    Delete(Action),
    Over(Part),
}

/// Whether a deletion may help.
pub(crate) fn is_no_space(error: &SinkError) -> bool {
    matches!(
        error.io_kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
