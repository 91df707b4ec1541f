//! The files that wait for deletion, and when each is due.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::retired::Retired;
use super::time::{Micros, to_duration};
use super::visits;

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
    for_media: BTreeSet<(Micros, Ticket)>,
    for_clock: BTreeSet<(Duration, Ticket)>,
    /// Due files, with the push in which each became due.
    due: BTreeMap<Ticket, u64>,
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
        self.next += 1;
        self.for_media.insert((waiting.due_by_media(), ticket));
        let file = waiting.retired.file().to_path_buf();
        self.tickets.insert(file, ticket);
        self.waiting.insert(ticket, waiting);
        ticket
    }

    /// Removes a file: it was deleted, or its name is in use again.
    pub(crate) fn done(&mut self, file: &Path) {
        drop(self.forget(file));
    }

    fn forget(&mut self, file: &Path) -> Option<Waiting> {
        visits::count(1);
        let ticket = self.tickets.remove(file)?;
        let waiting = self.waiting.remove(&ticket)?;
        // It is in one of these.
        self.for_media.remove(&(waiting.due_by_media(), ticket));
        let due_by_clock = waiting.due_by_clock(self.margin);
        self.for_clock.remove(&(due_by_clock, ticket));
        self.due.remove(&ticket);
        Some(waiting)
    }

    /// Restarts the wait of all files at this time.
    pub(crate) fn begin_at(&mut self, clock: Duration) {
        let waiting = std::mem::take(&mut self.waiting);
        self.for_media.clear();
        self.for_clock.clear();
        self.due.clear();
        for mut waiting in waiting.into_values() {
            waiting.since.clock = clock;
            self.enter(waiting);
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
            self.due.insert(ticket, push);
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    fn at(media_secs: u64, clock_secs: u64) -> Moment {
        Moment {
            media: media_secs * SECOND,
            clock: Duration::from_secs(clock_secs),
        }
    }

    fn retired(file: &str, stays_secs: u64) -> Retired {
        Retired::new(file.into(), stays_secs * SECOND)
    }

    fn due(retention: &mut Retention, now: Moment) -> Vec<String> {
        retention.advance(now, 0);
        let mut behind = None;
        let next = || {
            let due = retention.next_due(behind)?;
            behind = Some(due.ticket);
            due.file.into_os_string().into_string().ok()
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_file_is_due_when_both_clocks_say_so_and_the_margin_is_over() {
        for (media, clock, is_due) in [
            (100, 1_000, false),
            (109, 2_000, false),
            (200, 1_014, false),
            (110, 1_015, true),
        ] {
            let mut retention = Retention::new(Duration::from_secs(5));
            retention.add([retired("0.ts", 10)], at(100, 1_000));
            let found = due(&mut retention, at(media, clock));
            assert_eq!(!found.is_empty(), is_due, "{media} {clock}");
            // Not by the microsecond.
            let early = Moment {
                clock: Duration::from_secs(1_015) - Duration::from_nanos(1),
                ..at(200, 0)
            };
            assert_eq!(due(&mut retention, early).is_empty(), !is_due);
            retention.done(Path::new("0.ts"));
            assert!(due(&mut retention, at(1_000, 9_000)).is_empty());
        }
    }

    #[test]
    fn a_file_that_stays_long_is_in_nobodys_way() {
        let mut retention = Retention::new(Duration::ZERO);
        let files = [retired("long.mp4", 100), retired("0.ts", 3)];
        retention.add(files, at(0, 0));
        retention.add([retired("1.ts", 3)], at(2, 2));
        assert_eq!(due(&mut retention, at(3, 9)), ["0.ts"]);
        retention.done(Path::new("0.ts"));
        assert_eq!(due(&mut retention, at(u64::MAX / SECOND, 5)), ["1.ts"]);
        assert_eq!(due(&mut retention, at(9, 100)), ["long.mp4", "1.ts"]);
    }

    #[test]
    fn a_file_that_retires_again_waits_anew_and_for_the_longer_time() {
        let mut retention = Retention::new(Duration::ZERO);
        retention.add([retired("0.ts", 10)], at(0, 0));
        assert_eq!(due(&mut retention, at(10, 10)), ["0.ts"]);
        retention.add([retired("0.ts", 3)], at(20, 20));
        assert!(due(&mut retention, at(29, 29)).is_empty());
        assert_eq!(due(&mut retention, at(30, 30)), ["0.ts"]);
        assert_eq!(retention.count(), 1);
    }

    #[test]
    fn what_is_postponed_goes_behind_all_others_and_stays_due() {
        let mut retention = Retention::new(Duration::ZERO);
        retention.add(
            ["0.ts", "1.ts", "2.ts"].map(|name| retired(name, 3)),
            at(0, 0),
        );
        assert_eq!(due(&mut retention, at(3, 3)).len(), 3);
        retention.postpone(Path::new("1.ts"));
        retention.postpone(Path::new("none.ts"));
        let files: Vec<_> = retention.files().collect();
        assert_eq!(files, ["0.ts", "2.ts", "1.ts"].map(Path::new));
        assert_eq!(due(&mut retention, at(3, 3)), ["0.ts", "2.ts", "1.ts"]);
    }

    #[test]
    fn with_another_clock_all_wait_anew() {
        let mut retention = Retention::new(Duration::ZERO);
        retention.add([retired("0.ts", 3), retired("1.ts", 3)], at(0, 0));
        assert_eq!(due(&mut retention, at(3, 3)).len(), 2);
        retention.begin_at(Duration::from_secs(100));
        assert!(due(&mut retention, at(9, 102)).is_empty());
        assert_eq!(due(&mut retention, at(9, 103)), ["0.ts", "1.ts"]);
    }
}
