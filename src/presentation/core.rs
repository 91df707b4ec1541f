//! The publisher without I/O, clock and threads: pushes go in, actions come out.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::common::Common;
use super::config::{Extent, Settings};
use super::date_range::DateRange;
use super::format::{Format, Manifest, View};
use super::journal::State;
use super::notice::Notice;
use super::publication::{Counted, Publication};
use super::rendition::{Life, Rendition};
use super::retention::Moment;
use super::retired::Retired;
use crate::error::WriteError;
use crate::segment::{ProducedSegment, SegmentInfo};
use crate::uri;

/// A presentation: the renditions, what they share, and the publications of its manifests.
#[derive(Debug)]
pub(crate) struct Core<F> {
    pub(crate) format: F,
    pub(crate) settings: Settings,
    pub(crate) renditions: Vec<Rendition>,
    pub(crate) publications: Vec<Publication>,
    pub(crate) common: Common,
    /// The time of the last call, by the publisher's clock.
    pub(crate) now: Duration,
    /// The date of the last call, for clips that have an end.
    pub(crate) today: SystemTime,
    /// Whether anything was pushed; then no rendition can join.
    pub(crate) has_started: bool,
}

impl<F: Format> Core<F> {
    pub(crate) fn new(format: F, settings: Settings) -> Self {
        Self {
            common: Common::new(settings.dates),
            format,
            settings,
            renditions: Vec::new(),
            publications: Vec::new(),
            now: Duration::ZERO,
            today: SystemTime::UNIX_EPOCH,
            has_started: false,
        }
    }

    /// Notes the time of a call, by the publisher's clock and by the calendar.
    pub(crate) fn begin_call(&mut self, now: Duration, today: SystemTime) {
        self.now = now;
        self.today = today;
    }

    /// Adds a manifest. Those that others name come before them.
    pub(crate) fn add_manifest(&mut self, manifest: Manifest) {
        let publication = Publication::new(manifest, &self.settings);
        self.publications.push(publication);
    }

    /// The publication that keeps the files of a rendition.
    pub(crate) fn publication_of(&self, r: usize) -> usize {
        let is_it =
            |it: &Publication| it.manifest.state().is_some() && it.manifest.covers.contains(&r);
        let found = self.publications.iter().position(is_it);
        found.unwrap_or_default()
    }

