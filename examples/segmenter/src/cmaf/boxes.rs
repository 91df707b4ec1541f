//! Boxes: their headers, and the boxes in them. ISO/IEC 14496-12, 4.2.

use std::iter;

use super::error::CutError;
use super::fields::Fields;
use super::kind::Kind;

/// `size` and `type`.
pub(crate) const HEADER_LEN: usize = 8;
/// With `largesize`.
pub(crate) const LONG_HEADER_LEN: usize = 16;

/// What a box begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// How long the header itself is.
    pub(crate) len: usize,
    pub(crate) extent: Extent,
}

/// How far a box goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extent {
    /// So many bytes, the header among them.
    Bytes(u64),
    ToTheEnd,
}

impl Header {
    /// The header that `bytes` begin with, unless there is too little of it.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let (size, kind) = (fields.u32()?, Kind(fields.array()?));
        let (len, extent) = match size {
            0 => (HEADER_LEN, Extent::ToTheEnd),
            1 => (LONG_HEADER_LEN, Extent::Bytes(fields.u64()?)),
            size => (HEADER_LEN, Extent::Bytes(size.into())),
        };
        Some(Self { kind, len, extent })
    }
}

/// A box that is there as a whole.
#[derive(Clone, Copy)]
pub(crate) struct WholeBox<'a> {
    pub(crate) kind: Kind,
    /// Where in the input it begins.
    pub(crate) offset: u64,
    header_len: usize,
    bytes: &'a [u8],
}

impl<'a> WholeBox<'a> {
    /// `bytes` are the box, and begin at this byte of the input.
    pub(crate) fn new(header: Header, offset: u64, bytes: &'a [u8]) -> Self {
        Self {
            kind: header.kind,
            offset,
            header_len: header.len,
            bytes,
        }
    }

    /// All of it, the header too.
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn body(self) -> &'a [u8] {
        self.bytes.get(self.header_len..).unwrap_or_default()
    }

    pub(crate) fn fields(self) -> Fields<'a> {
        Fields::new(self.body())
    }

    /// The boxes in it. After an error there are no more.
    pub(crate) fn children(self) -> Children<'a> {
        Children {
            parent: self,
            at: self.header_len,
        }
    }

    /// The first box of this kind in it.
    pub(crate) fn child(self, kind: Kind) -> Result<Option<WholeBox<'a>>, CutError> {
        let is_it = |child: &Result<WholeBox<'_>, CutError>| {
            child.as_ref().map_or(true, |child| child.kind == kind)
        };
        self.children().find(is_it).transpose()
    }

    /// The first box of this kind, which has to be in it.
    pub(crate) fn required(self, kind: Kind) -> Result<WholeBox<'a>, CutError> {
        self.child(kind)?.ok_or_else(|| self.unreadable())
    }

    /// The error that the box is not as the standard has it.
    pub(crate) fn unreadable(self) -> CutError {
        CutError::Unreadable {
            kind: self.kind,
            offset: self.offset,
        }
    }
}

/// Goes through the boxes in a box.
pub(crate) struct Children<'a> {
    parent: WholeBox<'a>,
    at: usize,
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<WholeBox<'a>, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.parent.bytes.get(self.at..)?;
        if rest.len() < HEADER_LEN {
            // Less than a box can be: QuickTime ends some lists with four zero bytes.
            return None;
        }
        let offset = self.parent.offset + self.at as u64;
        let child = Header::read(rest).and_then(|header| {
            let Extent::Bytes(size) = header.extent else {
                return None;
            };
            let bytes = rest.get(..usize::try_from(size).ok()?)?;
            (bytes.len() >= header.len).then(|| WholeBox::new(header, offset, bytes))
        });
        self.at = child.map_or(usize::MAX, |child| self.at + child.bytes.len());
        Some(child.ok_or_else(|| self.parent.unreadable()))
    }
}

/// The boxes of the outermost level, all of which are whole and say how long they are.
pub(crate) fn outermost(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    iter::from_fn(move || {
        let Extent::Bytes(size) = Header::read(bytes)?.extent else {
            return None;
        };
        let (outer, rest) = bytes.split_at_checked(usize::try_from(size).ok()?)?;
        bytes = rest;
        Some(outer)
    })
}

/// Whether these bytes, the first eight or more of an input, are those of an MP4 file or of a
/// segment of one.
pub fn looks_like_mp4(start: &[u8]) -> bool {
    let name = start.get(4..).and_then(<[u8]>::first_chunk);
    name.is_some_and(|name| Kind(*name).begins_file())
}
