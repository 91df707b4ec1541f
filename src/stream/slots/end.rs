//! The end of a stream: what is taken out of its turn, and what fails unwritten.

use std::collections::VecDeque;

use super::super::stats::Tally;
use super::super::yielded::Yielded;
use super::{Consumer, Slot, Slots, Writing};
use crate::error::{SinkError, WriteError, WriteErrorKind};
use crate::segment::{ProducedSegment, Submission};

impl Slots {
    /// Takes out what has come to its end, wherever it stands.
    pub(in super::super) fn take_finished(&mut self) -> Vec<Yielded> {
        let mut finished = Vec::new();
        let mut at = 0;
        while let Some(entry) = self.ring.get(at) {
            if matches!(entry.slot, Slot::Queued(_) | Slot::Writing(_)) {
                at += 1;
            } else {
                finished.extend(self.remove(at));
            }
        }
        finished
    }

    /// Nobody takes what comes out any more.
    pub(in super::super) fn abandon(&mut self) -> Vec<Yielded> {
        self.consumer = Consumer::Gone;
        self.take_finished()
    }

    /// Takes out what no writer has begun.
    pub(in super::super) fn discard_queued(&mut self) -> Vec<Submission> {
        let mut discarded = Vec::new();
        let mut kept = VecDeque::with_capacity(self.ring.len());
        for entry in std::mem::take(&mut self.ring) {
            match entry.slot {
                Slot::Queued(segment) => {
                    let bytes = segment.data.len();
                    self.release(bytes, &entry.info);
                    self.totals.discarded.add(bytes);
                    discarded.push(Submission::from((segment, entry.info)));
                }
                _ => kept.push_back(entry),
            }
        }
        self.ring = kept;
        self.nothing_is_queued();
        discarded
    }

    /// What is queued fails in its place, without having been begun. Returns how many that are and,
    /// if nobody will take them, themselves.
    pub(in super::super) fn abort_queued(&mut self) -> (u64, Vec<Yielded>) {
        let count = self.queued.segments;
        for entry in &mut self.ring {
            if let Slot::Queued(segment) = &mut entry.slot {
                let segment = ProducedSegment {
                    data: std::mem::take(&mut segment.data),
                    path_hint: segment.path_hint.take(),
                    ..*segment
                };
                let cause = SinkError::permanent("the sink panicked on an earlier segment");
                let error = WriteError::new(segment, WriteErrorKind::Aborted, cause, 0);
                entry.slot = Slot::Done(Err(error));
            }
        }
        self.nothing_is_queued();
        (count, self.untaken())
    }

    /// What writers have fails without its payload: they are gone, and so is what they had. Returns
    /// what nobody will take.
    pub(in super::super) fn fail_writing(&mut self) -> Vec<Yielded> {
        for index in std::mem::take(&mut self.writing) {
            let Some(entry) = self.position(index).and_then(|at| self.ring.get_mut(at)) else {
                continue;
            };
            let Slot::Writing(Writing { meta, bytes, .. }) = &entry.slot else {
                continue;
            };
            // The error that comes out has no payload that could be counted then.
            self.in_flight.bytes -= *bytes as u64;
            self.totals.failed.bytes += *bytes as u64;
            let cause = SinkError::permanent("the writer thread panicked");
            let error = WriteError::new(meta.clone(), WriteErrorKind::Panicked, cause, 1);
            entry.slot = Slot::Done(Err(error));
        }
        self.untaken()
    }

    /// What came to its end and nobody will take.
    fn untaken(&mut self) -> Vec<Yielded> {
        match self.consumer {
            Consumer::There => Vec::new(),
            Consumer::Gone => self.take_finished(),
        }
    }

    fn nothing_is_queued(&mut self) {
        self.queued = Tally::default();
        self.droppable = Tally::default();
        self.passed_over.clear();
        self.fresh = self.ring.len();
    }

    /// What writers have, without its payload, in the order of acceptance.
    pub(in super::super) fn in_doubt(&self) -> Vec<Submission> {
        let mut indices = self.writing.clone();
        indices.sort_unstable();
        let entries = indices
            .iter()
            .filter_map(|it| self.ring.get(self.position(*it)?));
        entries
            .filter_map(|entry| match &entry.slot {
                Slot::Writing(it) => Some(Submission::from((it.meta.clone(), entry.info.clone()))),
                _ => None,
            })
            .collect()
    }
}
