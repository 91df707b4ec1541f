//! Keeps what repeats itself from flooding the log.

use std::time::{Duration, Instant};

/// How far apart messages of the same kind are at least.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);

/// Lets the first message through, and then one in every [`INTERVAL`].
#[derive(Debug, Default)]
pub(crate) struct Gate {
    last: Option<Instant>,
    held_back: u64,
}

impl Gate {
    /// How many were held back since the last one, if this one may pass.
    pub(crate) fn pass(&mut self, now: Instant) -> Option<u64> {
        let is_early = |last: Instant| now.saturating_duration_since(last) < INTERVAL;
        if self.last.is_some_and(is_early) {
            self.held_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(self.take_held_back())
    }

    /// How many were held back since the last one.
    pub(crate) fn take_held_back(&mut self) -> u64 {
        std::mem::take(&mut self.held_back)
    }
}

/// What a message says of those that were held back before it.
pub(crate) fn and_more(held_back: u64) -> String {
    match held_back {
        0 => String::new(),
        count => format!(" (and {count} more like it since the last message)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_passes_and_then_one_in_each_interval_with_the_number_in_between() {
        let mut gate = Gate::default();
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        assert_eq!(gate.pass(at(0)), Some(0));
        for secs in 1..10 {
            assert_eq!(gate.pass(at(secs)), None);
        }
        assert_eq!(gate.pass(at(10)), Some(9));
        assert_eq!(gate.pass(at(19)), None);
        assert_eq!(gate.take_held_back(), 1);
        assert_eq!(gate.take_held_back(), 0);
        assert_eq!(gate.pass(at(40)), Some(0));
    }

    #[test]
    fn what_was_held_back_is_told_where_there_is_any() {
        assert_eq!(and_more(0), "");
        let told = " (and 9 more like it since the last message)";
        assert_eq!(and_more(9), told);
    }
}
