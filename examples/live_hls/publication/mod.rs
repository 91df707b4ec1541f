//! The playlists: the live one, and the recording beside it.
//!
//! Here they follow the stream. `playlists` has their configurations, `open` and `start` begin or
//! resume them, and `notices` displays what they report.

mod notices;
mod open;
mod playlists;
mod start;

use std::path::PathBuf;

use segment_stream::hls::{
    DateRange, Item, MediaPlaylist, MediaPlaylistPublisher, Previous, PublishError,
};
use segment_stream::{DiskSink, Durability, Existing, ProducedSegment, SegmentSink, WriteError};

use crate::mpd::Manifest;
use crate::packager::Bound;
use crate::splices::Ranges;
use notices::{Limit, is_over_quota, tell};
pub(crate) use playlists::LIVE;
use playlists::Terms;
use support::display::Display;

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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    None,
    Some,
}

impl Publication {
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

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deletion {
    Fine,
    Failed,
}
