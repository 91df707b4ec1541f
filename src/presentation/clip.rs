//! Clips: manifests of a part of the timeline, which name its files and pin them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::core::Core;
use super::driver::Action;
use super::format::{Format, Manifest, View};
use super::notice::Notice;
use super::pins::{Cut, Pins, beside, clip_path};
use super::publication::Publication;
use super::rendition::Rendition;
use super::retention::Moment;
use super::time::from_duration;
use crate::error::SinkError;
use crate::sink::ObjectKind;

mod section;

/// The part of the timeline that a clip is to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Section {
    Dates(Range<SystemTime>),
    /// The end of what is listed.
    Last(Duration),
    Numbers(Range<u64>),
}

/// A document of a clip that is to be written.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The manifest that it is a clip of.
    pub(crate) publication: usize,
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// Why a clip cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoClip {
    /// The dates of a presentation that has none.
    Undated,
    /// Nothing is listed there.
    Nothing,
    /// There is one of that name.
    Exists,
    /// The target duration is not known yet.
    NotYet,
    /// The format cannot express it.
    Text,
    /// The manifests go to an origin.
    AtOrigin,
}

impl<F: Format> Core<F> {
    /// Cuts a clip out of all renditions, and pins its files. The side files are to be written
    /// before its manifests.
    pub(crate) fn clip(
        &mut self,
        r: usize,
        section: &Section,
        name: &str,
        until: Option<SystemTime>,
    ) -> Result<(Cut, Vec<Planned>), NoClip> {
        self.start();
        if self.settings.target_secs.is_none() {
            return Err(NoClip::NotYet);
        }
        if self.publications.iter().any(|it| it.port.is_some()) {
            return Err(NoClip::AtOrigin);
        }
        let cut = self.cut(r, section, name)?;
        let mut planned = Vec::new();
        for p in 0..self.publications.len() {
            let manifest = &self.publications[p].manifest;
            if manifest.is_beside() {
                // A clip is for players of the format that keeps the segments.
                continue;
            }
            let path = clip_path(&manifest.path, name);
            let exists = |it: &Pins| it.name == name && it.has_landed;
            if self.publications[p].clips.iter().any(exists) {
                return Err(NoClip::Exists);
            }
            let is_taken = |it: &Rendition| {
                it.path == path || it.reserved.contains(&path) || it.may_name(&path)
            };
            if self.renditions.iter().any(is_taken) {
                return Err(NoClip::Exists);
            }
            if manifest.state().is_some() && !self.lists_any(manifest, &cut.numbers) {
                continue;
            }
            let view = View {
                settings: &self.settings,
                renditions: &self.renditions,
                today: self.today,
            };
            let bytes = self.format.clip(p, &view, &cut);
            planned.push(Planned {
                publication: p,
                path,
                bytes: bytes.map_err(|_| NoClip::Text)?,
            });
        }
        // What names others comes last.
        planned.sort_by_key(|it| self.publications[it.publication].manifest.state().is_none());
        for it in &planned {
            let pins = self.pins(it, &cut, until);
            // It may be there from an attempt that failed.
            self.unpin(it.publication, name);
            self.publications[it.publication].pin(pins);
        }
        Ok((cut, planned))
    }

    fn lists_any(&self, manifest: &Manifest, numbers: &Range<u64>) -> bool {
        let mut covered = manifest.covers.iter().map(|r| &self.renditions[*r]);
        covered.any(|it| it.media_sequence < numbers.end && it.end() > numbers.start)
    }

    /// The numbers of a section, by the rendition that asks.
    fn cut(&self, r: usize, section: &Section, name: &str) -> Result<Cut, NoClip> {
        let it = self.renditions.get(r).ok_or(NoClip::Nothing)?;
        let (numbers, in_point) = match section {
            Section::Numbers(numbers) => {
                let numbers = numbers.start.max(it.media_sequence)..numbers.end.min(it.end());
                (numbers, Duration::ZERO)
            }
            Section::Last(duration) => it.last_numbers(from_duration(*duration)),
            Section::Dates(dates) => it.numbers_of(dates).ok_or(NoClip::Undated)?,
        };
        if numbers.is_empty() {
            return Err(NoClip::Nothing);
        }
        Ok(Cut {
            numbers,
            in_point,
            name: name.to_owned(),
        })
    }

