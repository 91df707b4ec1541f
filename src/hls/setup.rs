//! Sets up a presentation: new renditions, and those that resume a playlist.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::config::{MediaPlaylist, STATE_HEADER, quoted};
use super::date_ranges::DateRanges;
use super::format::{Hls, Playlist, is_taken};
use super::parse::{Parsed, parse};
use super::previous::Previous;
use crate::internal::sync::{MutexGuard, lock};
use crate::presentation::clip::Section;
use crate::presentation::clipping::{Made, NotMade};
use crate::presentation::core::Core;
use crate::presentation::driver::inline::{Shared, Sinks};
use crate::presentation::entry::Size;
use crate::presentation::error::{Refusal, ResumeError, ResumeErrorKind};
use crate::presentation::fingerprint::Fingerprints;
use crate::presentation::format::{Manifest, ManifestKind};
use crate::presentation::journal::{Published, State};
use crate::presentation::origin::sealed::Route;
use crate::presentation::pins::beside;
use crate::presentation::publisher::{Clock, Handle, WallClock};
use crate::presentation::rendition::Rendition;
use crate::presentation::retention::Moment;
use crate::presentation::retired::Retired;
use crate::presentation::time::to_duration;
use crate::sink::{SegmentSink, WriteContext};

/// A presentation whose renditions are not all known yet.
pub(super) struct Setup {
    pub(super) shared: Arc<Shared<Hls>>,
    /// The names of the manifests beside the playlists.
    pub(crate) beside: Vec<PathBuf>,
    pub(super) playlist: MediaPlaylist,
    pub(super) clock: Clock,
    pub(super) wall_clock: WallClock,
}

impl Setup {
    pub(super) fn new(playlist: MediaPlaylist) -> Self {
        let start = Instant::now();
        let core = Core::new(Hls::default(), playlist.settings());
        Self {
            shared: Arc::new(Shared::new(core)),
            beside: Vec::new(),
            playlist,
            clock: Arc::new(move || start.elapsed()),
            wall_clock: Arc::new(SystemTime::now),
        }
    }

    pub(super) fn own_names(&self) -> Vec<PathBuf> {
        let core = self.core();
        let media = core.format.playlists.iter();
        let media = media.flat_map(|it| it.config.own_names());
        let main = core.format.multivariant.iter();
        main.map(|it| it.path().to_path_buf())
            .chain(media)
            .chain(self.beside.iter().cloned())
            .collect()
    }

    pub(super) fn rendition<S: SegmentSink>(
        &self,
        playlist: MediaPlaylist,
        route: Route<S>,
    ) -> io::Result<Handle<Hls, S>> {
        playlist.validate()?;
        let mut rendition = Rendition::new(playlist.path.clone(), Vec::new());
        rendition.media_sequence = playlist.first_sequence.unwrap_or_default();
        let index = self.add(playlist, rendition, None)?;
        self.handle(index, route)
    }

