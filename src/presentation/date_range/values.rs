//! The values of a date range's attributes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The end of the year 9999 in milliseconds since 1970: manifests write years with four digits.
pub(super) const DATES_END: u64 = 253_402_300_800_000;

/// A date in milliseconds since 1970, before the year 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(pub(super) u64);

/// When to act on a range, other than at its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cue {
    /// Before playback begins, wherever it begins.
    Pre,
    /// After playback reached the end of the presentation.
    Post,
    /// Once, even if a viewer plays the dates again.
    Once,
}

/// What an SCTE-35 section signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scte35 {
    /// Neither a splice out nor a splice in.
    Cmd,
    /// A splice out: the start of the range is its programme time.
    Out,
    /// A splice in: the end or the duration of the range is the actual one.
    In,
}

/// The value of an attribute of the application.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AttributeValue {
    /// A text without quotation marks and control characters. It may be empty.
    Text(String),
    /// A number, which is finite.
    Number(f64),
    /// Bytes, at least one.
    Bytes(Vec<u8>),
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for AttributeValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Vec<u8>> for AttributeValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl Millis {
    pub(crate) fn of(date: SystemTime) -> Option<Self> {
        let millis = date.duration_since(UNIX_EPOCH).ok()?.as_millis();
        let millis = u64::try_from(millis).ok()?;
        (millis < DATES_END).then_some(Self(millis))
    }

    pub(crate) fn date(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0)
    }

    pub(super) fn after(self, millis: u64) -> Option<Self> {
        let sum = self.0.checked_add(millis)?;
        (sum < DATES_END).then_some(Self(sum))
    }
}
