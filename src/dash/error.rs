//! The error of an XML element that no MPD can hold.

use std::error::Error;
use std::fmt;
use std::io;

/// An XML element that is not passed through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlError {
    kind: XmlErrorKind,
    position: usize,
    why: String,
}

/// Why an element was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum XmlErrorKind {
    /// It is not one well-formed element.
    Malformed,
    /// It has a control character, or one that XML does not allow.
    Character,
    /// It has a comment, a processing instruction, a CDATA section or a document type.
    NotAllowed,
    /// It uses a prefix that it does not declare.
    Prefix,
}

impl XmlError {
    pub(crate) fn new(kind: XmlErrorKind, position: usize, why: impl Into<String>) -> Self {
        Self {
            kind,
            position,
            why: why.into(),
        }
    }

    /// Why the element was refused.
    #[must_use]
    pub fn kind(&self) -> XmlErrorKind {
        self.kind
    }

    /// The byte of the text near which the error is.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, why, .. } = self;
        write!(f, "cannot use the XML element: {why}, near byte {position}")
    }
}

impl Error for XmlError {}

impl From<XmlError> for io::Error {
    fn from(error: XmlError) -> Self {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}
