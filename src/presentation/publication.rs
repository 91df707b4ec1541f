//! The publication of one manifest: the versions, the side file, and the files that wait for
//! deletion.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::{Retention as Policy, Settings};
use super::driver::origin::Port;
use super::driver::{Action, Document};
use super::fingerprint::{Fingerprints, Rolling};
use super::format::{Manifest, ManifestKind};
use super::job::Job;
use super::journal::{self, Published, State};
use super::parts::{Log, PartName, Parts};
use super::pins::{Pins, beside};
use super::retention::{Moment, Retention};
use super::retired::Retired;
use super::reuse::Names;
use super::standing::Standing;
use super::submission::Submissions;
use crate::sink::ObjectKind;

/// The state of the publication of one manifest.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) manifest: Manifest,
    /// `None` if all files are kept.
    pub(crate) retention: Option<Retention>,
    pub(crate) names: Names,
    /// The clips that were not released.
    pub(crate) clips: Vec<Pins>,
    /// The parts of the side file: of the files that wait, and of the lengths of listed segments.
    pub(crate) waiting_parts: Parts,
    pub(crate) size_parts: Parts,
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
    pub(crate) fn new(manifest: Manifest, settings: &Settings) -> Self {
        let retention = match (settings.retention, &manifest.kind) {
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
            clips: Vec::new(),
            waiting_parts: Parts::new(Log::Waiting, settings.lines_per_part),
            size_parts: Parts::new(Log::Sizes, settings.lines_per_part),
            written_state: Vec::new(),
            published: Published::default(),
            texts: Fingerprints::default(),
            rolling: Rolling::default(),
            landed: 0,
            tried: 0,
            standing: Standing::default(),
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

    /// Whether the format has refused the newest version.
    pub(crate) fn has_no_text(&self) -> bool {
        self.is_refused && self.tried == self.version
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
        retired: impl IntoIterator<Item = Retired>,
        since: Moment,
    ) {
        if let Some(retention) = &mut self.retention {
            retention.add(retired, since);
        }
    }

    /// Pins the files of a clip.
    pub(crate) fn pin(&mut self, clip: Pins) {
        if let Some(retention) = &mut self.retention {
            clip.files.iter().for_each(|file| retention.pin(file));
        }
        self.clips.push(clip);
    }

    /// Ends the pins of a clip. Those of its files that wait do so anew.
    pub(crate) fn unpin(&mut self, name: &str, since: Moment) {
        let Some(place) = self.clips.iter().position(|clip| clip.name == name) else {
            return;
        };
        let clip = self.clips.remove(place);
        let Some(retention) = &mut self.retention else {
            return;
        };
        for file in &clip.files {
            if let Some(mut retired) = retention.unpin(file) {
                retired.stay(clip.stays);
                retention.add([retired], since);
            }
        }
    }

    /// The list of the files that a clip pins.
    pub(crate) fn list_of(&self, name: &str) -> Option<Document> {
        self.retention.as_ref()?;
        let clip = self.clips.iter().find(|clip| clip.name == name)?;
        let path = beside(self.manifest.state()?, &clip.word());
        let bytes = journal::render_pins(self.manifest.state_header(), clip);
        Some(self.object(path, bytes))
    }

    pub(crate) fn clip_landed(&mut self, name: &str) {
        let clip = self.clips.iter_mut().find(|clip| clip.name == name);
        clip.into_iter().for_each(|clip| clip.has_landed = true);
    }

    pub(crate) fn parts(&mut self, log: Log) -> &mut Parts {
        match log {
            Log::Waiting => &mut self.waiting_parts,
            Log::Sizes => &mut self.size_parts,
        }
    }

    pub(crate) fn may_name_parts(&self) -> bool {
        self.waiting_parts.may_be_named() || self.size_parts.may_be_named()
    }

    pub(crate) fn give_up_parts(&mut self) {
        self.waiting_parts.give_up();
        self.size_parts.give_up();
    }

    /// Gives all parts up, and has their lines in the side file itself.
    pub(crate) fn dissolve_parts(&mut self) {
        self.waiting_parts.dissolve();
        self.size_parts.dissolve();
    }

    /// The standing side file names the parts as they are now, or there is none.
    pub(crate) fn parts_landed(&mut self) {
        self.waiting_parts.landed();
        self.size_parts.landed();
    }

    pub(crate) fn state_landed(&mut self, text: Vec<u8>) {
        self.written_state = text;
        self.parts_landed();
    }

    /// A part that no side file names.
    pub(crate) fn garbage(&self) -> Option<PartName> {
        let waiting = self.waiting_parts.garbage();
        waiting.or_else(|| self.size_parts.garbage())
    }

    pub(crate) fn delete_part(&self) -> Option<Action> {
        let retention = self.retention.as_ref();
        if retention.is_some_and(Retention::has_given_up) {
            return None;
        }
        let path = beside(self.manifest.state()?, &self.garbage()?.word());
        Some(Action::delete(path, ObjectKind::State))
    }

    /// An object of the side file.
    pub(crate) fn object(&self, path: PathBuf, bytes: Vec<u8>) -> Document {
        Document {
            path,
            bytes,
            object: ObjectKind::State,
            version: self.version,
            attempt: self.job.as_ref().map_or(1, |job| job.attempt),
        }
    }

    /// Continues with the side file of an earlier session.
    pub(crate) fn adopt(&mut self, state: State, since: Moment) {
        let waits = self.retention.as_ref().map_or(0, Retention::count);
        for (log, parts) in state.parts {
            self.parts(log).adopt(parts);
        }
        let next = self.waiting_parts.sealed();
        if let Some(retention) = &mut self.retention {
            if waits == 0 {
                retention.adopt(state.sealed, next, since);
            } else {
                // Other files have their positions already.
                retention.adopt(Vec::new(), next, since);
                retention.add(state.sealed.into_iter().map(|it| it.1), since);
            }
            retention.add(state.retired, since);
        }
        state.clips.into_iter().for_each(|clip| self.pin(clip));
    }
}

impl Manifest {
    /// Whether it changes with what its renditions list.
    pub(crate) fn names_segments(&self) -> bool {
        !self.is_index()
    }

    /// Whether it names other manifests.
    pub(crate) fn is_index(&self) -> bool {
        matches!(self.kind, ManifestKind::Index)
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
