//! The cutter: holds the bytes of one segment, and lets them go before a fragment that a decoder
//! can begin with.

use std::mem;
use std::time::Duration;

use super::boxes::{Extent, Header};
use super::description::Totals;
use super::error::CutError;
use super::event::{Event, Unreadable};
use super::fragment::{Beginning, Fragment, Fragments};
use super::index::counted_bytes;
use super::intake::{self, Intake};
use super::kind::Kind;
use super::marks::{Border, Incomplete, Marks};
use super::movie::Medium;
use super::stream::{Progress, Stream};
use super::timeline::Step;
use crate::cues::MOST_WAITING;
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

    fn examine(&mut self, mut bytes: &[u8], cuts: &mut Vec<Segment>) -> Result<(), CutError> {
        while !bytes.is_empty() || self.intake.is_whole() {
            match self.intake.take(&mut bytes)? {
                intake::Step::Nothing => {}
                intake::Step::Header(header) => self.check_header(header)?,
                intake::Step::Box(header) => match header.extent {
                    Extent::ToTheEnd => return Err(self.too_long()),
                    Extent::Bytes(_) => self.take_box(header, cuts)?,
                },
            }
        }
        Ok(())
    }

    /// Whether a box may come here: what is refused is refused before all of it has come.
    fn check_header(&self, header: Header) -> Result<(), CutError> {
        let Header { kind, extent, .. } = header;
        let offset = self.intake.offset;
        if self.stream.is_none() && [Kind::MDAT, Kind::MOOF].contains(&kind) {
            return Err(CutError::NoMovie { kind, offset });
        }
        let Extent::Bytes(size) = extent else {
            return Ok(());
        };
        let capacity = self.capacity;
        if size > capacity as u64 {
            return Err(CutError::TooLarge {
                kind,
                offset,
                size,
                capacity,
            });
        }
        if size > capacity.saturating_sub(self.intake.at) as u64 {
            return Err(self.too_long());
        }
        Ok(())
    }

    /// Puts a whole box where it belongs.
    fn take_box(&mut self, header: Header, cuts: &mut Vec<Segment>) -> Result<(), CutError> {
        let len = self.intake.taken();
        if header.kind.begins_media() {
            self.end_initialisation();
        }
        match header.kind {
            Kind::MOOV => self.take_movie(header, cuts)?,
            Kind::MOOF => self.take_fragment(header, cuts)?,
            // It counts from the start or the end of the file.
            Kind::MFRA => self.intake.leave_out_last(),
            Kind::SIDX | Kind::SSIX => self.take_index(header),
            Kind::EMSG => self.take_event(header),
            kind => self.note(kind),
        }
        self.intake.next_box(len);
        if header.kind == Kind::MDAT {
            self.habit.missing = self
                .habit
                .missing
                .saturating_sub(len as u64 - header.len as u64);
            self.release_promptly(cuts);
        }
        Ok(())
    }

    fn note(&mut self, kind: Kind) {
        self.marks
            .note(kind, self.intake.at, self.intake.held.len());
    }

    fn take_movie(&mut self, header: Header, cuts: &mut Vec<Segment>) -> Result<(), CutError> {
        let moov = self.intake.last(header);
        let next = Stream::new(moov);
        if let Some(stream) = &self.stream {
            if stream.began_with(moov.bytes()) {
                self.is_renewed = true;
                self.settle(None, cuts);
                let start = self.marks.renewal.unwrap_or(self.intake.at);
                self.leave_out_repetition(start);
                return Ok(());
            }
            self.check_content()?;
        }
        let next = next?;
        self.settle(None, cuts);
        let start = self.marks.renewal.unwrap_or(self.intake.at);
        if let Some(ended) = &self.stream {
            let lasted = ended.timeline.end();
            let data = self.intake.take_before(start).into_segment();
            if self.marks.media > 0 {
                cuts.extend(self.ended(data, lasted));
            }
        }
        self.stream = Some(next);
        self.marks = Marks::default();
        self.growing = Growing::default();
        self.habit = Habit::default();
        self.groups = Groups::default();
        self.is_renewed = false;
        Ok(())
    }

    /// Leaves out what is in force anyway of an initialisation segment that comes again, from
    /// `start` to its `moov`, which is the last box. What it has besides stays.
    fn leave_out_repetition(&mut self, start: usize) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        if matches!(stream.progress, Progress::Initialising) {
            stream.initialisation = self.intake.held.before(start).to_vec();
        }
        self.intake
            .leave_out_repeated(start, |outer| stream.began_with(outer));
        self.marks.renewal = None;
        self.note(Kind::MOOV);
    }

    fn end_initialisation(&mut self) {
        if let Some(stream) = &mut self.stream
            && matches!(stream.progress, Progress::Initialising)
        {
            stream.initialisation = self.intake.take_before(self.intake.at).into_segment();
            stream.progress = Progress::Seeking;
            self.marks = Marks::default();
        }
    }

    fn take_fragment(&mut self, header: Header, cuts: &mut Vec<Segment>) -> Result<(), CutError> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        let bytes = |totals: &Totals| {
            let of_tracks = totals.values().map(|total| total.bytes);
            of_tracks.fold(0, u64::saturating_add)
        };
        let before = bytes(&stream.totals);
        let moof = self.intake.last(header);
        let Fragments { deciding, others } =
            Fragment::read(moof, &stream.movie, &mut stream.totals)?;
        let added = bytes(&stream.totals).saturating_sub(before);
        self.habit.missing = self.habit.missing.saturating_add(added);
        let has_jumped_beside = stream.beside.push(&others);
        if deciding.is_some() {
            self.settle(deciding, cuts);
        }
        let border = self.begin_fragment();
        if has_jumped_beside {
            self.marks.early.get_or_insert(border);
        }
        if let Some(fragment) = deciding {
            self.take_deciding(fragment, border, cuts);
        }
        Ok(())
    }

    /// Takes note of a fragment, whose data is still to come. Returns the place before it.
    fn begin_fragment(&mut self) -> Border {
        let doubtful = self.doubtful.as_ref();
        let doubtful = doubtful.map_or(0, |place| place.fragment.duration);
        let lasted = self.stream.as_ref().map_or(0, |it| it.timeline.end());
        let incomplete = Incomplete {
            offset: self.intake.offset,
            lasted: lasted.saturating_add(doubtful),
        };
        self.marks.begin_fragment(self.intake.at, incomplete)
    }

    /// Takes a fragment of the track that decides where to cut.
    fn take_deciding(&mut self, fragment: Fragment, border: Border, cuts: &mut Vec<Segment>) {
        let Some(stream) = &self.stream else { return };
        self.habit.note(fragment);
        let early = self.marks.early.take();
        let place = Place {
            fragment,
            events: mem::take(&mut self.events),
            border,
            border_of_jump: early.filter(|it| it.is_behind_whole).unwrap_or(border),
        };
        let is_renewed = mem::take(&mut self.is_renewed);
        if is_renewed && !stream.timeline.advances(fragment) {
            self.advance(place, Step::Jump, cuts);
        } else if stream.timeline.is_plausible(fragment) {
            self.advance(place, Step::Time, cuts);
        } else if is_renewed {
            self.advance(place, Step::Jump, cuts);
        } else {
            self.doubtful = Some(place);
        }
    }

    /// Decides on a fragment whose decode time was in doubt, by the next one, if there is one.
    fn settle(&mut self, next: Option<Fragment>, cuts: &mut Vec<Segment>) {
        let Some(stream) = &self.stream else { return };
        let Some(place) = self.doubtful.take() else {
            return;
        };
        let step = next.map_or(Step::Wild, |next| {
            stream.timeline.judge(place.fragment, next)
        });
        self.advance(place, step, cuts);
    }

    /// Moves on to a fragment, and cuts before it if that is due.
    fn advance(&mut self, mut place: Place, step: Step, cuts: &mut Vec<Segment>) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        if step == Step::Jump && !place.border_of_jump.is_behind_whole {
            // The segment cannot end here. The next fragment shows the jump again.
            stream.timeline.push(place.fragment, Step::Wild);
            stream.take_events(place.events, place.fragment);
            return;
        }
        let lets_in = stream.lets_in(place.fragment);
        if step == Step::Jump {
            self.groups.restart();
            if lets_in {
                self.groups.note(place.fragment.start);
            }
            self.jump(place, lets_in, cuts);
            return;
        }
        let enters = place.border.is_behind_whole && lets_in;
        let is_first = stream.timeline.is_fresh();
        stream.timeline.push(place.fragment, step);
        stream.take_events(mem::take(&mut place.events), place.fragment);
        if enters {
            self.groups.note(stream.timeline.now());
        }
        match stream.progress {
            Progress::Cutting if is_first => {
                self.growing.independent = stream.lets_in(place.fragment);
            }
            Progress::Orphaned => self.leave_orphan(&place, enters, cuts),
            _ if enters => self.consider(place.border.at, cuts),
            _ => {}
        }
    }

    /// Ends the segment before a fragment that does not continue it.
    fn jump(&mut self, place: Place, enters: bool, cuts: &mut Vec<Segment>) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let by = stream.timeline.jump_to(place.fragment);
        let lasted = stream.timeline.end();
        if !stream.progress.has_begun() {
            stream.cues.restart();
            stream.timeline.push(place.fragment, Step::Jump);
            stream.take_events(place.events, place.fragment);
            if enters && place.border.is_behind_whole {
                self.consider(place.border.at, cuts);
            }
            return;
        }
        if self.notices.len() < MOST_NOTICES {
            self.notices.push(Notice::Jump { ticks: by });
        }
        let border = place.border_of_jump;
        if border.has_media_before {
            self.cut_before(border.at, lasted, cuts);
        }
        self.growing = Growing {
            discontinuity: true,
            independent: enters,
        };
        if let Some(stream) = &mut self.stream {
            stream.cues.restart();
            stream.timeline.push(place.fragment, Step::Jump);
            stream.take_events(place.events, place.fragment);
            stream.progress = if enters {
                Progress::Cutting
            } else {
                Progress::Orphaned
            };
        }
    }

    /// Ends media that no decoder can begin with, before an access point or if it is too much.
    fn leave_orphan(&mut self, place: &Place, enters: bool, cuts: &mut Vec<Segment>) {
        let border = place.border;
        let is_full = border.at >= self.capacity / 2;
        if !border.is_behind_whole || !(enters || is_full) {
            return;
        }
        let Some(stream) = &mut self.stream else {
            return;
        };
        let lasted = stream.timeline.elapsed();
        if border.has_media_before {
            self.cut_before(border.at, lasted, cuts);
        }
        if let Some(stream) = &mut self.stream
            && enters
        {
            stream.progress = Progress::Cutting;
            self.growing.independent = true;
        }
    }

    /// Ends the segment before this position.
    fn cut_before(&mut self, at: usize, lasted: u64, cuts: &mut Vec<Segment>) {
        let data = self.intake.take_before(at).into_segment();
        self.marks.shift(at);
        cuts.extend(self.ended(data, lasted));
        if let Some(stream) = &mut self.stream {
            stream.timeline.restart();
        }
    }

    /// The segment with this data, unless it is dropped. The next one begins as usual.
    fn ended(&mut self, data: Vec<u8>, lasted: u64) -> Option<Segment> {
        let stream = self.stream.as_mut()?;
        if let (Progress::Orphaned, Undecodable::Dropped) = (&stream.progress, self.undecodable) {
            let bytes = data.len() as u64;
            self.growing.independent = false;
            if self.notices.len() < MOST_NOTICES {
                self.notices.push(Notice::Dropped { bytes });
            }
            return None;
        }
        let mut segment = stream.timeline.segment(data, lasted);
        segment.splices = stream.cues.take_waiting();
        let independent = !matches!(stream.progress, Progress::Orphaned);
        let growing = Growing {
            discontinuity: false,
            independent,
        };
        let Growing {
            discontinuity,
            independent,
        } = mem::replace(&mut self.growing, growing);
        (segment.discontinuity, segment.independent) = (discontinuity, independent);
        Some(segment)
    }

    /// Cuts before a fragment that a decoder can begin with, if the segment has lasted long enough.
    fn consider(&mut self, start: usize, cuts: &mut Vec<Segment>) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        if matches!(stream.progress, Progress::Seeking) {
            let data = stream.initialisation.clone();
            cuts.push(Segment::initialisation(data));
            stream.progress = Progress::Cutting;
            // What came before this fragment is no segment without it.
            (self.marks.whole, self.marks.media) = (0, 0);
            return;
        }
        let is_full = start >= self.capacity / 2;
        let lasted = stream.timeline.elapsed();
        let wanted = if stream.is_spliced(lasted) || is_full {
            SHORTEST
        } else {
            self.target
        };
        if stream.timeline.is_as_long(lasted, wanted) {
            self.cut_before(start, lasted, cuts);
        }
    }

    /// Cuts behind a fragment if the next one is sure to begin with an access point.
    fn release_promptly(&mut self, cuts: &mut Vec<Segment>) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let is_certain = match stream.movie.track.medium {
            Medium::Audio => true,
            Medium::Video => !self.habit.is_broken && self.habit.fragments > 1,
        };
        let lasted = stream.timeline.end();
        if self.release == Release::Prompt
            && matches!(stream.progress, Progress::Cutting)
            && is_certain
            && self.habit.missing == 0
            && self.doubtful.is_none()
            && self.marks.media > 0
            && stream.has_all_tracks()
            && (stream.is_spliced(lasted) || stream.timeline.is_as_long(lasted, self.target))
        {
            self.cut_before(self.intake.at, lasted, cuts);
            if let Some(stream) = &mut self.stream {
                stream.timeline.restart_behind();
            }
        }
    }

    /// Reads an event message, which stays where it is.
    fn take_event(&mut self, header: Header) {
        self.note(header.kind);
        match Event::read(self.intake.last(header)) {
            Some(Ok(event)) if self.events.len() < MOST_WAITING => self.events.push(event),
            Some(Err(Unreadable)) if self.notices.len() < MOST_NOTICES => {
                let offset = self.intake.offset;
                self.notices.push(Notice::UnreadableSplice { offset });
            }
            _ => {}
        }
    }

    fn take_index(&mut self, header: Header) {
        if self.stream.is_none() {
            // It can only count what comes after the movie.
            self.intake.leave_out_last();
            return;
        }
        self.note(header.kind);
        if header.kind == Kind::SIDX {
            let counted = counted_bytes(self.intake.last(header));
            self.intake.held.note_index(self.intake.at, counted);
        } else {
            self.intake.held.extend_index(self.intake.at);
        }
    }

    /// What is to be said when more would be held than can be.
    fn too_long(&self) -> CutError {
        let end = self.intake.end();
        let Some(stream) = &self.stream else {
            return CutError::NoFragment { bytes: end };
        };
        stream
            .check_progress(end)
            .err()
            .unwrap_or(CutError::TooLong {
                track: stream.movie.track.id,
                offset: self.intake.base,
                bytes: self.intake.held.len(),
            })
    }

    /// Ends the input, and judges it.
    fn end(&mut self, cuts: &mut Vec<Segment>) -> Result<(), CutError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if let Some(header) = self.intake.open_ended() {
            self.take_box(header, cuts)?;
        }
        self.intake.check_end()?;
        self.check_content()?;
        self.settle(None, cuts);
        // What leads a fragment that does not come stays with the last one.
        self.marks.whole = self.intake.held.len();
        Ok(())
    }

    /// Whether all that came can be handed out.
    fn check_content(&self) -> Result<(), CutError> {
        let bytes = self.intake.end();
        let stream = self.stream.as_ref();
        stream
            .ok_or(CutError::NoFragment { bytes })?
            .check_progress(bytes)?;
        match self.marks.incomplete {
            Some(Incomplete { offset, .. }) => Err(CutError::NoData { offset }),
            None => Ok(()),
        }
    }
}

impl Habit {
    fn note(&mut self, fragment: Fragment) {
        let Fragment {
            begins_with,
            samples,
            syncs,
            ..
        } = fragment;
        self.fragments += 1;
        self.is_broken |= begins_with == Beginning::NonSync || syncs != 1 && syncs != samples;
    }
}
