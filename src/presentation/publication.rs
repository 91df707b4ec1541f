//! The publication of one manifest: the versions, the side file, and the files that wait for
//! deletion.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::Retention as Policy;
use super::driver::origin::Port;
use super::fingerprint::{Fingerprints, Rolling};
use super::format::{Manifest, ManifestKind};
use super::job::Job;
use super::journal::Published;
use super::retention::{Moment, Retention};
use super::reuse::Names;
use super::submission::Submissions;

/// The state of the publication of one manifest.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) manifest: Manifest,
    /// `None` if all files are kept.
    pub(crate) retention: Option<Retention>,
    pub(crate) names: Names,
    pub(crate) written_state: Vec<u8>,
    pub(crate) published: Published,
    pub(crate) texts: Fingerprints,
    pub(crate) rolling: Rolling,
    /// Counts the changes.
    pub(crate) version: u64,
    /// The last version that was published for certain, and the last one that was tried.
    pub(crate) landed: u64,
    pub(crate) tried: u64,
    /// What was listed when the version was counted.
    pub(crate) counted: Counted,
    /// If all files are kept, there is no side file, and one from an earlier session would be
    /// taken for this one's.
    pub(crate) may_have_old_state: bool,
    /// Whether the format refused to make the text. Another attempt would end in the same way.
    pub(crate) is_refused: bool,
    /// The work of the thread that publishes it now.
    pub(crate) job: Option<Job>,
    /// The way to the origin, if it goes to one.
    pub(crate) port: Option<Port>,
    pub(crate) submissions: Submissions,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) end: u64,
    pub(crate) ended: usize,
    /// How many date ranges were announced.
    pub(crate) ranges: u64,
}

impl Publication {
    pub(crate) fn new(manifest: Manifest, policy: Policy) -> Self {
        let retention = match (policy, &manifest.kind) {
            (Policy::Delete { margin }, ManifestKind::Segments { .. }) => {
                Some(Retention::new(margin))
            }
            _ => None,
        };
        Self {
            may_have_old_state: retention.is_none() && manifest.state().is_some(),
            // An index is due as soon as what it names is there.
            version: u64::from(manifest.state().is_none()),
            manifest,
            retention,
            names: Names::default(),
            written_state: Vec::new(),
            published: Published::default(),
            texts: Fingerprints::default(),
            rolling: Rolling::default(),
            landed: 0,
            tried: 0,
            counted: Counted::default(),
            is_refused: false,
            job: None,
            port: None,
            submissions: Submissions::default(),
        }
    }

    /// The standing manifest lists everything up to this number.
    pub(crate) fn resumed(&mut self, end: u64, ranges: u64) {
        (self.counted.end, self.counted.ranges) = (end, ranges);
    }

    pub(crate) fn is_unpublished(&self) -> bool {
        self.version != self.landed
    }

    /// Whether a version of it is at its destination.
    pub(crate) fn has_landed(&self) -> bool {
        self.landed > 0 || self.published.number > 0
    }

    pub(crate) fn files_waiting(&self) -> impl Iterator<Item = &Path> {
        self.retention.iter().flat_map(Retention::files)
    }

    /// Restarts the wait of all files.
    pub(crate) fn begin_at(&mut self, clock: Duration) {
        if let Some(retention) = &mut self.retention {
            retention.begin_at(clock);
        }
    }

    /// Has the files of an earlier session deleted in due time.
    pub(crate) fn add_retired(
        &mut self,
        retired: impl IntoIterator<Item = super::retired::Retired>,
        since: Moment,
    ) {
        if let Some(retention) = &mut self.retention {
            retention.add(retired, since);
        }
    }
}

impl Manifest {
    /// The path of the side file, if there may be one.
    pub(crate) fn state(&self) -> Option<&PathBuf> {
        match &self.kind {
            ManifestKind::Segments { state, .. } => Some(state),
            ManifestKind::Index => None,
        }
    }

    pub(crate) fn state_header(&self) -> &'static str {
        match self.kind {
            ManifestKind::Segments { state_header, .. } => state_header,
            ManifestKind::Index => "",
        }
    }
}
