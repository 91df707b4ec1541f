//! Carries out actions on the calling thread. For a disk.

use std::time::{Duration, Instant};

use super::origin::OriginDriver;
use super::{Action, Document};
use crate::error::SinkError;
use crate::internal::sync::{Condvar, Mutex, lock, wait};
use crate::presentation::core::Core;
use crate::presentation::format::Format;
use crate::presentation::job::{Outcome, Request};
use crate::segment::ProducedSegment;
use crate::sink::{ObjectKind, SegmentSink, WriteContext};

/// A presentation whose renditions are pushed from several threads. The lock is never held over
/// I/O, logging, or the drop of an error.
#[derive(Debug)]
pub(crate) struct Shared<F> {
    pub(crate) core: Mutex<Core<F>>,
    /// Notified when the work on a manifest has ended, and when an origin has reported.
    pub(super) released: Condvar,
    /// The publisher threads of renditions that go to origins. The last handle ends them.
    pub(super) drivers: Mutex<Vec<(usize, OriginDriver)>>,
    pub(super) handles: Mutex<usize>,
}

/// Whether a call waits for another thread that publishes the same manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Busy {
    /// The other thread publishes the newest version as well.
    Pass,
    Wait,
}

/// Where actions go.
pub(crate) struct Sinks<'a, S> {
    pub(crate) sink: &'a mut S,
    /// The sink of the side files, if it is another one.
    pub(crate) state: Option<&'a mut (dyn SegmentSink + 'static)>,
    pub(crate) context: &'a WriteContext,
    pub(crate) target: Duration,
    pub(crate) clock: &'a (dyn Fn() -> Duration + Send + Sync),
}

/// Releases a manifest if the sink panics.
struct Claimed<'a, F: Format> {
    shared: &'a Shared<F>,
    publication: usize,
    is_over: bool,
}

impl<F: Format> Drop for Claimed<'_, F> {
    fn drop(&mut self) {
        if !self.is_over {
            drop(lock(&self.shared.core).release(self.publication));
        }
        self.shared.released.notify_all();
    }
}

impl<F: Format> Shared<F> {
    pub(crate) fn new(core: Core<F>) -> Self {
        Self {
            core: Mutex::new(core),
            released: Condvar::new(),
            drivers: Mutex::default(),
            handles: Mutex::new(0),
        }
    }

    /// Does what a manifest needs. `None` if another thread is at it.
    pub(crate) fn drive<S: SegmentSink>(
        &self,
        p: usize,
        request: Request,
        busy: Busy,
        sinks: &mut Sinks<'_, S>,
    ) -> Option<Outcome> {
        let mut core = lock(&self.core);
        while !core.claim(p, request) {
            if busy == Busy::Pass {
                return None;
            }
            core = wait(&self.core, &self.released, core, None);
        }
        drop(core);
        let mut claimed = Claimed {
            shared: self,
            publication: p,
            is_over: false,
        };
        loop {
            let now = (sinks.clock)();
            let mut core = lock(&self.core);
            let Some(mut action) = core.next_action(p, now) else {
                // Under the same lock, so that no newer version is missed.
                let outcome = core.release(p);
                claimed.is_over = true;
                drop(core);
                return Some(outcome);
            };
            drop(core);
            let result = sinks.perform(&mut action);
            let now = (sinks.clock)();
            lock(&self.core).done(p, action, result, now);
        }
    }
}

impl<S: SegmentSink> Sinks<'_, S> {
    pub(crate) fn perform(&mut self, action: &mut Action) -> Result<(), SinkError> {
        let (object, attempt) = match action {
            Action::Put(document) => (document.object, document.attempt),
            Action::Delete { object, .. } => (*object, 1),
        };
        let mut context = self.context.clone();
        if context.deadline().is_none()
            && let Some(deadline) = Instant::now().checked_add(self.target)
        {
            // By then the next version is due.
            context = context.with_deadline(deadline);
        }
        let context = context.for_object(object).with_attempt(attempt);
        match (object, &mut self.state) {
            (ObjectKind::State, Some(sink)) => call(&mut **sink, action, &context),
            _ => call(self.sink, action, &context),
        }
    }
}

fn call<S: SegmentSink + ?Sized>(
    sink: &mut S,
    action: &mut Action,
    context: &WriteContext,
) -> Result<(), SinkError> {
    match action {
        Action::Put(Document { path, bytes, .. }) => {
            let file = ProducedSegment::media(0, std::mem::take(bytes), 0.0).with_path(&*path);
            let result = sink.write(&file, context);
            *bytes = file.data;
            result.map_err(|error| error.or_during("write", Some(path)))
        }
        Action::Delete { path, .. } => {
            let result = sink.remove(path, context);
            result.map_err(|error| error.or_during("remove", Some(path)))
        }
    }
}
