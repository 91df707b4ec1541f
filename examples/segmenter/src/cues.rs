//! The splices of a stream: each is told once, and those that leave the program or resume it cut.

use std::collections::VecDeque;
use std::mem;

use crate::scte35::{Action, Command, Role, SegmentationKind, SpliceInfo};
use crate::segment::Splice;

/// The clock of splice information, in ticks a second.
const CLOCK: i64 = 90_000;
/// A splice that comes again within so many seconds is a repetition.
const REPEATED: i64 = 60;
/// The splices that are compared with new ones.
const MOST_RECENT: usize = 64;
/// The splices that wait for a segment, and the times to cut at.
pub(crate) const MOST_WAITING: usize = 256;

/// The splices of a stream, on its line of time.
pub(crate) struct Cues {
    /// The ticks in a second.
    second: i64,
    recent: VecDeque<(Identity, i64)>,
    waiting: Vec<Splice>,
    points: Vec<Point>,
}

/// What a splice and its repetitions have in common.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The whole section.
    Section(Vec<u8>),
    /// The number of the message, and all but the times that it tells.
    Message {
        value: Vec<u8>,
        id: u32,
        info: SpliceInfo,
    },
}

/// A time to cut at.
struct Point {
    event: u32,
    at: i64,
    /// The program returns by itself, unless it is told otherwise.
    is_automatic: bool,
}

impl Cues {
    /// No splices yet, on a line with so many ticks in a second.
    pub(crate) fn new(second: u32) -> Self {
        Self {
            second: second.into(),
            recent: VecDeque::new(),
            waiting: Vec::new(),
            points: Vec::new(),
        }
    }

    /// Takes a splice that comes now.
    pub(crate) fn take(&mut self, splice: Splice, identity: Identity, now: i64) {
        let Splice { info, at, .. } = &splice;
        if info.command == Command::Nothing && info.segmentations.is_empty() {
            return;
        }
        if self.is_repeated(identity, now) {
            return;
        }
        self.note_points(info, *at);
        if !self.cancel(info) && self.waiting.len() < MOST_WAITING {
            self.waiting.push(splice);
        }
    }

    fn is_repeated(&mut self, identity: Identity, now: i64) -> bool {
        let since = now.saturating_sub(REPEATED * self.second);
        self.recent.retain(|(_, seen)| *seen > since);
        let mut recent = self.recent.iter_mut();
        if let Some((_, seen)) = recent.find(|(known, _)| *known == identity) {
            *seen = now;
            return true;
        }
        if self.recent.len() == MOST_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((identity, now));
        false
    }

    fn note_points(&mut self, info: &SpliceInfo, at: i64) {
        match info.command {
            Command::Insert(insert) => match insert.action {
                Action::Cancel => {}
                Action::Out { planned, .. } => {
                    self.note(insert.event, at, false);
                    if let Some(planned) = planned.filter(|planned| planned.auto_return) {
                        let lasts = self.ticks(planned.ticks);
                        self.note(insert.event, at.saturating_add(lasts), true);
                    }
                }
                Action::In { .. } => {
                    self.points
                        .retain(|point| point.event != insert.event || !point.is_automatic);
                    self.note(insert.event, at, false);
                }
            },
            Command::Time(_) => {
                let moves = |kind: SegmentationKind| kind.role() != Role::Mark;
                let all = info.segmentations.iter();
                for segmentation in all.filter(|it| it.kind.is_some_and(moves)) {
                    self.note(segmentation.event, at, false);
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, event: u32, at: i64, is_automatic: bool) {
        if self.points.len() < MOST_WAITING {
            self.points.push(Point {
                event,
                at,
                is_automatic,
            });
        }
    }

    /// So many ticks of splice information, on this line.
    fn ticks(&self, ticks: u64) -> i64 {
        // 33 bits times 32 bits.
        let ticks = i128::from(ticks) * i128::from(self.second) / i128::from(CLOCK);
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }

    /// Withdraws the splices that were not handed out of the events that a section cancels.
    /// Returns whether that is all it says.
    fn cancel(&mut self, info: &SpliceInfo) -> bool {
        let mut is_all = false;
        if let Command::Insert(cancelled) = info.command
            && cancelled.action == Action::Cancel
        {
            self.points.retain(|point| point.event != cancelled.event);
            let before = self.waiting.len();
            self.waiting.retain(|splice| {
                !matches!(splice.info.command, Command::Insert(it) if it.event == cancelled.event)
            });
            is_all = self.waiting.len() < before;
        }
        let cancelled = info.segmentations.iter().filter(|it| it.kind.is_none());
        for cancelled in cancelled {
            self.points.retain(|point| point.event != cancelled.event);
            for splice in &mut self.waiting {
                let all = &mut splice.info.segmentations;
                all.retain(|it| it.event != cancelled.event);
            }
            let before = self.waiting.len();
            self.waiting.retain(|splice| {
                !matches!(splice.info.command, Command::Time(_))
                    || !splice.info.segmentations.is_empty()
            });
            is_all |= self.waiting.len() < before && info.segmentations.len() == 1;
        }
        is_all
    }

    /// Whether a segment that began at `start` should end at an access point at this time, for a
    /// splice in between.
    pub(crate) fn is_due(&mut self, start: i64, time: i64) -> bool {
        // An access point belongs to a splice that is less than half a picture behind it.
        let near = self.second / 50;
        let mut is_due = false;
        self.points.retain(|point| {
            let is_reached = point.at <= time.saturating_add(near);
            is_due |= is_reached && point.at > start.saturating_add(near);
            !is_reached
        });
        is_due
    }

    /// The line of time breaks off.
    pub(crate) fn restart(&mut self) {
        self.points.clear();
    }

    /// Takes the splices that wait for a segment.
    pub(crate) fn take_waiting(&mut self) -> Vec<Splice> {
        mem::take(&mut self.waiting)
    }
}
