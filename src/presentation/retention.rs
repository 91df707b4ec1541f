//! The files that wait for deletion, and when each is due.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::path::{Path, PathBuf};
use std::time::Duration;

mod lines;
mod pins;

use super::retired::Retired;
use super::time::{Micros, to_duration};
use super::visits;

/// The pinned files that are passed over in one call.
const AT_ONCE: usize = 16;

/// A position in the order in which files wait. Each is given once.
pub(crate) type Ticket = u64;

/// The files that no published manifest names, each with the moment of the last publication that
/// named it.
///
/// A file waits for the media clock first and then for the wall clock. Each has a queue in the
/// order of due times. Neither clock goes back, so no file is looked at before it is due.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    margin: Duration,
    waiting: BTreeMap<Ticket, Waiting>,
    tickets: HashMap<PathBuf, Ticket>,
    next: Ticket,
    /// The length of all.
    bytes: u64,
    for_media: BTreeSet<(Micros, Ticket)>,
    for_clock: BTreeSet<(Duration, Ticket)>,
    /// Due files, with the push in which each became due.
    due: BTreeMap<Ticket, u64>,
    /// The same of those that clips pin.
    pinned_due: BTreeMap<Ticket, u64>,
    /// How many clips list a file.
    pins: HashMap<PathBuf, usize>,
    pinned_bytes: u64,
    /// Nothing is deleted, but the state for a later session is kept.
    has_given_up: bool,
}

#[derive(Debug)]
struct Waiting {
    retired: Retired,
    since: Moment,
}

/// A file that may be deleted.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) ticket: Ticket,
    /// The push in which it became due.
    pub(crate) since: u64,
    pub(crate) file: PathBuf,
}

/// A point on two clocks, both of which must have passed. A stall stops the media and not the
/// clients, and a burst of media is over before clients have played it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moment {
    pub(crate) media: Micros,
    /// The time since some moment in the past; it never goes back.
    pub(crate) clock: Duration,
}

impl Waiting {
    fn due_by_media(&self) -> Micros {
        self.since.media.saturating_add(self.retired.stays())
    }

    fn due_by_clock(&self, margin: Duration) -> Duration {
        let stays = to_duration(self.retired.stays()).saturating_add(margin);
        self.since.clock.saturating_add(stays)
    }
}

impl Retention {
    pub(crate) fn new(margin: Duration) -> Self {
        Self {
            margin,
            ..Self::default()
        }
    }

    /// Stops all deletion.
    pub(crate) fn give_up(&mut self) {
        *self = Self {
            has_given_up: true,
            // No position of the side file's log is given twice.
            next: self.next,
            pins: std::mem::take(&mut self.pins),
            ..Self::new(self.margin)
        };
    }

    pub(crate) fn has_given_up(&self) -> bool {
        self.has_given_up
    }

    /// Adds files that no published manifest names from now on.
    pub(crate) fn add(&mut self, retired: impl IntoIterator<Item = Retired>, since: Moment) {
        if self.has_given_up {
            return;
        }
        for mut retired in retired {
            if let Some(before) = self.forget(retired.file()) {
                retired.stay(before.retired.stays());
            }
            self.enter(Waiting { retired, since });
        }
    }

    fn enter(&mut self, waiting: Waiting) -> Ticket {
        let ticket = self.next;
        self.enter_as(ticket, waiting);
        ticket
    }

    fn enter_as(&mut self, ticket: Ticket, waiting: Waiting) {
        self.next = self.next.max(ticket + 1);
        self.for_media.insert((waiting.due_by_media(), ticket));
        let file = waiting.retired.file().to_path_buf();
        self.tickets.insert(file, ticket);
        self.bytes += waiting.retired.bytes();
        if self.is_pinned(waiting.retired.file()) {
            self.pinned_bytes += waiting.retired.bytes();
        }
        self.waiting.insert(ticket, waiting);
    }

    /// Removes a file: it was deleted, or its name is in use again.
    pub(crate) fn done(&mut self, file: &Path) {
        drop(self.forget(file));
    }

    fn forget(&mut self, file: &Path) -> Option<Waiting> {
        visits::count(1);
        let ticket = self.tickets.remove(file)?;
        let waiting = self.waiting.remove(&ticket)?;
        self.bytes -= waiting.retired.bytes();
        if self.is_pinned(file) {
            self.pinned_bytes -= waiting.retired.bytes();
        }
        // It is in one of these.
        self.for_media.remove(&(waiting.due_by_media(), ticket));
        let due_by_clock = waiting.due_by_clock(self.margin);
        self.for_clock.remove(&(due_by_clock, ticket));
        self.due.remove(&ticket);
        self.pinned_due.remove(&ticket);
        Some(waiting)
    }

