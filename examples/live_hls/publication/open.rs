//! Opens the playlists of a directory: nothing is there yet, or an earlier session is resumed.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use segment_stream::DiskSink;
use segment_stream::hls::{MediaPlaylist, Previous};

use super::notices::Limit;
use super::playlists::{LIVE, RECORDING, Terms};
use super::{Content, Publication, Publisher};
use crate::mpd::Manifest;
use crate::options::{Formats, Options, Playlists, Restart};
use crate::packager::Bound;
use crate::splices::Ranges;

impl Publication {
    /// Starts the playlists in the directory, or resumes those that exist.
    pub(crate) fn open(
        folder: &Path,
        options: &Options,
        first: Bound,
    ) -> Result<Self, Box<dyn Error>> {
        let bound = match options.restart {
            Restart::Resume => options.target.max(previous_target(&folder.join(LIVE))),
            Restart::Refuse => options.target,
        };
        let terms = Terms::new(options, bound);
        let playlists = terms.playlists();
        let read = |playlist| read_previous(folder, playlist, options);
        let mut previous = playlists.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mpd = match options.formats {
            Formats::Hls => None,
            Formats::HlsAndDash => Some(Manifest::open(folder, options.restart)?),
        };
        if options.restart == Restart::Resume {
            check_recording(folder, options.playlists, &previous)?;
        }
        let content = if previous.iter().any(Option::is_some) {
            Content::Some
        } else {
            Content::None
        };
        let publishers = match content {
            Content::None => Vec::new(),
            Content::Some => resume(folder, &playlists, &previous, options)?,
        };
        Ok(Self {
            folder: folder.to_path_buf(),
            durability: options.durability,
            playlists,
            first,
            terms,
            initial: Vec::new(),
            publishers,
            content,
            resumed: previous.pop().flatten().filter(|_| mpd.is_some()),
            mpd,
            limit: Limit::Kept,
            ranges: Ranges::default(),
        })
    }
}

/// Reads a playlist that exists. Only `--resume` allows one.
fn read_previous(
    folder: &Path,
    playlist: &MediaPlaylist,
    options: &Options,
) -> Result<Option<Previous>, String> {
    let path = folder.join(playlist.path());
    let found = Previous::read(folder, playlist)
        .and_then(|found| match found {
            // Only a publisher that deletes old segments may look for orphans.
            Some(found) if options.playlists == Playlists::Live => {
                found.with_orphans(folder, playlist).map(Some)
            }
            found => Ok(found),
        })
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if found.is_some() && options.restart == Restart::Refuse {
        let path = path.display();
        return Err(format!("{path} exists already; --resume continues it"));
    }
    Ok(found)
}

/// Resumes the playlists that exist, and starts the others.
fn resume(
    folder: &Path,
    playlists: &[MediaPlaylist],
    previous: &[Option<Previous>],
    options: &Options,
) -> Result<Vec<Publisher>, Box<dyn Error>> {
    let mut publishers = Vec::new();
    for (playlist, previous) in playlists.iter().zip(previous) {
        let sink = DiskSink::rooted(folder).durability(options.durability);
        let playlist = playlist.clone();
        publishers.push(match previous {
            None => Publisher::new(playlist, sink)?,
            Some(previous) => Publisher::resume(playlist, sink, previous)
                .map_err(|error| format!("{}: {error}", folder.display()))?,
        });
    }
    Ok(publishers)
}

/// The target duration of a playlist that exists, or nothing.
fn previous_target(path: &Path) -> Duration {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-TARGETDURATION:"));
    let seconds = values.next().and_then(|value| value.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// Refuses to resume only one of two playlists. The live one alone would delete segments of the
/// recording, and a recording that begins late would be incomplete.
fn check_recording(
    folder: &Path,
    playlists: Playlists,
    previous: &[Option<Previous>],
) -> Result<(), String> {
    let recording = folder.join(RECORDING);
    match (playlists, previous) {
        (Playlists::Live, [_]) if recording.exists() => Err(format!(
            "{} exists, so --record is needed: without it, its segments would be deleted",
            recording.display()
        )),
        (Playlists::LiveAndRecording, [None, Some(_)]) => Err(format!(
            "{} was started without --record; resume it without --record",
            folder.join(LIVE).display()
        )),
        _ => Ok(()),
    }
}
