//! The work on a manifest that goes to an origin: versions are handed over, and reports about them
//! come back.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::core::Core;
use super::deletion::{ALL, Part, Step};
use super::driver::Action;
use super::driver::document::{Document, Role};
use super::driver::origin::{Fate, Port, Refused, Removal, Report};
use super::format::{Format, ManifestKind};
use super::job::Rendered;
use super::notice::Notice;
use super::submission::{Progress, Standing, Submitted, Version};
use crate::error::SinkError;
use crate::sink::ObjectKind;

/// Errors that are dropped without the lock, as they are foreign code.
pub(crate) type Spent = Vec<SinkError>;

const FULL: &str = "as many versions wait for the origin as may wait";
const ENDED: &str = "the publisher thread of the origin has ended";

/// Why a version was not handed over.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// There is room when the next version has landed.
    Full(SinkError),
    Failed(SinkError),
}

impl Unsent {
    pub(crate) fn into_error(self) -> SinkError {
        match self {
            Self::Full(error) | Self::Failed(error) => error,
        }
    }
}

impl<F: Format> Core<F> {
    /// The way to the origin of a manifest. One that names others goes with the first of them whose
    /// publisher runs.
    pub(crate) fn port_of(&self, p: usize) -> Option<Port> {
        let it = &self.publications[p];
        match it.manifest.kind {
            ManifestKind::Segments { .. } => it.port.clone(),
            ManifestKind::Index | ManifestKind::Beside => {
                let covered = it.manifest.covers.iter();
                let mut ports = covered
                    .filter_map(|r| self.publications[self.publication_of(*r)].port.as_ref());
                let running = ports.clone().find(|port| port.is_running());
                running.or_else(|| ports.next()).cloned()
            }
        }
    }

    pub(crate) fn standing(&self, p: usize) -> Standing {
        let it = &self.publications[p];
        it.submissions.standing(it.version, it.landed)
    }

    /// Hands the newest version of a manifest over, unless it has landed or is under way.
    ///
    /// # Errors
    ///
    /// It has no text, or was not taken.
    pub(crate) fn submit(&mut self, p: usize, spent: &mut Spent) -> Result<(), Unsent> {
        let is_wanted = matches!(self.standing(p), Standing::Due | Standing::Failed(_))
            && self.publications[p].is_unpublished()
            && !self.publications[p].has_no_text()
            && self.is_publishable(p);
        let Some(port) = self.port_of(p).filter(|_| is_wanted) else {
            return Ok(());
        };
        let Version {
            number,
            documents,
            old_state,
        } = self.compose(p, spent)?;
        if let Some(removal) = old_state {
            port.remove_first(removal);
        }
        let Err(refused) = port.submit(number, documents) else {
            return Ok(());
        };
        let it = &mut self.publications[p];
        spend(it.submissions.forget(number), spent);
        it.written_state.clear();
        let path = self.publications[p].manifest.path.as_path();
        Err(match refused {
            Refused::Full => Unsent::Full(unsent(FULL, path)),
            Refused::Ended => {
                let why = port.health().last_error;
                let why = why.map_or_else(|| ENDED.to_owned(), |why| format!("{ENDED}: {why}"));
                Unsent::Failed(unsent(&why, path))
            }
        })
    }

    /// Notes that a manifest was not handed over, for the next push of another one.
    pub(crate) fn not_submitted(&mut self, p: usize, unsent: Unsent) {
        let notice = Notice::NotPublished(unsent.into_error());
        self.publications[p].submissions.notices.push(notice);
    }

    /// After the end no newer version is due.
    pub(crate) fn rest_at_the_end(&self, p: usize) {
        let is_over = self.has_ended(p) && matches!(self.standing(p), Standing::Published);
        if let Some(port) = self.publications[p].port.as_ref().filter(|_| is_over) {
            port.rest();
        }
    }