    pub(super) fn resume<S: SegmentSink>(
        &self,
        mut playlist: MediaPlaylist,
        route: Route<S>,
        previous: &Previous,
    ) -> Result<Handle<Hls, S>, ResumeError> {
        let (path, state_path) = (playlist.path.clone(), playlist.state_path());
        let refuse = |refusal: Refusal| ResumeError::new(&path, refusal);
        let parsed = parse(&previous.playlist, &playlist).map_err(refuse)?;
        let mut state = match &previous.state {
            None => State::default(),
            Some(text) => read_state(text, &state_path, previous)?,
        };
        let configuration = ResumeErrorKind::Configuration;
        let is_valid = playlist.validate();
        is_valid.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))?;
        check(&parsed, previous, &mut state).map_err(refuse)?;
        let ranges = self.core().resume_ranges(&parsed.rendition);
        ranges.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))?;
        let Parsed { rendition, fixed } = parsed;
        playlist.start = fixed.start;
        let target = self.agree_on_target(fixed.target_secs);
        target.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))?;
        let index = self.add(playlist, rendition, Some(fixed.version));
        let index =
            index.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))?;
        self.restore(index, previous, state);
        let handle = self.handle(index, route);
        handle.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))
    }

    /// The target duration of the standing playlists wins, and all share it.
    fn agree_on_target(&self, target_secs: u64) -> io::Result<()> {
        let mut core = self.core();
        let is_first = core.format.playlists.is_empty();
        match core.settings.target_secs {
            Some(other) if other != target_secs && !is_first => {
                drop(core);
                refuse(&format!(
                    "its target duration is {target_secs} s, but that of the other playlists is {other} s"
                ))
            }
            _ => {
                core.settings.target_secs = Some(target_secs);
                Ok(())
            }
        }
    }

    pub(super) fn add(
        &self,
        playlist: MediaPlaylist,
        mut rendition: Rendition,
        version: Option<u64>,
    ) -> io::Result<usize> {
        let taken = self.own_names();
        if let Some(own) = playlist.own_names().iter().find(|it| is_taken(it, &taken)) {
            return refuse(&format!(
                "another playlist of the presentation has the path {}",
                quoted(own)
            ));
        }
        let mut core = self.core();
        if core.has_started {
            drop(core);
            return refuse("all renditions must be known before the first push");
        }
        let own = playlist.own_names();
        for other in &mut core.renditions {
            other.reserved.extend(own.iter().cloned());
        }
        rendition.reserved = taken;
        rendition.reserved.extend(own);
        let index = core.renditions.len();
        core.add_manifest(Manifest {
            path: playlist.path.clone(),
            covers: vec![index],
            kind: ManifestKind::Segments {
                state: playlist.state_path(),
                state_header: STATE_HEADER,
            },
        });
        let others = core.publications.iter_mut();
        for it in others.filter(|it| it.manifest.state().is_none()) {
            it.manifest.covers.push(index);
        }
        core.format.playlists.push(Playlist::new(playlist, version));
        core.renditions.push(rendition);
        Ok(index)
    }

    /// Takes over what the side file says.
    fn restore(&self, index: usize, previous: &Previous, state: State) {
        let now = (self.clock)();
        let mut core = self.core();
        let p = core.publication_of(index);
        let core = &mut *core;
        let rendition = &mut core.renditions[index];
        let (end, ranges) = (rendition.end(), rendition.ranges.announced());
        if core.settings.counts_bytes() {
            set_sizes(rendition, &state);
        }
        rendition.was_listed(end, state.published.longest);
        let it = &mut core.publications[p];
        it.texts = Fingerprints::only(&previous.playlist);
        it.may_have_old_state &= previous.state.is_some();
        it.published = Published {
            number: end,
            longest: rendition.longest_published,
        };
        let since = Moment {
            media: 0,
            clock: now,
        };
        let orphans = previous.orphans.iter();
        let orphans: Vec<_> = orphans.map(|file| Retired::new(file.clone(), 0)).collect();
        it.adopt(state, since);
        it.add_retired(orphans, since);
        if let Some(retention) = &mut it.retention {
            retention.spare(|file| rendition.names(file));
        }
        it.resumed(end, ranges);
        let files: Vec<_> = it.files_waiting().map(Path::to_path_buf).collect();
        // The text of an earlier session may name them.
        core.stand_beside(&files);
    }

    /// Makes a clip through a sink of its own.
    pub(super) fn clip<S: SegmentSink>(
        &self,
        section: &Section,
        name: &str,
        until: Option<SystemTime>,
        mut sink: S,
    ) -> Result<Made, NotMade> {
        let (now, wall) = ((self.clock)(), (self.wall_clock)());
        let mut core = self.core();
        core.begin_call(now, wall);
        let target = core.settings.target().unwrap_or_default();
        drop(core);
        let mut sinks = Sinks {
            sink: &mut sink,
            state: None,
            context: &WriteContext::default(),
            target: to_duration(target),
            clock: &*self.clock,
        };
        self.shared.clip(0, section, name, until, &mut sinks)
    }

    pub(super) fn date_ranges(&self) -> DateRanges {
        DateRanges::of(Arc::clone(&self.shared))
    }

    /// # Errors
    ///
    /// Some renditions go to origins and others through sinks, or the thread of an origin cannot be
    /// started. The presentation is of no use then.
    fn handle<S: SegmentSink>(&self, index: usize, route: Route<S>) -> io::Result<Handle<Hls, S>> {
        let core = self.core();
        let first = &core.publications[core.publication_of(0)];
        let is_like_the_first = matches!(route, Route::Origin(_)) == first.port.is_some();
        drop(core);
        if index > 0 && !is_like_the_first {
            return refuse("of a presentation all playlists go to origins, or none");
        }
        let shared = Arc::clone(&self.shared);
        let clock = Arc::clone(&self.clock);
        let mut handle = Handle::new(shared, index, route, clock)?;
        handle.set_wall_clock(Arc::clone(&self.wall_clock));
        Ok(handle)
    }

    pub(super) fn core(&self) -> MutexGuard<'_, Core<Hls>> {
        lock(&self.shared.core)
    }
}

/// Sets the lengths of listed files. The side file is written first, so what it has for deletion
/// may be listed still.
fn set_sizes(rendition: &mut Rendition, state: &State) {
    let first = rendition.media_sequence;
    let sizes: HashMap<u64, Size> = state.sizes.iter().copied().collect();
    let retired: HashMap<&Path, u64> = state.retired().map(|it| (it.file(), it.bytes())).collect();
    let bytes = |file: &Path| retired.get(file).copied().unwrap_or_default();
    rendition.entries.set_sizes(|place, entry| {
        let known = sizes.get(&(first + place as u64)).copied();
        known.unwrap_or_else(|| Size {
            segment: entry.file().map_or(0, |file| bytes(file)),
            map: entry
                .initialisation
                .as_ref()
                .map_or(0, |map| bytes(&map.file)),
        })
    });
}

/// The text is at least the last published one, and one that its side file knows.
///
/// At an origin an older side file may come back. A text that goes further than all that it knows
/// is a newer one, and what the side file says is still true. The files that left since are among
/// those that it calls the next ones.
fn check(parsed: &Parsed, previous: &Previous, state: &mut State) -> Result<(), Refusal> {
    if parsed.rendition.end() < state.published.number {
        return Err(Refusal::new(
            ResumeErrorKind::Damaged,
            "it is truncated: published segments are missing",
        ));
    }
    let leaving = std::mem::take(&mut state.leaving);
    if !state.texts.may_be(&previous.playlist) {
        let reach = parsed.rendition.reach();
        if state.newest.is_some_and(|newest| newest < reach) {
            state.retired.extend(leaving);
            return Ok(());
        }
        return Err(Refusal::new(
            ResumeErrorKind::Damaged,
            "it is truncated, or not the playlist of its side file",
        ));
    }
    Ok(())
}

pub(super) fn read_state(
    text: &[u8],
    path: &Path,
    previous: &Previous,
) -> Result<State, ResumeError> {
    let part = |word: &str| previous.parts.get(&beside(path, word)).map(Vec::as_slice);
    State::read(STATE_HEADER, text, part).map_err(|(part, why)| {
        let path = part.map_or_else(|| path.to_path_buf(), |word| beside(path, &word));
        ResumeError::new(path, Refusal::new(ResumeErrorKind::State, why))
    })
}

pub(super) fn refuse<T>(why: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, why.to_owned()))
}
