//! The work on one manifest, step by step: the side file first, then the manifest, then deletions.
//!
//! A crash between the first two leaves a file noted twice, and none forgotten. If a write finds no
//! space, deletions take turns with it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::core::Core;
use super::driver::{Action, Document};
use super::fingerprint::Fingerprints;
use super::format::{Format, ManifestKind, View};
use super::job::{Job, Outcome, Phase, Rendered, Request, Write};
use super::publication::Publication;
use super::retention::Moment;
use super::time::whole_seconds_above;
use crate::error::SinkError;
use crate::sink::ObjectKind;

impl<F: Format> Core<F> {
    /// Whether the manifest can be published now.
    pub(crate) fn is_publishable(&self, p: usize) -> bool {
        let publication = &self.publications[p];
        let mut covered = publication.manifest.covers.iter();
        match publication.manifest.kind {
            ManifestKind::Index => {
                let are_published = covered.all(|r| {
                    let of = |it: &&Publication| {
                        it.manifest.state().is_some() && it.manifest.covers.contains(r)
                    };
                    let found = self.publications.iter().find(of);
                    found.is_some_and(Publication::has_landed)
                });
                // At the end the format says what it lacks, unless the manifest of an earlier session
                // stands.
                let is_the_end = self.are_all_over() && !self.common.is_resumed;
                are_published && (is_the_end || self.format.is_ready(p, &self.view()))
            }
            ManifestKind::Segments { .. } | ManifestKind::Beside => {
                let has_entries = covered.any(|r| !self.renditions[*r].entries.is_empty());
                has_entries
                    && (!self.is_at_the_end() || self.are_all_over())
                    && self.format.is_ready(p, &self.view())
            }
        }
    }

    /// Whether the manifest has a version that nobody has tried to publish. A manifest that names
    /// others has no rendition that would publish it again, so it is due until it has landed, or
    /// the format has refused this version.
    pub(crate) fn is_due(&self, p: usize) -> bool {
        let it = &self.publications[p];
        let is_due = match it.manifest.kind {
            ManifestKind::Index | ManifestKind::Beside => it.is_unpublished() && !it.has_no_text(),
            ManifestKind::Segments { .. } => it.version > it.tried,
        };
        is_due && self.is_publishable(p)
    }

    /// Begins the work on a manifest; `false` if another thread is at it, which then publishes the
    /// newest version as well.
    pub(crate) fn claim(&mut self, p: usize, mut request: Request) -> bool {
        let it = &self.publications[p];
        if it.job.is_some() {
            return false;
        }
        if request.write == Write::Manifest && !(it.is_unpublished() && self.is_publishable(p)) {
            request.write = Write::Nothing;
        }
        self.publications[p].job = Some(Job::new(request));
        true
    }

    /// The next thing to do for a manifest that was claimed. Its result goes to
    /// [`done`](Core::done). Without one the work is [over](Core::release).
    pub(crate) fn next_action(&mut self, p: usize, now: Duration) -> Option<Action> {
        loop {
            let job = self.publications[p].job.as_mut()?;
            if job.room.as_ref().is_some_and(|room| room.is_deleting) {
                if let Some(action) = self.make_room(p, now) {
                    return Some(action);
                }
                continue;
            }
            let (next, action) = match job.phase {
                Phase::OldState => (Phase::Render, self.old_state(p)),
                Phase::Render => (self.render(p), None),
                Phase::State => (Phase::Manifest, self.state(p)),
                Phase::Manifest => (Phase::Delete, self.manifest(p)),
                Phase::Delete => {
                    let clip = self.clip_deletion(p);
                    self.job(p)?.deletes_clip = clip.is_some();
                    let part = clip.or_else(|| self.part_deletion(p));
                    let action = part.or_else(|| self.next_deletion(p, now));
                    (Phase::EndState, action)
                }
                Phase::EndState => (Phase::Over, self.end_state(p)),
                Phase::Over => {
                    let it = &self.publications[p];
                    let is_newer = it.version > it.tried && self.is_publishable(p);
                    if !is_newer {
                        let over = self.over_quota(p);
                        self.job(p)?.outcome.notices.extend(over);
                        return None;
                    }
                    // It has changed meanwhile, by another thread.
                    let job = self.publications[p].job.as_mut()?;
                    job.request.write = Write::Manifest;
                    job.phase = Phase::OldState;
                    continue;
                }
            };
            if action.is_some() {
                return action;
            }
            if let Some(job) = &mut self.publications[p].job {
                job.phase = next;
            }
        }
    }

