//! A range of dates with attributes: an advertisement, a programme, a mark.
//!
//! It is an object of the presentation: all renditions list it, and it can be closed after it was
//! announced. The rules are those of RFC 8216 §4.3.2.7 and of draft-pantos-hls-rfc8216bis
//! §4.4.5.1, which add up to what any format can express.

mod error;
mod listed;
mod set;
mod values;

pub use error::{DateRangeError, DateRangeErrorKind};
pub(crate) use listed::{Announced, ListedRanges};
pub(crate) use set::RangeSet;
pub(crate) use values::Millis;
pub use values::{AttributeValue, Cue, Scte35};

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use DateRangeErrorKind as Kind;

/// The difference between an end and a duration that rounding to milliseconds can make.
const ROUNDING: u64 = 1;

/// A range of dates with attributes.
///
/// Dates and durations count in whole milliseconds, as manifests write them: dates are rounded
/// down, durations to the nearest.
///
/// A range whose end is not known yet is announced first and closed later, under the same id. A
/// published range may only gain attributes: see [`merge`](DateRange::merge) and
/// [`close`](DateRange::close). [`DateRanges`](crate::hls::DateRanges) lists ranges.
///
/// ```
/// use segment_stream::hls::{DateRange, Scte35};
/// use std::time::{Duration, SystemTime};
///
/// # fn main() -> Result<(), segment_stream::hls::DateRangeError> {
/// let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// let mut break_ = DateRange::new("splice-6FFFFFF0", start)?
///     .planned_duration(Duration::from_secs(60))?
///     .scte35(Scte35::Out, [0xFC, 0x30])?
///     .attribute("X-COM-EXAMPLE-CAMPAIGN", "spring")?;
/// assert_eq!(break_.known_end(), None);
/// break_.close(start + Duration::from_secs(59))?;
/// assert_eq!(break_.known_end(), Some(start + Duration::from_secs(59)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct DateRange {
    pub(crate) id: String,
    pub(crate) class: Option<String>,
    pub(crate) start: Millis,
    pub(crate) cues: BTreeSet<Cue>,
    pub(crate) end: Option<Millis>,
    /// In milliseconds.
    pub(crate) duration: Option<u64>,
    /// In milliseconds.
    pub(crate) planned_duration: Option<u64>,
    pub(crate) attributes: BTreeMap<String, AttributeValue>,
    pub(crate) scte35: BTreeMap<Scte35, Vec<u8>>,
    pub(crate) ends_on_next: bool,
}

impl DateRange {
    /// A range that begins at `start`. Its end is not known.
    ///
    /// The id is unique in the presentation. If an SCTE-35 id may come again, add a date or a
    /// number to it.
    ///
    /// # Errors
    ///
    /// The id is empty or has a quotation mark or a control character, or the date is before 1970
    /// or after 9999.
    pub fn new(id: impl Into<String>, start: SystemTime) -> Result<Self, DateRangeError> {
        let id = id.into();
        if let Err(reason) = check_text(&id) {
            return Err(DateRangeError::new(
                &id,
                Kind::Text,
                format!("the id {reason}"),
            ));
        }
        if id.is_empty() {
            return Err(DateRangeError::new(
                &id,
                Kind::Text,
                "the id is empty".into(),
            ));
        }
        let Some(start) = Millis::of(start) else {
            return Err(DateRangeError::date(&id, "start"));
        };
        Ok(Self {
            id,
            class: None,
            start,
            cues: BTreeSet::new(),
            end: None,
            duration: None,
            planned_duration: None,
            attributes: BTreeMap::new(),
            scte35: BTreeMap::new(),
            ends_on_next: false,
        })
    }

    /// The class: ranges of one class have the same kinds of attributes, with the same meaning.
    ///
    /// # Errors
    ///
    /// The class is empty or has a quotation mark or a control character.
    pub fn class(mut self, class: impl Into<String>) -> Result<Self, DateRangeError> {
        let class = class.into();
        if class.is_empty() {
            return Err(self.refuse(Kind::Text, "its class is empty"));
        }
        if let Err(reason) = check_text(&class) {
            return Err(self.refuse(Kind::Text, format!("its class {class:?} {reason}")));
        }
        self.class = Some(class);
        self.checked()
    }

    /// The date of the end.
    ///
    /// # Errors
    ///
    /// The date is before the start or after 9999, differs from the start plus the
    /// [`duration`](DateRange::duration), or the range [ends on the
    /// next](DateRange::ends_on_next).
    pub fn end(mut self, end: SystemTime) -> Result<Self, DateRangeError> {
        let end = Millis::of(end).ok_or_else(|| DateRangeError::date(&self.id, "end"))?;
        self.end = Some(end);
        self.checked()
    }