    fn pins(&self, planned: &Planned, cut: &Cut, until: Option<SystemTime>) -> Pins {
        let publication = &self.publications[planned.publication];
        let mut pins = Pins {
            name: cut.name.clone(),
            until,
            stays: 0,
            files: BTreeSet::new(),
            has_landed: false,
            is_gone: false,
        };
        if publication.manifest.state().is_none() {
            return pins;
        }
        for r in &publication.manifest.covers {
            let (mut total, mut longest) = (0, 0);
            for entry in self.renditions[*r].section(&cut.numbers) {
                total += entry.micros;
                longest = longest.max(entry.micros);
                pins.files.extend(entry.files().cloned());
            }
            pins.stays = pins.stays.max(total + longest);
        }
        pins
    }

    /// Ends the pins of a clip. Those of its files that wait do so anew, because a client of the
    /// clip may need them (RFC 8216 §6.2.2).
    fn unpin(&mut self, p: usize, name: &str) {
        let covered = self.publications[p].manifest.covers.iter();
        let media = covered.map(|r| self.renditions[*r].media_time).min();
        let since = Moment {
            media: media.unwrap_or_default(),
            clock: self.now,
        };
        self.publications[p].unpin(name, since);
    }

    /// Has the manifests of a clip deleted. `false` if there is none of this name.
    pub(crate) fn release_clip(&mut self, name: &str) -> bool {
        let mut is_known = false;
        for it in &mut self.publications {
            for clip in it.clips.iter_mut().filter(|clip| clip.name == name) {
                clip.until = Some(SystemTime::UNIX_EPOCH);
                is_known = true;
            }
        }
        is_known
    }

    /// A manifest that names others has no side file. Its clips are those of the others.
    pub(super) fn name_clips(&mut self) {
        let mut clips: Vec<Pins> = Vec::new();
        for clip in self.publications.iter().flat_map(|it| &it.clips) {
            if !clips.iter().any(|it| it.name == clip.name) {
                clips.push(Pins {
                    name: clip.name.clone(),
                    until: clip.until,
                    has_landed: true,
                    ..Pins::default()
                });
            }
        }
        let is_index = |it: &&mut Publication| it.manifest.is_index();
        for it in self.publications.iter_mut().filter(is_index) {
            it.clips.extend(clips.iter().cloned());
        }
    }

    /// The names of the clips that were not released.
    pub(crate) fn clips(&self) -> Vec<String> {
        let mut names = Vec::new();
        for clip in self.publications.iter().flat_map(|it| &it.clips) {
            if !names.contains(&clip.name) {
                names.push(clip.name.clone());
            }
        }
        names
    }

    /// The manifest of a clip that is over: of this manifest, or of one that names others and has
    /// no side file.
    fn clip_that_is_over(&self, p: usize) -> Option<(usize, &Pins)> {
        let is_index = |p: &usize| self.publications[*p].manifest.is_index();
        let index = (0..self.publications.len()).find(is_index);
        let mut clips = index.into_iter().chain([p]).flat_map(|p| {
            let clips = self.publications[p].clips.iter();
            clips.map(move |clip| (p, clip))
        });
        clips.find(|(_, clip)| clip.is_over(self.today))
    }

    /// The next deletion for a clip that is over: its manifest, and then the list of its files.
    pub(super) fn clip_deletion(&self, p: usize) -> Option<Action> {
        let job = self.publications[p].job.as_ref()?;
        job.request.deletion?;
        if job.clips_failed {
            return None;
        }
        let (of, clip) = self.clip_that_is_over(p)?;
        let manifest = &self.publications[of].manifest;
        if !clip.is_gone {
            let path = clip_path(&manifest.path, &clip.name);
            return Some(Action::delete(path, ObjectKind::Manifest));
        }
        let path = beside(manifest.state()?, &clip.word());
        Some(Action::delete(path, ObjectKind::State))
    }

    pub(super) fn clip_deleted(&mut self, p: usize, result: Result<(), SinkError>) {
        let found = self.clip_that_is_over(p);
        let Some((of, name)) = found.map(|(of, clip)| (of, clip.name.clone())) else {
            return;
        };
        match result {
            Ok(()) => self.clip_is_gone(of, &name),
            Err(error) => {
                let Some(job) = &mut self.publications[p].job else {
                    return;
                };
                // The next push tries again.
                job.clips_failed = true;
                job.outcome.notices.push(Notice::NotDeleted(error));
            }
        }
    }

    fn clip_is_gone(&mut self, of: usize, name: &str) {
        let it = &mut self.publications[of];
        let has_list = it.manifest.state().is_some() && it.retention.is_some();
        let clip = it.clips.iter_mut().find(|clip| clip.name == name);
        if let Some(clip) = clip
            && !std::mem::replace(&mut clip.is_gone, true)
            && has_list
        {
            // Its list is the next.
            return;
        }
        self.unpin(of, name);
    }
}
