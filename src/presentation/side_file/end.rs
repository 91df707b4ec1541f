//! Deletes the side file and its parts, once no later session needs them.

use std::io;
use std::path::PathBuf;

use crate::error::SinkError;
use crate::presentation::core::Core;
use crate::presentation::deletion::A_PUSH;
use crate::presentation::driver::{Action, Document};
use crate::presentation::format::Format;
use crate::presentation::job::Phase;
use crate::presentation::notice::Notice;
use crate::sink::ObjectKind;

impl<F: Format> Core<F> {
    /// Deletes the side file of an earlier session before the first publication.
    pub(crate) fn old_state(&mut self, p: usize) -> Option<Action> {
        let it = &self.publications[p];
        let path = it.manifest.state().filter(|_| it.may_have_old_state)?;
        Some(Action::delete(path.clone(), ObjectKind::State))
    }

    pub(crate) fn old_state_deleted(&mut self, p: usize, result: Result<(), SinkError>) {
        let it = &mut self.publications[p];
        let Some(job) = &mut it.job else { return };
        job.phase = Phase::Render;
        match result {
            Ok(()) => {
                it.may_have_old_state = false;
                it.give_up_parts();
                it.parts_landed();
            }
            // A sink that cannot delete hardly wrote one.
            Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                it.may_have_old_state = false;
                job.outcome.overcome.push(error);
            }
            // A failed deletion does not prevent the publication.
            Err(error) => job.outcome.notices.push(Notice::NotDeleted(error)),
        }
    }

    /// The next part to delete, within the bound of a push.
    pub(crate) fn part_deletion(&mut self, p: usize) -> Option<Action> {
        let it = &self.publications[p];
        let job = it.job.as_ref()?;
        job.request.deletion?;
        if job.parts_deleted >= A_PUSH.files {
            return None;
        }
        it.delete_part()
    }

    pub(crate) fn part_deleted(&mut self, p: usize, result: Result<(), SinkError>) {
        let it = &mut self.publications[p];
        let Some(name) = it.garbage() else { return };
        match result {
            Ok(()) => {
                it.parts(name.log).was_deleted(name);
                if let Some(job) = &mut it.job {
                    job.parts_deleted += 1;
                }
            }
            Err(error) => self.part_not_deleted(p, error),
        }
    }

    fn part_not_deleted(&mut self, p: usize, error: SinkError) {
        let it = &mut self.publications[p];
        let Some(job) = &mut it.job else { return };
        // The next push tries again.
        job.parts_deleted = usize::MAX;
        if error.io_kind() == io::ErrorKind::Unsupported {
            job.outcome.notices.push(Notice::CannotDelete(error));
            if let Some(retention) = &mut it.retention {
                retention.give_up();
            }
        } else {
            job.outcome.notices.push(Notice::NotDeleted(error));
        }
    }

    /// Deletes the side file once no later session needs it: first all names of parts in it, then
    /// the parts, and then the file itself. So a session that is killed meanwhile forgets none.
    pub(crate) fn end_state(&mut self, p: usize) -> Option<Action> {
        let path = self.unneeded_state(p)?;
        let it = &self.publications[p];
        let job = it.job.as_ref()?;
        job.request.deletion?;
        if it.may_name_parts() {
            self.publications[p].give_up_parts();
            let state = self.side_file(p);
            let it = &mut self.publications[p];
            it.written_state.clear();
            return Some(Action::Put(it.object(path, state)));
        }
        let part = (job.parts_deleted < usize::MAX).then(|| it.delete_part());
        match part.flatten() {
            Some(part) => Some(part),
            None if it.garbage().is_some() => None,
            None => Some(Action::delete(path, ObjectKind::State)),
        }
    }

    /// The side file that names no part. Without it no part may be deleted.
    pub(crate) fn last_state_done(
        &mut self,
        p: usize,
        document: Document,
        result: Result<(), SinkError>,
    ) {
        let it = &mut self.publications[p];
        match result {
            Ok(()) => it.state_landed(document.bytes),
            Err(error) => {
                let Some(job) = &mut it.job else { return };
                job.phase = Phase::Over;
                job.outcome.notices.push(Notice::NotDeleted(error));
            }
        }
    }

    pub(crate) fn end_state_deleted(&mut self, p: usize, result: Result<(), SinkError>) {
        let it = &mut self.publications[p];
        if it.garbage().is_some() {
            return self.part_deleted(p, result);
        }
        let notice = self.unneeded_state_deleted(p, result);
        if let Some(job) = self.job(p) {
            job.phase = Phase::Over;
            job.outcome.notices.extend(notice);
        }
    }

    /// The side file, if no later session needs it.
    pub(crate) fn unneeded_state(&self, p: usize) -> Option<PathBuf> {
        let it = &self.publications[p];
        let retention = it.retention.as_ref()?;
        let is_done = retention.count() == 0 && !retention.has_given_up();
        if !self.has_ended(p) || it.is_unpublished() || !is_done {
            return None;
        }
        it.manifest.state().cloned()
    }

    pub(crate) fn unneeded_state_deleted(
        &mut self,
        p: usize,
        result: Result<(), SinkError>,
    ) -> Option<Notice> {
        let it = &mut self.publications[p];
        match result {
            Ok(()) => {
                it.retention = None;
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
