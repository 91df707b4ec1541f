//! Objects that wait to be removed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::report::Removal;

/// The objects that are to be removed, and when it is their turn: while nothing else can be done,
/// and for a quarter of a target duration after each pass. So they come to their turn at a
/// destination that is never idle, and do not hold up its manifests.
#[derive(Debug)]
pub(super) struct Removals {
    waiting: VecDeque<Removal>,
    /// They come before everything else.
    urgent: VecDeque<Removal>,
    turn: Turn,
    share: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Turn {
    /// A put comes first.
    Over,
    /// A pass has ended.
    Due,
    Since(Instant),
}

impl Removals {
    pub(super) fn new(target_duration: Duration) -> Self {
        Self {
            waiting: VecDeque::new(),
            urgent: VecDeque::new(),
            turn: Turn::Over,
            share: target_duration / 4,
        }
    }

    pub(super) fn push(&mut self, removal: Removal) {
        self.waiting.push_back(removal);
    }

    pub(super) fn push_urgent(&mut self, removal: Removal) {
        self.urgent.push_back(removal);
    }

    /// A pass has ended.
    pub(super) fn turn(&mut self) {
        self.turn = Turn::Due;
    }

    pub(super) fn next_urgent(&mut self) -> Option<Removal> {
        self.urgent.pop_front()
    }

    /// The next removal that can be carried out, if it is its turn.
    pub(super) fn next(
        &mut self,
        is_idle: bool,
        now: Instant,
        can_be: impl Fn(&Removal) -> bool,
    ) -> Option<Removal> {
        let is_their_turn = match self.turn {
            Turn::Over => false,
            Turn::Due => true,
            Turn::Since(begun) => now.saturating_duration_since(begun) < self.share,
        };
        if !is_idle && !is_their_turn {
            self.turn = Turn::Over;
            return None;
        }
        let place = self.waiting.iter().position(can_be)?;
        let removal = self.waiting.remove(place)?;
        if matches!(self.turn, Turn::Due) {
            self.turn = Turn::Since(now);
        }
        Some(removal)
    }

    pub(super) fn take_all(&mut self) -> Vec<Removal> {
        let urgent = self.urgent.drain(..);
        urgent.chain(self.waiting.drain(..)).collect()
    }
}
