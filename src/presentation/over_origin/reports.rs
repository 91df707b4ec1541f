//! What becomes of a version: the reports of the thread of an origin.

use std::path::Path;
use std::time::Duration;

use super::{Spent, spend};
use crate::error::SinkError;
use crate::presentation::core::Core;
use crate::presentation::driver::origin::{Fate, Report};
use crate::presentation::format::Format;
use crate::presentation::notice::Notice;
use crate::presentation::submission::Progress;
use crate::sink::ObjectKind;

impl<F: Format> Core<F> {
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

    pub(super) fn publication_at(&self, path: &Path) -> Option<(usize, ObjectKind)> {
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
}
