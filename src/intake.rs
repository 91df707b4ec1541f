//! What both halves of a stream share: the slots, the one real channel sender, and the books.
//!
//! A segment takes a slot before it is queued and gives it back when it comes out. That makes the
//! bound exact, and leaves room in both channels for whatever is under way, so that neither the
//! writer nor a sender that holds a slot ever waits on a channel.
//!
//! All sender handles share the one channel sender in here. Taking it away is what closes the
//! stream: no handle can queue any more, the queue runs dry by itself, and nothing depends on when
//! the handles are dropped, if they ever are.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::error::SendError;
use crate::interrupt::Interrupt;
use crate::segment::ProducedSegment;
use crate::stats::{Ledger, StreamStats};

/// How long a caller waits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    None,
    Until(Instant),
    Endless,
}

impl Patience {
    /// A time too far off to be counted is as good as never.
    pub(crate) fn lasting(timeout: Duration) -> Self {
        Instant::now()
            .checked_add(timeout)
            .map_or(Self::Endless, Self::Until)
    }
}

/// How a segment came out, for the books.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    Written,
    WithoutDestination,
    Failed,
    Discarded,
}

pub(crate) struct Intake {
    state: Mutex<State>,
    /// A slot is free again, or none will ever be.
    slot_freed: Condvar,
    interrupt: Arc<Interrupt>,
    writer: OnceLock<ThreadId>,
}

struct State {
    /// `None` once the stream is closed.
    queue: Option<Sender<ProducedSegment>>,
    free_slots: usize,
    /// Sender handles that were not dropped.
    senders: usize,
    /// Threads that wait for a slot. A wake-up is a system call even where nobody waits.
    waiting: usize,
    /// What is queued is not to be written any more.
    discarding: bool,
    ledger: Ledger,
}

impl Intake {
    /// With no sender handle yet. `queue` must have room for `depth` segments.
    pub(crate) fn new(depth: usize, queue: Sender<ProducedSegment>) -> Self {
        Self {
            state: Mutex::new(State {
                queue: Some(queue),
                free_slots: depth,
                senders: 0,
                waiting: 0,
                discarding: false,
                ledger: Ledger::default(),
            }),
            slot_freed: Condvar::new(),
            interrupt: Arc::default(),
            writer: OnceLock::new(),
        }
    }

    /// What a sink's pauses listen to.
    pub(crate) fn interrupt(&self) -> Arc<Interrupt> {
        Arc::clone(&self.interrupt)
    }

    /// Says that the calling thread is the writer.
    pub(crate) fn enter_writer_thread(&self) {
        // It is called once, at the start of the one writer.
        let _ = self.writer.set(thread::current().id());
    }

    pub(crate) fn is_writer_thread(&self) -> bool {
        self.writer.get() == Some(&thread::current().id())
    }

    /// Queues a segment as soon as a slot is free.
    pub(crate) fn accept(
        &self,
        segment: ProducedSegment,
        patience: Patience,
    ) -> Result<(), SendError> {
        if self.is_writer_thread() {
            return Err(SendError::own_writer(segment));
        }
        let mut state = self.lock();
        loop {
            if state.queue.is_none() {
                return Err(SendError::closed(segment));
            }
            if state.free_slots > 0 {
                return state.queue_segment(segment);
            }
            // The slot is looked for once more after every wait, a timed-out one included. So a
            // wake-up is never lost on a sender that gives up at the same moment.
            state = match patience {
                Patience::None => return Err(SendError::full(segment)),
                Patience::Endless => self.wait(state, None),
                Patience::Until(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(SendError::timeout(segment));
                    }
                    self.wait(state, Some(left))
                }
            };
        }
    }

    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        at_most: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let mut state = match at_most {
            None => self
                .slot_freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(duration) => {
                self.slot_freed
                    .wait_timeout(state, duration)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        state.waiting -= 1;
        state
    }

    /// Enters a segment that came out into the books, and gives its slot back.
    pub(crate) fn release(&self, segment: &ProducedSegment, fate: Fate) {
        let mut state = self.lock();
        let ledger = &mut state.ledger;
        match fate {
            Fate::Written => ledger.yielded.add(segment),
            Fate::WithoutDestination => {
                ledger.yielded.add(segment);
                ledger.without_destination.add(segment);
            }
            Fate::Failed => ledger.failed.add(segment),
            Fate::Discarded => ledger.discarded.add(segment),
        }
        state.free_slots += 1;
        let somebody_waits = state.waiting > 0;
        drop(state);
        if somebody_waits {
            self.slot_freed.notify_one();
        }
    }

    pub(crate) fn add_sender(&self) {
        self.lock().senders += 1;
    }

    /// The last one closes the stream, with all the time in the world for what is queued.
    pub(crate) fn remove_sender(&self) {
        let mut state = self.lock();
        state.senders -= 1;
        if state.senders == 0 {
            self.end(state);
        }
    }

    /// Accepts nothing more, and hurries the sink's pauses up.
    pub(crate) fn close(&self) {
        self.interrupt.raise();
        self.end(self.lock());
    }

    /// Closes, and has what is queued come back unwritten.
    pub(crate) fn close_and_discard(&self) {
        self.lock().discarding = true;
        self.close();
    }

    fn end(&self, mut state: MutexGuard<'_, State>) {
        let queue = state.queue.take();
        drop(state);
        // Dropped outside the lock, as it wakes the writer up.
        drop(queue);
        self.slot_freed.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().queue.is_none()
    }

    pub(crate) fn is_discarding(&self) -> bool {
        self.lock().discarding
    }

    pub(crate) fn record_write(&self, took: Duration) {
        self.lock().ledger.record_write(took);
    }

    pub(crate) fn stats(&self) -> StreamStats {
        self.lock().ledger.stats()
    }

    // No code that could panic runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The order of this call is the order of acceptance, as the lock is held.
    fn queue_segment(&mut self, segment: ProducedSegment) -> Result<(), SendError> {
        let Some(queue) = &self.queue else {
            return Err(SendError::closed(segment));
        };
        let mut accepted = self.ledger.accepted;
        accepted.add(&segment);
        match queue.send(segment) {
            Ok(()) => {
                self.free_slots -= 1;
                self.ledger.accepted = accepted;
                Ok(())
            }
            // The writer thread is gone, though it closes the stream before it goes.
            Err(refused) => Err(SendError::closed(refused.into_inner())),
        }
    }
}
