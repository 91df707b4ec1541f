//! The parts of a log that have objects of their own, so that the side file stays short.
//!
//! A sink writes whole objects only, so nothing can be appended to one. The side file therefore
//! holds the newest lines alone. As soon as there are enough of them, they are sealed in a small
//! part, and enough small parts are merged into a large one. A line is thus written a bounded
//! number of times, and both kinds of parts are named by ranges of numbers.
//!
//! Lines leave in about the order in which they came, so parts die from the front. A part is
//! deleted only after a side file landed that does not name it.

use std::collections::VecDeque;
use std::ops::Range;

/// The place of a line in a log. Each is given once.
pub(crate) type Position = u64;

/// The lines of a small part, and the small parts of a large one.
pub(crate) const PER_PART: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Log {
    /// The files that wait for deletion.
    Waiting,
    /// The lengths of the listed segments.
    Sizes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Small,
    Large,
}

/// The name of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartName {
    pub(crate) log: Log,
    pub(crate) level: Level,
    pub(crate) number: u64,
}

/// A part that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) name: PartName,
    /// The positions of its lines.
    pub(crate) range: Range<Position>,
}

/// The parts of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    log: Log,
    per_part: usize,
    small: Run,
    large: Run,
    /// All lines below are in a part, or dead.
    sealed: Position,
    /// Whether side files say that there may be parts. The first one must, before any is written:
    /// a later session would not look for it otherwise.
    is_announced: bool,
    /// Whether such a side file landed. Until then the standing one may also be that of another
    /// session, whose parts have the same names.
    may_seal: bool,
}

/// The parts of one level. Those below `first` are dead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// Those below were deleted.
    pub(crate) oldest: u64,
    /// The standing side file names none below.
    landed: u64,
    pub(crate) first: u64,
    ends: VecDeque<End>,
}

/// The end of a part, and the number of its lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) position: Position,
    pub(crate) lines: usize,
}

impl Run {
    pub(crate) fn read(oldest: u64, first: u64, ends: impl IntoIterator<Item = End>) -> Self {
        Self {
            oldest,
            landed: first,
            first,
            ends: ends.into_iter().collect(),
        }
    }

    pub(crate) fn end(&self) -> u64 {
        self.first + self.ends.len() as u64
    }

    fn advance(&mut self, first_live: Position) {
        while self
            .ends
            .front()
            .is_some_and(|it| it.position <= first_live)
        {
            self.ends.pop_front();
            self.first += 1;
        }
    }

    fn lines(&self) -> usize {
        self.ends.iter().map(|it| it.lines).sum()
    }
}

impl Parts {
    pub(crate) fn new(log: Log, per_part: usize) -> Self {
        Self {
            log,
            per_part: per_part.max(2),
            small: Run::default(),
            large: Run::default(),
            sealed: 0,
            is_announced: false,
            may_seal: false,
        }
    }

    /// The parts of an earlier session.
    pub(crate) fn read(log: Log, small: Run, large: Run, first_live: Position) -> Self {
        let last = |run: &Run| run.ends.back().map_or(0, |it| it.position);
        Self {
            sealed: last(&small).max(last(&large)).max(first_live),
            small,
            large,
            is_announced: true,
            may_seal: true,
            ..Self::new(log, PER_PART)
        }
    }

    /// Continues with the parts of an earlier session.
    pub(crate) fn adopt(&mut self, earlier: Self) {
        *self = Self {
            per_part: self.per_part,
            ..earlier
        };
    }

    pub(crate) fn log(&self) -> Log {
        self.log
    }

    pub(crate) fn runs(&self) -> [(Level, &Run); 2] {
        [(Level::Small, &self.small), (Level::Large, &self.large)]
    }

    fn run(&mut self, level: Level) -> &mut Run {
        match level {
            Level::Small => &mut self.small,
            Level::Large => &mut self.large,
        }
    }

    /// The position behind the last line that is in a part.
    pub(crate) fn sealed(&self) -> Position {
        self.sealed
    }

    /// The lines of all parts, with the dead ones.
    pub(crate) fn lines(&self) -> usize {
        self.small.lines() + self.large.lines()
    }

    /// The lines of a large part.
    pub(crate) fn of_a_large_one(&self) -> usize {
        self.per_part * self.per_part
    }

    /// So many dead lines are always tolerated.
    pub(crate) fn tolerated(&self) -> usize {
        2 * self.of_a_large_one()
    }

