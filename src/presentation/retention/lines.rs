//! The waiting files as the lines of a log: a ticket is a position in it.

use std::ops::Range;

use super::{Moment, Retention, Ticket, Waiting};
use crate::presentation::retired::Retired;
use crate::presentation::visits;

impl Retention {
    /// Adds the files of an earlier session, with their positions in its log. Nothing waits yet.
    pub(crate) fn adopt(&mut self, sealed: Vec<(Ticket, Retired)>, next: Ticket, since: Moment) {
        if self.has_given_up {
            return;
        }
        for (ticket, mut retired) in sealed {
            // A name may have been used again.
            if let Some(before) = self.forget(retired.file()) {
                retired.stay(before.retired.stays());
            }
            self.enter_as(ticket, Waiting { retired, since });
        }
        self.next = self.next.max(next);
    }

    /// The oldest waiting file; the next one if none waits.
    pub(crate) fn first_ticket(&self) -> Ticket {
        let first = self.waiting.first_key_value();
        first.map_or(self.next, |(ticket, _)| *ticket)
    }

    /// The files of these tickets, in order.
    pub(crate) fn lines(&self, range: Range<Ticket>) -> impl Iterator<Item = (Ticket, &Retired)> {
        let lines = self.waiting.range(range);
        lines.map(|(ticket, waiting)| {
            visits::count(1);
            (*ticket, &waiting.retired)
        })
    }

    /// Writes the oldest files below this ticket down anew, so that the parts that hold them die.
    pub(crate) fn renew_oldest(&mut self, count: usize, below: Ticket) {
        let oldest = self.waiting.range(..below).take(count);
        let oldest: Vec<_> = oldest.map(|(ticket, _)| *ticket).collect();
        for before in oldest {
            self.renew(before);
        }
    }

    /// Gives a file the next ticket. Its wait goes on.
    pub(super) fn renew(&mut self, before: Ticket) {
        visits::count(1);
        let Some(waiting) = self.waiting.remove(&before) else {
            return;
        };
        let ticket = self.next;
        self.next += 1;
        let by_media = waiting.due_by_media();
        if self.for_media.remove(&(by_media, before)) {
            self.for_media.insert((by_media, ticket));
        }
        let by_clock = waiting.due_by_clock(self.margin);
        if self.for_clock.remove(&(by_clock, before)) {
            self.for_clock.insert((by_clock, ticket));
        }
        if let Some(since) = self.due.remove(&before) {
            self.due.insert(ticket, since);
        }
        if let Some(since) = self.pinned_due.remove(&before) {
            self.pinned_due.insert(ticket, since);
        }
        let file = waiting.retired.file().to_path_buf();
        self.tickets.insert(file, ticket);
        self.waiting.insert(ticket, waiting);
    }
}
