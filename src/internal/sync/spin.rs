//! Whether to spin before going to sleep.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::{now, thread};

/// How long a thread spins before it sleeps.
const SPIN: Duration = Duration::from_micros(100);
/// A wait up to this long could have been spun through: the spin, and one sleep and wake-up.
const SHORT: Duration = Duration::from_micros(200);
/// A yield that takes this long was spent behind other threads: the threads of a stream need less,
/// and a busy thread keeps a processor for longer.
const LOST_TURN: Duration = Duration::from_millis(1);
/// The most short waits that are slept through after a yield behind other threads. The time lost by
/// it, some milliseconds, is small beside these waits.
const MOST_CAUTION: u32 = 1024;
const LEAST_CAUTION: u32 = 16;

/// Spins for a moment before a thread sleeps, if that pays.
///
/// A wake-up costs the waking thread several microseconds, as much as the write of a small segment.
/// If segments follow one another that fast, nobody should sleep. If they do not, nobody should
/// spin, as a thousand spinning streams would keep the processor from its work. The last wait
/// decides.
///
/// On a processor that other threads want, such as an encoder's, a spinning thread loses its turn
/// for milliseconds, while a sleeping thread runs as soon as it is woken. So a thread that lost its
/// turn sleeps for a number of waits before it spins again, twice as many each time.
#[derive(Debug, Default)]
pub(crate) struct Spin {
    pays: AtomicBool,
    /// How many short waits are slept through after the next lost turn.
    caution: AtomicU32,
    /// How many of them are left.
    sleeps: AtomicU32,
}

impl Spin {
    /// Polls until there is something. `None` if the thread should sleep.
    pub(crate) fn poll<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
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
            self.note_poll(turn, so_far, found.is_some());
            if found.is_some() || so_far >= SPIN {
                return found;
            }
            before = after;
            // The thread that is waited for may need this processor.
            thread::yield_now();
        }
    }

    /// Sleeps, and notes whether it would have paid to spin.
    pub(crate) fn wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        let begun = now();
        let waited = wait();
        self.note_wait(now().saturating_duration_since(begun));
        waited
    }

    fn pays(&self) -> bool {
        self.pays.load(Ordering::Relaxed)
    }

    /// A turn is one poll and the yield before it. If several threads store at once, either value
    /// will do.
    fn note_poll(&self, turn: Duration, so_far: Duration, found: bool) {
        let caution = self.caution.load(Ordering::Relaxed);
        if turn >= LOST_TURN {
            let more = (caution * 2).clamp(LEAST_CAUTION, MOST_CAUTION);
            self.caution.store(more, Ordering::Relaxed);
            self.sleeps.store(more, Ordering::Relaxed);
        } else if found && caution > 0 {
            self.caution.store(caution - 1, Ordering::Relaxed);
        }
        if so_far >= SPIN {
            self.pays.store(false, Ordering::Relaxed);
        }
    }

    fn note_wait(&self, time: Duration) {
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

    /// After how many short waits it spins again.
    fn sleeps(spin: &Spin) -> u32 {
        let mut count = 0;
        while !spin.pays() {
            spin.note_wait(SHORT);
            count += 1;
        }
        count
    }

    #[test]
    fn a_spin_ends_when_there_is_something_or_in_time() {
        let spin = Spin::default();
        let mut there = Some(7);
        assert_eq!(spin.poll(|| there.take()), None);
        assert_eq!(there, Some(7), "it does not pay");
        spin.note_wait(SHORT);
        assert_eq!(spin.poll(|| there.take()), Some(7));
        // A busy machine may leave the time for one look and no more, but not for ever.
        let mut looks = 0;
        while looks < 2 {
            looks = 0;
            assert!(sleeps(&spin) <= MOST_CAUTION + 1);
            let found = spin.poll(|| {
                looks += 1;
                None::<u8>
            });
            assert_eq!(found, None);
            assert!(!spin.pays());
        }
    }

    #[test]
    fn the_last_wait_decides_whether_to_spin() {
        let spin = Spin::default();
        assert!(!spin.pays());
        spin.note_wait(SHORT);
        assert!(spin.pays());
        spin.note_wait(SHORT + TURN);
        assert!(!spin.pays());
        assert_eq!(sleeps(&spin), 1);
        spin.note_poll(TURN, SPIN / 2, true);
        assert!(spin.pays());
        spin.note_poll(TURN, SPIN, false);
        assert!(!spin.pays());
        assert_eq!(sleeps(&spin), 1);
    }

    #[test]
    fn a_lost_turn_makes_it_sleep_for_longer_each_time() {
        let spin = Spin::default();
        for waits in [16, 32, 64, 128, 256, 512, 1024, 1024] {
            spin.note_poll(LOST_TURN, LOST_TURN, true);
            // What is not short says nothing about a processor that others want.
            spin.note_wait(SHORT + TURN);
            assert_eq!(sleeps(&spin), waits + 1);
        }
    }

    #[test]
    fn a_poll_in_time_makes_it_sleep_for_less() {
        let spin = Spin::default();
        spin.note_poll(LOST_TURN, LOST_TURN, false);
        spin.note_poll(LOST_TURN, LOST_TURN, false);
        (0..3).for_each(|_| spin.note_poll(TURN, TURN, true));
        spin.note_poll(LOST_TURN / 2, LOST_TURN, false);
        assert_eq!(sleeps(&spin), 33);
        spin.note_poll(LOST_TURN, LOST_TURN, false);
        assert_eq!(sleeps(&spin), 59, "twice 29");
        (0..99).for_each(|_| spin.note_poll(TURN, TURN, true));
        spin.note_poll(LOST_TURN, LOST_TURN, false);
        assert_eq!(sleeps(&spin), 17);
    }
}
