//! The cutter: holds the bytes of one segment, and lets them go before a fragment that a decoder
//! can begin with.

use std::time::Duration;

use super::boxes::{Extent, Header};
use super::error::CutError;
use super::fragment::Fragment;
use super::index::counted_bytes;
use super::intake::{Intake, Step};
use super::kind::Kind;
use super::marks::{Incomplete, Marks};
use super::stream::{Progress, Stream};
use crate::segment::Segment;
use crate::track::Track;

/// What the cutter holds at most, unless told otherwise.
const DEFAULT_CAPACITY: usize = 256 << 20;
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
    fault: Option<CutError>,
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

    /// Ends the input: adds the last segment to `cuts`, unless there never was a fragment to begin
    /// with.
    ///
    /// # Errors
    ///
    /// That of [`push`](Self::push), if there was one; else the input ended too early, or has
    /// nothing to cut at.
    pub fn finish(mut self, cuts: &mut Vec<Segment>) -> Result<(), CutError> {
        let outcome = self.end(cuts);
        cuts.extend(self.stop());
        outcome
    }

    /// Ends in the middle: hands out what is held, in whole fragments.
    #[must_use]
    pub fn stop(mut self) -> Option<Segment> {
        let stream = self.stream?;
        let whole = self.marks.whole;
        if whole == 0 || !matches!(stream.progress, Progress::Cutting) {
            return None;
        }
        self.intake.held.leave_out(whole);
        let lasted = self.marks.incomplete.map(|incomplete| incomplete.lasted);
        let lasted = lasted.unwrap_or_else(|| stream.timeline.end());
        let data = self.intake.held.into_segment();
        Some(stream.timeline.segment(data, lasted))
    }

    fn examine(&mut self, mut bytes: &[u8], cuts: &mut Vec<Segment>) -> Result<(), CutError> {
        while !bytes.is_empty() || self.intake.is_whole() {
            match self.intake.take(&mut bytes)? {
                Step::Nothing => {}
                Step::Header(header) => self.check_header(header)?,
                Step::Box(header) => match header.extent {
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
            kind => self.note(kind),
        }
        self.intake.next_box(len);
        Ok(())
    }

    fn note(&mut self, kind: Kind) {
        self.marks
            .note(kind, self.intake.at, self.intake.held.len());
    }

    fn take_movie(&mut self, header: Header, cuts: &mut Vec<Segment>) -> Result<(), CutError> {
        let moov = self.intake.last(header);
        let start = self.marks.renewal.unwrap_or(self.intake.at);
        if let Some(stream) = &self.stream {
            if stream.began_with(moov.bytes()) {
                self.leave_out_repetition(start);
                return Ok(());
            }
            self.check_content()?;
        }
        if let Some(ended) = self.stream.replace(Stream::new(moov)?) {
            let data = self.intake.take_before(start).into_segment();
            cuts.push(ended.timeline.segment(data, ended.timeline.end()));
        }
        self.marks = Marks::default();
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
        let fragment = Fragment::read(self.intake.last(header), &stream.movie, &mut stream.totals)?;
        // The data of the one before may come after this one.
        let follows_a_whole_one = self.marks.incomplete.is_none();
        let lasted = stream.timeline.end();
        let offset = self.intake.offset;
        let start = self
            .marks
            .begin_fragment(self.intake.at, Incomplete { offset, lasted });
        if let Some(fragment) = fragment {
            stream.timeline.push(fragment);
            if follows_a_whole_one && stream.lets_in(fragment) {
                self.consider(start, cuts);
            }
        }
        Ok(())
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
            self.marks.whole = 0;
            return;
        }
        let is_full = start >= self.capacity / 2;
        let wanted = if is_full { SHORTEST } else { self.target };
        if stream.timeline.has_lasted(wanted) {
            let data = self.intake.take_before(start).into_segment();
            let lasted = stream.timeline.elapsed();
            cuts.push(stream.timeline.segment(data, lasted));
            stream.timeline.restart();
            self.marks.whole = 0;
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
