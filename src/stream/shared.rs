//! What the sender, the writers and the iterator share: under one lock the ring of slots, the
//! senders that wait and the lifecycle; and the writers' bell.
//!
//! **Why no channel carries the payload.** A full stream may drop the oldest queued segment, a
//! shutdown takes out what no writer has begun, equal paths wait for one another, and what comes
//! out is in order whatever order the writers finish in. A ring under a lock does all of that; a
//! channel does none of it. What goes through channels are wake-ups:
//!
//! - `work`, to the writers, with room for one ring for each. A writer that finds nothing counts
//!   itself as idle, under the lock, and waits for a ring. Whoever queues a segment takes one off
//!   that count and rings once: so there are never more rings than writers that wait, none is lost,
//!   and a writer that is awake is not rung for.
//! - `done`, to the iterator, with room for one. An iterator that finds nothing notes that it
//!   sleeps, under the lock. A writer that finds the front of the ring ready takes the note away
//!   and rings. Each writer owns a sender and this state owns none, so that the iterator sees
//!   writers that died.
//!
//! A loss at the front of the ring is ready as well, and no writer has completed it. Whoever
//! records one rings for an idle writer, which rings for the iterator; a writer that is not idle
//! comes by anyway, as it looks at the front each time that it has the lock. (A loss cannot stand
//! in front of a segment that is being written: segments are taken in order, and one that waits for
//! an equal path stands behind that one.)

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::config::SegmentStreamConfig;
use super::log::StreamLog;
use super::retry::RetryPolicy;
use super::slots::Slots;
use super::stats::{Meter, StreamStats};
use super::waiters::{Sleeper, Waiters};
use crate::error::SinkError;
use crate::internal::cancel::Cancel;
use crate::internal::sync::channel::{Receiver, Sender, bounded};
use crate::internal::sync::thread::{self, ThreadId};
use crate::internal::sync::{self, Mutex, MutexGuard, Spin, now};

pub(super) struct Shared {
    state: Mutex<State>,
    work: Sender<()>,
    /// The writers' end of `work`.
    pub(super) rings: Receiver<()>,
    /// What the pauses of sinks listen to.
    pub(super) cancel: Arc<Cancel>,
    writers: OnceLock<Vec<ThreadId>>,
    pub(super) retry: RetryPolicy,
    pub(super) stall_warning: Duration,
    pub(super) log: StreamLog,
    pub(super) meter: Meter,
    /// Of the first waiting sender.
    pub(super) spin: Spin,
}

pub(super) struct State {
    pub(super) slots: Slots,
    pub(super) waiters: Waiters,
    pub(super) lifecycle: Lifecycle,
    /// Sender handles that were not dropped.
    senders: usize,
    /// Writers that wait for a ring, less the rings under way.
    pub(super) idle_writers: usize,
    pub(super) running_writers: usize,
    pub(super) iterator: IteratorState,
    /// Writers that retry beyond their deadline, as there is room.
    pub(super) extensions: usize,
    /// How the sinks ended that did not end well, until a report takes it.
    pub(super) sink_errors: Vec<SinkError>,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifecycle {
    Open,
    /// It accepts nothing more; what was accepted is still written.
    Closing,
    /// The same, as not all writers could be started: there is nothing to write, and nothing for
    /// the sinks to finish.
    FailedToStart,
    /// All writers have ended.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IteratorState {
    Awake,
    /// It waits for a ring.
    Asleep,
    /// Dropped, or given up: nobody takes what comes out.
    Gone,
}

impl Shared {
    /// With no sender handle yet.
    pub(super) fn new(config: &SegmentStreamConfig, writers: usize) -> Self {
        let (work, rings) = bounded(writers);
        Self {
            state: Mutex::new(State {
                slots: Slots::new(config),
                waiters: Waiters::default(),
                lifecycle: Lifecycle::Open,
                senders: 0,
                idle_writers: 0,
                running_writers: writers,
                iterator: IteratorState::Awake,
                extensions: 0,
                sink_errors: Vec::new(),
            }),
            work,
            rings,
            cancel: Arc::default(),
            writers: OnceLock::new(),
            retry: config.retry,
            stall_warning: config.stall_warning,
            log: StreamLog::default(),
            meter: Meter::default(),
            spin: Spin::default(),
        }
    }

