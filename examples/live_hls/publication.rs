//! The playlists: the live one, and the recording beside it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use segment_stream::hls::{
    DateRange, Item, MediaPlaylist, MediaPlaylistPublisher, Notice, Previous, PublishError,
    Retention,
};
use segment_stream::{DiskSink, Durability, Existing, ProducedSegment, SegmentSink, WriteError};

use crate::keep::Keep;
use crate::mpd::Manifest;
use crate::options::{Claim, Dating, Formats, Options, Playlists, Restart};
use crate::packager::Bound;
use crate::player;
use crate::splices::Ranges;
use support::display::Display;

pub(crate) const LIVE: &str = "live.m3u8";
const RECORDING: &str = "recording.m3u8";
/// The window, unless another one or `--keep` is given.
const WINDOW: Duration = Duration::from_secs(60);

pub(crate) type Publisher = MediaPlaylistPublisher<DiskSink>;

/// The playlists of one input.
pub(crate) struct Publication {
    folder: PathBuf,
    durability: Durability,
    /// The configurations, which reserve their names.
    playlists: Vec<MediaPlaylist>,
    /// Told by the first segment, unless the user says it.
    first: Bound,
    terms: Terms,
    /// Initialisation segments that came before the first media segment.
    initial: Vec<ProducedSegment>,
    /// The recording comes first: a segment that a crash leaves between the two is at least
    /// recorded. None before the first media segment, unless they resume: the target duration never
    /// changes, and a long first segment tells that it has to be long.
    publishers: Vec<Publisher>,
    /// Whether any of them has an entry.
    content: Content,
    mpd: Option<Manifest>,
    /// The live playlist of an earlier session, until it is resumed together with its MPD, which
    /// takes the tracks of the first segment.
    resumed: Option<Previous>,
    limit: Limit,
    /// The breaks that come with the segments.
    ranges: Ranges,
}

/// The limit of bytes, as it was displayed last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limit {
    Kept,
    Exceeded,
}

/// What the playlists have in common.
#[derive(Clone, Copy)]
struct Terms {
    kind: Playlists,
    /// The longest segment that the playlists expect.
    bound: Duration,
    /// The user has said so.
    is_bound_given: bool,
    /// `None`: the default, or all that is kept.
    window: Option<Duration>,
    keep: Keep,
    dates: Dating,
    claim: Claim,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    None,
    Some,
}

