//! The work on a manifest that goes to an origin: versions are handed over, and reports about them
//! come back.

mod removals;
mod reports;

use std::path::Path;

use super::core::Core;
use super::driver::document::{Document, Role};
use super::driver::origin::{Port, Refused, Removal};
use super::format::{Format, ManifestKind};
use super::job::Rendered;
use super::notice::Notice;
use super::submission::{Progress, Submitted, Version, VersionState};
use crate::error::SinkError;

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

    pub(crate) fn version_state(&self, p: usize) -> VersionState {
        let it = &self.publications[p];
        it.submissions.version_state(it.version, it.landed)
    }

    /// Hands the newest version of a manifest over, unless it has landed or is under way.
    ///
    /// # Errors
    ///
    /// It has no text, or was not taken.
    pub(crate) fn submit(&mut self, p: usize, spent: &mut Spent) -> Result<(), Unsent> {
        let is_wanted = matches!(
            self.version_state(p),
            VersionState::Due | VersionState::Failed(_)
        ) && self.publications[p].is_unpublished()
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
        let is_over = self.has_ended(p) && matches!(self.version_state(p), VersionState::Published);
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

    /// Manifests that name others, and that nobody has tried to publish yet.
    pub(crate) fn due_indices(&self) -> Vec<usize> {
        let is_index = |p: &usize| {
            let it = &self.publications[*p];
            it.manifest.state().is_none() && it.version > it.tried
        };
        self.due().into_iter().filter(is_index).collect()
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