    /// The lock. A poisoned one is as good as any, as no foreign code runs under it.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        sync::lock(&self.state)
    }

    /// For the waits that give the lock back.
    pub(super) fn mutex(&self) -> &Mutex<State> {
        &self.state
    }

    /// Wakes an idle writer. Without the lock; the state has been told.
    pub(super) fn ring_for_work(&self) {
        // Full cannot be: there is room for one for each writer.
        let _ = self.work.try_send(());
    }

    /// Has writers come to an end that retry beyond their deadline: the room is needed.
    pub(super) fn hurry_extensions(&self, state: &State) {
        if state.extensions > 0 {
            self.cancel.hurry();
        }
    }

    /// Says which threads write, before there is a sender and so before a sink is called.
    pub(super) fn set_writers(&self, writers: Vec<ThreadId>) {
        // It is called once, by whoever started them.
        let _ = self.writers.set(writers);
    }

    pub(super) fn is_writer_thread(&self) -> bool {
        let current = thread::current().id();
        let writers = self.writers.get();
        writers.is_some_and(|writers| writers.contains(&current))
    }

    pub(super) fn add_sender(&self) {
        self.lock().senders += 1;
    }

    /// The last one closes the stream. The pauses of the sinks keep their time.
    pub(super) fn remove_sender(&self) {
        let mut state = self.lock();
        state.senders -= 1;
        if state.senders == 0 {
            self.end(state);
        }
    }

    /// Accepts nothing more, and cuts the pauses of the sinks short.
    pub(super) fn close(&self) {
        self.close_with(|_| ());
    }

    /// The same, and `take` something out of the state in the same moment.
    pub(super) fn close_with<T>(&self, take: impl FnOnce(&mut State) -> T) -> T {
        self.cancel.raise();
        let mut state = self.lock();
        let taken = take(&mut state);
        self.end(state);
        taken
    }

    /// Closes a stream of whose writers only `started` could be started. Their sinks have nothing
    /// to finish.
    pub(super) fn fail_to_start(&self, started: usize) {
        self.close_with(|state| {
            state.running_writers = started;
            state.lifecycle = if started == 0 {
                Lifecycle::Ended
            } else {
                Lifecycle::FailedToStart
            };
        });
    }

    /// Wakes everybody: no sender waits for a closed stream, and no writer that is idle stays.
    fn end(&self, mut state: MutexGuard<'_, State>) {
        if state.lifecycle == Lifecycle::Open {
            state.lifecycle = Lifecycle::Closing;
        }
        let senders = std::mem::take(&mut state.waiters);
        let idle = std::mem::take(&mut state.idle_writers);
        drop(state);
        senders.wake_all();
        (0..idle).for_each(|_| self.ring_for_work());
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().lifecycle != Lifecycle::Open
    }

    pub(super) fn stats(&self) -> StreamStats {
        let mut taken = {
            let state = self.lock();
            StreamStats {
                waiting_senders: state.waiters.len() as u64,
                ..state.slots.stats(now())
            }
        };
        self.meter.read(&mut taken);
        taken
    }

    /// Segments that came out, as `Ok` or as `Err`.
    pub(super) fn segments_received(&self) -> u64 {
        self.lock().slots.segments_received()
    }
}

impl State {
    /// The first waiting sender if there is room for it, to be woken when the lock is free.
    pub(super) fn wake_first(&mut self) -> Option<Sleeper> {
        let slots = &self.slots;
        self.waiters.wake_first(|bytes| slots.has_room_for(bytes))
    }

    /// Whether a writer is to be rung for: then [`Shared::ring_for_work`] without the lock.
    #[must_use]
    pub(super) fn claim_idle_writer(&mut self) -> bool {
        let is_idle = self.idle_writers > 0;
        self.idle_writers -= usize::from(is_idle);
        is_idle
    }

    /// Whether the iterator is to be rung for, as it sleeps and the front of the ring is ready.
    #[must_use]
    pub(super) fn claim_sleeping_iterator(&mut self) -> bool {
        let is_due = self.iterator == IteratorState::Asleep
            && (self.slots.is_front_ready() || self.lifecycle == Lifecycle::Ended);
        if is_due {
            self.iterator = IteratorState::Awake;
        }
        is_due
    }
}

pub(super) fn wake(sleeper: Option<Sleeper>) {
    if let Some(sleeper) = sleeper {
        sleeper.wake();
    }
}
