//! The playlists: the live one, and the recording beside it.

use std::error::Error;
use std::path::{Path, PathBuf};

use segment_stream::hls::{
    MediaPlaylist, MediaPlaylistPublisher, Notice, Previous, PublishError, Retention,
};
use segment_stream::{DiskSink, Durability, Existing, ProducedSegment, SegmentSink, WriteError};

use crate::options::{Options, Playlists, Restart};
use crate::support::display::Display;

pub(crate) const LIVE: &str = "live.m3u8";
const RECORDING: &str = "recording.m3u8";

type Publisher = MediaPlaylistPublisher<DiskSink>;

/// What is published of one input.
pub(crate) struct Publication {
    folder: PathBuf,
    durability: Durability,
    /// What the names of the playlists are reserved by.
    playlists: Vec<MediaPlaylist>,
    /// The recording first, and the live one last: what a crash comes between is recorded at least.
    publishers: Vec<Publisher>,
    /// Whether any of them lists anything.
    content: Content,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    None,
    Some,
}

impl Publication {
    /// Begins playlists in the folder, or goes on with those that are there.
    pub(crate) fn open(folder: &Path, options: &Options) -> Result<Self, Box<dyn Error>> {
        let playlists = playlists(options);
        let mut previous = Vec::new();
        for playlist in &playlists {
            let path = folder.join(playlist.path());
            let found = Previous::read(folder, playlist)
                .and_then(|found| match found {
                    // Only what is about to delete old segments may look for stray ones.
                    Some(found) if options.playlists == Playlists::Live => {
                        found.with_orphans(folder, playlist).map(Some)
                    }
                    found => Ok(found),
                })
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            if found.is_some() && options.restart == Restart::Refuse {
                let path = path.display();
                return Err(format!("{path} is there already; --resume goes on with it").into());
            }
            previous.push(found);
        }
        if options.restart == Restart::Resume {
            check_recording(folder, options.playlists, &previous)?;
        }
        let content = if previous.iter().any(Option::is_some) {
            Content::Some
        } else {
            Content::None
        };
        let sink = || DiskSink::rooted(folder).durability(options.durability);
        let mut publishers = Vec::new();
        for (playlist, previous) in playlists.iter().zip(&previous) {
            let playlist = playlist.clone();
            publishers.push(match previous {
                None => Publisher::new(playlist, sink())?,
                Some(previous) => Publisher::resume(playlist, sink(), previous)
                    .map_err(|error| format!("{}: {error}", folder.display()))?,
            });
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            durability: options.durability,
            playlists,
            publishers,
            content,
        })
    }

    /// The sink for the segments.
    pub(crate) fn segment_sink(&self) -> Box<dyn SegmentSink> {
        let disk = DiskSink::rooted(&self.folder)
            .durability(self.durability)
            .existing(Existing::Refuse);
        let reserve = |sink, playlist: &MediaPlaylist| -> Box<dyn SegmentSink> {
            Box::new(playlist.reserve(sink))
        };
        self.playlists.iter().fold(Box::new(disk), reserve)
    }

    /// The number of the next media segment. Where a crash came between the two playlists, the
    /// recording is one ahead, and the other one says that it lacks a number.
    pub(crate) fn next_sequence(&self) -> u64 {
        let numbers = self.publishers.iter().map(Publisher::next_sequence);
        numbers.max().unwrap_or_default()
    }

    /// Enters what came out of the stream, and publishes. Whatever goes wrong is displayed.
    pub(crate) fn push(
        &mut self,
        item: &Result<ProducedSegment, WriteError>,
        display: &mut Display,
    ) {
        let segment = item.as_ref().unwrap_or_else(WriteError::segment);
        if !segment.is_init {
            self.content = Content::Some;
        }
        let mut said = Vec::new();
        for publisher in &mut self.publishers {
            match publisher.push(item) {
                Ok(pushed) => tell(&pushed.notices, &mut said, display),
                Err(error) => {
                    tell(error.notices(), &mut said, display);
                    display.complain(error);
                }
            }
        }
    }

    /// Leaves the playlists to be gone on with.
    pub(crate) fn suspend(self) -> Result<(), PublishError> {
        let suspended: Vec<_> = self
            .publishers
            .into_iter()
            .map(MediaPlaylistPublisher::suspend)
            .collect();
        suspended.into_iter().try_for_each(|it| it.map(drop))
    }

    /// Ends the playlists, if there are any.
    pub(crate) fn end(&mut self) -> Result<(), PublishError> {
        if self.content == Content::None {
            return Ok(());
        }
        // Each of them, whatever becomes of the other one.
        let ended: Vec<_> = self
            .publishers
            .iter_mut()
            .map(MediaPlaylistPublisher::finish)
            .collect();
        ended.into_iter().try_for_each(|it| it.map(drop))
    }

    /// How many files no playlist lists any more that are still there.
    pub(crate) fn waiting_for_deletion(&self) -> usize {
        let waiting = |publisher: &Publisher| publisher.waiting_for_deletion().count();
        self.publishers.iter().map(waiting).sum()
    }

    /// Deletes what is due. Returns whether that went well.
    pub(crate) fn delete_due(&mut self, display: &mut Display) -> Deletion {
        let mut said = Vec::new();
        for publisher in &mut self.publishers {
            tell(&publisher.delete_due().notices, &mut said, display);
        }
        if said.is_empty() {
            Deletion::Fine
        } else {
            Deletion::Failed
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deletion {
    Fine,
    Failed,
}

fn playlists(options: &Options) -> Vec<MediaPlaylist> {
    let bound = options.target.saturating_mul(2);
    let live = MediaPlaylist::live(LIVE, options.window).target_duration(bound);
    match options.playlists {
        Playlists::Live => vec![live],
        Playlists::LiveAndRecording => vec![
            MediaPlaylist::event(RECORDING).target_duration(bound),
            // What slides out of this one is listed in the recording for good.
            live.retention(Retention::Keep),
        ],
    }
}

/// Refuses to go on with one of two playlists: the live one alone would delete what the recording
/// lists, and a recording that begins late would not be one of everything.
fn check_recording(
    folder: &Path,
    playlists: Playlists,
    previous: &[Option<Previous>],
) -> Result<(), String> {
    let recording = folder.join(RECORDING);
    match (playlists, previous) {
        (Playlists::Live, [_]) if recording.exists() => Err(format!(
            "{} is there, so go on with --record: without it segments would be deleted",
            recording.display()
        )),
        (Playlists::LiveAndRecording, [None, Some(_)]) => Err(format!(
            "{} was begun without --record, so go on without it",
            folder.join(LIVE).display()
        )),
        _ => Ok(()),
    }
}

/// Displays notices, but none that was displayed before.
fn tell(notices: &[Notice], said: &mut Vec<String>, display: &mut Display) {
    for notice in notices {
        let text = notice.to_string();
        if said.contains(&text) {
            continue;
        }
        match notice {
            // The write error said so, and why.
            Notice::Lost { .. } => {}
            Notice::Undecodable { .. }
            | Notice::UnusableDuration { .. }
            | Notice::NoName { .. } => display.failed(&text),
            _ => display.complain(&text),
        }
        said.push(text);
    }
}
