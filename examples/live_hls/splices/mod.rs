//! Advertisements: splice information (SCTE 35) as EXT-X-DATERANGE and EXT-X-CUE lines.
//!
//! A break is a date range of the playlist, which lists it until it has ended and left the window.
//! A mark is a line of its segment.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use segment_stream::SegmentInfo;
use segment_stream::hls::{DateRange, DateRangeError, Scte35, date_text};
use segmenter::scte35::{Action, Command, Role, Segmentation};
use segmenter::{Segment, Splice};

use crate::options::Dating;

/// The lines that tell of splices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Markers {
    /// EXT-X-DATERANGE (draft-pantos-hls-rfc8216bis, 4.4.5.1.1).
    DateRange,
    /// EXT-X-CUE-OUT and EXT-X-CUE-IN, which many ad inserters read, and no standard has.
    Cue,
    Both,
}

/// The ticks of splice information in a second.
const CLOCK: u32 = 90_000;
/// A segment belongs to a splice that is less than half a picture behind its start.
const NEAR: Duration = Duration::from_millis(20);

/// Follows the breaks of a program.
pub(crate) struct Splices {
    markers: Markers,
    dating: Dating,
    /// The program was left, or will be. The oldest comes first.
    breaks: Vec<Break>,
    ranges: Ranges,
    cues: Vec<Cue>,
    encrypted: Encrypted,
}

/// Whether encrypted splice information has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encrypted {
    No,
    Untold,
    Told,
}

/// A break that has not ended.
struct Break {
    key: Key,
    id: String,
    start: SystemTime,
    /// When the program resumes by itself.
    returns: Option<SystemTime>,
}

/// The event of a break. Different types of segmentation are breaks of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Insert(u32),
    Segmentation { event: u32, opening: u8 },
}

/// A line that belongs to the segment at this time.
struct Cue {
    at: SystemTime,
    key: Key,
    line: String,
}

/// The most breaks that may be open: when one more begins, the oldest is over. Some encoders never
/// tell when the program resumes.
const MOST_BREAKS: usize = 16;

/// Date ranges on their way to the playlists, each with the number of the segment that it precedes.
#[derive(Clone, Default)]
pub(crate) struct Ranges(Arc<Mutex<VecDeque<(u64, DateRange)>>>);

impl Ranges {
    fn send(&self, number: u64, range: Result<DateRange, DateRangeError>) {
        // None before 1970, as no playlist can express it.
        if let Ok(range) = range {
            self.lock().push_back((number, range));
        }
    }

    /// Takes the next range that precedes this segment or one before it.
    pub(crate) fn take(&self, number: u64) -> Option<DateRange> {
        let mut ranges = self.lock();
        let is_next = ranges.front().is_some_and(|(its, _)| *its <= number);
        let range = if is_next { ranges.pop_front() } else { None };
        range.map(|(_, range)| range)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, DateRange)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Splices {
    /// Resumes the breaks that the playlist has not ended.
    pub(crate) fn new(
        markers: Markers,
        dating: Dating,
        known: &[DateRange],
        ranges: Ranges,
    ) -> Self {
        let open = known.iter().filter(|it| it.known_end().is_none());
        Self {
            markers,
            dating,
            breaks: open.filter_map(Break::of).collect(),
            ranges,
            cues: Vec::new(),
            encrypted: Encrypted::No,
        }
    }

    /// Takes what is to be displayed, if there is anything new.
    pub(crate) fn take_notice(&mut self) -> Option<&'static str> {
        if self.encrypted != Encrypted::Untold {
            return None;
        }
        self.encrypted = Encrypted::Told;
        Some("splice information (SCTE 35) is encrypted: it is not listed")
    }

    /// Adds what is to be said with a segment of this number that begins at this date.
    pub(crate) fn announce(
        &mut self,
        segment: &Segment,
        number: u64,
        date: SystemTime,
        info: SegmentInfo,
    ) -> SegmentInfo {
        let mut told = Told::default();
        for splice in &segment.splices {
            let at = date_of(splice, segment, date);
            self.take(splice, at, &mut told);
        }
        let end = date.checked_add(segment.length()).unwrap_or(date);
        self.end_breaks(end, &mut told);
        let mut lines = Vec::new();
        if self.markers != Markers::Cue && self.dating == Dating::ByClock {
            for range in told.ranges {
                self.ranges.send(number, range);
            }
            lines = told.marks;
        }
        self.take_cues(date, &mut lines);
        lines.into_iter().fold(info, with_line)
    }

