//! A date range that breaks a rule.

use std::fmt;

/// A range of dates that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateRangeError {
    id: String,
    kind: DateRangeErrorKind,
    reason: String,
}

/// Why a range of dates was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DateRangeErrorKind {
    /// An id or a class is empty, or has a quotation mark or a control character.
    Text,
    /// The name of an attribute is not `X-` with `A`–`Z`, `0`–`9` and `-` behind it.
    Name,
    /// The value of an attribute cannot be written.
    Value,
    /// A date is before 1970 or after 9999.
    Date,
    /// The end, the duration and the end on the next range contradict each other or the start.
    End,
    /// The cues contradict each other.
    Cue,
    /// A published attribute would change.
    Changed,
    /// It overlaps another range of a class whose ranges end on the next one.
    Overlap,
    /// There are 1,024 ranges that never leave by themselves: without an end, or with
    /// [`Cue::Pre`](super::Cue::Pre) or [`Cue::Post`](super::Cue::Post). Close an open one
    /// before. Or 1,024 ranges wait for the first segment with a date.
    TooMany,
    /// There is no range with this id.
    Unknown,
    /// The presentation has no dates.
    Undated,
    /// The presentation has ended.
    Ended,
}

impl DateRangeError {
    pub(crate) fn new(id: &str, kind: DateRangeErrorKind, reason: String) -> Self {
        let id = id.to_owned();
        Self { id, kind, reason }
    }

    pub(super) fn date(id: &str, which: &str) -> Self {
        let reason = format!("its {which} is before 1970 or after 9999");
        Self::new(id, DateRangeErrorKind::Date, reason)
    }

    /// Why the range was refused.
    #[must_use]
    pub fn kind(&self) -> DateRangeErrorKind {
        self.kind
    }

    /// The id of the range.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for DateRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot use the date range {:?}: {}",
            self.id, self.reason
        )
    }
}

impl std::error::Error for DateRangeError {}
