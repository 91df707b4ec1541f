//! What follows from one `moov`, up to the next one.

use super::beside::Beside;
use super::boxes::{WholeBox, outermost};
use super::description::Totals;
use super::error::CutError;
use super::event::{Clock, Event};
use super::fragment::{Beginning, Fragment};
use super::movie::{Medium, Movie};
use super::timeline::Timeline;
use crate::cues::Cues;
use crate::track::Track;

/// A stream of fragments.
pub(crate) struct Stream {
    pub(crate) movie: Movie,
    pub(crate) timeline: Timeline,
    pub(crate) totals: Totals,
    pub(crate) progress: Progress,
    pub(crate) beside: Beside,
    pub(crate) cues: Cues,
    /// The composition time offset of the last access point.
    offset: Option<i64>,
    /// As it came, to tell what only repeats it. Until it is complete, at least the `moov`.
    pub(crate) initialisation: Vec<u8>,
}

/// How far a stream has come.
pub(crate) enum Progress {
    /// Its initialisation segment may still grow.
    Initialising,
    /// That is complete, and held back: nothing came yet that a decoder could begin with.
    Seeking,
    Cutting,
    /// The decode times have jumped, and nothing came since that a decoder could begin with.
    Orphaned,
}

impl Progress {
    /// Whether there was something that a decoder could begin with.
    pub(crate) fn has_begun(&self) -> bool {
        matches!(self, Self::Cutting | Self::Orphaned)
    }
}

impl Stream {
    /// The stream that a `moov` begins.
    pub(crate) fn new(moov: WholeBox<'_>) -> Result<Self, CutError> {
        let movie = Movie::read(moov)?;
        Ok(Self {
            timeline: Timeline::new(movie.track.timescale),
            totals: Totals::new(),
            progress: Progress::Initialising,
            beside: Beside::new(movie.others.iter().map(|(id, scale)| (*id, *scale))),
            cues: Cues::new(movie.track.timescale.get()),
            offset: None,
            initialisation: moov.bytes().to_vec(),
            movie,
        })
    }

    /// Whether the initialisation segment has this box.
    pub(crate) fn began_with(&self, outer: &[u8]) -> bool {
        outermost(&self.initialisation).any(|known| known == outer)
    }

    /// The video and audio tracks.
    pub(crate) fn tracks(&self) -> Vec<Track> {
        let descriptions = self.movie.descriptions.iter();
        descriptions
            .map(|(id, description)| description.with(self.totals.get(id)))
            .collect()
    }

    /// Whether a decoder can begin with a fragment.
    pub(crate) fn lets_in(&self, fragment: Fragment) -> bool {
        match self.movie.track.medium {
            Medium::Video => fragment.begins_with == Beginning::Sync,
            Medium::Audio => true,
        }
    }

    /// Takes the events that came with a fragment, the last one on the line of time.
    pub(crate) fn take_events(&mut self, events: Vec<Event>, fragment: Fragment) {
        let offset = fragment.presentation.first;
        if self.lets_in(fragment) || self.offset.is_none() {
            self.offset = Some(offset);
        }
        let now = i64::try_from(self.timeline.now()).unwrap_or(i64::MAX);
        let clock = Clock {
            timescale: self.movie.track.timescale,
            earliest: now.saturating_add(fragment.presentation.earliest),
            skipped: self.movie.track.skipped,
            offset: self.offset.unwrap_or(offset),
        };
        for event in events {
            let (splice, identity) = event.place(clock);
            self.cues.take(splice, identity, now);
        }
    }

    /// Whether the other tracks have come as far as the last fragment.
    pub(crate) fn has_all_tracks(&self) -> bool {
        let timescale = self.movie.track.timescale;
        self.beside.has_reached(self.timeline.middle(), timescale)
    }

    /// Whether the segment that grows should end for a splice at an access point, when it has lasted
    /// so many ticks.
    pub(crate) fn is_spliced(&mut self, lasted: u64) -> bool {
        let [start, lasted] = [self.timeline.segment_start(), lasted]
            .map(|ticks| i64::try_from(ticks).unwrap_or(i64::MAX));
        self.cues.is_due(start, start.saturating_add(lasted))
    }

    /// Whether there was anything to begin with in the input, of which there were so many bytes.
    pub(crate) fn check_progress(&self, bytes: u64) -> Result<(), CutError> {
        let track = self.movie.track.id;
        match self.progress {
            Progress::Initialising => Err(CutError::NoFragment { bytes }),
            Progress::Seeking => Err(CutError::NoSyncSample { track, bytes }),
            Progress::Cutting | Progress::Orphaned => Ok(()),
        }
    }
}