    /// The duration. A single instant lasts 0 s.
    ///
    /// # Errors
    ///
    /// The range would end after 9999, its [`end`](DateRange::end) is another one, or it [ends on
    /// the next](DateRange::ends_on_next).
    pub fn duration(mut self, duration: Duration) -> Result<Self, DateRangeError> {
        self.duration = Some(self.millis(duration)?);
        self.checked()
    }

    /// The expected duration, while the actual one is not known.
    ///
    /// # Errors
    ///
    /// The range would end after 9999.
    pub fn planned_duration(mut self, duration: Duration) -> Result<Self, DateRangeError> {
        self.planned_duration = Some(self.millis(duration)?);
        self.checked()
    }

    /// Ends the range at the start of the next one of its class. Ranges of that class must not
    /// overlap.
    ///
    /// # Errors
    ///
    /// The range has no [`class`](DateRange::class) yet, or has an end or a duration.
    pub fn ends_on_next(mut self) -> Result<Self, DateRangeError> {
        self.ends_on_next = true;
        self.checked()
    }

    /// One more [cue](Cue).
    ///
    /// # Errors
    ///
    /// The range would have both [`Cue::Pre`] and [`Cue::Post`].
    pub fn cue(mut self, cue: Cue) -> Result<Self, DateRangeError> {
        self.cues.insert(cue);
        self.checked()
    }

    /// An SCTE-35 `splice_info_section()`, as it was in the source.
    ///
    /// # Errors
    ///
    /// The section is empty.
    pub fn scte35(
        mut self,
        signal: Scte35,
        section: impl Into<Vec<u8>>,
    ) -> Result<Self, DateRangeError> {
        let section = section.into();
        if section.is_empty() {
            return Err(self.refuse(Kind::Value, "its SCTE-35 section is empty"));
        }
        self.scte35.insert(signal, section);
        self.checked()
    }

    /// An attribute of the application. Its name begins with `X-` and should be a reverse domain
    /// name, such as `X-COM-EXAMPLE-AD-ID`.
    ///
    /// # Errors
    ///
    /// The name has other characters than `A`–`Z`, `0`–`9` and `-`, or does not begin with `X-`. A
    /// text has a quotation mark or a control character, a number is not finite, or there are no
    /// bytes.
    pub fn attribute(
        mut self,
        name: impl Into<String>,
        value: impl Into<AttributeValue>,
    ) -> Result<Self, DateRangeError> {
        let (name, mut value) = (name.into(), value.into());
        let is_in_one =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        if name.strip_prefix("X-").is_none_or(str::is_empty) || !name.bytes().all(is_in_one) {
            return Err(self.refuse(
                Kind::Name,
                format!("the attribute name {name:?} is not X- and A-Z, 0-9 or -"),
            ));
        }
        let reason = match &mut value {
            AttributeValue::Text(text) => check_text(text).err(),
            AttributeValue::Bytes(bytes) => bytes.is_empty().then_some("has no bytes"),
            AttributeValue::Number(number) if !number.is_finite() => Some("is not finite"),
            AttributeValue::Number(number) => {
                // So that equal numbers are written in the same way.
                *number += 0.0;
                None
            }
        };
        if let Some(reason) = reason {
            return Err(self.refuse(Kind::Value, format!("its attribute {name} {reason}")));
        }
        self.attributes.insert(name, value);
        self.checked()
    }

