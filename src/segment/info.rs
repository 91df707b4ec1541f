//! Facts about a segment that its manifests need and its payload does not say.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::SystemTime;

/// How many bytes of event lines one record of losses keeps.
const KEPT_EVENT_BYTES: usize = 64 * 1024;

/// Facts about a segment for its manifests: they travel in band, since the publisher is on another
/// thread.
///
/// Two parts are *state*: [key lines](SegmentInfo::key_lines) and the
/// [date](SegmentInfo::program_date_time), of which the last one wins. The others belong to one
/// segment: the number of [discontinuities](SegmentInfo::discontinuity) before it, its [event
/// lines](SegmentInfo::event_line), and its exact [media time](SegmentInfo::media_time).
///
/// An empty `SegmentInfo` is the size of a pointer, and a clone shares its content. Its
/// [length](SegmentInfo::byte_len) counts in
/// [`channel_bytes`](crate::SegmentStreamConfig::channel_bytes).
///
/// ```
/// use segment_stream::{MediaTime, SegmentInfo};
/// use std::num::NonZeroU32;
///
/// # fn main() -> Result<(), segment_stream::LineError> {
/// let timescale = NonZeroU32::new(90_000).expect("it is not 0");
/// let info = SegmentInfo::new()
///     .discontinuity()
///     .media_time(MediaTime { start: 0, duration: 180_000, timescale })
///     .event_line("#EXT-X-CUE-OUT:30")?;
/// assert_eq!(info.discontinuities(), 1);
/// assert_eq!(info.event_lines().collect::<Vec<_>>(), ["#EXT-X-CUE-OUT:30"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct SegmentInfo(Option<Arc<Content>>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Content {
    /// `None` leaves the keys in force.
    key_lines: Option<Vec<String>>,
    program_date_time: Option<SystemTime>,
    discontinuities: u64,
    event_lines: Vec<String>,
    /// Lines that a merged record of losses had no room for.
    omitted_event_lines: u64,
    media_time: Option<MediaTime>,
}

/// An exact time and duration on the media timeline, in ticks of a timescale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MediaTime {
    /// The presentation time of the first sample, in ticks.
    pub start: u64,
    /// The presentation duration, in ticks.
    pub duration: u64,
    /// Ticks in a second.
    pub timescale: NonZeroU32,
}

/// A line that no manifest can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    line: String,
    kind: LineErrorKind,
}

/// Why a line was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LineErrorKind {
    /// The line is empty.
    Empty,
    /// It contains a line break or another control character, and would forge a line of its own.
    ControlCharacter,
}

impl LineError {
    /// Why the line was refused.
    #[must_use]
    pub fn kind(&self) -> LineErrorKind {
        self.kind
    }

    /// The line that was refused.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.kind {
            LineErrorKind::Empty => "it is empty",
            LineErrorKind::ControlCharacter => "it contains a control character",
        };
        write!(f, "cannot use the line {:?}: {reason}", self.line)
    }
}

impl std::error::Error for LineError {}

impl SegmentInfo {
    /// An empty one, the same as its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more discontinuity before this segment: another encoder, other tracks, a jump of the
    /// timestamps.
    pub fn discontinuity(mut self) -> Self {
        let content = self.content_mut();
        content.discontinuities = content.discontinuities.saturating_add(1);
        self
    }

    /// The date of the first sample.
    pub fn program_date_time(mut self, date: SystemTime) -> Self {
        self.content_mut().program_date_time = Some(date);
        self
    }

    /// The exact media time. It wins over [`duration_secs`](crate::ProducedSegment::duration_secs)
    /// in manifests.
    pub fn media_time(mut self, time: MediaTime) -> Self {
        self.content_mut().media_time = Some(time);
        self
    }

    /// The lines that say which keys hold from this segment on, in the words of the format. They
    /// replace the lines before them; no lines at all end all keys.
    ///
    /// # Errors
    ///
    /// A line is empty or has a control character in it. None of the lines is taken then.
    pub fn key_lines<L: Into<String>>(
        mut self,
        lines: impl IntoIterator<Item = L>,
    ) -> Result<Self, LineError> {
        let lines = lines.into_iter().map(checked).collect::<Result<_, _>>()?;
        self.content_mut().key_lines = Some(lines);
        Ok(self)
    }