    fn take(&mut self, splice: &Splice, at: SystemTime, told: &mut Told) {
        match splice.info.command {
            Command::Nothing => {}
            // Its time is not known.
            Command::Encrypted => self.encrypted.note(),
            Command::Insert(insert) => {
                let key = Key::Insert(insert.event);
                match insert.action {
                    Action::Out { planned, .. } => {
                        let planned = planned.map(|it| (duration(it.ticks, CLOCK), it.auto_return));
                        self.leave(key, at, planned, splice, told);
                    }
                    Action::In { .. } => self.resume(key, at, splice, told),
                    _ => self.cancel(|it| it == key, told),
                }
            }
            Command::Time(_) if !splice.info.segmentations.is_empty() => {
                for segmentation in &splice.info.segmentations {
                    self.take_segmentation(*segmentation, at, splice, told);
                }
            }
            _ => {
                let id = format!("splice-{}-{}", checksum(&splice.section), millis(at));
                told.marks.extend(mark(&id, at, None, splice));
            }
        }
    }

    fn take_segmentation(
        &mut self,
        segmentation: Segmentation,
        at: SystemTime,
        splice: &Splice,
        told: &mut Told,
    ) {
        let event = segmentation.event;
        let Some(kind) = segmentation.kind else {
            let of_event = |key| matches!(key, Key::Segmentation { event: it, .. } if it == event);
            return self.cancel(of_event, told);
        };
        let key = Key::Segmentation {
            event,
            opening: kind.opening(),
        };
        match kind.role() {
            Role::Out => {
                let planned = kind.ticks.map(|ticks| (duration(ticks, CLOCK), false));
                self.leave(key, at, planned, splice, told);
            }
            Role::In => self.resume(key, at, splice, told),
            Role::Mark => {
                let planned = kind.ticks.map(|ticks| duration(ticks, CLOCK));
                told.marks.extend(mark(&key.id(at), at, planned, splice));
            }
        }
    }

    /// The program is left.
    fn leave(
        &mut self,
        key: Key,
        at: SystemTime,
        planned: Option<(Duration, bool)>,
        splice: &Splice,
        told: &mut Told,
    ) {
        if self.breaks.iter().any(|it| it.key == key) {
            // It was said before, and what was said cannot change.
            return;
        }
        let id = key.id(at);
        let length = planned.map(|(planned, _)| planned);
        let range = DateRange::new(&id, at).and_then(|it| it.scte35(Scte35::Out, &*splice.section));
        told.ranges.push(match length {
            Some(length) => range.and_then(|it| it.planned_duration(length)),
            None => range,
        });
        let line = match length {
            Some(length) => format!("#EXT-X-CUE-OUT:{}", seconds(length)),
            None => "#EXT-X-CUE-OUT".to_owned(),
        };
        self.cues.push(Cue { at, key, line });
        let returns = planned.filter(|(_, auto_return)| *auto_return);
        if self.breaks.len() >= MOST_BREAKS {
            let oldest = self.breaks.remove(0);
            told.ranges.push(oldest.ended(at));
        }
        self.breaks.push(Break {
            key,
            id,
            start: at,
            returns: returns.and_then(|(length, _)| at.checked_add(length)),
        });
    }

    /// The program resumes.
    fn resume(&mut self, key: Key, at: SystemTime, splice: &Splice, told: &mut Told) {
        let known = self.breaks.iter().position(|it| it.key == key);
        match known.map(|index| self.breaks.remove(index)) {
            Some(it) => {
                let range = it.ended(at);
                told.ranges
                    .push(range.and_then(|it| it.scte35(Scte35::In, &*splice.section)));
            }
            // The break began before the first segment.
            None => told
                .marks
                .extend(line(&key.id(at), at, None, "SCTE35-IN", splice)),
        }
        self.push_cue_in(key, at);
    }

    fn push_cue_in(&mut self, key: Key, at: SystemTime) {
        let line = "#EXT-X-CUE-IN".to_owned();
        self.cues.push(Cue { at, key, line });
    }

    /// What was said of a splice cannot be taken back, but it takes no time.
    fn cancel(&mut self, is_it: impl Fn(Key) -> bool, told: &mut Told) {
        let cues = &mut self.cues;
        self.breaks.retain(|it| {
            let is_ahead = cues.iter().any(|cue| cue.key == it.key);
            let is_cancelled = is_it(it.key) && is_ahead;
            if is_cancelled {
                told.ranges.push(it.ended(it.start));
            }
            !is_cancelled
        });
        cues.retain(|cue| !is_it(cue.key));
    }

    /// Ends the breaks from which the program resumes by itself, up to this time.
    fn end_breaks(&mut self, end: SystemTime, told: &mut Told) {
        let is_over = |it: &mut Break| it.returns.is_some_and(|at| at <= end + NEAR);
        let over: Vec<_> = self.breaks.extract_if(.., is_over).collect();
        for it in over {
            let at = it.returns.unwrap_or(end);
            told.ranges.push(it.ended(at));
            self.push_cue_in(it.key, at);
        }
    }