    /// Adds the attributes of `update` that are new. Returns whether there were any.
    ///
    /// # Errors
    ///
    /// The id or the start is another one, an attribute would get another value, or the two
    /// contradict each other. The range is unchanged then.
    pub fn merge(&mut self, update: &Self) -> Result<bool, DateRangeError> {
        let change = |attribute: &str| {
            let reason = format!("a published {attribute} must not change");
            self.refuse(Kind::Changed, reason)
        };
        if self.id != update.id {
            return Err(change("id"));
        }
        if self.start != update.start {
            return Err(change("start"));
        }
        if !update.cues.is_empty() && !self.cues.is_empty() && self.cues != update.cues {
            return Err(change("set of cues"));
        }
        let mut merged = self.clone();
        gain(&mut merged.class, update.class.as_ref()).ok_or_else(|| change("class"))?;
        gain(&mut merged.end, update.end.as_ref()).ok_or_else(|| change("end"))?;
        gain(&mut merged.duration, update.duration.as_ref()).ok_or_else(|| change("duration"))?;
        gain(
            &mut merged.planned_duration,
            update.planned_duration.as_ref(),
        )
        .ok_or_else(|| change("planned duration"))?;
        for (name, value) in &update.attributes {
            if merged
                .attributes
                .entry(name.clone())
                .or_insert_with(|| value.clone())
                != value
            {
                return Err(change(name));
            }
        }
        for (signal, section) in &update.scte35 {
            if merged
                .scte35
                .entry(*signal)
                .or_insert_with(|| section.clone())
                != section
            {
                return Err(change("SCTE-35 section"));
            }
        }
        merged.cues.extend(&update.cues);
        merged.ends_on_next |= update.ends_on_next;
        if let (Some(end), None, Some(duration)) = (self.end, self.duration, update.duration)
            && let lasts = end.0 - self.start.0
            && lasts.abs_diff(duration) <= ROUNDING
        {
            merged.duration = Some(lasts);
        }
        let merged = merged.checked()?;
        let has_gained = merged != *self;
        *self = merged;
        Ok(has_gained)
    }

    /// Ends the range at `end`. Returns whether its end was not known before.
    ///
    /// # Errors
    ///
    /// The date is before the start or after 9999, the range has another end, or it [ends on the
    /// next](DateRange::ends_on_next). The range is unchanged then.
    pub fn close(&mut self, end: SystemTime) -> Result<bool, DateRangeError> {
        let closed = Self::new(self.id.as_str(), self.start.date())?.end(end)?;
        self.merge(&closed)
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The date of the start.
    #[must_use]
    pub fn start(&self) -> SystemTime {
        self.start.date()
    }

    /// The date of the end, if the range has an end or a duration.
    #[must_use]
    pub fn known_end(&self) -> Option<SystemTime> {
        self.ended().map(Millis::date)
    }

    fn ended(&self) -> Option<Millis> {
        self.end.or_else(|| self.start.after(self.duration?))
    }

    fn millis(&self, duration: Duration) -> Result<u64, DateRangeError> {
        let nearest = duration.as_nanos().saturating_add(500_000) / 1_000_000;
        let millis = u64::try_from(nearest).ok();
        let millis = millis.filter(|millis| self.start.after(*millis).is_some());
        millis.ok_or_else(|| DateRangeError::date(&self.id, "end"))
    }

    /// The rules for several attributes together.
    fn checked(mut self) -> Result<Self, DateRangeError> {
        if self.end.is_some_and(|end| end < self.start) {
            return Err(self.refuse(Kind::End, "its end is before its start"));
        }
        if let (Some(end), Some(duration)) = (self.end, self.duration) {
            let lasts = end.0 - self.start.0;
            if lasts.abs_diff(duration) > ROUNDING {
                return Err(self.refuse(
                    Kind::End,
                    format!("its end is {lasts} ms after its start, its duration {duration} ms"),
                ));
            }
            // Rounding made the difference, but the two must agree exactly.
            self.end = self.start.after(duration);
        }
        if self.ends_on_next && self.class.is_none() {
            return Err(self.refuse(Kind::End, "it ends on the next of its class, and has none"));
        }
        if self.ends_on_next && self.ended().is_some() {
            return Err(self.refuse(
                Kind::End,
                "it ends on the next of its class, and must not have an end or a duration",
            ));
        }
        if self.cues.contains(&Cue::Pre) && self.cues.contains(&Cue::Post) {
            return Err(self.refuse(Kind::Cue, "it has both a pre and a post cue"));
        }
        Ok(self)
    }

    fn refuse(&self, kind: Kind, reason: impl Into<String>) -> DateRangeError {
        DateRangeError::new(&self.id, kind, reason.into())
    }
}

/// Takes over a value that was not known; `None` if another one was.
fn gain<T: Clone + PartialEq>(known: &mut Option<T>, update: Option<&T>) -> Option<()> {
    match (&known, update) {
        (Some(known), Some(update)) if known != update => return None,
        (None, Some(update)) => *known = Some(update.clone()),
        (_, None) | (Some(_), _) => {}
    }
    Some(())
}

/// A quoted string has no quotation mark and no control character (RFC 8216 §4.2).
fn check_text(text: &str) -> Result<(), &'static str> {
    if text.contains('"') {
        return Err("has a quotation mark");
    }
    if text.chars().any(char::is_control) {
        return Err("has a control character");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