    /// Restarts the wait of all files at this time.
    pub(crate) fn begin_at(&mut self, clock: Duration) {
        self.for_media.clear();
        self.for_clock.clear();
        self.due.clear();
        self.pinned_due.clear();
        for (ticket, waiting) in &mut self.waiting {
            waiting.since.clock = clock;
            self.for_media.insert((waiting.due_by_media(), *ticket));
        }
    }

    /// Forgets files whose names are in use again.
    pub(crate) fn spare(&mut self, is_used: impl Fn(&Path) -> bool) {
        let used = self.files().filter(|file| is_used(file));
        let used: Vec<PathBuf> = used.map(Path::to_path_buf).collect();
        used.iter().for_each(|file| self.done(file));
    }

    pub(crate) fn waits(&self, file: &Path) -> bool {
        visits::count(1);
        self.tickets.contains_key(file)
    }

    /// Moves the files whose wait is over, in this push.
    pub(crate) fn advance(&mut self, now: Moment, push: u64) {
        while let Some((media, ticket)) = self.for_media.first().copied()
            && media <= now.media
        {
            visits::count(1);
            self.for_media.pop_first();
            let due = self.waiting[&ticket].due_by_clock(self.margin);
            self.for_clock.insert((due, ticket));
        }
        while let Some((clock, ticket)) = self.for_clock.first().copied()
            && clock <= now.clock
        {
            visits::count(1);
            self.for_clock.pop_first();
            if self.is_pinned(self.waiting[&ticket].retired.file()) {
                self.pinned_due.insert(ticket, push);
            } else {
                self.due.insert(ticket, push);
            }
        }
    }

    /// Makes files due before their time, oldest first, for as long as more are needed by the
    /// bytes and the number of those that are due. Returns how many this call made due.
    pub(crate) fn make_due(
        &mut self,
        push: u64,
        may: impl Fn(&Path) -> bool,
        is_needed: impl Fn(u64, usize) -> bool,
    ) -> usize {
        let (mut bytes, mut files, mut made) = (0, 0, 0);
        let mut pinned = Vec::new();
        for (ticket, waiting) in &self.waiting {
            if !is_needed(bytes, files) || pinned.len() == AT_ONCE {
                break;
            }
            visits::count(1);
            if self.is_pinned(waiting.retired.file()) {
                pinned.push(*ticket);
                continue;
            }
            if !may(waiting.retired.file()) {
                continue;
            }
            bytes += waiting.retired.bytes();
            files += 1;
            if self.due.contains_key(ticket) {
                continue;
            }
            self.for_media.remove(&(waiting.due_by_media(), *ticket));
            let by_clock = waiting.due_by_clock(self.margin);
            self.for_clock.remove(&(by_clock, *ticket));
            self.due.insert(*ticket, push);
            made += 1;
        }
        // They go behind the others, so that no call looks at all of them.
        pinned.into_iter().for_each(|ticket| self.renew(ticket));
        made
    }

    /// The ticket of the next file.
    pub(crate) fn next_ticket(&self) -> Ticket {
        self.next
    }

    /// The first due file behind this ticket.
    pub(crate) fn next_due(&self, behind: Option<Ticket>) -> Option<Due> {
        visits::count(1);
        let from = behind.map_or(Unbounded, Excluded);
        let (ticket, since) = self.due.range((from, Unbounded)).next()?;
        let waiting = self.waiting.get(ticket)?;
        Some(Due {
            ticket: *ticket,
            since: *since,
            file: waiting.retired.file().to_path_buf(),
        })
    }

    /// Puts a due file behind all others.
    pub(crate) fn postpone(&mut self, file: &Path) {
        let ticket = self.tickets.get(file);
        let Some(since) = ticket.and_then(|ticket| self.due.get(ticket)).copied() else {
            return;
        };
        if let Some(waiting) = self.forget(file) {
            let due_by_media = waiting.due_by_media();
            let ticket = self.enter(waiting);
            self.for_media.remove(&(due_by_media, ticket));
            self.due.insert(ticket, since);
        }
    }

    /// All waiting files, in order of arrival.
    pub(crate) fn retired(&self) -> impl Iterator<Item = &Retired> {
        visits::count(self.waiting.len());
        self.waiting.values().map(|waiting| &waiting.retired)
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.retired().map(Retired::file)
    }

    pub(crate) fn count(&self) -> usize {
        self.waiting.len()
    }

    /// The length of all waiting files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests;