    /// The cues of the segment that begins at this date.
    fn take_cues(&mut self, date: SystemTime, lines: &mut Vec<String>) {
        let is_due = |cue: &mut Cue| cue.at <= date + NEAR;
        let due = self.cues.extract_if(.., is_due).map(|cue| cue.line);
        if self.markers == Markers::DateRange {
            due.for_each(drop);
        } else {
            lines.extend(due);
        }
    }
}

/// What is to be said with a segment.
#[derive(Default)]
struct Told {
    ranges: Vec<Result<DateRange, DateRangeError>>,
    marks: Vec<String>,
}

impl Encrypted {
    fn note(&mut self) {
        if *self == Self::No {
            *self = Self::Untold;
        }
    }
}

impl Break {
    /// The break of a range that another session listed. It is not known whether the program
    /// resumes by itself.
    fn of(range: &DateRange) -> Option<Self> {
        Some(Self {
            key: Key::of(range.id())?,
            id: range.id().to_owned(),
            start: range.start(),
            returns: None,
        })
    }

    /// Its range, with the duration.
    fn ended(&self, at: SystemTime) -> Result<DateRange, DateRangeError> {
        let length = at.duration_since(self.start).unwrap_or_default();
        DateRange::new(&self.id, self.start)?.duration(length)
    }
}

impl Key {
    /// The key in an [`id`](Key::id).
    fn of(id: &str) -> Option<Self> {
        let mut parts = id.strip_prefix("splice-")?.split('-');
        let event = parts.next()?.parse().ok()?;
        match (parts.next()?, parts.next()) {
            (_, None) => Some(Self::Insert(event)),
            (opening, Some(_)) => Some(Self::Segmentation {
                event,
                opening: u8::from_str_radix(opening, 16).ok()?,
            }),
        }
    }

    /// Unique in the playlist: the numbers of events are used again.
    fn id(self, start: SystemTime) -> String {
        let start = millis(start);
        match self {
            Self::Insert(event) => format!("splice-{event}-{start}"),
            Self::Segmentation { event, opening } => {
                format!("splice-{event}-{opening:02x}-{start}")
            }
        }
    }
}

/// The date of a splice that came with a segment.
fn date_of(splice: &Splice, segment: &Segment, date: SystemTime) -> SystemTime {
    let start = i64::try_from(segment.start).unwrap_or(i64::MAX);
    let ahead = splice.at.saturating_sub(start);
    let distance = duration(ahead.unsigned_abs(), segment.timescale);
    let moved = if ahead < 0 {
        date.checked_sub(distance)
    } else {
        date.checked_add(distance)
    };
    moved.unwrap_or(date)
}

/// So many ticks, rounded down to a nanosecond.
fn duration(ticks: u64, timescale: u32) -> Duration {
    let rate = u64::from(timescale.max(1));
    // Less than 2^32 times less than 2^30.
    let nanoseconds = ticks % rate * 1_000_000_000 / rate;
    Duration::from_secs(ticks / rate) + Duration::from_nanos(nanoseconds)
}

fn seconds(duration: Duration) -> String {
    format!("{}.{:03}", duration.as_secs(), duration.subsec_millis())
}

fn millis(date: SystemTime) -> u128 {
    date.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis()
}

fn checksum(section: &[u8]) -> String {
    hexadecimal(
        section
            .get(section.len().saturating_sub(4)..)
            .unwrap_or_default(),
    )
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// The line of a mark.
fn mark(id: &str, at: SystemTime, planned: Option<Duration>, splice: &Splice) -> Option<String> {
    line(id, at, planned, "SCTE35-CMD", splice)
}

/// A line with a section as the value of this attribute. None before 1970, as no playlist can
/// express it.
fn line(
    id: &str,
    at: SystemTime,
    planned: Option<Duration>,
    name: &str,
    splice: &Splice,
) -> Option<String> {
    let start = date_text(at)?;
    let section = hexadecimal(&splice.section);
    let planned = planned.map(|it| format!("PLANNED-DURATION={},", seconds(it)));
    let planned = planned.unwrap_or_default();
    Some(format!(
        "#EXT-X-DATERANGE:ID=\"{id}\",START-DATE=\"{start}\",{planned}{name}=0x{section}"
    ))
}

/// The only way of a line into a playlist.
fn with_line(info: SegmentInfo, line: String) -> SegmentInfo {
    let before = info.clone();
    // No line here has a control character.
    info.event_line(line).unwrap_or(before)
}
