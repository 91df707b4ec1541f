//! HLS as a format of a presentation.

use std::io;
use std::path::Path;

use super::config::MediaPlaylist;
use super::key;
use super::multivariant::{Listed, MultivariantPlaylist, Shared};
use super::render::{Kept, Settled, render};
use super::tags::{self, TagError, TagErrorKind};
use crate::presentation::beside::Beside;
use crate::presentation::config::Dates;
use crate::presentation::format::{Format, Refused, Stored, Text, Unlistable, View};
use crate::presentation::time::{Micros, SECOND};

/// The first line of a side file.
pub(crate) const STATE_HEADER: &str = "#segment-stream-hls-state:1";

/// The media playlists of a presentation, and the multivariant one.
#[derive(Debug, Default)]
pub(crate) struct Hls {
    pub(crate) playlists: Vec<Playlist>,
    /// Its manifest comes before those of the playlists.
    pub(crate) multivariant: Option<MultivariantPlaylist>,
    /// Their manifests stand between that one and those of the playlists.
    pub(crate) beside: Beside,
}

#[derive(Debug)]
pub(crate) struct Playlist {
    pub(crate) config: MediaPlaylist,
    /// Fixed with the first segment: 3 for fractional durations, 5 for key formats, 6 for EXT-X-MAP
    /// (RFC 8216 §7), and no higher than needed.
    pub(crate) version: Option<u64>,
    kept: Kept,
}

impl Playlist {
    pub(crate) fn new(config: MediaPlaylist, version: Option<u64>) -> Self {
        Self {
            config,
            version,
            kept: Kept::default(),
        }
    }

    fn allows_version_5(&self) -> bool {
        self.version.is_none_or(|version| version >= 5)
    }
}

/// Lines for a segment, by what they are.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) keys: Vec<String>,
    pub(crate) tags: Vec<String>,
}

impl Hls {
    /// Sorts lines for the next segment. All are taken, or none.
    pub(crate) fn sort<'a>(
        &self,
        rendition: usize,
        lines: impl IntoIterator<Item = &'a str>,
        is_dated: bool,
    ) -> Result<Lines, TagError> {
        let mut sorted = Lines::default();
        for line in lines {
            match tags::check(line)? {
                tags::Kind::Key => sorted.keys.push(self.key(rendition, line)?),
                tags::Kind::WithDates if !is_dated => {
                    let why = "it needs a playlist with dates";
                    return Err(TagError::new(line, TagErrorKind::Playlist, why));
                }
                tags::Kind::OfSegment | tags::Kind::WithDates => {
                    sorted.tags.push(line.to_owned());
                }
            }
        }
        sorted.keys = key::plain(sorted.keys);
        Ok(sorted)
    }

    fn key(&self, rendition: usize, line: &str) -> Result<String, TagError> {
        let playlist = self.playlists.get(rendition);
        let is_allowed = playlist.is_none_or(Playlist::allows_version_5);
        if key::takes_version_5(line) && !is_allowed {
            let why = "KEYFORMAT needs version 5, and the playlist's lower version is fixed";
            return Err(TagError::new(line, TagErrorKind::Playlist, why));
        }
        Ok(key::kept(line))
    }

    fn main(&self, playlist: &MultivariantPlaylist, view: &View<'_>) -> io::Result<Text> {
        let shared = Shared {
            target_secs: view.settings.target_secs.unwrap_or_default(),
            has_dates: view.settings.dates != Dates::None,
            // They agree in every number that both list.
            discontinuities: 0,
        };
        let listed: Vec<_> = self
            .playlists
            .iter()
            .map(|it| Listed {
                path: it.config.path(),
                shared,
            })
            .collect();
        let (bytes, notices) = playlist.text(&listed)?;
        for notice in &notices {
            playlist.log(notice);
        }
        Ok(Text { bytes, kept: 0 })
    }
}

fn refused(error: &TagError) -> Refused {
    Refused {
        line: error.line().to_owned(),
        why: error.why(),
    }
}

impl Format for Hls {
    fn render(&mut self, manifest: usize, view: &View<'_>) -> io::Result<Text> {
        if let Some(text) = self.beside.render(manifest, view) {
            return text;
        }
        let first = usize::from(self.multivariant.is_some()) + self.beside.count();
        let Some(rendition) = manifest.checked_sub(first) else {
            return match &self.multivariant {
                Some(playlist) => self.main(playlist, view),
                None => Ok(Text::default()),
            };
        };
        let playlist = &mut self.playlists[rendition];
        let settled = Settled {
            version: playlist.version.unwrap_or(3),
            target_secs: view.settings.target_secs.unwrap_or(1),
        };
        let rendition = &view.renditions[rendition];
        render(&playlist.config, settled, rendition, &mut playlist.kept)
    }

    fn follow(&mut self, view: &View<'_>) {
        self.beside.follow(view);
    }

    fn is_ready(&self, manifest: usize) -> bool {
        self.beside.is_ready(manifest)
    }

    fn unlistable(&self, rendition: &Path, segment: &Stored<'_>) -> Option<Unlistable> {
        self.beside.unlistable(rendition, segment)
    }

    /// "The EXTINF duration of each Media Segment in the Playlist file, when rounded to the nearest
    /// integer, MUST be less than or equal to the target duration" (RFC 8216 §4.3.3.1). Below
    /// version 6 the duration itself must not exceed it (§7).
    fn longest(&self, target_secs: u64, has_initialisation: bool) -> Micros {
        let whole = target_secs.saturating_mul(SECOND);
        if has_initialisation {
            whole.saturating_add(SECOND / 2 - 1)
        } else {
            whole
        }
    }

    fn begins(&mut self, rendition: usize, has_initialisation: bool, keys: &[String]) {
        let has_formats = keys.iter().any(|it| key::takes_version_5(it));
        let version = match (has_initialisation, has_formats) {
            (true, _) => 6,
            (false, true) => 5,
            (false, false) => 3,
        };
        if let Some(playlist) = self.playlists.get_mut(rendition) {
            playlist.version.get_or_insert(version);
        }
    }

    fn keys(
        &self,
        rendition: usize,
        lines: &[String],
        in_force: &[String],
    ) -> Result<Vec<String>, Refused> {
        if lines.is_empty() {
            let end = (!in_force.is_empty()).then(|| key::NO_KEY.to_owned());
            return Ok(end.into_iter().collect());
        }
        let checked = |line: &String| match tags::check(line) {
            Ok(tags::Kind::Key) => self.key(rendition, line).map_err(|error| refused(&error)),
            Ok(_) => Err(Refused {
                line: line.clone(),
                why: "it is not a key",
            }),
            Err(error) => Err(refused(&error)),
        };
        let keys = lines.iter().map(checked).collect::<Result<_, _>>()?;
        Ok(key::plain(keys))
    }

    fn line(&self, _: usize, line: &str, is_dated: bool) -> Result<String, Refused> {
        let refuse = |why| {
            Err(Refused {
                line: line.to_owned(),
                why,
            })
        };
        match tags::check(line) {
            Ok(tags::Kind::Key) => refuse("keys are told by the key lines"),
            Ok(tags::Kind::WithDates) if !is_dated => refuse("it needs a playlist with dates"),
            Ok(_) => Ok(line.to_owned()),
            Err(error) => Err(refused(&error)),
        }
    }
}

/// The path of the multivariant playlist and those of the media playlists must differ.
pub(crate) fn is_taken(path: &Path, by: &[std::path::PathBuf]) -> bool {
    by.iter().any(|it| crate::uri::may_be_same(it, path))
}
