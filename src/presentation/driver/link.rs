//! Carries out actions through publisher threads. For origins.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::inline::Shared;
use super::origin::{OriginDriver, OriginOptions, Owner, Port, Removal, Report};
use crate::internal::deadline::Deadline;
use crate::internal::sync::{Mutex, MutexGuard, lock, wait};
use crate::internal::unwind::dispose;
use crate::presentation::core::Core;
use crate::presentation::format::Format;
use crate::sink::SegmentSink;

/// The time since some moment in the past.
pub(crate) type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A clock that may be replaced.
#[derive(Clone)]
pub(crate) struct SharedClock(Arc<Mutex<Clock>>);

impl SharedClock {
    pub(crate) fn new(clock: Clock) -> Self {
        Self(Arc::new(Mutex::new(clock)))
    }

    pub(crate) fn set(&self, clock: Clock) {
        *lock(&self.0) = clock;
    }

    /// The clock is foreign code, so it is called without a lock.
    pub(crate) fn now(&self) -> Duration {
        let clock = Arc::clone(&lock(&self.0));
        clock()
    }
}

/// What a publisher thread knows of its publisher. It does not keep the publisher alive, which
/// ends the thread.
pub(super) struct Link<F> {
    shared: Weak<Shared<F>>,
    publication: usize,
    clock: SharedClock,
}

impl<F: Format> Owner for Link<F> {
    fn reported(&mut self, port: &Port) {
        if let Some(shared) = self.shared.upgrade() {
            shared.collect(self.publication, port, self.clock.now());
        }
    }

    fn may_remove(&mut self, removal: &Removal) -> bool {
        let Some(shared) = self.shared.upgrade() else {
            return false;
        };
        lock(&shared.core).may_remove(self.publication, removal)
    }
}

impl<F: Format> Shared<F> {
    /// Starts the publisher thread of a rendition.
    pub(crate) fn start(
        self: &Arc<Self>,
        rendition: usize,
        clock: &SharedClock,
        options: OriginOptions,
        sink: impl SegmentSink + 'static,
    ) -> io::Result<Port> {
        let driver = OriginDriver::start(options, sink, self.link(rendition, clock))?;
        let port = driver.port.clone();
        self.connect(rendition, &port);
        lock(&self.drivers).push((rendition, driver));
        Ok(port)
    }

    /// The same without a thread.
    #[cfg(all(test, not(shuttle)))]
    pub(crate) fn simulate<S: SegmentSink>(
        self: &Arc<Self>,
        rendition: usize,
        clock: &SharedClock,
        target: Duration,
        sink: S,
        virtual_clock: super::origin::simulated::VirtualClock,
    ) -> (Port, super::origin::simulated::Simulated<S>) {
        let options = OriginOptions::new(target);
        let link = self.link(rendition, clock);
        let simulated = super::origin::simulated::Simulated::new;
        let (port, simulated) = simulated(options, sink, link, virtual_clock);
        self.connect(rendition, &port);
        (port, simulated)
    }

    pub(super) fn link(self: &Arc<Self>, rendition: usize, clock: &SharedClock) -> Link<F> {
        Link {
            shared: Arc::downgrade(self),
            publication: lock(&self.core).publication_of(rendition),
            clock: clock.clone(),
        }
    }

    pub(super) fn connect(&self, rendition: usize, port: &Port) {
        let mut core = lock(&self.core);
        let p = core.publication_of(rendition);
        core.publications[p].port = Some(port.clone());
    }

    /// Takes the reports about a manifest, and does what they allow: index manifests and deletions.
    pub(crate) fn collect(&self, p: usize, port: &Port, now: Duration) {
        let mut spent = Vec::new();
        let mut core = lock(&self.core);
        // Under the lock of the core, so that they are taken in their order.
        for report in port.take_reports() {
            core.reported(report, now, &mut spent);
        }
        for index in core.due_indices() {
            if let Err(unsent) = core.submit(index, &mut spent) {
                core.not_submitted(p, unsent);
            }
        }
        core.submit_deletion(p, now);
        core.rest_at_the_end(p);
        drop(core);
        self.released.notify_all();
        dispose(spent);
    }

    /// Takes the reports of a thread that has ended.
    pub(crate) fn take(&self, reports: Vec<Report>, now: Duration) {
        let mut spent = Vec::new();
        let mut core = lock(&self.core);
        for report in reports {
            core.reported(report, now, &mut spent);
        }
        drop(core);
        self.released.notify_all();
        dispose(spent);
    }

    /// The handle of a rendition comes.
    pub(crate) fn enter(&self) {
        *lock(&self.handles) += 1;
    }

    /// The handle of a rendition goes. With the last one all publisher threads end, and the call
    /// waits for their sinks.
    pub(crate) fn leave(&self) {
        let mut handles = lock(&self.handles);
        *handles -= 1;
        let is_last = *handles == 0;
        drop(handles);
        if is_last {
            let drivers = std::mem::take(&mut *lock(&self.drivers));
            drop(drivers);
        }
    }

    /// Waits for reports while `is_awaited`, at most until the deadline.
    pub(crate) fn wait_for_origin<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core<F>>,
        deadline: Deadline,
        is_awaited: impl Fn(&Core<F>) -> bool,
    ) -> MutexGuard<'a, Core<F>> {
        while is_awaited(&core) {
            let left = deadline.left();
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            core = wait(&self.core, &self.released, core, left);
        }
        core
    }

    pub(crate) fn take_driver(&self, rendition: usize) -> Option<OriginDriver> {
        let mut drivers = lock(&self.drivers);
        let place = drivers.iter().position(|(of, _)| *of == rendition)?;
        Some(drivers.swap_remove(place).1)
    }
}
