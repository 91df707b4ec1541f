//! Advertisements: splice information (SCTE 35) as EXT-X-DATERANGE and EXT-X-CUE lines.
//!
//! A break is a date range of the playlist, which lists it until it has ended and left the window.
//! A mark is a line of its segment. Here is the state of the breaks; `ranges` has the date ranges,
//! and `cues` the other lines.

mod cues;
mod key;
mod ranges;
mod time;

use std::time::{Duration, SystemTime};

use segment_stream::SegmentInfo;
use segment_stream::hls::DateRange;
use segmenter::scte35::{Action, Command, Insert, Role, Segmentation};
use segmenter::{Segment, Splice};

use crate::options::Dating;
use cues::Cues;
use key::Key;
pub(crate) use ranges::Ranges;
use ranges::{Break, Made};
use time::{CLOCK, date_of, duration};

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
/// The most breaks that may be open: when one more begins, the oldest is over. Some encoders never
/// tell when the program resumes.
const MOST_BREAKS: usize = 16;

/// Follows the breaks of a program.
pub(crate) struct Splices {
    markers: Markers,
    dating: Dating,
    /// The program was left, or will be. The oldest comes first.
    breaks: Vec<Break>,
    ranges: Ranges,
    cues: Cues,
    encrypted: Encrypted,
}

/// Whether encrypted splice information has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encrypted {
    No,
    Untold,
    Told,
}

/// What is to be said with a segment.
#[derive(Default)]
struct Told {
    ranges: Vec<Made>,
    marks: Vec<String>,
}

/// How long a break is to last.
#[derive(Clone, Copy)]
struct Plan {
    length: Duration,
    auto_return: bool,
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
            cues: Cues::default(),
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
        let cues = self.cues.take(date);
        if self.markers != Markers::DateRange {
            lines.extend(cues);
        }
        lines.into_iter().fold(info, with_line)
    }

    fn take(&mut self, splice: &Splice, at: SystemTime, told: &mut Told) {
        match splice.info.command {
            Command::Nothing => {}
            // Its time is not known.
            Command::Encrypted => self.encrypted.note(),
            Command::Insert(insert) => self.take_insert(insert, at, splice, told),
            Command::Time(_) if !splice.info.segmentations.is_empty() => {
                for segmentation in &splice.info.segmentations {
                    self.take_segmentation(*segmentation, at, splice, told);
                }
            }
            _ => told.marks.extend(ranges::command(at, splice)),
        }
    }

    fn take_insert(&mut self, insert: Insert, at: SystemTime, splice: &Splice, told: &mut Told) {
        let key = Key::Insert(insert.event);
        match insert.action {
            Action::Out { planned, .. } => {
                let plan = planned.map(|planned| Plan {
                    length: duration(planned.ticks, CLOCK),
                    auto_return: planned.auto_return,
                });
                self.leave(key, at, plan, splice, told);
            }
            Action::In { .. } => self.resume(key, at, splice, told),
            _ => self.cancel(|it| it == key, told),
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
        let length = kind.ticks.map(|ticks| duration(ticks, CLOCK));
        match kind.role() {
            Role::Out => {
                let plan = length.map(|length| Plan {
                    length,
                    auto_return: false,
                });
                self.leave(key, at, plan, splice, told);
            }
            Role::In => self.resume(key, at, splice, told),
            Role::Mark => told.marks.extend(ranges::mark(key, at, length, splice)),
        }
    }

    /// The program is left.
    fn leave(
        &mut self,
        key: Key,
        at: SystemTime,
        plan: Option<Plan>,
        splice: &Splice,
        told: &mut Told,
    ) {
        if self.breaks.iter().any(|it| it.key == key) {
            // It was said before, and what was said cannot change.
            return;
        }
        let length = plan.map(|plan| plan.length);
        let automatic = plan.filter(|plan| plan.auto_return);
        let returns = automatic.and_then(|plan| at.checked_add(plan.length));
        let begun = Break::new(key, at, returns);
        told.ranges.push(begun.begun(length, splice));
        self.cues.push_out(key, at, length);
        if self.breaks.len() >= MOST_BREAKS {
            let oldest = self.breaks.remove(0);
            told.ranges.push(oldest.ended(at));
        }
        self.breaks.push(begun);
    }

    /// The program resumes.
    fn resume(&mut self, key: Key, at: SystemTime, splice: &Splice, told: &mut Told) {
        let known = self.breaks.iter().position(|it| it.key == key);
        match known.map(|index| self.breaks.remove(index)) {
            Some(it) => told.ranges.push(it.resumed(at, splice)),
            None => told.marks.extend(ranges::end(key, at, splice)),
        }
        self.cues.push_in(key, at);
    }

    /// What was said of a splice cannot be taken back, but it takes no time.
    fn cancel(&mut self, is_it: impl Fn(Key) -> bool, told: &mut Told) {
        let is_cancelled = |it: &mut Break| is_it(it.key) && self.cues.has(it.key);
        for it in self.breaks.extract_if(.., is_cancelled) {
            told.ranges.push(it.ended(it.start));
        }
        self.cues.withdraw(is_it);
    }

    /// Ends the breaks from which the program resumes by itself, up to this time.
    fn end_breaks(&mut self, end: SystemTime, told: &mut Told) {
        let is_over = |it: &mut Break| it.returns.is_some_and(|at| at <= end + NEAR);
        for it in self.breaks.extract_if(.., is_over) {
            let at = it.returns.unwrap_or(end);
            told.ranges.push(it.ended(at));
            self.cues.push_in(it.key, at);
        }
    }
}

impl Encrypted {
    fn note(&mut self) {
        if *self == Self::No {
            *self = Self::Untold;
        }
    }
}

/// The only way of a line into a playlist.
fn with_line(info: SegmentInfo, line: String) -> SegmentInfo {
    let before = info.clone();
    // No line here has a control character.
    info.event_line(line).unwrap_or(before)
}
