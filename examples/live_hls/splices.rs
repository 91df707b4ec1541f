//! Advertisements: splice information (SCTE 35) as EXT-X-DATERANGE and EXT-X-CUE lines.

use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use segment_stream::SegmentInfo;
use segment_stream::hls::date_text;
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

/// A segment belongs to a splice that is less than half a picture behind its start.
const NEAR: Duration = Duration::from_millis(20);

/// Follows the breaks of a program.
pub(crate) struct Splices {
    markers: Markers,
    dating: Dating,
    /// The program was left, or will be.
    breaks: Vec<Break>,
    cues: Vec<Cue>,
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

/// An attribute with a section as its value.
#[derive(Clone, Copy)]
enum Attribute {
    Out,
    In,
    Command,
}

impl Splices {
    pub(crate) fn new(markers: Markers, dating: Dating) -> Self {
        Self {
            markers,
            dating,
            breaks: Vec::new(),
            cues: Vec::new(),
        }
    }

    /// Adds what is to be said with a segment that begins at this date.
    pub(crate) fn announce(
        &mut self,
        segment: &Segment,
        date: SystemTime,
        info: SegmentInfo,
    ) -> SegmentInfo {
        let mut lines = Vec::new();
        for splice in &segment.splices {
            let at = date_of(splice, segment, date);
            self.take(splice, at, &mut lines);
        }
        let end = date.checked_add(segment.length()).unwrap_or(date);
        self.end_breaks(end, &mut lines);
        if self.markers == Markers::Cue || self.dating == Dating::None {
            lines.clear();
        }
        self.take_cues(date, &mut lines);
        lines.into_iter().fold(info, with_line)
    }

    fn take(&mut self, splice: &Splice, at: SystemTime, lines: &mut Vec<String>) {
        match splice.info.command {
            Command::Nothing => {}
            Command::Insert(insert) => {
                let key = Key::Insert(insert.event);
                match insert.action {
                    Action::Out { planned, .. } => {
                        let planned = planned.map(|it| (duration(it.ticks), it.auto_return));
                        self.leave(key, at, planned, splice, lines);
                    }
                    Action::In { .. } => self.resume(key, at, splice, lines),
                    _ => self.cancel(|it| it == key, lines),
                }
            }
            Command::Time(_) if !splice.info.segmentations.is_empty() => {
                for segmentation in &splice.info.segmentations {
                    self.take_segmentation(*segmentation, at, splice, lines);
                }
            }
            _ => {
                let id = format!("splice-{}-{}", checksum(&splice.section), millis(at));
                lines.extend(date_range(&id, at, &[], Attribute::Command, splice));
            }
        }
    }

