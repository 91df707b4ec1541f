//! What both halves of a stream share, and its writers with them: under one lock the backlog, the line of
//! senders that wait for room and the books; and the writers' doorbell.
//!
//! The queue itself is in the [`Backlog`] and not in a channel, because a full stream may drop the oldest
//! segment in it, a shutdown takes out what nobody began, and equal paths wait for one another. What
//! goes through channels is the wake-up of the writers (the doorbell) and what they have done.
//!
//! **The doorbell** has room for one ring for each writer. It is rung after every segment that is
//! queued, and a ring that finds it full may be forgotten: then every writer that sleeps, or is about
//! to, will wake up and look. A writer that has done with a segment looks without being rung for. So a
//! segment that could be written never waits while a writer sleeps: a writer goes to sleep only if it
//! found nothing, and whatever comes after that rings.
//!
//! **The [`Line`].** A sender that finds no room stands in it, and the first is let in. Whoever leaves the line
//! wakes the next, as does whatever makes room, and who goes to tell the log that it waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::backlog::{Backlog, Held, Job, Room};
use crate::config::SegmentStreamConfig;
use crate::error::SendError;
use crate::gate::INTERVAL;
use crate::interrupt::Interrupt;
use crate::line::{Activity, Line, Place, Sleeper};
use crate::losses::Loss;
use crate::retry::RetryPolicy;
use crate::segment::ProducedSegment;
use crate::stats::{Ledger, Meter, StreamStats};
use crate::sync::channel::{Receiver, Sender, bounded};
use crate::sync::thread::{self, ThreadId};
use crate::sync::{self, Lookout, Mutex, MutexGuard, now};
use crate::teller::Teller;

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
        now()
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
}

/// What a writer finds when it looks for something to do.
pub(crate) enum Work {
    Job(Job),
    /// Nothing now: wait for the doorbell.
    NotYet,
    /// Nothing for this writer, ever.
    Over,
}

pub(crate) struct Intake {
    state: Mutex<State>,
    doorbell: Sender<()>,
    rings: Receiver<()>,
    interrupt: Arc<Interrupt>,
    writers: OnceLock<Vec<ThreadId>>,
    retry: RetryPolicy,
    stall_warning: Duration,
    teller: Teller,
    meter: Meter,
    /// Of the first in the line.
    lookout: Lookout,
    is_stillborn: AtomicBool,
}

struct State {
    backlog: Backlog,
    is_closed: bool,
    /// Sender handles that were not dropped.
    senders: usize,
    line: Line,
    ledger: Ledger,
}

impl Intake {
    /// With no sender handle yet.
    pub(crate) fn new(config: &SegmentStreamConfig, writers: usize) -> Self {
        let (doorbell, rings) = bounded(writers);
        Self {
            state: Mutex::new(State {
                backlog: Backlog::new(config, writers),
                is_closed: false,
                senders: 0,
                line: Line::default(),
                ledger: Ledger::default(),
            }),
            doorbell,
            rings,
            interrupt: Arc::default(),
            writers: OnceLock::new(),
            retry: config.retry,
            stall_warning: config.stall_warning,
            teller: Teller::default(),
            meter: Meter::default(),
            lookout: Lookout::default(),
            is_stillborn: AtomicBool::new(false),
        }
    }

    /// What a sink's pauses listen to.
    pub(crate) fn interrupt(&self) -> &Arc<Interrupt> {
        &self.interrupt
    }

    pub(crate) fn retry(&self) -> &RetryPolicy {
        &self.retry
    }

    pub(crate) fn teller(&self) -> &Teller {
        &self.teller
    }

    /// Says which threads write. Before there is a sender, and so before a sink is called.
    pub(crate) fn set_writers(&self, writers: Vec<ThreadId>) {
        // It is called once, by whoever started them.
        let _ = self.writers.set(writers);
    }

    pub(crate) fn is_writer_thread(&self) -> bool {
        let current = thread::current().id();
        let writers = self.writers.get();
        writers.is_some_and(|writers| writers.contains(&current))
    }