    /// The newest version of a manifest, with its state before it.
    fn compose(&mut self, p: usize, spent: &mut Spent) -> Result<Version, Unsent> {
        let before = self.publications[p].texts.clone();
        let path = self.publications[p].manifest.path.clone();
        let text = self.text(p);
        let text = text.map_err(|cause| Unsent::Failed(SinkError::from(cause).with_path(&path)))?;
        // A client may see it from now on.
        self.listed(p);
        let Rendered {
            bytes,
            version,
            fingerprint,
            number,
            notices,
        } = text;
        let submitted = Submitted {
            version,
            number,
            text: fingerprint,
            progress: Progress::UnderWay,
        };
        let it = &mut self.publications[p];
        it.submissions.notices.extend(notices);
        spend(it.submissions.add(submitted, before), spent);
        spent.extend(it.submissions.state_error.take());
        let is_removed = !it.may_have_old_state || it.submissions.is_removing_old_state;
        let old_state = it.manifest.state().filter(|_| !is_removed);
        let old_state = old_state.map(Removal::state);
        it.submissions.is_removing_old_state |= old_state.is_some();
        let role = match it.manifest.kind {
            ManifestKind::Segments { .. } => Role::Rendition,
            ManifestKind::Index | ManifestKind::Beside => Role::Presentation,
        };
        let mut documents = vec![Document::new(path, bytes, role)];
        documents.extend(self.state_document(p));
        Ok(Version {
            number: version,
            documents,
            old_state,
        })
    }

    /// The side file. Each version brings it, as it knows the texts that may stand.
    fn state_document(&mut self, p: usize) -> Option<Document> {
        let (path, text) = self.state_text(p)?;
        self.publications[p].written_state.clone_from(&text);
        Some(Document::new(path, text, Role::State))
    }

    /// Hands the side file over alone, if it has changed.
    pub(crate) fn submit_state(&mut self, p: usize) -> Result<(), Unsent> {
        let Some(port) = self.port_of(p) else {
            return Ok(());
        };
        let Some((path, text)) = self.state_text(p) else {
            return Ok(());
        };
        let version = self.publications[p].version;
        let document = Document::new(&path, text, Role::State);
        let submitted = port.submit(version, vec![document]);
        submitted.map_err(|refused| match refused {
            Refused::Full => Unsent::Full(unsent(FULL, &path)),
            Refused::Ended => Unsent::Failed(unsent(ENDED, &path)),
        })
    }

    /// Takes a report.
    pub(crate) fn reported(&mut self, report: Report, now: Duration, spent: &mut Spent) {
        match report {
            Report::Document {
                path,
                version,
                fate,
            } => match self.publication_at(&path) {
                Some((p, ObjectKind::State)) => self.state_reported(p, fate, spent),
                Some((p, _)) => self.manifest_reported(p, version, fate, spent),
                None => {}
            },
            Report::Settled { path, version } => {
                if let Some((p, ObjectKind::Manifest)) = self.publication_at(&path) {
                    self.settled_at_origin(p, version, now, spent);
                }
            }
            Report::Unreplaced { path, error } => {
                if let Some((p, ObjectKind::Manifest)) = self.publication_at(&path) {
                    let it = &mut self.publications[p].submissions;
                    spent.extend(it.unreplaced.replace(error));
                } else {
                    spent.push(error);
                }
            }
            Report::Removal { removal, result } => {
                self.removal_reported(removal, result, now, spent);
            }
        }
    }

    fn publication_at(&self, path: &Path) -> Option<(usize, ObjectKind)> {
        let mut all = self.publications.iter().enumerate();
        all.find_map(|(p, it)| {
            if it.manifest.path == path {
                return Some((p, ObjectKind::Manifest));
            }
            let is_state = it.manifest.state().is_some_and(|state| state == path);
            is_state.then_some((p, ObjectKind::State))
        })
    }

    fn state_reported(&mut self, p: usize, fate: Fate, spent: &mut Spent) {
        let it = &mut self.publications[p];
        match fate {
            Fate::Failed(error) => {
                it.written_state.clear();
                spent.extend(it.submissions.state_error.replace(error));
            }
            Fate::HeldBack { .. } | Fate::InDoubt => it.written_state.clear(),
            Fate::Landed => it.parts_landed(),
            Fate::Superseded => {}
        }
    }

