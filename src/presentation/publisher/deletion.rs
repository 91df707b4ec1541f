//! Deletion by the publisher: bounded after each push, and on a full disk before it writes again.

use std::io;
use std::time::Duration;

use super::{MediaPlaylistPublisher, Pushed, remove};
use crate::error::SinkError;
use crate::presentation::notice::Notice;
use crate::presentation::retention::{Due, Moment, Ticket};
use crate::sink::{ObjectKind, SegmentSink};

/// The limit of one round of deletion.
#[derive(Debug, Clone, Copy)]
struct Bound {
    files: usize,
    time: Duration,
}

/// The next pushes delete the rest.
const A_PUSH: Bound = Bound {
    files: 16,
    time: Duration::from_millis(250),
};

const ALL: Bound = Bound {
    files: usize::MAX,
    time: Duration::MAX,
};

/// The time for which one push deletes and writes again on a full disk.
const MAKING_ROOM: Duration = Duration::from_secs(2);

/// One pass over the files that are due when it begins. Each is tried once.
#[derive(Debug)]
struct Pass {
    last: Option<Ticket>,
    /// Files that fail are put behind this ticket.
    end: Ticket,
    began: Duration,
}

/// The result of one part of a pass.
#[derive(Debug, Clone, Copy)]
struct Part {
    deleted: usize,
    /// No file is left to try.
    is_last: bool,
}

impl<S: SegmentSink> MediaPlaylistPublisher<S> {
    /// Deletes all due files, each tried once. Blocks until all are tried, whereas a push deletes
    /// at most 16 files, for about 250 ms. A file that cannot be deleted stays due and is reported
    /// as [`Notice::NotDeleted`].
    ///
    /// Call it after the end and in pauses. After the end only the clock counts, because no more
    /// media comes. The side file is deleted as soon as no file waits.
    pub fn delete_due(&mut self) -> Pushed {
        let mut notices = Vec::new();
        let mut pass = self.pass();
        self.delete(&mut pass, ALL, &mut notices);
        self.remove_state(&mut notices);
        self.pushed(notices)
    }

    /// Deletes due files within the limit of a push.
    pub(super) fn delete_some(&mut self, notices: &mut Vec<Notice>) {
        let mut pass = self.pass();
        self.delete(&mut pass, A_PUSH, notices);
        self.remove_state(notices);
    }

    /// Writes. If no space is left, deletes due files and writes again, in turns. Stops when the
    /// write succeeds, no file is due, or [`MAKING_ROOM`] is over.
    ///
    /// The sink of the segments has no space either and frees none, so it pays to exceed the limit
    /// of a push.
    pub(super) fn making_room(
        &mut self,
        notices: &mut Vec<Notice>,
        mut write: impl FnMut(&mut Self) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let Err(mut error) = write(self) else {
            return Ok(());
        };
        let mut pass = self.pass();
        while is_no_space(&error) && self.make_room(&mut pass, notices) {
            match write(self) {
                Ok(()) => return Ok(()),
                Err(again) => error = again,
            }
        }
        if is_no_space(&error) && !self.is_over(&pass) {
            let path = &self.playlist.config.path;
            let waiting = self.waiting_for_deletion().count();
            self.notice_log.tell_no_space(path, &error, waiting);
        }
        Err(error)
    }

    /// Deletes a part of the due files. Returns whether any file was deleted.
    fn make_room(&mut self, pass: &mut Pass, notices: &mut Vec<Notice>) -> bool {
        while !self.is_over(pass) {
            let part = self.delete(pass, A_PUSH, notices);
            if part.deleted > 0 || part.is_last {
                return part.deleted > 0;
            }
        }
        false
    }

    fn is_over(&self, pass: &Pass) -> bool {
        (self.clock)().saturating_sub(pass.began) >= MAKING_ROOM
    }

    fn pass(&mut self) -> Pass {
        let now = self.now();
        let end = self.retention.as_mut().map_or(0, |retention| {
            retention.advance(now, self.names.pushes());
            retention.next_ticket()
        });
        Pass {
            last: None,
            end,
            began: now.clock,
        }
    }

    fn delete(&mut self, pass: &mut Pass, bound: Bound, notices: &mut Vec<Notice>) -> Part {
        let began = (self.clock)();
        let (mut tried, mut deleted) = (0, 0);
        let Some(retention) = &mut self.retention else {
            return Part {
                deleted,
                is_last: true,
            };
        };
        while let Some(Due {
            ticket,
            since,
            file,
        }) = retention.next_due(pass.last)
            && ticket < pass.end
        {
            if tried == bound.files || (self.clock)().saturating_sub(began) > bound.time {
                return Part {
                    deleted,
                    is_last: false,
                };
            }
            pass.last = Some(ticket);
            let is_held = !self.playlist.has_ended && self.names.holds(since);
            if is_held || self.playlist.may_name(&file) {
                continue;
            }
            tried += 1;
            match remove(&mut self.sink, &file, ObjectKind::MediaSegment) {
                Ok(()) => {
                    deleted += 1;
                    retention.done(&file);
                    if !self.playlist.has_ended {
                        self.names.was_deleted(file);
                    }
                }
                Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                    notices.push(Notice::CannotDelete(error));
                    retention.give_up();
                }
                Err(error) => {
                    notices.push(Notice::NotDeleted(error));
                    // Lets the others go first.
                    retention.postpone(&file);
                }
            }
        }
        Part {
            deleted,
            is_last: true,
        }
    }

    /// Deletes the side file once no later session needs it.
    fn remove_state(&mut self, notices: &mut Vec<Notice>) {
        let Some(retention) = &mut self.retention else {
            return;
        };
        let is_done = retention.count() == 0 && !retention.has_given_up();
        if !self.playlist.has_ended || self.is_unpublished || !is_done {
            return;
        }
        let path = self.playlist.config.state_path();
        match remove(&mut self.sink, &path, ObjectKind::State) {
            Ok(()) => self.retention = None,
            Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                notices.push(Notice::CannotDelete(error));
                retention.give_up();
            }
            Err(error) => notices.push(Notice::NotDeleted(error)),
        }
    }

    /// The current time of both clocks.
    fn now(&self) -> Moment {
        let media = if self.playlist.has_ended {
            // No more media comes, so none is waited for.
            u64::MAX
        } else {
            self.playlist.media_time
        };
        Moment {
            media,
            clock: (self.clock)(),
        }
    }
}

/// Whether a deletion may help.
fn is_no_space(error: &SinkError) -> bool {
    matches!(
        error.io_kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
