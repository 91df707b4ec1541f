//! Keeps messages of one kind from flooding the log.

use std::time::{Duration, Instant};

/// The shortest time between two messages of the same kind.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);

/// Lets the first message pass, and then one in each [`INTERVAL`].
#[derive(Debug, Default)]
pub(crate) struct RateLimit {
    last: Option<Instant>,
    held_back: u64,
}

impl RateLimit {
    /// The number of messages held back since the last one, if this one may pass.
    pub(crate) fn pass(&mut self, now: Instant) -> Option<u64> {
        let is_early = |last: Instant| now.saturating_duration_since(last) < INTERVAL;
        if self.last.is_some_and(is_early) {
            self.held_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(self.take_held_back())
    }

    /// The number of messages held back since the last one.
    pub(crate) fn take_held_back(&mut self) -> u64 {
        std::mem::take(&mut self.held_back)
    }
}

/// The end of a message: the number of messages held back before it.
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
    fn the_first_message_passes_and_then_one_in_each_interval() {
        let mut limit = RateLimit::default();
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        assert_eq!(limit.pass(at(0)), Some(0));
        for secs in 1..10 {
            assert_eq!(limit.pass(at(secs)), None);
        }
        assert_eq!(limit.pass(at(10)), Some(9));
        assert_eq!(limit.pass(at(19)), None);
        assert_eq!(limit.take_held_back(), 1);
        assert_eq!(limit.take_held_back(), 0);
        assert_eq!(limit.pass(at(40)), Some(0));
    }

    #[test]
    fn a_message_says_how_many_were_held_back() {
        assert_eq!(and_more(0), "");
        let told = " (and 9 more like it since the last message)";
        assert_eq!(and_more(9), told);
    }
}