    /// Takes the result of an action.
    pub(crate) fn done(
        &mut self,
        p: usize,
        action: Action,
        result: Result<(), SinkError>,
        now: Duration,
    ) {
        let Some(job) = &mut self.publications[p].job else {
            return;
        };
        let is_making_room = job.room.as_ref().is_some_and(|room| room.is_deleting);
        match (action, job.phase) {
            (Action::Put(document), Phase::State) => self.state_done(p, document, result, now),
            (Action::Put(document), Phase::EndState) => {
                self.last_state_done(p, document, result);
            }
            (Action::Put(document), _) => self.manifest_done(p, document, result, now),
            (Action::Delete { path, .. }, _) if is_making_room => {
                self.deleted(p, path, result);
            }
            (Action::Delete { .. }, Phase::Delete) if job.deletes_clip => {
                self.clip_deleted(p, result);
            }
            (
                Action::Delete {
                    object: ObjectKind::State,
                    ..
                },
                Phase::Delete,
            ) => self.part_deleted(p, result),
            (Action::Delete { path, .. }, Phase::Delete) => self.deleted(p, path, result),
            (Action::Delete { .. }, Phase::OldState) => self.old_state_deleted(p, result),
            (Action::Delete { .. }, _) => self.end_state_deleted(p, result),
        }
    }

    /// Ends the work on a manifest.
    pub(crate) fn release(&mut self, p: usize) -> Outcome {
        let job = self.publications[p].job.take();
        job.map(|job| job.outcome).unwrap_or_default()
    }

    pub(super) fn job(&mut self, p: usize) -> Option<&mut Job> {
        self.publications[p].job.as_mut()
    }

    fn render(&mut self, p: usize) -> Phase {
        let text = self.text(p);
        let it = &mut self.publications[p];
        let Some(job) = &mut it.job else {
            return Phase::Over;
        };
        match text {
            Ok(mut text) => {
                job.outcome.notices.append(&mut text.notices);
                job.text = Some(text);
                Phase::State
            }
            Err(cause) => {
                let error = SinkError::from(cause).with_path(&it.manifest.path);
                job.outcome.errors.push(error);
                Phase::Delete
            }
        }
    }

    /// Makes the text. What is listed in it is fixed from here on.
    pub(super) fn text(&mut self, p: usize) -> io::Result<Rendered> {
        if self.settings.target_secs.is_none() {
            self.settle_target();
        }
        let view = View {
            settings: &self.settings,
            renditions: &self.renditions,
            today: self.today,
        };
        let text = self.format.render(p, &view);
        let it = &mut self.publications[p];
        it.tried = it.version;
        it.is_refused = text.is_err();
        it.standing.is_replaced(it.version);
        let text = text?;
        let fingerprint = Fingerprints::of(it.rolling.next(&text.bytes, text.kept));
        it.texts.add(&fingerprint);
        let mut number = 0;
        for r in &it.manifest.covers {
            let rendition = &mut self.renditions[*r];
            number = number.max(rendition.end());
            if it.manifest.state().is_some() {
                rendition.about_to_list = Some((rendition.end(), rendition.total()));
                rendition.ranges.were_rendered();
                rendition.retiring.add(it.version, &mut rendition.retired);
            }
        }
        Ok(Rendered {
            bytes: text.bytes,
            version: it.version,
            fingerprint,
            number,
            notices: text.notices,
        })
    }

    fn manifest(&mut self, p: usize) -> Option<Action> {
        let it = &mut self.publications[p];
        let job = it.job.as_mut()?;
        let attempt = job.attempt;
        let text = job.text.as_mut()?;
        let bytes = std::mem::take(&mut text.bytes);
        let version = text.version;
        let path = it.manifest.path.clone();
        // A client may have seen the text even if the write fails.
        self.listed(p);
        Some(Action::Put(Document {
            path,
            bytes,
            object: ObjectKind::Manifest,
            version,
            attempt,
        }))
    }

