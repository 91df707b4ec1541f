//! Compares the numbers of the producer, and lists those that are missing as gaps.

use super::core::Core;
use super::entry::Content;
use super::format::Format;
use super::measure::{LONGEST_JUMP, ticks};
use super::notice::Notice;
use super::rendition::NUMBERS_END;
use super::time::Time;
use super::told::Told;
use crate::segment::MediaTime;

impl<F: Format> Core<F> {
    /// Compares the number of a segment with the expected one. Numbers that were left out are told
    /// as gaps.
    pub(super) fn number(
        &mut self,
        r: usize,
        found: u64,
        time: Option<MediaTime>,
        notices: &mut Vec<Notice>,
    ) {
        let expected = self.renditions[r].next.expected;
        self.renditions[r].next.expected = Some(found.wrapping_add(1));
        let unexpected = |expected| Notice::UnexpectedNumber { expected, found };
        match (expected, self.common.origin) {
            (None, None) => self.origin(found, notices),
            (None, Some(origin)) => {
                // It begins after another rendition did.
                if let Some(missing) = found.checked_sub(origin)
                    && missing <= LONGEST_JUMP
                {
                    self.jump(r, missing, None, notices);
                } else if let Some(early) = origin.checked_sub(found)
                    && early <= LONGEST_JUMP
                    && let Ok(early) = i64::try_from(early)
                {
                    self.renditions[r].next.step = -early;
                } else {
                    notices.push(unexpected(origin));
                    self.renditions[r].next.step = self.common.horizon;
                }
            }
            (Some(expected), _) if expected != found => {
                notices.push(unexpected(expected));
                match found.checked_sub(expected) {
                    Some(missing) if missing <= LONGEST_JUMP => {
                        self.jump(r, missing, time, notices);
                    }
                    Some(_) => self.renditions[r].next.starts_discontinuity = true,
                    // Others go on with the next number, so this one stays the last.
                    None if found.wrapping_add(1) == expected && self.renditions.len() > 1 => {
                        self.renditions[r].next.is_repeated = true;
                    }
                    // It is repeated or lower, and counts as the next one.
                    None => {}
                }
            }
            (Some(_), _) => {}
        }
    }

    /// The first number of a session: that of the first entry of a new presentation.
    fn origin(&mut self, found: u64, notices: &mut Vec<Notice>) {
        self.common.origin = Some(found);
        let expected = self.common.number;
        if self.common.is_resumed {
            if expected != found {
                notices.push(Notice::UnexpectedNumber { expected, found });
            }
            return;
        }
        let first = self.settings.first_sequence.unwrap_or(found);
        if first < NUMBERS_END {
            self.common.number = first;
            for it in &mut self.renditions {
                it.media_sequence = first;
                it.ranges.begin_at(first);
            }
        } else {
            notices.push(Notice::NumberTooLarge { found: first });
        }
    }

    /// Tells about numbers that were left out.
    fn jump(&mut self, r: usize, missing: u64, time: Option<MediaTime>, notices: &mut Vec<Notice>) {
        let it = &self.renditions[r];
        let sequence = it.next.expected.unwrap_or_default();
        let usual = it
            .next
            .last_duration
            .unwrap_or_else(|| self.usual_duration(r));
        let it = &mut self.renditions[r];
        let most = usual.times(LONGEST_JUMP);
        let hole = it
            .next
            .ticks
            .zip(time)
            .and_then(|((end, timescale), time)| {
                let is_behind = time.timescale == timescale && time.start > end;
                is_behind.then(|| Time::from_ticks(ticks(time.start) - ticks(end), timescale))
            })
            .filter(|hole| *hole <= most);
        // The producer's own timeline says how long they were together.
        it.next.ticks = None;
        let share = hole.map_or(usual, |hole| hole.share(missing));
        for number in (0..missing).rev() {
            if self.next_number(r).is_none() {
                return;
            }
            let told = Told {
                content: Content::Missing(None),
                bytes: 0,
                sequence: sequence.wrapping_sub(number + 2),
                duration: share,
                time: None,
                skip: Time::ZERO,
                own: None,
            };
            self.tell(r, told, notices);
        }
    }
}
