//! How a submission gets into the stream: at once, after a wait for room, or not.

use std::time::Duration;

use super::shared::{Lifecycle, Shared, State, wake};
use super::waiters::{Activity, Ticket};
use crate::error::{Loss, SendError, SendErrorKind};
use crate::internal::deadline::Deadline;
use crate::internal::rate_limit::INTERVAL;
use crate::internal::sync::{MutexGuard, now};
use crate::segment::{ProducedSegment, SegmentInfo, Submission};

impl Shared {
    /// Queues a submission as soon as there is room.
    pub(super) fn accept(
        &self,
        submission: Submission,
        deadline: Deadline,
    ) -> Result<(), SendError> {
        let refuse = |submission, kind| Err(SendError::new(submission, kind));
        if self.is_writer_thread() {
            return refuse(submission, SendErrorKind::OwnWriter);
        }
        let bytes = submission.byte_len();
        let mut state = self.lock();
        let mut ticket: Option<Ticket> = None;
        loop {
            if state.lifecycle != Lifecycle::Open {
                return refuse(submission, SendErrorKind::Closed);
            }
            // Room is looked for once more after every wait, a timed-out one included. So a wake-up
            // is never lost on a sender that gives up at the same moment.
            if state.waiters.is_first(ticket.as_ref()) && state.slots.has_room_for(bytes) {
                if let Some(ticket) = ticket {
                    state.waiters.leave(&ticket);
                }
                self.admit(state, submission);
                return Ok(());
            }
            let left = deadline.left();
            if left.is_some_and(|left| left.is_zero()) {
                let next = ticket.and_then(|ticket| {
                    state.waiters.leave(&ticket);
                    state.wake_first()
                });
                drop(state);
                wake(next);
                return refuse(
                    submission,
                    match deadline {
                        Deadline::Now => SendErrorKind::Full,
                        Deadline::At(_) | Deadline::Never => SendErrorKind::Timeout,
                    },
                );
            }
            let ticket = ticket.get_or_insert_with(|| {
                self.hurry_extensions(&state);
                state.waiters.enqueue(bytes, self.stall_warning)
            });
            state = self.wait_for_room(state, ticket, left, submission.segment.sequence);
        }
    }

    /// Lets it in. The order of these calls is the order of acceptance, as the lock is held.
    fn admit(&self, mut state: MutexGuard<'_, State>, submission: Submission) {
        let dropped = state.slots.admit(submission, now());
        let due = if dropped.is_empty() {
            None
        } else {
            self.hurry_extensions(&state);
            // Counted while the stream cannot end, so that the last message of the log knows of it.
            let so_far = state.slots.dropped();
            self.log.count_drop().map(|due| (due, so_far))
        };
        // There may be room for the next one as well.
        let next = state.wake_first();
        let is_writer_idle = state.claim_idle_writer();
        drop(state);
        wake(next);
        if is_writer_idle {
            self.ring_for_work();
        }
        // Memory is given back, and the log is told, without the lock.
        drop(dropped);
        if let Some((due, so_far)) = due {
            due.dropped(so_far);
        }
    }

    /// Records a loss of the producer in its place: it takes no room, and so waits for none.
    pub(super) fn lose(
        &self,
        first: ProducedSegment,
        info: SegmentInfo,
        loss: fn(ProducedSegment, SegmentInfo, usize) -> Loss,
    ) -> Result<(), SendError> {
        let mut state = self.lock();
        if state.lifecycle != Lifecycle::Open {
            let submission = Submission::from((first, info));
            return Err(SendError::new(submission, SendErrorKind::Closed));
        }
        let mut first = first;
        let payload = std::mem::take(&mut first.data);
        state.slots.lose(loss(first, info, payload.len()), now());
        // It wakes the iterator, if that sleeps: only writers can.
        let is_writer_idle = state.claim_idle_writer();
        drop(state);
        if is_writer_idle {
            self.ring_for_work();
        }
        Ok(())
    }

    /// Waits to be woken, for `left` at most. After the stall warning's time it logs.
    fn wait_for_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        ticket: &mut Ticket,
        left: Option<Duration>,
        sequence: u64,
    ) -> MutexGuard<'a, State> {
        let to_warning = ticket
            .warning
            .map(|warning| warning.saturating_duration_since(now()));
        if to_warning.is_some_and(|it| it.is_zero()) {
            return self.warn_of_stall(state, ticket, sequence);
        }
        if !std::mem::replace(&mut ticket.has_spun, true) {
            return self.spin_for_room(state, ticket);
        }
        let at_most = match (left, to_warning) {
            (Some(left), Some(to_warning)) => Some(left.min(to_warning)),
            (one, other) => one.or(other),
        };
        state.waiters.note(ticket, Activity::Asleep);
        let asleep = || ticket.sleep(self.mutex(), state, at_most);
        let mut state = self.spin.wait(asleep);
        state.waiters.note(ticket, Activity::Awake);
        state
    }

    /// Spins for a moment, without the lock. Whoever makes room meanwhile need not wake anybody,
    /// and the caller looks once more under the lock in any case.
    fn spin_for_room<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        ticket: &Ticket,
    ) -> MutexGuard<'a, State> {
        if !state.waiters.is_first(Some(ticket)) {
            return state;
        }
        ticket.expect_wake();
        drop(state);
        ticket.spin(&self.spin);
        self.lock()
    }

    /// Logs, once, that this sender waits. Meanwhile the others may go first.
    fn warn_of_stall<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        ticket: &mut Ticket,
        sequence: u64,
    ) -> MutexGuard<'a, State> {
        let now = now();
        let Some(due) = self.log.count_stall() else {
            ticket.warning = now.checked_add(INTERVAL);
            return state;
        };
        ticket.warning = None;
        let waited = now.saturating_duration_since(ticket.since);
        let in_flight = state.slots.in_flight().segments;
        let writing = state.slots.longest_writing(now);
        state.waiters.note(ticket, Activity::Logging);
        let next = state.wake_first();
        drop(state);
        wake(next);
        due.blocked(sequence, waited, in_flight, writing);
        let mut state = self.lock();
        state.waiters.note(ticket, Activity::Awake);
        state
    }
}
