//! The publication of one manifest: the versions, the side file, and the files that wait for
//! deletion.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::Retention as Policy;
use super::fingerprint::{Fingerprints, Rolling};
use super::format::{Manifest, ManifestKind};
use super::job::Job;
use super::journal::Published;
use super::retention::{Moment, Retention};
use super::reuse::Names;
use super::standing::Standing;

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
    /// The files that a standing text of a manifest beside others may name.
    pub(crate) standing: Standing,
    /// What was listed when the version was counted.
    pub(crate) counted: Counted,
    /// If all files are kept, there is no side file, and one from an earlier session would be
    /// taken for this one's.
    pub(crate) may_have_old_state: bool,
    /// The work of the thread that publishes it now.
    pub(crate) job: Option<Job>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) end: u64,
    pub(crate) ended: usize,
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
            version: u64::from(matches!(manifest.kind, ManifestKind::Index)),
            manifest,
            retention,
            names: Names::default(),
            written_state: Vec::new(),
            published: Published::default(),
            texts: Fingerprints::default(),
            rolling: Rolling::default(),
            landed: 0,
            tried: 0,
            standing: Standing::default(),
            counted: Counted::default(),
            job: None,
        }
    }

    /// The standing manifest lists everything up to this number.
    pub(crate) fn resumed(&mut self, end: u64) {
        self.counted.end = end;
    }

    pub(crate) fn is_unpublished(&self) -> bool {
        self.version != self.landed
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
    /// Whether it changes with what its renditions list.
    pub(crate) fn names_segments(&self) -> bool {
        !matches!(self.kind, ManifestKind::Index)
    }

    /// Whether the files of its segments are retired with other manifests.
    pub(crate) fn is_beside(&self) -> bool {
        matches!(self.kind, ManifestKind::Beside)
    }

    /// The path of the side file, if there may be one.
    pub(crate) fn state(&self) -> Option<&PathBuf> {
        match &self.kind {
            ManifestKind::Segments { state, .. } => Some(state),
            ManifestKind::Beside | ManifestKind::Index => None,
        }
    }

    pub(crate) fn state_header(&self) -> &'static str {
        match self.kind {
            ManifestKind::Segments { state_header, .. } => state_header,
            ManifestKind::Beside | ManifestKind::Index => "",
        }
    }
}