    /// Queues a segment as soon as there is room.
    pub(crate) fn accept(
        &self,
        segment: ProducedSegment,
        patience: Patience,
    ) -> Result<(), SendError> {
        if self.is_writer_thread() {
            return Err(SendError::own_writer(segment));
        }
        let mut state = self.lock();
        let mut place: Option<Place> = None;
        loop {
            if state.is_closed {
                return Err(SendError::closed(segment));
            }
            // Room is looked for once more after every wait, a timed-out one included. So a wake-up is
            // never lost on a sender that gives up at the same moment.
            if state.line.is_first(place.as_ref())
                && let Room::ByDropping(count) = state.backlog.room_for(segment.data.len())
            {
                if let Some(place) = place {
                    state.line.leave(&place);
                }
                self.admit(state, segment, count);
                return Ok(());
            }
            let left = match patience {
                Patience::None => return Err(SendError::full(segment)),
                Patience::Endless => None,
                Patience::Until(deadline) => {
                    let left = deadline.saturating_duration_since(now());
                    if left.is_zero() {
                        let next = place.and_then(|place| {
                            state.line.leave(&place);
                            state.call_first()
                        });
                        drop(state);
                        wake(next);
                        return Err(SendError::timeout(segment));
                    }
                    Some(left)
                }
            };
            let place = place
                .get_or_insert_with(|| state.line.stand(segment.data.len(), self.stall_warning));
            state = self.wait(state, place, left, &segment);
        }
    }

    /// Lets it in. The order of these calls is the order of acceptance, as the lock is held.
    fn admit(&self, mut state: MutexGuard<'_, State>, segment: ProducedSegment, to_drop: usize) {
        let mut dropped = Vec::new();
        if to_drop > 0 {
            dropped = state.backlog.drop_oldest(to_drop);
            for payload in &dropped {
                state.ledger.dropped.add(payload.len());
            }
        }
        state.ledger.accepted.add(segment.data.len());
        state.backlog.admit(segment, now());
        let losses = state.ledger.dropped;
        let due = (to_drop > 0).then(|| self.teller.count_drop()).flatten();
        // There may be room for the next one as well.
        let next = state.call_first();
        drop(state);
        wake(next);
        self.ring();
        // To give memory back takes its time, and is done without the lock.
        drop(dropped);
        if let Some(due) = due {
            due.dropped(losses);
        }
    }

