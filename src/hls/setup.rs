//! Sets up a presentation: new renditions, and those that resume a playlist.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::config::{MediaPlaylist, quoted};
use super::format::{Hls, Playlist, STATE_HEADER, is_taken};
use super::parse::{Parsed, parse};
use super::previous::Previous;
use crate::internal::sync::{MutexGuard, lock};
use crate::presentation::core::Core;
use crate::presentation::driver::inline::Shared;
use crate::presentation::error::{Refusal, ResumeError, ResumeErrorKind};
use crate::presentation::fingerprint::Fingerprints;
use crate::presentation::format::{Manifest, ManifestKind};
use crate::presentation::journal::{Published, State};
use crate::presentation::publisher::{Clock, Handle};
use crate::presentation::rendition::Rendition;
use crate::presentation::retention::Moment;
use crate::presentation::retired::Retired;
use crate::sink::SegmentSink;

/// A presentation whose renditions are not all known yet.
pub(super) struct Setup {
    shared: Arc<Shared<Hls>>,
    /// The names of the manifests beside the playlists.
    pub(crate) beside: Vec<PathBuf>,
    pub(super) playlist: MediaPlaylist,
    pub(super) clock: Clock,
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
        sink: S,
    ) -> io::Result<Handle<Hls, S>> {
        playlist.validate()?;
        let rendition = Rendition::new(playlist.path.clone(), Vec::new());
        let index = self.add(playlist, rendition, None)?;
        Ok(self.handle(index, sink))
    }

    pub(super) fn resume<S: SegmentSink>(
        &self,
        playlist: MediaPlaylist,
        sink: S,
        previous: &Previous,
    ) -> Result<Handle<Hls, S>, ResumeError> {
        let (path, state_path) = (playlist.path.clone(), playlist.state_path());
        let refuse = |refusal: Refusal| ResumeError::new(&path, refusal);
        let parsed = parse(&previous.playlist, &playlist).map_err(refuse)?;
        let state = match &previous.state {
            None => State::default(),
            Some(text) => read_state(text, &state_path)?,
        };
        let configuration = ResumeErrorKind::Configuration;
        let is_valid = playlist.validate();
        is_valid.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))?;
        check(&parsed, previous, &state).map_err(refuse)?;
        let Parsed { rendition, settled } = parsed;
        let target = self.settle(settled.target_secs);
        target.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))?;
        let index = self.add(playlist, rendition, Some(settled.version));
        let index =
            index.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))?;
        self.restore(index, previous, state);
        Ok(self.handle(index, sink))
    }

    /// The target duration of the standing playlists wins, and all share it.
    fn settle(&self, target_secs: u64) -> io::Result<()> {
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

    fn add(
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
        let end = rendition.end();
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
        let orphans = orphans.map(|file| Retired::new(file.clone(), 0));
        let retired: Vec<_> = orphans.chain(state.retired).collect();
        let files: Vec<_> = retired.iter().map(|it| it.file().to_path_buf()).collect();
        it.add_retired(retired, since);
        if let Some(retention) = &mut it.retention {
            retention.spare(|file| rendition.names(file));
        }
        it.resumed(end);
        // The text of an earlier session may name them.
        core.stand_beside(&files);
    }

    fn handle<S: SegmentSink>(&self, index: usize, sink: S) -> Handle<Hls, S> {
        let shared = Arc::clone(&self.shared);
        let clock = Arc::clone(&self.clock);
        Handle::new(shared, index, sink, clock)
    }

    pub(super) fn core(&self) -> MutexGuard<'_, Core<Hls>> {
        lock(&self.shared.core)
    }
}

/// The text is at least the last published one, and not another one than its side file says.
fn check(parsed: &Parsed, previous: &Previous, state: &State) -> Result<(), Refusal> {
    if parsed.rendition.end() < state.published.number {
        return Err(Refusal::new(
            ResumeErrorKind::Damaged,
            "it is truncated: published segments are missing",
        ));
    }
    if !state.texts.may_be(&previous.playlist) {
        return Err(Refusal::new(
            ResumeErrorKind::Damaged,
            "it is truncated, or not the playlist of its side file",
        ));
    }
    Ok(())
}

pub(super) fn read_state(text: &[u8], path: &Path) -> Result<State, ResumeError> {
    let refuse = |why| ResumeError::new(path, Refusal::new(ResumeErrorKind::State, why));
    State::read(STATE_HEADER, text).map_err(refuse)
}

pub(super) fn refuse<T>(why: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, why.to_owned()))
}
