//! The playlists: the live one, and the recording beside it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use segment_stream::hls::{
    MediaPlaylist, MediaPlaylistPublisher, Notice, Previous, PublishError, Retention,
};
use segment_stream::{
    DiskSink, Durability, Existing, ProducedSegment, SegmentInfo, SegmentSink, WriteError,
};

use crate::options::{Options, Playlists, Restart};
use crate::support::display::Display;

pub(crate) const LIVE: &str = "live.m3u8";
const RECORDING: &str = "recording.m3u8";

type Publisher = MediaPlaylistPublisher<DiskSink>;

/// The playlists of one input.
pub(crate) struct Publication {
    folder: PathBuf,
    durability: Durability,
    /// The configurations, which reserve their names.
    playlists: Vec<MediaPlaylist>,
    /// The longest segment that the playlists expect.
    bound: Duration,
    window: Duration,
    kind: Playlists,
    /// Initialisation segments that came before the first media segment.
    initial: Vec<ProducedSegment>,
    /// The recording comes first: a segment that a crash leaves between the two is at least
    /// recorded. None before the first media segment, unless they resume: the target duration never
    /// changes, and a long first segment tells that it has to be long.
    publishers: Vec<Publisher>,
    /// Whether any of them has an entry.
    content: Content,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    None,
    Some,
}

impl Publication {
    /// Starts the playlists in the directory, or resumes those that exist.
    pub(crate) fn open(folder: &Path, options: &Options) -> Result<Self, Box<dyn Error>> {
        let bound = options.target.saturating_mul(2);
        let bound = match options.restart {
            Restart::Resume => bound.max(previous_target(&folder.join(LIVE))),
            Restart::Refuse => bound,
        };
        let playlists = playlists(options.playlists, options.window, bound);
        let mut previous = Vec::new();
        for playlist in &playlists {
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
                return Err(format!("{path} exists already; --resume continues it").into());
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
        if content == Content::Some {
            for (playlist, previous) in playlists.iter().zip(&previous) {
                let playlist = playlist.clone();
                publishers.push(match previous {
                    None => Publisher::new(playlist, sink())?,
                    Some(previous) => Publisher::resume(playlist, sink(), previous)
                        .map_err(|error| format!("{}: {error}", folder.display()))?,
                });
            }
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            durability: options.durability,
            playlists,
            bound,
            window: options.window,
            kind: options.playlists,
            initial: Vec::new(),
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

    /// The number of the next media segment. After a crash between the two playlists the recording
    /// is one ahead, and the other one reports a missing number.
    pub(crate) fn next_sequence(&self) -> u64 {
        let numbers = self.publishers.iter().map(Publisher::next_sequence);
        numbers.max().unwrap_or_default()
    }

    /// Enters an item of the stream, publishes, and displays every error.
    pub(crate) fn push(
        &mut self,
        item: &Result<ProducedSegment, WriteError>,
        info: &SegmentInfo,
        display: &mut Display,
    ) {
        let segment = item.as_ref().unwrap_or_else(WriteError::segment);
        if !segment.is_init {
            self.content = Content::Some;
        }
        if self.publishers.is_empty() {
            match item {
                Ok(segment) if segment.is_init => {
                    self.initial.push(segment.clone());
                    return;
                }
                _ => self.start(segment.duration_secs, display),
            }
        }
        self.enter(item, info, display);
    }

    /// Starts the playlists, for segments at least as long as this one.
    fn start(&mut self, first_secs: f64, display: &mut Display) {
        let first = Duration::try_from_secs_f64(first_secs).unwrap_or_default();
        self.bound = self.bound.max(first);
        self.playlists = playlists(self.kind, self.window, self.bound);
        for playlist in &self.playlists {
            let sink = DiskSink::rooted(&self.folder).durability(self.durability);
            match Publisher::new(playlist.clone(), sink) {
                Ok(publisher) => self.publishers.push(publisher),
                Err(error) => display.failed(error),
            }
        }
        for segment in std::mem::take(&mut self.initial) {
            self.enter(&Ok(segment), &SegmentInfo::new(), display);
        }
    }

    fn enter(
        &mut self,
        item: &Result<ProducedSegment, WriteError>,
        info: &SegmentInfo,
        display: &mut Display,
    ) {
        let mut said = Vec::new();
        for publisher in &mut self.publishers {
            for _ in 0..info.discontinuities() {
                publisher.discontinuity();
            }
            match publisher.push(item) {
                Ok(pushed) => tell(&pushed.notices, &mut said, display),
                Err(error) => {
                    tell(error.notices(), &mut said, display);
                    display.complain(error);
                }
            }
        }
    }

    /// Suspends the playlists, so that they can be resumed.
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
        // Ends each of them, even if the other one fails.
        let ended: Vec<_> = self
            .publishers
            .iter_mut()
            .map(MediaPlaylistPublisher::finish)
            .collect();
        ended.into_iter().try_for_each(|it| it.map(drop))
    }

    /// The number of files that wait for deletion.
    pub(crate) fn waiting_for_deletion(&self) -> usize {
        let waiting = |publisher: &Publisher| publisher.waiting_for_deletion().count();
        self.publishers.iter().map(waiting).sum()
    }

    /// Deletes due files. Returns whether all deletions succeeded.
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

/// The target duration of a playlist that exists, or nothing.
fn previous_target(path: &Path) -> Duration {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-TARGETDURATION:"));
    let seconds = values.next().and_then(|value| value.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

fn playlists(kind: Playlists, window: Duration, bound: Duration) -> Vec<MediaPlaylist> {
    let mut live = MediaPlaylist::live(LIVE, window).target_duration(bound);
    // For the tests, in which few files wait: the lines in each part of the side file.
    if let Some(lines) = std::env::var("SIDE_FILE_LINES")
        .ok()
        .and_then(|it| it.parse().ok())
    {
        live = live.side_file_lines(lines);
    }
    match kind {
        Playlists::Live => vec![live],
        Playlists::LiveAndRecording => vec![
            MediaPlaylist::event(RECORDING).target_duration(bound),
            // Segments that slide out of this one stay listed in the recording.
            live.retention(Retention::Keep),
        ],
    }
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

/// Displays notices that were not displayed before.
fn tell(notices: &[Notice], said: &mut Vec<String>, display: &mut Display) {
    for notice in notices {
        let text = notice.to_string();
        if said.contains(&text) {
            continue;
        }
        match notice {
            // The write error said so already, with the cause.
            Notice::Lost { .. } => {}
            Notice::Undecodable { .. }
            | Notice::UnusableDuration { .. }
            | Notice::NoName { .. } => display.failed(&text),
            _ => display.complain(&text),
        }
        said.push(text);
    }
}
