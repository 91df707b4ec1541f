//! Deletions at an origin: one at a time, each after the report of the one before.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::Spent;
use crate::error::SinkError;
use crate::presentation::core::Core;
use crate::presentation::deletion::{ALL, Part, Step};
use crate::presentation::driver::Action;
use crate::presentation::driver::origin::Removal;
use crate::presentation::format::Format;
use crate::presentation::notice::Notice;
use crate::presentation::publication::Publication;
use crate::presentation::retention::Retention;
use crate::presentation::submission::VersionState;
use crate::sink::ObjectKind;

impl<F: Format> Core<F> {
    /// Every due file is tried once, one after the other.
    pub(crate) fn begin_deletions(&mut self, p: usize, now: Duration) {
        if self.publications[p].submissions.pass.is_none() {
            self.begin_deletions_anew(p, now);
        }
    }

    /// The same, also of files that the last round has tried.
    pub(crate) fn begin_deletions_anew(&mut self, p: usize, now: Duration) {
        if self.publications[p].retention.is_some() {
            let pass = self.pass(p, now);
            self.publications[p].submissions.pass = Some(pass);
        }
    }

    pub(crate) fn is_deleting(&self, p: usize) -> bool {
        let it = &self.publications[p].submissions;
        it.pass.is_some() || it.removal.is_some()
    }

    /// Hands the next deletion over, if none is under way.
    pub(crate) fn submit_deletion(&mut self, p: usize, now: Duration) {
        if self.publications[p].submissions.removal.is_some() {
            return;
        }
        let Some(port) = self.port_of(p) else { return };
        let Some(removal) = self.next_removal(p, now) else {
            return;
        };
        if port.remove(removal.clone()) {
            self.publications[p].submissions.removal = Some(removal);
        } else {
            self.publications[p].submissions.pass = None;
        }
    }

    fn next_removal(&mut self, p: usize, now: Duration) -> Option<Removal> {
        let mut pass = self.publications[p].submissions.pass.take()?;
        let mut part = Part::default();
        if let Step::Delete(Action::Delete { path, object }) =
            self.deletion(p, &mut pass, &mut part, ALL, now)
        {
            self.publications[p].submissions.pass = Some(pass);
            return Some(Removal { path, object });
        }
        let it = &self.publications[p];
        if it.garbage().is_some() {
            return match it.delete_part()? {
                Action::Delete { path, object } => Some(Removal { path, object }),
                Action::Put(_) => None,
            };
        }
        let is_over = matches!(self.version_state(p), VersionState::Published);
        let state = self.unneeded_state(p).filter(|_| is_over)?;
        Some(Removal::state(state))
    }

    /// Whether an object may be removed now. If not, nothing is reported of it.
    pub(crate) fn may_remove(&mut self, p: usize, removal: &Removal) -> bool {
        if removal.object == ObjectKind::State {
            return true;
        }
        let waits = |it: &Retention| it.waits(&removal.path);
        let is_waiting = self.publications[p].retention.as_ref().is_some_and(waits);
        if is_waiting && !self.may_name(&removal.path) {
            return true;
        }
        self.publications[p].submissions.removal = None;
        false
    }

    pub(super) fn removal_reported(
        &mut self,
        removal: Removal,
        result: Result<(), SinkError>,
        now: Duration,
        spent: &mut Spent,
    ) {
        let is_it = |it: &Publication| it.submissions.removal.as_ref() == Some(&removal);
        let Some(p) = self.publications.iter().position(is_it) else {
            return self.old_state_removed(&removal.path, result, spent);
        };
        let it = &mut self.publications[p];
        it.submissions.removal = None;
        let notice = if removal.object != ObjectKind::State {
            self.file_deleted(p, removal.path, result)
        } else if it.manifest.state() == Some(&removal.path) {
            self.unneeded_state_deleted(p, result)
        } else {
            self.part_removed(p, result, now)
        };
        self.publications[p].submissions.notices.extend(notice);
    }

    fn old_state_removed(&mut self, path: &Path, result: Result<(), SinkError>, spent: &mut Spent) {
        let Some((p, ObjectKind::State)) = self.publication_at(path) else {
            spent.extend(result.err());
            return;
        };
        let it = &mut self.publications[p];
        it.submissions.is_removing_old_state = false;
        match result {
            Ok(()) => it.may_have_old_state = false,
            // A sink that cannot delete hardly wrote one.
            Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                it.may_have_old_state = false;
                spent.push(error);
            }
            // A failed deletion does not prevent the publication.
            Err(error) => it.submissions.notices.push(Notice::NotDeleted(error)),
        }
    }

    /// The next one is deleted at once. One that failed is tried again after the next version.
    fn part_removed(
        &mut self,
        p: usize,
        result: Result<(), SinkError>,
        now: Duration,
    ) -> Option<Notice> {
        let it = &mut self.publications[p];
        match result {
            Ok(()) => {
                let name = it.garbage()?;
                it.parts(name.log).was_deleted(name);
                self.begin_deletions(p, now);
                None
            }
            Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                if let Some(retention) = &mut it.retention {
                    retention.give_up();
                }
                Some(Notice::CannotDelete(error))
            }
            Err(error) => Some(Notice::NotDeleted(error)),
        }
    }
}
