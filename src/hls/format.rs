//! HLS as a format of a presentation.

use std::io;
use std::path::{Path, PathBuf};

use super::config::MediaPlaylist;
use super::date_range;
use super::key;
use super::multivariant::{
    BandwidthNotice, Bandwidths, Listed, Measured, MultivariantPlaylist, Shared,
};
use super::render::{FixedHeader, Kept, render, render_clip};
use super::start::Start;
use super::tags::{self, TagError, TagErrorKind};
use crate::presentation::beside::Beside;
use crate::presentation::config::Dates;
use crate::presentation::date_range::DateRange;
use crate::presentation::format::{Format, Refused, Stored, Text, Unlistable, View};
use crate::presentation::pins::{Cut, clip_path};
use crate::presentation::rendition::Rendition;
use crate::presentation::time::{Micros, SECOND};

/// The media playlists of a presentation, and the multivariant one.
#[derive(Debug, Default)]
pub(crate) struct Hls {
    pub(crate) playlists: Vec<Playlist>,
    /// Its manifest comes before those of the playlists.
    pub(crate) multivariant: Option<MultivariantPlaylist>,
    /// Their manifests stand between that one and those of the playlists.
    pub(crate) beside: Beside,
    main: Main,
}

/// What the last text of the multivariant playlist says.
#[derive(Debug, Default)]
struct Main {
    bandwidths: Vec<Bandwidths>,
    /// The declared bandwidths that were too low, which are told once.
    too_low: Vec<(PathBuf, &'static str)>,
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

    fn fixed(&self, view: &View<'_>) -> FixedHeader {
        FixedHeader {
            version: self.version.unwrap_or(3),
            target_secs: view.settings.target_secs.unwrap_or(1),
            start: self.config.start,
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
                tags::Kind::WithDates => sorted.tags.push(date_range::kept(line)),
                tags::Kind::OfSegment => sorted.tags.push(line.to_owned()),
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

    /// The media playlists, as the multivariant one looks at them. Their discontinuities are not
    /// counted.
    fn listed<'a>(&'a self, view: &View<'_>) -> Vec<Listed<'a>> {
        let of = |(playlist, rendition): (&'a Playlist, &Rendition)| Listed {
            path: playlist.config.path(),
            shared: Shared {
                target_secs: view.settings.target_secs.unwrap_or_default(),
                has_dates: view.settings.dates != Dates::None,
                discontinuities: 0,
                start: playlist.config.start,
            },
            measured: rendition.bitrate.as_ref().and_then(Measured::of),
        };
        self.playlists.iter().zip(view.renditions).map(of).collect()
    }

    fn main(&mut self, view: &View<'_>) -> io::Result<Text> {
        let Some(playlist) = &self.multivariant else {
            return Ok(Text::default());
        };
        let mut listed = self.listed(view);
        // Renditions agree in every number that two of them list. One may have ended earlier, so
        // the discontinuities before the end of the shortest are compared, unless they have left.
        let end = view.renditions.iter().map(Rendition::end).min();
        let before = |it: &Rendition| it.discontinuities_before(end.unwrap_or_default());
        let known = view.renditions.iter().find_map(before).unwrap_or_default();
        for (it, rendition) in listed.iter_mut().zip(view.renditions) {
            it.shared.discontinuities = before(rendition).unwrap_or(known);
        }
        let (bandwidths, mut notices) = playlist.bandwidths_in(&listed)?;
        let bytes = playlist.text(&listed, &bandwidths)?;
        notices.retain(|it| !self.main.was_told(it));
        let too_low = notices.iter().map(|it| (it.playlist.clone(), it.attribute));
        self.main.too_low.extend(too_low);
        self.main.bandwidths = bandwidths;
        let notices = notices.into_iter().map(BandwidthNotice::into_notice);
        Ok(Text {
            bytes,
            kept: 0,
            notices: notices.collect(),
        })
    }
}

impl Main {
    fn was_told(&self, notice: &BandwidthNotice) -> bool {
        let mut told = self.too_low.iter();
        told.any(|it| it.0 == notice.playlist && it.1 == notice.attribute)
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
            return self.main(view);
        };
        let playlist = &mut self.playlists[rendition];
        let fixed = playlist.fixed(view);
        let rendition = &view.renditions[rendition];
        render(&playlist.config, fixed, rendition, &mut playlist.kept)
    }

    fn follow(&mut self, view: &View<'_>) {
        self.beside.follow(view);
    }

    fn unlistable(&self, rendition: &Path, segment: &Stored<'_>) -> Option<Unlistable> {
        self.beside.unlistable(rendition, segment)
    }

    /// A measured bandwidth needs a stored segment.
    fn is_ready(&self, manifest: usize, view: &View<'_>) -> bool {
        if self.beside.has(manifest) {
            return self.beside.is_ready(manifest, view);
        }
        let main = self.multivariant.as_ref().filter(|_| manifest == 0);
        main.is_none_or(|main| main.bandwidths_in(&self.listed(view)).is_ok())
    }

    fn is_outdated(&self, manifest: usize, view: &View<'_>) -> bool {
        if self.beside.has(manifest) {
            return false;
        }
        let main = self.multivariant.as_ref();
        let found = main.map(|main| main.bandwidths_in(&self.listed(view)));
        let Some(Ok((bandwidths, notices))) = found else {
            return false;
        };
        let is_over = view.renditions.iter().all(Rendition::is_over);
        let mut pairs = bandwidths.iter().zip(&self.main.bandwidths);
        let has_moved = pairs.any(|(now, then)| {
            // At the end nothing moves any more, so that is exact.
            now.has_moved(*then) || (is_over && now != then)
        });
        has_moved || !notices.iter().all(|it| self.main.was_told(it))
    }

    fn clip(&self, manifest: usize, view: &View<'_>, cut: &Cut) -> io::Result<Vec<u8>> {
        let first = usize::from(self.multivariant.is_some()) + self.beside.count();
        let Some(rendition) = manifest.checked_sub(first) else {
            let playlist = self.multivariant.as_ref().ok_or(io::ErrorKind::NotFound)?;
            let clip = |path: &Path| clip_path(path, &cut.name);
            let of_clips = playlist.renamed(clip);
            let playlists = self.playlists.iter().map(|it| clip(it.config.path()));
            let playlists: Vec<_> = playlists.collect();
            let mut listed = self.listed(view);
            for (it, path) in listed.iter_mut().zip(&playlists) {
                it.path = path;
            }
            let (bandwidths, _) = of_clips.bandwidths_in(&listed)?;
            return of_clips.text(&listed, &bandwidths);
        };
        let playlist = &self.playlists[rendition];
        let start = if cut.in_point.is_zero() {
            None
        } else {
            let start = Start::after_the_beginning(cut.in_point);
            Some(start.map_err(io::Error::other)?.precise())
        };
        let rendition = &view.renditions[rendition];
        let fixed = playlist.fixed(view);
        render_clip(&playlist.config, fixed, rendition, &cut.numbers, start)
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
            Ok(tags::Kind::WithDates) => Ok(date_range::kept(line)),
            Ok(_) => Ok(line.to_owned()),
            Err(error) => Err(refused(&error)),
        }
    }

    fn contradicts(&self, line: &str, range: &DateRange) -> bool {
        date_range::contradicts(line, range)
    }
}

/// The path of the multivariant playlist and those of the media playlists must differ.
pub(crate) fn is_taken(path: &Path, by: &[PathBuf]) -> bool {
    by.iter().any(|it| crate::uri::may_be_same(it, path))
}