    /// One more line of this segment alone, in the words of the format.
    ///
    /// # Errors
    ///
    /// The line is empty or has a control character in it.
    pub fn event_line(mut self, line: impl Into<String>) -> Result<Self, LineError> {
        let line = checked(line)?;
        self.content_mut().event_lines.push(line);
        Ok(self)
    }

    /// How many discontinuities stand before this segment: more than one if segments between them
    /// were lost.
    #[must_use]
    pub fn discontinuities(&self) -> u64 {
        self.0.as_ref().map_or(0, |it| it.discontinuities)
    }

    /// The date of the first sample, if it was given.
    #[must_use]
    pub fn date(&self) -> Option<SystemTime> {
        self.0.as_ref()?.program_date_time
    }

    /// The exact media time, if it was given.
    #[must_use]
    pub fn time(&self) -> Option<MediaTime> {
        self.0.as_ref()?.media_time
    }

    /// The key lines that hold from this segment on; `None` if the keys before it go on.
    #[must_use]
    pub fn keys(&self) -> Option<&[String]> {
        self.0.as_ref()?.key_lines.as_deref()
    }

    /// The lines of this segment alone.
    pub fn event_lines(&self) -> impl Iterator<Item = &str> {
        let content = self.0.as_ref();
        content
            .into_iter()
            .flat_map(|it| it.event_lines.iter().map(String::as_str))
    }

