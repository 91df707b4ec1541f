//! Deletion: bounded after each push, and on a full disk before a write is repeated.

use std::io;
use std::time::Duration;

use super::core::Core;
use super::driver::Action;
use super::format::Format;
use super::retention::{Due, Moment, Ticket};
use crate::error::SinkError;
use crate::sink::ObjectKind;

/// The limit of one round of deletion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    files: usize,
    time: Duration,
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
    last: Option<Ticket>,
    /// Files that fail are put behind this ticket.
    end: Ticket,
    began: Duration,
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
    tried: usize,
    began: Option<Duration>,
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

impl<F: Format> Core<F> {
    pub(super) fn pass(&mut self, p: usize, now: Duration) -> Pass {
        let now = self.moment(p, now);
        let it = &mut self.publications[p];
        let pushes = it.names.pushes();
        let end = it.retention.as_mut().map_or(0, |retention| {
            retention.advance(now, pushes);
            retention.next_ticket()
        });
        Pass {
            last: None,
            end,
            began: now.clock,
        }
    }

    /// The next file of a pass that may be deleted.
    pub(super) fn deletion(
        &mut self,
        p: usize,
        pass: &mut Pass,
        part: &mut Part,
        bound: Bound,
        now: Duration,
    ) -> Step {
        let began = *part.began.get_or_insert(now);
        let has_ended = self.has_ended(p);
        let it = &self.publications[p];
        while let Some(retention) = &it.retention
            && let Some(Due {
                ticket,
                since,
                file,
            }) = retention.next_due(pass.last)
            && ticket < pass.end
        {
            if part.tried == bound.files || now.saturating_sub(began) > bound.time {
                return Step::Over(*part);
            }
            pass.last = Some(ticket);
            let is_held = !has_ended && it.names.holds(since);
            if is_held || self.may_name(&file) {
                continue;
            }
            part.tried += 1;
            return Step::Delete(Action::delete(file, ObjectKind::MediaSegment));
        }
        part.is_last = true;
        Step::Over(*part)
    }

    /// The current time of both clocks.
    fn moment(&self, p: usize, now: Duration) -> Moment {
        let covered = &self.publications[p].manifest.covers;
        let media = if self.has_ended(p) {
            // No more media comes, so none is waited for.
            u64::MAX
        } else {
            let media = covered.iter().map(|r| self.renditions[*r].media_time);
            media.min().unwrap_or_default()
        };
        Moment { media, clock: now }
    }
}

/// Whether a deletion may help.
pub(crate) fn is_no_space(error: &SinkError) -> bool {
    matches!(
        error.io_kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