    /// Fixes the renditions. Those that are behind, as a process may die between two manifests,
    /// list gaps for what the others list.
    pub(crate) fn start(&mut self) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        for it in &mut self.renditions {
            it.counts_bytes = self.settings.counts_bytes();
            it.entries.begin_at(self.now);
        }
        let furthest = (0..self.renditions.len())
            .filter(|r| self.renditions[*r].has_begun)
            .max_by_key(|r| self.renditions[*r].end());
        if let Some(furthest) = furthest {
            self.common
                .resume(&self.renditions[furthest], self.settings.dates);
            let ends: Vec<_> = self.renditions.iter().map(Rendition::end).collect();
            for r in 0..self.renditions.len() {
                self.catch_up(r, furthest);
            }
            self.share_ranges(&ends);
        }
        self.place_ranges();
        self.name_clips();
        self.follow();
        self.count_changes();
    }

    /// Enters an item of a rendition's iteration.
    ///
    /// # Errors
    ///
    /// The rendition takes no more items. Nothing was entered.
    pub(crate) fn push(
        &mut self,
        r: usize,
        item: &Result<ProducedSegment, WriteError>,
        info: &SegmentInfo,
        notices: &mut Vec<Notice>,
    ) -> Result<(), &'static str> {
        self.start();
        if self.renditions[r].life != Life::Open {
            return Err("it has ended");
        }
        if self.next_number(r).is_none() {
            return Err("its numbers are used up");
        }
        self.renditions[r].next.arrived = Some(self.today);
        self.check_name(r, item, notices);
        self.enter(r, item, info, notices);
        self.settled();
        Ok(())
    }

    /// Takes no more items of a rendition. It holds up nobody from now on.
    pub(crate) fn close(&mut self, r: usize, life: Life, notices: &mut Vec<Notice>) {
        self.start();
        if self.renditions[r].life != Life::Ended {
            self.renditions[r].close(life);
        }
        self.settle(notices);
        self.settled();
        if self.are_all_over() {
            let unlisted = std::mem::take(&mut self.common.unlisted_ranges);
            let notice = |range: Arc<DateRange>| Notice::RangeNotListed {
                id: range.id().to_owned(),
            };
            notices.extend(unlisted.into_iter().map(notice));
        }
    }

    /// What the format may look at.
    pub(super) fn view(&self) -> View<'_> {
        View {
            settings: &self.settings,
            renditions: &self.renditions,
            today: self.today,
        }
    }

    fn settled(&mut self) {
        self.slide();
        self.follow();
        self.count_changes();
    }

    fn follow(&mut self) {
        self.format.follow(&View {
            settings: &self.settings,
            renditions: &self.renditions,
            today: self.today,
        });
    }

    /// Gives each manifest that changed a new version.
    pub(super) fn count_changes(&mut self) {
        let view = View {
            settings: &self.settings,
            renditions: &self.renditions,
            today: self.today,
        };
        for (p, it) in self.publications.iter_mut().enumerate() {
            if !it.manifest.names_segments() {
                let may_change = it.tried == it.version && !it.is_refused;
                if may_change && self.format.is_outdated(p, &view) {
                    it.version += 1;
                }
                continue;
            }
            let covered = || it.manifest.covers.iter().map(|r| &self.renditions[*r]);
            let counted = Counted {
                end: covered().map(Rendition::end).sum(),
                ended: covered().filter(|it| it.has_ended()).count(),
                ranges: covered().map(|it| it.ranges.announced()).sum(),
            };
            let has_entries = covered().any(|it| !it.entries.is_empty());
            if has_entries && counted != it.counted {
                it.version += 1;
            }
            it.counted = counted;
        }
    }

    /// Reports a name that another file still needs, or needed when the new one was stored.
    fn check_name(
        &mut self,
        r: usize,
        item: &Result<ProducedSegment, WriteError>,
        notices: &mut Vec<Notice>,
    ) {
        let p = self.publication_of(r);
        self.publications[p].names.next_push();
        let Ok(segment) = item else {
            // Nothing was stored.
            return;
        };
        let hint = segment.path_hint.as_deref();
        let Some(file) = hint.and_then(|hint| uri::plain(hint).ok()) else {
            return;
        };
        let is_gone = |it: &Rendition| it.retired.has(&file) || it.retiring.has(&file);
        let waits = self.publications.iter().any(|it| {
            let retention = it.retention.as_ref();
            retention.is_some_and(|it| it.waits(&file))
        }) || self.renditions.iter().any(is_gone);
        // An initialisation segment may do this, see `Notice::NameInUse`.
        let is_listed = !segment.is_init && self.renditions.iter().any(|it| it.names(&file));
        let names = &mut self.publications[p].names;
        if waits {
            names.reused.insert(file.clone());
        }
        if waits || is_listed || names.may_be_gone(&file) {
            names.was_reused();
            notices.push(Notice::NameReused {
                sequence: segment.sequence,
                path: file,
            });
        }
    }

    /// Whether any manifest names the file, or any that may stand now.
    pub(crate) fn may_name(&self, file: &Path) -> bool {
        self.renditions.iter().any(|it| it.may_name(file))
            || self.publications.iter().any(|it| it.standing.has(file))
    }

    /// Whether the manifest has ended, with all that it covers.
    pub(crate) fn has_ended(&self, p: usize) -> bool {
        let mut covered = self.publications[p].manifest.covers.iter();
        covered.all(|r| self.renditions[*r].has_ended())
    }

    pub(crate) fn is_at_the_end(&self) -> bool {
        self.settings.extent == Extent::AtTheEnd
    }

    pub(crate) fn are_all_over(&self) -> bool {
        self.renditions.iter().all(Rendition::is_over)
    }

    /// Takes over the pending deletions of an earlier manifest of the same name.
    pub(crate) fn take_over(&mut self, r: usize, state: State, now: Duration) {
        let p = self.publication_of(r);
        let since = Moment {
            media: self.renditions[r].media_time,
            clock: now,
        };
        let files = state.retired().map(Retired::file);
        let used = files.filter(|file| self.may_name(file));
        let used: Vec<_> = used.map(Path::to_path_buf).collect();
        let it = &mut self.publications[p];
        it.names.reused.extend(used);
        it.adopt(state, since);
        // The numbers of the new manifest have other lengths.
        it.size_parts.give_up();
    }

    /// The manifests that have a version which nobody has tried to publish.
    pub(crate) fn due(&self) -> Vec<usize> {
        let all = 0..self.publications.len();
        all.filter(|p| self.is_due(*p)).collect()
    }
}
