//! A media playlist as a multivariant playlist sees it.

use std::path::Path;

use super::bandwidth::Measured;
use crate::hls::start::Start;

/// A media playlist that a multivariant playlist may name. Implemented by publishers only.
pub trait Rendition: sealed::Sealed {}

/// The properties that renditions of the same content must share (RFC 8216 §6.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    pub(crate) target_secs: u64,
    pub(crate) has_dates: bool,
    pub(crate) discontinuities: u64,
    pub(crate) start: Option<Start>,
}

/// A media playlist of a presentation, whatever thread publishes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed<'a> {
    pub(crate) path: &'a Path,
    pub(crate) shared: Shared,
    pub(crate) measured: Option<Measured>,
}

impl Rendition for Listed<'_> {}

impl Shared {
    /// All differences between the two.
    pub(super) fn differs_from(&self, second: &Self) -> Option<String> {
        let mut how = Vec::new();
        if self.target_secs != second.target_secs {
            how.push(format!(
                "their target durations are {} s and {} s",
                self.target_secs, second.target_secs
            ));
        }
        if self.has_dates != second.has_dates {
            let (with, without) = if self.has_dates {
                ("first", "second")
            } else {
                ("second", "first")
            };
            how.push(format!(
                "the {with} has dates (EXT-X-PROGRAM-DATE-TIME), the {without} has none"
            ));
        }
        if self.discontinuities != second.discontinuities {
            how.push(format!(
                "their numbers of discontinuities are {} and {}",
                self.discontinuities, second.discontinuities
            ));
        }
        (!how.is_empty()).then(|| how.join("; "))
    }
}

pub(crate) mod sealed {
    use std::path::Path;

    use crate::hls::multivariant::bandwidth::Measured;
    use crate::hls::multivariant::{Listed, Shared};

    pub trait Sealed {
        fn path(&self) -> &Path;
        /// `None` before the first publication.
        fn shared(&self) -> Option<Shared>;

        /// The bit rates of what was stored; `None` if they are not known.
        fn measured(&self) -> Option<Measured>;
    }

    impl Sealed for Listed<'_> {
        fn path(&self) -> &Path {
            self.path
        }

        fn shared(&self) -> Option<Shared> {
            Some(self.shared)
        }

        fn measured(&self) -> Option<Measured> {
            self.measured
        }
    }
}
