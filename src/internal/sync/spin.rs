//! Whether to look before going to sleep.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::{now, thread};

/// For how long a thread looks for what it waits for before it goes to sleep, where that pays.
const LOOK: Duration = Duration::from_micros(100);
/// A wait that was no longer than this might have been looked through: the look, and what it takes to put a
/// thread to sleep and wake it up again.
const SHORT: Duration = Duration::from_micros(200);
/// Whoever yields the processor for that long has stood in line behind others: the threads of a stream have done
/// what there is to do sooner, and a busy thread keeps a processor for longer.
const IN_LINE: Duration = Duration::from_millis(1);
/// How many short waits are slept through at most after a look that others took the processor from: what
/// they took, some milliseconds, is then small beside what those waits take anyway.
const MOST_CAUTION: u32 = 1024;
const LEAST_CAUTION: u32 = 16;

/// Looks for what a thread waits for, for a moment, before the thread goes to sleep.
///
/// To wake a thread costs whoever wakes it several microseconds, as much as it takes to write a small
/// segment. So where segments follow one another that fast, nobody should sleep; and where they do not,
/// nobody should look, as a thousand streams that all look would keep the processor from its work. Which of
/// the two it is the last wait tells.
///
/// On a processor that others want, such as an encoder, to look means to stand in line behind them for
/// milliseconds, while a thread that sleeps comes next when it is woken. So whoever had to stand in line
/// sleeps for a while before it looks again, and longer each time that this happens.
#[derive(Debug, Default)]
pub(crate) struct Lookout {
    pays: AtomicBool,
    /// How many short waits are slept through after the next look that stands in line.
    caution: AtomicU32,
    /// How many are still to be.
    sleeps: AtomicU32,
}

impl Lookout {
    /// Looks until it is there. `None` if it should be waited for in some other way.
    pub(crate) fn spin<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        if !self.pays() {
            return None;
        }
        let begun = now();
        let mut before = begun;
        loop {
            let found = look();
            let after = now();
            let turn = after.saturating_duration_since(before);
            let so_far = after.saturating_duration_since(begun);
            self.has_looked(turn, so_far, found.is_some());
            if found.is_some() || so_far >= LOOK {
                return found;
            }
            before = after;
            // What is waited for may well need this processor.
            thread::yield_now();
        }
    }

    /// Waits in some other way, and notes whether it would have paid to look.
    pub(crate) fn wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        let begun = now();
        let waited = wait();
        self.has_waited(now().saturating_duration_since(begun));
        waited
    }

    fn pays(&self) -> bool {
        self.pays.load(Ordering::Relaxed)
    }

    /// A turn is one look and the yield before it. If several change the same at once, any of their answers
    /// is as good.
    fn has_looked(&self, turn: Duration, so_far: Duration, found: bool) {
        let caution = self.caution.load(Ordering::Relaxed);
        if turn >= IN_LINE {
            let more = (caution * 2).clamp(LEAST_CAUTION, MOST_CAUTION);
            self.caution.store(more, Ordering::Relaxed);
            self.sleeps.store(more, Ordering::Relaxed);
        } else if found && caution > 0 {
            self.caution.store(caution - 1, Ordering::Relaxed);
        }
        if so_far >= LOOK {
            self.pays.store(false, Ordering::Relaxed);
        }
    }

    fn has_waited(&self, time: Duration) {
        let is_short = time <= SHORT;
        let sleeps = self.sleeps.load(Ordering::Relaxed);
        if is_short && sleeps > 0 {
            self.sleeps.store(sleeps - 1, Ordering::Relaxed);
        }
        self.pays.store(is_short && sleeps == 0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Duration = Duration::from_micros(1);

    /// After how many short waits it looks again.
    fn sleeps(lookout: &Lookout) -> u32 {
        let mut count = 0;
        while !lookout.pays() {
            lookout.has_waited(SHORT);
            count += 1;
        }
        count
    }

    #[test]
    fn a_look_ends_with_what_is_there_or_in_time() {
        let lookout = Lookout::default();
        let mut there = Some(7);
        assert_eq!(lookout.spin(|| there.take()), None);
        assert_eq!(there, Some(7), "it does not pay");
        lookout.has_waited(SHORT);
        assert_eq!(lookout.spin(|| there.take()), Some(7));
        // A busy machine may leave the time for one look and no more, but not for ever.
        let mut looks = 0;
        while looks < 2 {
            looks = 0;
            assert!(sleeps(&lookout) <= MOST_CAUTION + 1);
            let found = lookout.spin(|| {
                looks += 1;
                None::<u8>
            });
            assert_eq!(found, None);
            assert!(!lookout.pays());
        }
    }

    #[test]
    fn the_last_wait_tells_whether_to_look() {
        let lookout = Lookout::default();
        assert!(!lookout.pays());
        lookout.has_waited(SHORT);
        assert!(lookout.pays());
        lookout.has_waited(SHORT + TURN);
        assert!(!lookout.pays());
        assert_eq!(sleeps(&lookout), 1);
        lookout.has_looked(TURN, LOOK / 2, true);
        assert!(lookout.pays());
        lookout.has_looked(TURN, LOOK, false);
        assert!(!lookout.pays());
        assert_eq!(sleeps(&lookout), 1);
    }

    #[test]
    fn who_stood_in_line_sleeps_for_longer_each_time() {
        let lookout = Lookout::default();
        for waits in [16, 32, 64, 128, 256, 512, 1024, 1024] {
            lookout.has_looked(IN_LINE, IN_LINE, true);
            // What is not short says nothing about a processor that others want.
            lookout.has_waited(SHORT + TURN);
            assert_eq!(sleeps(&lookout), waits + 1);
        }
    }

    #[test]
    fn what_is_found_in_time_makes_bolder() {
        let lookout = Lookout::default();
        lookout.has_looked(IN_LINE, IN_LINE, false);
        lookout.has_looked(IN_LINE, IN_LINE, false);
        (0..3).for_each(|_| lookout.has_looked(TURN, TURN, true));
        lookout.has_looked(IN_LINE / 2, IN_LINE, false);
        assert_eq!(sleeps(&lookout), 33);
        lookout.has_looked(IN_LINE, IN_LINE, false);
        assert_eq!(sleeps(&lookout), 59, "twice 29");
        (0..99).for_each(|_| lookout.has_looked(TURN, TURN, true));
        lookout.has_looked(IN_LINE, IN_LINE, false);
        assert_eq!(sleeps(&lookout), 17);
    }
}