    /// Waits to be woken, for the time that is left at most. After `stall_warning` the log is told.
    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        place: &mut Place,
        left: Option<Duration>,
        segment: &ProducedSegment,
    ) -> MutexGuard<'a, State> {
        let to_warning = place
            .warning
            .map(|warning| warning.saturating_duration_since(now()));
        if to_warning.is_some_and(|it| it.is_zero()) {
            return self.warn(state, place, segment);
        }
        if !std::mem::replace(&mut place.has_looked, true) {
            return self.look(state, place);
        }
        let at_most = match (left, to_warning) {
            (Some(left), Some(to_warning)) => Some(left.min(to_warning)),
            (one, other) => one.or(other),
        };
        state.line.note(place, Activity::Sleeping);
        let asleep = || place.sleep(&self.state, state, at_most);
        let mut state = self.lookout.wait(asleep);
        state.line.note(place, Activity::Looking);
        state
    }

    /// Looks for room for a moment, without the lock. Whoever makes room meanwhile need not wake anybody, and
    /// the caller looks once more under the lock in any case.
    fn look<'a>(&'a self, state: MutexGuard<'a, State>, place: &Place) -> MutexGuard<'a, State> {
        if !state.line.is_first(Some(place)) {
            return state;
        }
        place.expect_call();
        drop(state);
        place.look(&self.lookout);
        self.lock()
    }

    /// Tells the log, once, that this sender waits. Meanwhile it is not in the others' way, who may go first.
    fn warn<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        place: &mut Place,
        segment: &ProducedSegment,
    ) -> MutexGuard<'a, State> {
        let now = now();
        let Some(due) = self.teller.count_stall() else {
            place.warning = now.checked_add(INTERVAL);
            return state;
        };
        place.warning = None;
        let waited = now.saturating_duration_since(place.since);
        let in_flight = state.backlog.in_flight();
        let held = state.backlog.longest_held(now);
        let held = held.map(|(held, age)| (held.sequence, age));
        state.line.note(place, Activity::Away);
        let next = state.call_first();
        drop(state);
        wake(next);
        due.blocked(segment.sequence, waited, in_flight, held);
        let mut state = self.lock();
        state.line.note(place, Activity::Looking);
        state
    }

    /// What this writer is to write next. It has done with what it had: that is completed, and an equal path
    /// may be written.
    pub(crate) fn work(&self, writer: usize) -> Work {
        let mut state = self.lock();
        state.backlog.put_down(writer);
        match state.backlog.take(writer, now()) {
            Some(job) => Work::Job(job),
            // What is still queued then has a path that another writer has in hand, and that one will
            // look again.
            None if state.is_closed => Work::Over,
            None => Work::NotYet,
        }
    }

    pub(crate) fn wait_for_ring(&self, lookout: &Lookout) {
        // It cannot fail, as the other end of the doorbell is in here too.
        if lookout.look(|| self.rings.try_recv().ok()).is_none() {
            let _ = lookout.wait(|| self.rings.recv());
        }
    }

    fn ring(&self) {
        // Full is good enough: see above.
        let _ = self.doorbell.try_send(());
    }

    /// What the writers' attempts take.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The writer has done with what it had, and looks for nothing more.
    pub(crate) fn put_down(&self, writer: usize) {
        self.lock().backlog.put_down(writer);
    }

    /// Enters a segment that came out into the books, and gives its slot and its bytes back.
    pub(crate) fn release(&self, index: u64, bytes: usize, fate: Fate) {
        let mut state = self.lock();
        let ledger = &mut state.ledger;
        match fate {
            Fate::Written => ledger.yielded.add(bytes),
            Fate::WithoutDestination => {
                ledger.yielded.add(bytes);
                ledger.without_destination.add(bytes);
            }
            Fate::Failed => ledger.failed.add(bytes),
        }
        state.backlog.release(index);
        let next = state.call_first();
        drop(state);
        wake(next);
    }

    /// The first of what was dropped, if that was accepted before this index.
    pub(crate) fn take_loss(&self, before: u64) -> Option<Loss> {
        let mut state = self.lock();
        let loss = state.backlog.take_loss(before)?;
        state.ledger.dropped_and_yielded += loss.segments();
        Some(loss)
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

    /// Closes, and takes out what no writer has begun.
    pub(crate) fn close_and_take_queued(&self) -> VecDeque<Job> {
        self.interrupt.raise();
        let mut state = self.lock();
        let queued = state.discard_queued();
        self.end(state);
        queued
    }

    /// Closes, and takes out what no writer has begun; says what the writers have, or had last.
    pub(crate) fn close_and_give_up(&self) -> (VecDeque<Job>, Vec<Held>) {
        self.interrupt.raise();
        let mut state = self.lock();
        let everything = (state.discard_queued(), state.backlog.hands());
        self.end(state);
        everything
    }

    /// Closes, and has `abort` take each segment that no writer has begun, under the lock: it must not come
    /// back in here. Returns how many there were.
    pub(crate) fn close_and_abort(&self, abort: impl FnMut(Job)) -> usize {
        self.interrupt.raise();
        let mut state = self.lock();
        let queued = state.backlog.take_queued();
        let count = queued.len();
        queued.into_iter().for_each(abort);
        self.end(state);
        count
    }

    /// Closes a stream whose writers could not all be started.
    pub(crate) fn close_stillborn(&self) {
        self.is_stillborn.store(true, Ordering::Relaxed);
        self.close();
    }

    pub(crate) fn is_stillborn(&self) -> bool {
        self.is_stillborn.load(Ordering::Relaxed)
    }

    fn end(&self, mut state: MutexGuard<'_, State>) {
        state.is_closed = true;
        // Nobody stays in the line of a closed stream, and nobody looks for a place in it.
        let line = std::mem::take(&mut state.line);
        drop(state);
        line.disband();
        // Once for every writer; none of them waits again when it has seen that the stream is closed.
        while self.doorbell.try_send(()).is_ok() {}
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    pub(crate) fn stats(&self) -> StreamStats {
        let state = self.lock();
        let now = now();
        let backlog = &state.backlog;
        let mut told = StreamStats {
            queued: backlog.queued(),
            writing: backlog.writing(),
            waiting_senders: state.line.len() as u64,
            oldest_age: backlog.oldest_age(now),
            stalled_for: backlog.longest_held(now).map_or(Duration::ZERO, |it| it.1),
            ..state.ledger.stats()
        };
        self.meter.read(&mut told);
        told
    }

    /// Segments that came out, as `Ok` or as `Err`.
    pub(crate) fn segments_received(&self) -> u64 {
        let state = self.lock();
        let Ledger {
            yielded,
            failed,
            dropped_and_yielded,
            ..
        } = &state.ledger;
        yielded.segments + failed.segments + dropped_and_yielded
    }

    // No code that could panic runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        sync::lock(&self.state)
    }
}

impl State {
    /// Takes out what no writer has begun, and enters it into the books as discarded.
    fn discard_queued(&mut self) -> VecDeque<Job> {
        let queued = self.backlog.take_queued();
        for job in &queued {
            self.ledger.discarded.add(job.segment.data.len());
            self.backlog.release(job.index);
        }
        queued
    }

    /// For [`wake`], when the lock is free.
    fn call_first(&mut self) -> Option<Sleeper> {
        let backlog = &self.backlog;
        self.line
            .call_first(|length| backlog.room_for(length) != Room::None)
    }
}

fn wake(sleeper: Option<Sleeper>) {
    if let Some(sleeper) = sleeper {
        sleeper.wake();
    }
}
