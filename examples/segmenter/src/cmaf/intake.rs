//! Splits the input into the boxes of its outermost level, whatever pieces it comes in.

use super::boxes::{Extent, HEADER_LEN, Header, LONG_HEADER_LEN, WholeBox, outermost};
use super::error::CutError;
use super::held::Held;
use super::kind::Kind;

/// Takes one box after the other into what is held. The last one there need not be whole.
pub(crate) struct Intake {
    pub(crate) held: Held,
    /// Where in the input that begins.
    pub(crate) base: u64,
    /// Where in what is held the last box begins.
    pub(crate) at: usize,
    /// Where in the input it begins.
    pub(crate) offset: u64,
    header: Option<Header>,
    /// How much may be held with a box that goes to the end.
    capacity: usize,
}

/// What has been completed.
pub(crate) enum Step {
    Nothing,
    Header(Header),
    /// The box with this header.
    Box(Header),
}

impl Intake {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            held: Held::default(),
            base: 0,
            at: 0,
            offset: 0,
            header: None,
            capacity,
        }
    }

    /// Takes bytes up to the end of a header or of a box, at most. A box that has nothing but a
    /// header is completed without any.
    pub(crate) fn take(&mut self, bytes: &mut &[u8]) -> Result<Step, CutError> {
        let (now, later) = bytes.split_at(self.missing().min(bytes.len()));
        self.held.extend(now);
        *bytes = later;
        if let Some(header) = self.header {
            return Ok(if self.is_whole() {
                Step::Box(header)
            } else {
                Step::Nothing
            });
        }
        let Some(header) = Header::read(self.held.since(self.at)) else {
            return Ok(Step::Nothing);
        };
        self.check(header)?;
        self.header = Some(header);
        Ok(Step::Header(header))
    }

    /// Whether the last box is there as a whole.
    pub(crate) fn is_whole(&self) -> bool {
        self.header.is_some() && self.missing() == 0
    }

    /// How many bytes of the last box are there.
    pub(crate) fn taken(&self) -> usize {
        self.held.len() - self.at
    }

    /// How many bytes the header still lacks, or else the box.
    fn missing(&self) -> usize {
        let taken = self.taken();
        let wanted = match self.header.map(|header| header.extent) {
            None if taken < HEADER_LEN => HEADER_LEN,
            None => LONG_HEADER_LEN,
            Some(Extent::Bytes(size)) => usize::try_from(size).unwrap_or(usize::MAX),
            // One byte more than can be held shows that it is too long.
            Some(Extent::ToTheEnd) => self.capacity.saturating_add(1).saturating_sub(self.at),
        };
        wanted.saturating_sub(taken)
    }

    /// Whether there can be such a box here.
    fn check(&self, header: Header) -> Result<(), CutError> {
        let Header { kind, len, extent } = header;
        let offset = self.offset;
        if offset == 0 && !kind.begins_file() {
            return Err(CutError::NotMp4);
        }
        if !kind.is_printable() {
            return Err(CutError::Damaged { offset });
        }
        let size = match extent {
            Extent::Bytes(size) => size,
            // The standard lets any last box go to the end; only media data is written like this.
            Extent::ToTheEnd if kind == Kind::MDAT => return Ok(()),
            Extent::ToTheEnd => 0,
        };
        if size < len as u64 {
            return Err(CutError::WrongSize { kind, offset, size });
        }
        Ok(())
    }

    /// The last box, which has this header.
    pub(crate) fn last(&self, header: Header) -> WholeBox<'_> {
        WholeBox::new(header, self.offset, self.held.since(self.at))
    }

    /// The header of the last box, if it goes to the end of the input, wherever that is.
    pub(crate) fn open_ended(&self) -> Option<Header> {
        self.header
            .filter(|header| matches!(header.extent, Extent::ToTheEnd))
    }

    /// What comes next begins a new box: the last one had so many bytes.
    pub(crate) fn next_box(&mut self, len: usize) {
        self.offset += len as u64;
        self.at = self.held.len();
        self.header = None;
    }

    /// Leaves out the last box.
    pub(crate) fn leave_out_last(&mut self) {
        self.held.leave_out(self.at);
    }

    /// Leaves out, from this position on, the boxes that `is_repeated` holds for.
    pub(crate) fn leave_out_repeated(&mut self, at: usize, is_repeated: impl Fn(&[u8]) -> bool) {
        let boxes = self.held.take_back(at);
        for outer in outermost(&boxes) {
            if is_repeated(outer) {
                self.held.leave_out(self.held.len());
            } else {
                self.held.extend(outer);
            }
        }
    }

    /// Takes what is held before this position, which is no later than the start of the last box.
    pub(crate) fn take_before(&mut self, at: usize) -> Held {
        self.at -= at;
        self.base = self.offset - self.at as u64;
        self.held.take_before(at)
    }

    /// How much of the input has come.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.taken() as u64
    }

    /// Whether the input may end here.
    pub(crate) fn check_end(&self) -> Result<(), CutError> {
        match (self.end(), self.taken()) {
            (0, _) => Err(CutError::Empty),
            (_, 0) => Ok(()),
            _ if self.offset == 0 && self.header.is_none() => Err(CutError::NotMp4),
            (_, len) => Err(CutError::EndsInsideBox {
                offset: self.offset,
                len,
            }),
        }
    }
}