    /// The text that was made last may be seen from now on.
    pub(super) fn listed(&mut self, p: usize) {
        let it = &self.publications[p];
        for r in &it.manifest.covers {
            let rendition = &mut self.renditions[*r];
            if it.manifest.state().is_some()
                && let Some((end, total)) = rendition.about_to_list
            {
                rendition.was_listed(end, total);
            }
        }
    }

    fn manifest_done(
        &mut self,
        p: usize,
        document: Document,
        result: Result<(), SinkError>,
        now: Duration,
    ) {
        let Err(error) = result else {
            self.was_published(p, document.version, now);
            return self.written(p, Phase::Delete);
        };
        if let Some(text) = self.job(p).and_then(|job| job.text.as_mut()) {
            text.bytes = document.bytes;
        }
        self.not_written(p, error, now);
    }

    /// Files that are no longer listed begin to wait.
    fn was_published(&mut self, p: usize, version: u64, now: Duration) {
        let it = &mut self.publications[p];
        let Some(text) = it.job.as_mut().and_then(|job| job.text.take()) else {
            return;
        };
        it.landed = version;
        it.texts = text.fingerprint;
        self.stands(p, version, text.number, now);
    }

    /// A version that lists up to this number is the one at the destination.
    pub(super) fn stands(&mut self, p: usize, version: u64, number: u64, now: Duration) {
        let it = &mut self.publications[p];
        it.published.number = number;
        if it.manifest.is_beside() {
            return self.beside_landed(p, version, now);
        }
        if it.manifest.state().is_none() {
            return;
        }
        let mut left = Vec::new();
        for r in &it.manifest.covers {
            let rendition = &mut self.renditions[*r];
            rendition.about_to_list = None;
            rendition.ranges.were_published();
            it.published.longest = it.published.longest.max(rendition.longest_published);
            let since = Moment {
                media: rendition.media_time,
                clock: now,
            };
            let retired = rendition.retiring.take_until(version);
            left.extend(retired.iter().map(|it| it.file().to_path_buf()));
            if let Some(retention) = &mut it.retention {
                retention.add(retired, since);
            }
        }
        if it.version == it.landed {
            self.forget_reused(p);
        }
        self.stand_beside(&left);
    }

    fn forget_reused(&mut self, p: usize) {
        let it = &mut self.publications[p];
        // The published manifest lists a reused name, so a later session knows it. Only the side
        // file knows an initialisation segment that no entry has needed yet.
        let renditions = || it.manifest.covers.iter().map(|r| &self.renditions[*r]);
        let listed = |file: &PathBuf| renditions().any(|it| it.entries.names(file));
        for file in it.names.reused.extract_if(listed) {
            if let Some(retention) = &mut it.retention {
                retention.done(&file);
            }
        }
        let named = |file: &PathBuf| renditions().any(|it| it.names(file));
        it.names.reused.retain(named);
    }

    pub(super) fn written(&mut self, p: usize, next: Phase) {
        let Some(job) = self.job(p) else { return };
        let room = job.room.take();
        job.outcome.overcome.extend(room.map(|room| room.error));
        job.attempt = 1;
        if next == Phase::Delete {
            // A newer version made up for it.
            let errors = &mut job.outcome.errors;
            job.outcome.overcome.append(errors);
        }
        job.phase = match (next, job.request.write) {
            (Phase::Manifest, Write::State) => Phase::Delete,
            (next, _) => next,
        };
    }

    /// The target duration of a manifest that is published at the end: its longest segment.
    fn settle_target(&mut self) {
        let longest = self.renditions.iter().map(|it| {
            let listed = it.entries.iter().map(|entry| entry.micros).max();
            listed.unwrap_or_default().max(it.longest_lost)
        });
        let longest = longest.max().unwrap_or_default();
        self.settings.target_secs = Some(whole_seconds_above(longest).max(1));
        let target = self.settings.target().unwrap_or_default();
        self.renditions
            .iter_mut()
            .for_each(|it| it.measure_all(target));
    }
}