    /// How many event lines of lost segments are missing here: of segments that were lost one after
    /// the other at most 64 KiB of lines are kept.
    #[must_use]
    pub fn omitted_event_lines(&self) -> u64 {
        self.0.as_ref().map_or(0, |it| it.omitted_event_lines)
    }

    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|it| **it == Content::default())
    }

    /// The length of all lines in bytes: the part of the information that has no fixed size.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let Some(content) = &self.0 else { return 0 };
        let keys = content.key_lines.iter().flatten();
        keys.chain(&content.event_lines).map(String::len).sum()
    }

    /// Adds the information of the segment that follows, when both were lost and share one record.
    /// State: the last one wins; discontinuities add up; event lines are kept up to a limit. No
    /// media time holds for both.
    pub(crate) fn absorb(&mut self, next: &Self) {
        if next.is_empty() && self.time().is_none() {
            return;
        }
        let next = next.0.as_deref().cloned().unwrap_or_default();
        let content = self.content_mut();
        content.media_time = None;
        content.keep_event_lines();
        if next.key_lines.is_some() {
            content.key_lines = next.key_lines;
        }
        if next.program_date_time.is_some() {
            content.program_date_time = next.program_date_time;
        }
        content.discontinuities = content.discontinuities.saturating_add(next.discontinuities);
        // Once one is omitted all that follow are, so that what is kept is a prefix.
        if content.omitted_event_lines == 0 {
            content.event_lines.extend(next.event_lines);
            content.keep_event_lines();
        } else {
            content.omit(next.event_lines.len() as u64);
        }
        // These came after the lines of the same record.
        content.omit(next.omitted_event_lines);
    }

    fn content_mut(&mut self) -> &mut Content {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

impl Content {
    /// Omits the event lines beyond the limit.
    fn keep_event_lines(&mut self) {
        let mut bytes = 0_usize;
        let fits = |line: &&String| {
            bytes = bytes.saturating_add(line.len());
            bytes <= KEPT_EVENT_BYTES
        };
        let kept = self.event_lines.iter().take_while(fits).count();
        let omitted = self.event_lines.drain(kept..).count();
        self.omit(omitted as u64);
    }

    fn omit(&mut self, lines: u64) {
        self.omitted_event_lines = self.omitted_event_lines.saturating_add(lines);
    }
}

fn checked(line: impl Into<String>) -> Result<String, LineError> {
    let line = line.into();
    let kind = if line.is_empty() {
        LineErrorKind::Empty
    } else if line.chars().any(char::is_control) {
        LineErrorKind::ControlCharacter
    } else {
        return Ok(line);
    };
    Err(LineError { line, kind })
}

impl fmt::Debug for SegmentInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = self.0.as_deref().cloned().unwrap_or_default();
        // Key lines may name where keys are to be had, and so are counted and not shown.
        f.debug_struct("SegmentInfo")
            .field("discontinuities", &content.discontinuities)
            .field("program_date_time", &content.program_date_time)
            .field("media_time", &content.media_time)
            .field("key_lines", &content.key_lines.map(|it| it.len()))
            .field("event_lines", &content.event_lines)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_empty_one_costs_a_pointer_and_no_bytes() {
        assert_eq!(size_of::<SegmentInfo>(), size_of::<usize>());
        assert!(SegmentInfo::new().is_empty());
        assert_eq!(SegmentInfo::new().byte_len(), 0);
    }

    #[test]
    fn a_line_that_would_forge_another_is_refused_with_its_reason() {
        let error = SegmentInfo::new().event_line("#A\nevil.ts").unwrap_err();
        assert_eq!(error.kind(), LineErrorKind::ControlCharacter);
        assert_eq!(error.line(), "#A\nevil.ts");
        assert!(!error.to_string().contains('\n'));
        let error = SegmentInfo::new().key_lines(["#K", ""]).unwrap_err();
        assert_eq!(error.kind(), LineErrorKind::Empty);
    }

    #[test]
    fn the_last_state_wins_discontinuities_add_up_and_lines_follow() {
        let date = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        let mut first = SegmentInfo::new()
            .discontinuity()
            .program_date_time(date(1));
        first = first.key_lines(["#K1"]).unwrap().event_line("#E1").unwrap();
        let second = SegmentInfo::new()
            .discontinuity()
            .program_date_time(date(2));
        let second = second.event_line("#E2").unwrap();
        let shared = first.clone();
        first.absorb(&second);
        first.absorb(&SegmentInfo::new());
        assert_eq!(first.discontinuities(), 2);
        assert_eq!(first.date(), Some(date(2)));
        assert_eq!(first.keys(), Some(&["#K1".to_owned()][..]));
        assert_eq!(first.event_lines().collect::<Vec<_>>(), ["#E1", "#E2"]);
        assert_eq!(
            shared.discontinuities(),
            1,
            "a clone does not change with it"
        );
    }

    #[test]
    fn of_a_long_loss_a_prefix_of_the_lines_is_kept_and_the_rest_is_counted() {
        let line = format!("#{}", "x".repeat(1023));
        let one = SegmentInfo::new().event_line(line).unwrap();
        let mut all = one.clone();
        (1..100).for_each(|_| all.absorb(&one));
        assert_eq!(
            (all.event_lines().count(), all.omitted_event_lines()),
            (64, 36)
        );
        all.absorb(&SegmentInfo::new().event_line("#short").unwrap());
        assert_eq!(all.omitted_event_lines(), 37);
    }

    /// A record of several may be the second one, after a loss in front of it.
    #[test]
    fn lines_of_a_record_come_before_those_that_it_omits() {
        let line = |length: usize| {
            let line = format!("#{}", "x".repeat(length - 1));
            SegmentInfo::new().event_line(line).unwrap()
        };
        let mut record = line(KEPT_EVENT_BYTES - 10);
        record.absorb(&line(11));
        let mut first = line(10);
        first.absorb(&record);
        assert_eq!(first.event_lines().count(), 2);
        assert_eq!(first.omitted_event_lines(), 1);
    }

    #[test]
    fn a_record_keeps_no_more_of_its_first_loss_than_of_the_others() {
        let mut first = SegmentInfo::new();
        for _ in 0..100 {
            first = first.event_line("#".repeat(1024)).unwrap();
        }
        first.absorb(&SegmentInfo::new().discontinuity());
        assert_eq!(first.byte_len(), KEPT_EVENT_BYTES);
        assert_eq!(first.omitted_event_lines(), 36);
    }

    #[test]
    fn no_media_time_holds_for_two() {
        let time = MediaTime {
            start: 1,
            duration: 2,
            timescale: NonZeroU32::MIN,
        };
        let mut info = SegmentInfo::new().media_time(time);
        info.absorb(&SegmentInfo::new());
        assert_eq!(info.time(), None);
    }
}
