//! The versions of a manifest that went to an origin.

use super::deletion::Pass;
use super::driver::document::Document;
use super::driver::origin::Removal;
use super::fingerprint::Fingerprints;
use super::notice::Notice;
use crate::error::SinkError;

/// How many versions that were not published are remembered. Within the time in which an origin may
/// still carry one out, fewer follow.
const REMEMBERED: usize = 64;

/// What is known of the versions of a manifest that went to an origin.
#[derive(Debug, Default)]
pub(crate) struct Submissions {
    versions: Vec<Submitted>,
    /// The texts that may stand at the origin without these versions.
    before: Fingerprints,
    /// The last version that no earlier one can replace any more.
    pub(super) settled: u64,
    /// Why an earlier version may replace the last one that landed.
    pub(super) unreplaced: Option<SinkError>,
    /// Why the last state was not put.
    pub(super) state_error: Option<SinkError>,
    /// The deletions of the last push.
    pub(super) pass: Option<Pass>,
    pub(super) removal: Option<Removal>,
    /// The side file of an earlier session is being removed.
    pub(super) is_removing_old_state: bool,
    /// What the next push returns.
    pub(super) notices: Vec<Notice>,
}

/// A version that was handed over.
#[derive(Debug)]
pub(super) struct Submitted {
    pub(super) version: u64,
    /// The number after the last one that it lists.
    pub(super) number: u64,
    pub(super) text: Fingerprints,
    pub(super) progress: Progress,
}

#[derive(Debug)]
pub(super) enum Progress {
    UnderWay,
    Landed,
    /// A newer version takes its place.
    Superseded,
    Failed(SinkError),
}

/// A version that is to be handed over.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) documents: Vec<Document>,
    /// The side file of an earlier session, to be removed before.
    pub(crate) old_state: Option<Removal>,
}

/// The state of the newest version of a manifest.
#[derive(Debug)]
pub(crate) enum VersionState {
    /// It is at the origin, and nothing can replace it.
    Published,
    /// It is under way, or an earlier one may still replace it.
    Awaited,
    /// It was not handed over.
    Due,
    Failed(SinkError),
}

impl Submissions {
    pub(super) fn find(&mut self, version: u64) -> Option<&mut Submitted> {
        self.versions.iter_mut().find(|it| it.version == version)
    }

    /// How a version fares. `landed` is the last one that landed.
    pub(super) fn version_state(&self, version: u64, landed: u64) -> VersionState {
        if version == landed {
            return match &self.unreplaced {
                _ if self.settled >= version => VersionState::Published,
                Some(error) => VersionState::Failed(error.clone()),
                None => VersionState::Awaited,
            };
        }
        let it = self.versions.iter().find(|it| it.version == version);
        match it.map(|it| &it.progress) {
            Some(Progress::UnderWay) => VersionState::Awaited,
            Some(Progress::Failed(error)) => VersionState::Failed(error.clone()),
            Some(Progress::Landed | Progress::Superseded) | None => VersionState::Due,
        }
    }

    /// Adds a version, before which these texts may stand. Returns what is forgotten.
    pub(super) fn add(&mut self, submitted: Submitted, before: Fingerprints) -> Vec<Submitted> {
        if self.versions.is_empty() {
            self.before = before;
        }
        let version = submitted.version;
        let mut gone = self.forget(version);
        self.versions.push(submitted);
        let mut spare = self.versions.len().saturating_sub(REMEMBERED);
        gone.extend(self.versions.extract_if(.., |it| {
            let is_over = matches!(it.progress, Progress::Superseded | Progress::Failed(_));
            let is_spare = is_over && spare > 0;
            spare -= usize::from(is_spare);
            is_spare
        }));
        gone
    }

    /// Forgets a version that was not taken.
    pub(super) fn forget(&mut self, version: u64) -> Vec<Submitted> {
        let is_it = |it: &mut Submitted| it.version == version;
        self.versions.extract_if(.., is_it).collect()
    }

    /// No earlier version can replace this one. Returns the number that it lists up to, if that is
    /// news, and what is forgotten.
    pub(super) fn settle(&mut self, version: u64) -> (Option<u64>, Vec<Submitted>) {
        if version < self.settled {
            return (None, Vec::new());
        }
        self.settled = version;
        let it = self.find(version).map(|it| (it.number, it.text.clone()));
        let gone = self.versions.extract_if(.., |it| it.version <= version);
        let gone = gone.collect();
        let number = it.map(|(number, text)| {
            self.before = text;
            number
        });
        (number, gone)
    }

    /// The texts of which one stands at the origin.
    pub(super) fn texts(&self) -> Fingerprints {
        let mut texts = self.before.clone();
        self.versions.iter().for_each(|it| texts.add(&it.text));
        texts
    }
}