    /// Says that there may be parts, if there soon will be: `tail` lines are in none.
    pub(crate) fn announce(&mut self, tail: usize) {
        self.is_announced |= 2 * tail >= self.per_part;
    }

    /// Whether a side file is to name parts: live ones, or those that are yet to be deleted.
    pub(crate) fn are_named(&self) -> bool {
        self.is_announced || self.runs().iter().any(|(_, run)| run.oldest < run.first)
    }

    /// Whether the standing side file may name parts as live ones.
    pub(crate) fn may_be_named(&self) -> bool {
        self.is_announced || self.runs().iter().any(|(_, run)| run.landed < run.first)
    }

    /// Forgets the parts all of whose lines are dead.
    pub(crate) fn advance(&mut self, first_live: Position) {
        self.large.advance(first_live);
        self.small.advance(first_live);
    }

    /// The part that is due, if `tail` lines from the position `first` up to `next` are in none
    /// yet.
    pub(crate) fn due(&self, first: Position, tail: usize, next: Position) -> Option<Seal> {
        if !self.may_seal {
            return None;
        }
        let of_a_large_one = self.of_a_large_one();
        let first = first.max(self.sealed);
        let (level, range) = if self.small.ends.len() >= self.per_part {
            let from = self.large.ends.back().map_or(0, |it| it.position);
            (Level::Large, from..self.sealed)
        } else if tail >= of_a_large_one && self.small.ends.is_empty() {
            // Many came at once.
            let end = first.saturating_add(of_a_large_one as u64).min(next);
            (Level::Large, first..end)
        } else if tail >= self.per_part {
            let most = 2 * self.per_part as u64;
            (Level::Small, first..first.saturating_add(most).min(next))
        } else {
            return None;
        };
        let run = match level {
            Level::Small => &self.small,
            Level::Large => &self.large,
        };
        let name = PartName {
            log: self.log,
            level,
            number: run.end(),
        };
        Some(Seal { name, range })
    }

    /// The part was stored.
    pub(crate) fn was_stored(&mut self, seal: &Seal, lines: usize) {
        let end = End {
            position: seal.range.end,
            lines,
        };
        self.run(seal.name.level).ends.push_back(end);
        self.sealed = seal.range.end;
        if seal.name.level == Level::Large {
            // It has all their lines.
            self.small.first = self.small.end();
            self.small.ends.clear();
        }
    }

    /// A side file landed that names the parts as they are now.
    pub(crate) fn landed(&mut self) {
        self.may_seal = self.is_announced;
        self.small.landed = self.small.first;
        self.large.landed = self.large.first;
    }

    /// Gives all parts up: no side file will name them.
    pub(crate) fn give_up(&mut self) {
        if !std::mem::take(&mut self.is_announced) {
            return;
        }
        self.sealed = 0;
        for run in [&mut self.small, &mut self.large] {
            // One more may have been stored and not named yet.
            run.first = run.end() + 1;
            run.ends.clear();
        }
    }

    /// Gives all parts up, and counts none of their lines as sealed.
    pub(crate) fn dissolve(&mut self) {
        self.give_up();
        self.sealed = 0;
    }

    /// A part that no side file names any more.
    pub(crate) fn garbage(&self) -> Option<PartName> {
        let found = self.runs().into_iter().find(|it| it.1.oldest < it.1.landed);
        found.map(|(level, run)| PartName {
            log: self.log,
            level,
            number: run.oldest,
        })
    }

    pub(crate) fn was_deleted(&mut self, name: PartName) {
        let run = self.run(name.level);
        run.oldest = run.oldest.max(name.number + 1);
    }
}

impl PartName {
    pub(crate) fn letter(self) -> char {
        match (self.log, self.level) {
            (Log::Waiting, Level::Small) => 'a',
            (Log::Waiting, Level::Large) => 'b',
            (Log::Sizes, Level::Small) => 'c',
            (Log::Sizes, Level::Large) => 'd',
        }
    }

    pub(crate) fn of_letter(letter: &str) -> Option<(Log, Level)> {
        Some(match letter {
            "a" => (Log::Waiting, Level::Small),
            "b" => (Log::Waiting, Level::Large),
            "c" => (Log::Sizes, Level::Small),
            "d" => (Log::Sizes, Level::Large),
            _ => return None,
        })
    }

    /// Its name in the side file.
    pub(crate) fn word(self) -> String {
        format!("{}{}", self.letter(), self.number)
    }
}

#[cfg(test)]
mod tests;