    fn manifest_reported(&mut self, p: usize, version: u64, fate: Fate, spent: &mut Spent) {
        let it = &mut self.publications[p];
        let error = match fate {
            Fate::Landed => {
                it.landed = it.landed.max(version);
                spent.extend(it.submissions.unreplaced.take());
                return self.progress(p, version, Progress::Landed, spent);
            }
            Fate::Superseded => return self.progress(p, version, Progress::Superseded, spent),
            Fate::Failed(error) => error,
            Fate::HeldBack { behind } => {
                let because = it.submissions.state_error.clone();
                because.unwrap_or_else(|| {
                    SinkError::permanent("a document that comes before it was not put")
                        .with_operation("write")
                        .with_path(behind)
                })
            }
            Fate::InDoubt => SinkError::transient("the time is over, and it may land or not")
                .with_operation("write")
                .with_path(&it.manifest.path),
        };
        let notice = Notice::NotPublished(error.clone());
        it.submissions.notices.push(notice);
        self.progress(p, version, Progress::Failed(error), spent);
    }

    fn progress(&mut self, p: usize, version: u64, progress: Progress, spent: &mut Spent) {
        if let Some(it) = self.publications[p].submissions.find(version) {
            let before = std::mem::replace(&mut it.progress, progress);
            if let Progress::Failed(error) = before {
                spent.push(error);
            }
        }
    }

    /// Files that are no longer listed begin to wait.
    fn settled_at_origin(&mut self, p: usize, version: u64, now: Duration, spent: &mut Spent) {
        let it = &mut self.publications[p];
        let (number, gone) = it.submissions.settle(version);
        spend(gone, spent);
        let number = number.unwrap_or(it.published.number);
        it.texts = it.submissions.texts();
        self.stands(p, version, number, now);
        self.begin_deletions(p, now);
    }

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
        let is_over = matches!(self.standing(p), Standing::Published);
        let state = self.unneeded_state(p).filter(|_| is_over)?;
        Some(Removal::state(state))
    }

    /// Whether an object may be removed now. If not, nothing is reported of it.
    pub(crate) fn may_remove(&mut self, p: usize, removal: &Removal) -> bool {
        if removal.object == ObjectKind::State {
            return true;
        }
        let waits = |it: &super::retention::Retention| it.waits(&removal.path);
        let is_waiting = self.publications[p].retention.as_ref().is_some_and(waits);
        if is_waiting && !self.may_name(&removal.path) {
            return true;
        }
        self.publications[p].submissions.removal = None;
        false
    }

    fn removal_reported(
        &mut self,
        removal: Removal,
        result: Result<(), SinkError>,
        now: Duration,
        spent: &mut Spent,
    ) {
        let is_it = |it: &super::publication::Publication| {
            it.submissions.removal.as_ref() == Some(&removal)
        };
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

    /// Manifests that name others, and that nobody has tried to publish yet.
    pub(crate) fn due_indices(&self) -> Vec<usize> {
        let is_index = |p: &usize| {
            let it = &self.publications[*p];
            it.manifest.state().is_none() && it.version > it.tried
        };
        self.due().into_iter().filter(is_index).collect()
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

    /// The notices of a manifest, and of those that no rendition keeps.
    pub(crate) fn take_notices(&mut self, p: usize) -> Vec<Notice> {
        let mut notices = std::mem::take(&mut self.publications[p].submissions.notices);
        let all = self.publications.iter_mut();
        for it in all.filter(|it| it.manifest.state().is_none()) {
            notices.append(&mut it.submissions.notices);
        }
        notices
    }
}

fn unsent(why: &str, path: &Path) -> SinkError {
    SinkError::permanent(why.to_owned())
        .with_operation("write")
        .with_path(path)
}

fn spend(gone: Vec<Submitted>, spent: &mut Spent) {
    spent.extend(gone.into_iter().filter_map(|it| match it.progress {
        Progress::Failed(error) => Some(error),
        Progress::UnderWay | Progress::Landed | Progress::Superseded => None,
    }));
}
