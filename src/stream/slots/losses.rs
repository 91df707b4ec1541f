//! Losses: what was dropped to make room, and what the producer gave up.

use std::time::Instant;

use super::{Slot, Slots};
use crate::error::{Loss, WriteErrorKind};
use crate::segment::{ProducedSegment, SegmentInfo};

/// Up to this many losses have a record each. Beyond it, neighbours share one: so there are never
/// more than these and one for each segment in flight.
#[cfg(not(test))]
const SEPARATE_LOSSES: usize = 64;
/// Few enough for the model to meet them.
#[cfg(test)]
pub(super) const SEPARATE_LOSSES: usize = 3;

impl Slots {
    /// Records a loss of the producer in its place. It was never accepted.
    pub(in super::super) fn lose(&mut self, loss: Loss, now: Instant) {
        self.totals.given_up.add_loss(&loss);
        self.push(
            SegmentInfo::new(),
            Slot::Lost(WriteErrorKind::GivenUp, loss),
            now,
        );
        self.losses += 1;
        self.merge_losses_at(self.ring.len() - 1);
    }

    /// Takes the payload of the oldest queued media segment away.
    pub(super) fn drop_oldest(&mut self) -> Option<Vec<u8>> {
        let passed_over = self
            .passed_over
            .iter()
            .filter_map(|index| self.position(*index));
        let fresh = self.fresh..self.ring.len();
        let at = passed_over.chain(fresh).find(|at| self.is_droppable(*at))?;
        let entry = self.ring.get_mut(at)?;
        let info = std::mem::take(&mut entry.info);
        let Slot::Queued(segment) = &mut entry.slot else {
            return None;
        };
        let payload = std::mem::take(&mut segment.data);
        let first = ProducedSegment {
            data: Vec::new(),
            path_hint: segment.path_hint.take(),
            ..*segment
        };
        let (index, info_bytes) = (entry.index, info.byte_len());
        entry.slot = Slot::Lost(
            WriteErrorKind::Dropped,
            Loss::of(first, info, payload.len()),
        );
        self.passed_over.retain(|it| *it != index);
        self.in_flight.subtract(payload.len());
        self.info_bytes -= info_bytes as u64;
        self.queued.subtract(payload.len());
        self.droppable.subtract(payload.len() + info_bytes);
        self.totals.dropped.add(payload.len());
        self.losses += 1;
        self.merge_losses_at(at);
        Some(payload)
    }

    fn is_droppable(&self, at: usize) -> bool {
        self.visit();
        matches!(&self.ring[at].slot, Slot::Queued(segment) if !segment.is_init)
    }

    /// Has the loss at this position share a record with its neighbours, if there are too many
    /// records.
    fn merge_losses_at(&mut self, at: usize) {
        let mut at = at;
        if at > 0 && self.merge_with_next(at - 1) {
            at -= 1;
        }
        self.merge_with_next(at);
    }

    fn merge_with_next(&mut self, at: usize) -> bool {
        let is_loss = |at| matches!(self.ring.get(at).map(|it| &it.slot), Some(Slot::Lost(..)));
        if self.losses <= SEPARATE_LOSSES || !is_loss(at) || !is_loss(at + 1) {
            return false;
        }
        let next = self.ring.remove(at + 1);
        if let (Some(Slot::Lost(_, next)), Some(Slot::Lost(_, loss))) = (
            next.map(|it| it.slot),
            self.ring.get_mut(at).map(|it| &mut it.slot),
        ) {
            loss.merge(&next);
        }
        self.losses -= 1;
        if self.fresh > at + 1 {
            self.fresh -= 1;
        }
        true
    }
}
