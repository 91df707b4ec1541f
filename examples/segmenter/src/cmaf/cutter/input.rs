//! The boxes of the input: each is held, read or left out.

use super::{Cutter, Growing, Habit, MOST_NOTICES};
use crate::cmaf::boxes::{Extent, Header};
use crate::cmaf::error::CutError;
use crate::cmaf::event::{Event, Unreadable};
use crate::cmaf::index::counted_bytes;
use crate::cmaf::intake;
use crate::cmaf::kind::Kind;
use crate::cmaf::marks::{Incomplete, Marks};
use crate::cmaf::stream::{Progress, Stream};
use crate::cues::MOST_WAITING;
use crate::groups::Groups;
use crate::notice::Notice;
use crate::segment::Segment;

impl Cutter {
    pub(super) fn examine(
        &mut self,
        mut bytes: &[u8],
        cuts: &mut Vec<Segment>,
    ) -> Result<(), CutError> {
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
    pub(super) fn end(&mut self, cuts: &mut Vec<Segment>) -> Result<(), CutError> {
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