impl Publication {
    /// Starts the playlists in the directory, or resumes those that exist.
    pub(crate) fn open(
        folder: &Path,
        options: &Options,
        first: Bound,
    ) -> Result<Self, Box<dyn Error>> {
        let bound = match (options.max_segment, options.restart) {
            (Some(longest), _) => longest,
            (None, Restart::Resume) => options.target.max(previous_target(&folder.join(LIVE))),
            (None, Restart::Refuse) => options.target,
        };
        let terms = Terms {
            kind: options.playlists,
            bound,
            is_bound_given: options.max_segment.is_some(),
            window: options.window,
            keep: options.keep,
            dates: options.dates,
            claim: options.claim,
        };
        let playlists = playlists(terms);
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

    /// The way of date ranges into the playlists.
    pub(crate) fn ranges(&self) -> Ranges {
        self.ranges.clone()
    }

    /// The date ranges of a playlist that is resumed.
    pub(crate) fn known_ranges(&self) -> Vec<DateRange> {
        let first = self.publishers.first();
        first.map_or_else(Vec::new, |it| it.date_ranges().known())
    }

    /// Enters an item of the stream with its result, publishes, and displays every error.
    pub(crate) fn push(
        &mut self,
        item: &impl Item,
        result: &Result<ProducedSegment, WriteError>,
        display: &mut Display,
    ) {
        let segment = result.as_ref().unwrap_or_else(WriteError::segment);
        if !segment.is_init {
            self.content = Content::Some;
        }
        if self.publishers.is_empty() || self.resumed.is_some() {
            match result {
                Ok(segment) if segment.is_init => {
                    self.initial.push(segment.clone());
                    return;
                }
                _ => self.start(display),
            }
        }
        self.announce(segment.sequence, display);
        self.enter(item, display);
    }

    /// Lists the date ranges that precede this segment.
    fn announce(&self, number: u64, display: &mut Display) {
        while let Some(range) = self.ranges.take(number) {
            for publisher in &self.publishers {
                if let Err(error) = publisher.date_ranges().announce(&range) {
                    display.complain(error);
                }
            }
        }
    }

    /// Starts the playlists, for segments as long as the first one lets expect.
    fn start(&mut self, display: &mut Display) {
        if let Some(mpd) = &self.mpd {
            let page = player::write_page(&self.folder, Formats::HlsAndDash);
            page.unwrap_or_else(|error| display.complain(error));
            if let Some(previous) = self.resumed.take() {
                // It comes last.
                if let Some(playlist) = self.playlists.last()
                    && let Some(live) = self.publishers.last_mut()
                {
                    let sink = DiskSink::rooted(&self.folder).durability(self.durability);
                    let tracks = self.first.tracks();
                    match mpd.publisher(playlist, sink, Some(&previous), tracks) {
                        Ok(publisher) => *live = publisher,
                        Err(error) => display.failed(error),
                    }
                }
                return self.enter_initial(display);
            }
        }
        if !self.terms.is_bound_given
            && let Some(first) = self.first.get()
        {
            self.terms.bound = first;
        }
        self.playlists = playlists(self.terms);
        for playlist in &self.playlists {
            let sink = DiskSink::rooted(&self.folder).durability(self.durability);
            let publisher = match &self.mpd {
                Some(mpd) if playlist.path() == Path::new(LIVE) => {
                    mpd.publisher(playlist, sink, None, self.first.tracks())
                }
                _ => Publisher::new(playlist.clone(), sink).map_err(Into::into),
            };
            match publisher {
                Ok(publisher) => self.publishers.push(publisher),
                Err(error) => display.failed(error),
            }
        }
        self.enter_initial(display);
    }

    fn enter_initial(&mut self, display: &mut Display) {
        for segment in std::mem::take(&mut self.initial) {
            self.enter(&Ok(segment), display);
        }
    }

    fn enter(&mut self, item: &impl Item, display: &mut Display) {
        let mut said = Vec::new();
        let mut limit = Limit::Kept;
        for publisher in &mut self.publishers {
            match publisher.push(item) {
                Ok(pushed) => {
                    let notices = self.limit.news(pushed.notices, &mut limit);
                    tell(&notices, &mut said, display);
                }
                Err(error) => {
                    let notices = self.limit.news(error.notices().to_vec(), &mut limit);
                    tell(&notices, &mut said, display);
                    display.complain(error);
                }
            }
        }
        self.limit = limit;
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
            let mut notices = publisher.delete_due().notices;
            // The files that wait are less with each call.
            notices.retain(|notice| !is_over_quota(notice));
            tell(&notices, &mut said, display);
        }
        if said.is_empty() {
            Deletion::Fine
        } else {
            Deletion::Failed
        }
    }
}

impl Limit {
    /// The notices that are new: an exceeded limit comes with each push.
    fn news(self, mut notices: Vec<Notice>, now: &mut Self) -> Vec<Notice> {
        if notices.iter().any(is_over_quota) {
            *now = Self::Exceeded;
        }
        if self == Self::Exceeded {
            notices.retain(|notice| !is_over_quota(notice));
        }
        notices
    }
}

fn is_over_quota(notice: &Notice) -> bool {
    matches!(notice, Notice::OverQuota { .. })
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

fn playlists(terms: Terms) -> Vec<MediaPlaylist> {
    let with_terms = |mut playlist: MediaPlaylist| {
        playlist = playlist.target_duration(terms.bound);
        if terms.dates == Dating::ByClock {
            playlist = playlist.program_date_time_in_band();
        }
        if terms.claim == Claim::Independent {
            playlist = playlist.independent_segments();
        }
        playlist
    };
    let live = match terms.window {
        None if !terms.keep.is_all() => MediaPlaylist::recording(LIVE),
        window => MediaPlaylist::live(LIVE, window.unwrap_or(WINDOW)),
    };
    let mut live = with_terms(terms.keep.limit(live));
    // For the tests, in which few files wait: the lines in each part of the side file.
    if let Some(lines) = std::env::var("SIDE_FILE_LINES")
        .ok()
        .and_then(|it| it.parse().ok())
    {
        live = live.side_file_lines(lines);
    }
    match terms.kind {
        Playlists::Live => vec![live],
        Playlists::LiveAndRecording => vec![
            with_terms(MediaPlaylist::event(RECORDING)),
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
