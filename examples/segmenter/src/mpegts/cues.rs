//! Splice information in a transport stream: read, placed on the line of time, and handed out with
//! the segments.

use std::collections::{BTreeMap, VecDeque};

use super::packet::Packet;
use super::section::SectionReader;
use super::timeline::{SECOND, Ticks, difference};
use crate::scte35::{Action, Command, Role, SpliceInfo, TABLE_ID};
use crate::segment::Splice;

/// An access point belongs to a splice that is less than half a picture behind it.
const NEAR: Ticks = SECOND / 50;
/// A section that comes again within this time is a repetition.
const REPEATED: Ticks = 60 * SECOND;
/// The sections that are compared with new ones.
const MOST_RECENT: usize = 64;
/// The splices that wait for a segment, and the times to cut at.
const MOST_WAITING: usize = 256;

/// The splices of a program.
#[derive(Default)]
pub(crate) struct Cues {
    readers: BTreeMap<u16, SectionReader>,
    recent: VecDeque<(Vec<u8>, Ticks)>,
    /// Sections that came before the time was known.
    early: Vec<Vec<u8>>,
    waiting: Vec<Splice>,
    points: Vec<Point>,
}

/// A time to cut at.
struct Point {
    event: u32,
    at: Ticks,
    /// The program returns by itself, unless it is told otherwise.
    is_automatic: bool,
}

/// A place on the line, by its stamp.
pub(crate) type Reference = (u64, Ticks);

impl Cues {
    /// Takes the next packet of a stream of splice information.
    pub(crate) fn push(&mut self, packet: Packet<'_>, reference: Option<Reference>) {
        let reader = self.readers.entry(packet.pid()).or_default();
        let mut sections = Vec::new();
        reader.push_bytes(packet, |section| sections.push(section.to_vec()));
        for section in sections {
            if section.first() != Some(&TABLE_ID) || super::section::crc32(&section) != 0 {
                continue;
            }
            match reference {
                Some(reference) => self.take(section, reference),
                None if self.early.len() < MOST_WAITING => self.early.push(section),
                None => {}
            }
        }
    }

    /// Places what came before the time was known.
    pub(crate) fn settle(&mut self, reference: Option<Reference>) {
        if let Some(reference) = reference {
            for section in std::mem::take(&mut self.early) {
                self.take(section, reference);
            }
        }
    }

    fn take(&mut self, section: Vec<u8>, (stamp, now): Reference) {
        let Some(info) = SpliceInfo::read(&section) else {
            return;
        };
        if info.command == Command::Nothing && info.segmentations.is_empty() {
            return;
        }
        self.recent.retain(|(_, seen)| now - seen < REPEATED);
        if let Some((_, seen)) = self.recent.iter_mut().find(|(known, _)| *known == section) {
            *seen = now;
            return;
        }
        if self.recent.len() == MOST_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((section.clone(), now));

        let place = |at: Option<u64>| at.map_or(now, |at| now + difference(at, stamp));
        let at = place(time(info.command));
        self.note_points(&info, at);
        if !self.cancel(&info) && self.waiting.len() < MOST_WAITING {
            self.waiting.push(Splice { section, info, at });
        }
    }

    fn note_points(&mut self, info: &SpliceInfo, at: Ticks) {
        let mut note = |event, at, is_automatic| {
            if self.points.len() < MOST_WAITING {
                self.points.push(Point {
                    event,
                    at,
                    is_automatic,
                });
            }
        };
        match info.command {
            Command::Insert(insert) => match insert.action {
                Action::Cancel => {}
                Action::Out { planned, .. } => {
                    note(insert.event, at, false);
                    let planned = planned.filter(|planned| planned.auto_return);
                    if let Some(ticks) = planned.and_then(|it| Ticks::try_from(it.ticks).ok()) {
                        note(insert.event, at + ticks, true);
                    }
                }
                Action::In { .. } => {
                    self.points
                        .retain(|point| point.event != insert.event || !point.is_automatic);
                    self.points.push(Point {
                        event: insert.event,
                        at,
                        is_automatic: false,
                    });
                }
            },
            Command::Time(_) => {
                for segmentation in &info.segmentations {
                    if segmentation
                        .kind
                        .is_some_and(|kind| kind.role() != Role::Mark)
                    {
                        note(segmentation.event, at, false);
                    }
                }
            }
            _ => {}
        }
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
    pub(crate) fn is_due(&mut self, start: Ticks, time: Ticks) -> bool {
        let mut is_due = false;
        self.points.retain(|point| {
            let is_reached = point.at <= time + NEAR;
            is_due |= is_reached && point.at > start + NEAR;
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
        std::mem::take(&mut self.waiting)
    }
}

/// The stamp of a command that has one.
fn time(command: Command) -> Option<u64> {
    match command {
        Command::Insert(insert) => match insert.action {
            Action::Out { at, .. } | Action::In { at } => at,
            Action::Cancel => None,
        },
        Command::Time(at) => at,
        _ => None,
    }
}