    fn take_segmentation(
        &mut self,
        segmentation: Segmentation,
        at: SystemTime,
        splice: &Splice,
        lines: &mut Vec<String>,
    ) {
        let event = segmentation.event;
        let Some(kind) = segmentation.kind else {
            let of_event = |key| matches!(key, Key::Segmentation { event: it, .. } if it == event);
            return self.cancel(of_event, lines);
        };
        let key = Key::Segmentation {
            event,
            opening: kind.opening(),
        };
        match kind.role() {
            Role::Out => {
                let planned = kind.ticks.map(|ticks| (duration(ticks), false));
                self.leave(key, at, planned, splice, lines);
            }
            Role::In => self.resume(key, at, splice, lines),
            Role::Mark => {
                let planned = kind.ticks.map(duration);
                let planned = planned.map(|it| attribute("PLANNED-DURATION", it));
                let id = key.id(at);
                lines.extend(date_range(
                    &id,
                    at,
                    planned.as_slice(),
                    Attribute::Command,
                    splice,
                ));
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
        lines: &mut Vec<String>,
    ) {
        if self.breaks.iter().any(|it| it.key == key) {
            // It was said before, and what was said cannot change.
            return;
        }
        let id = key.id(at);
        let length = planned.map(|(planned, _)| planned);
        let attributes = length.map(|it| attribute("PLANNED-DURATION", it));
        lines.extend(date_range(
            &id,
            at,
            attributes.as_slice(),
            Attribute::Out,
            splice,
        ));
        let line = match length {
            Some(length) => format!("#EXT-X-CUE-OUT:{}", seconds(length)),
            None => "#EXT-X-CUE-OUT".to_owned(),
        };
        self.cues.push(Cue { at, key, line });
        let returns = planned.filter(|(_, auto_return)| *auto_return);
        self.breaks.push(Break {
            key,
            id,
            start: at,
            returns: returns.and_then(|(length, _)| at.checked_add(length)),
        });
    }

    /// The program resumes.
    fn resume(&mut self, key: Key, at: SystemTime, splice: &Splice, lines: &mut Vec<String>) {
        let known = self.breaks.iter().position(|it| it.key == key);
        let (id, start, length) = match known.map(|index| self.breaks.swap_remove(index)) {
            Some(it) => {
                let length = at.duration_since(it.start).unwrap_or_default();
                (it.id, it.start, Some(attribute("DURATION", length)))
            }
            // The break began before the first segment.
            None => (key.id(at), at, None),
        };
        lines.extend(date_range(
            &id,
            start,
            length.as_slice(),
            Attribute::In,
            splice,
        ));
        self.push_cue_in(key, at);
    }

    fn push_cue_in(&mut self, key: Key, at: SystemTime) {
        let line = "#EXT-X-CUE-IN".to_owned();
        self.cues.push(Cue { at, key, line });
    }

    /// What was said of a splice cannot be taken back, but it takes no time.
    fn cancel(&mut self, is_it: impl Fn(Key) -> bool, lines: &mut Vec<String>) {
        let cues = &mut self.cues;
        self.breaks.retain(|it| {
            let is_ahead = cues.iter().any(|cue| cue.key == it.key);
            let is_cancelled = is_it(it.key) && is_ahead;
            if is_cancelled {
                let length = attribute("DURATION", Duration::ZERO);
                lines.extend(closing(it, &length));
            }
            !is_cancelled
        });
        cues.retain(|cue| !is_it(cue.key));
    }

    /// Ends the breaks from which the program resumes by itself, up to this time.
    fn end_breaks(&mut self, end: SystemTime, lines: &mut Vec<String>) {
        let is_over = |it: &mut Break| it.returns.is_some_and(|at| at <= end + NEAR);
        let over: Vec<_> = self.breaks.extract_if(.., is_over).collect();
        for it in over {
            let at = it.returns.unwrap_or(end);
            let length = at.duration_since(it.start).unwrap_or_default();
            lines.extend(closing(&it, &attribute("DURATION", length)));
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

impl Key {
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
    let distance = duration(ahead.unsigned_abs());
    let moved = if ahead < 0 {
        date.checked_sub(distance)
    } else {
        date.checked_add(distance)
    };
    moved.unwrap_or(date)
}

/// Ticks of 90 kHz.
fn duration(ticks: u64) -> Duration {
    Duration::from_secs(ticks / 90_000) + Duration::from_nanos(ticks % 90_000 * 100_000 / 9)
}

fn seconds(duration: Duration) -> String {
    format!("{}.{:03}", duration.as_secs(), duration.subsec_millis())
}

fn attribute(name: &str, value: Duration) -> String {
    format!("{name}={}", seconds(value))
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

/// A date range with a section. None before 1970, as no playlist can express it.
fn date_range(
    id: &str,
    start: SystemTime,
    attributes: &[String],
    of: Attribute,
    splice: &Splice,
) -> Option<String> {
    let name = match of {
        Attribute::Out => "SCTE35-OUT",
        Attribute::In => "SCTE35-IN",
        Attribute::Command => "SCTE35-CMD",
    };
    let section = format!("{name}=0x{}", hexadecimal(&splice.section));
    let attributes: Vec<_> = attributes.iter().chain([&section]).cloned().collect();
    range(id, start, &attributes.join(","))
}

/// The date range that ends a break without a section of its own.
fn closing(it: &Break, length: &str) -> Option<String> {
    range(&it.id, it.start, length)
}

fn range(id: &str, start: SystemTime, attributes: &str) -> Option<String> {
    let start = date_text(start)?;
    Some(format!(
        "#EXT-X-DATERANGE:ID=\"{id}\",START-DATE=\"{start}\",{attributes}"
    ))
}

/// The only way of a line into a playlist.
fn with_line(info: SegmentInfo, line: String) -> SegmentInfo {
    let before = info.clone();
    // No line here has a control character.
    info.event_line(line).unwrap_or(before)
}
