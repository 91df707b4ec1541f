//! The cutter: holds the bytes of one segment, and lets them go before a fragment that a decoder
//! can begin with.

mod cuts;
mod input;
mod places;

use std::mem;
use std::time::Duration;

use super::error::CutError;
use super::event::Event;
use super::fragment::Fragment;
use super::intake::Intake;
use super::marks::{Border, Marks};
use super::stream::Stream;
use super::timeline::Step;
use crate::groups::Groups;
use crate::notice::Notice;
use crate::segment::{Segment, ticks_to_duration};
use crate::track::Track;

/// What the cutter holds at most, unless told otherwise.
const DEFAULT_CAPACITY: usize = 256 << 20;
/// The notices that wait to be taken.
const MOST_NOTICES: usize = 64;
/// What a segment lasts at least: one that lasts no time would say nothing.
const SHORTEST: Duration = Duration::from_nanos(1);

/// Cuts a fragmented MP4 at the sync samples of its first video track, or of audio alone.
pub struct Cutter {
    target: Duration,
    capacity: usize,
    intake: Intake,
    marks: Marks,
    /// None until there is a `moov`.
    stream: Option<Stream>,
    growing: Growing,
    /// The last fragment, if only the next one tells whether its decode time is right.
    doubtful: Option<Place>,
    /// The events that come with the next fragment.
    events: Vec<Event>,
    /// The initialisation segment in force came again since the last fragment.
    is_renewed: bool,
    undecodable: Undecodable,
    release: Release,
    habit: Habit,
    groups: Groups,
    notices: Vec<Notice>,
    fault: Option<CutError>,
}

/// What is known of the segment that grows.
#[derive(Clone, Copy)]
struct Growing {
    discontinuity: bool,
    independent: bool,
}

impl Default for Growing {
    fn default() -> Self {
        Self {
            discontinuity: false,
            independent: true,
        }
    }
}

/// A fragment of the track that decides where to cut.
struct Place {
    fragment: Fragment,
    /// What comes with it.
    events: Vec<Event>,
    border: Border,
    /// The place to cut at if it jumps.
    border_of_jump: Border,
}

/// What is done with media that no decoder can begin with, after a jump.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undecodable {
    Segment,
    Dropped,
}

/// When a segment is handed out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Release {
    /// With the next fragment.
    Exact,
    /// With its last fragment, if the next one is sure to begin with an access point.
    Prompt,
}

/// What all fragments have in common so far.
#[derive(Clone, Copy, Default)]
struct Habit {
    fragments: u64,
    /// One of them may end where no decoder can begin.
    is_broken: bool,
    /// The media data that the last one still lacks, in bytes.
    missing: u64,
}

impl Cutter {
    /// A cutter whose segments last at least `target`, but for the last one of a stream.
    #[must_use]
    pub fn new(target: Duration) -> Self {
        Self {
            target: target.max(SHORTEST),
            capacity: DEFAULT_CAPACITY,
            intake: Intake::new(DEFAULT_CAPACITY),
            marks: Marks::default(),
            stream: None,
            growing: Growing::default(),
            doubtful: None,
            events: Vec::new(),
            is_renewed: false,
            undecodable: Undecodable::Segment,
            release: Release::Exact,
            habit: Habit::default(),
            groups: Groups::default(),
            notices: Vec::new(),
            fault: None,
        }
    }

    /// Never holds more than this many bytes and the header of a box, 256 MiB if it is not said. A
    /// segment that has come half as far is cut before it reaches its duration; one that would not
    /// fit is an error.
    #[must_use]
    pub fn capacity(self, bytes: usize) -> Self {
        Self {
            capacity: bytes,
            intake: Intake::new(bytes),
            ..self
        }
    }

    /// Drops media that no decoder can begin with, after a jump of the decode times and up to the
    /// next sync sample. By default it is a segment of its own.
    #[must_use]
    pub fn drop_undecodable(mut self) -> Self {
        self.undecodable = Undecodable::Dropped;
        self
    }

    /// Hands a segment out when its last fragment is complete, if the stream tells that the next
    /// fragment begins with an access point: it has audio alone, or all fragments so far, two at
    /// least, had nothing but sync samples or just one at the start. An encoder that writes a
    /// fragment for each group of pictures then is one group of pictures ahead. Such a segment
    /// lasts as long as its samples. It has the fragments of the other tracks up to there. Boxes
    /// behind the last fragment of the input, or before another `moov`, are left out.
    #[must_use]
    pub fn promptly(mut self) -> Self {
        self.release = Release::Prompt;
        self
    }

    /// Takes the notices that came since the last call, the oldest 64 of them.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        mem::take(&mut self.notices)
    }

    /// Takes the next bytes, of whatever length, and adds the segments that they complete to
    /// `cuts`.
    ///
    /// # Errors
    ///
    /// The input is no fragmented MP4, or cannot be cut. The segments before the fault are in
    /// `cuts`; the last of them comes from [`finish`](Self::finish). Every later call fails
    /// likewise.
    pub fn push(&mut self, bytes: &[u8], cuts: &mut Vec<Segment>) -> Result<(), CutError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let outcome = self.examine(bytes, cuts);
        self.fault = outcome.err();
        outcome
    }

    /// The video and audio tracks of the latest `moov`, as far as they are known.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        self.stream.as_ref().map_or_else(Vec::new, Stream::tracks)
    }

    /// The shortest and the longest time between two random access points so far, as far as a
    /// segment can begin with them.
    #[must_use]
    pub fn groups(&self) -> Option<(Duration, Duration)> {
        let scale = self.stream.as_ref()?.movie.track.timescale.get();
        let (shortest, longest) = self.groups.range()?;
        let duration = |ticks| ticks_to_duration(ticks, scale);
        Some((duration(shortest), duration(longest)))
    }

    /// Ends the input: adds the last segment to `cuts`, unless there never was a fragment to begin
    /// with.
    ///
    /// # Errors
    ///
    /// That of [`push`](Self::push), if there was one; else the input ended too early, or has
    /// nothing to cut at.
    pub fn finish(&mut self, cuts: &mut Vec<Segment>) -> Result<(), CutError> {
        let outcome = self.end(cuts);
        cuts.extend(self.conclude());
        self.fault = self.fault.or(outcome.err());
        outcome
    }

    /// Ends in the middle: hands out what is held, in whole fragments.
    #[must_use]
    pub fn stop(mut self) -> Option<Segment> {
        self.conclude()
    }

    fn conclude(&mut self) -> Option<Segment> {
        let stream = self.stream.as_mut()?;
        let lasted = self.marks.incomplete.map(|incomplete| incomplete.lasted);
        if let Some(place) = self.doubtful.take()
            && lasted.is_none()
        {
            stream.timeline.push(place.fragment, Step::Wild);
            stream.take_events(place.events, place.fragment);
        }
        let whole = self.marks.whole;
        if self.marks.media == 0 || !stream.progress.has_begun() {
            return None;
        }
        let lasted = lasted.unwrap_or_else(|| stream.timeline.end());
        self.intake.held.leave_out(whole);
        let data = mem::take(&mut self.intake.held).into_segment();
        self.marks = Marks::default();
        self.ended(data, lasted)
    }
}
