//! The publisher thread without a thread, on a virtual clock. For tests.

use std::sync::Arc;
use std::time::Duration;

use super::options::OriginOptions;
use super::port::{Owner, Port};
use super::shared::{Clock, Shared};
pub(crate) use super::virtual_clock::VirtualClock;
use super::worker::{Step, Worker};
use crate::sink::SegmentSink;

/// The work of a publisher thread, step by step.
pub(crate) struct Simulated<S> {
    shared: Arc<Shared>,
    worker: Worker,
    sink: S,
    clock: VirtualClock,
}

impl<S: SegmentSink> Simulated<S> {
    pub(crate) fn new(
        options: OriginOptions,
        sink: S,
        owner: impl Owner + 'static,
        clock: VirtualClock,
    ) -> (Port, Self) {
        let mut shared = Shared::new(options);
        shared.clock = Clock::Virtual(clock.clone());
        let shared = Arc::new(shared);
        let worker = Worker::new(Arc::clone(&shared), Box::new(owner));
        let it = Self {
            shared: Arc::clone(&shared),
            worker,
            sink,
            clock,
        };
        (Port(shared), it)
    }

    /// Works until this time, or for the one call that outlasts it. The sink moves the clock.
    pub(crate) fn run(&mut self, until: Duration) {
        while self.clock.passed() < until {
            let mut error = None;
            let wake = match self.worker.step(&self.shared, &mut self.sink, &mut error) {
                Step::Busy => continue,
                Step::Idle(state, wake) => {
                    drop(state);
                    wake
                }
                Step::Over(_) => unreachable!("it is not ended"),
            };
            let now = self.clock.now();
            let wake = wake.map_or(Duration::MAX, |wake| wake.saturating_duration_since(now));
            assert!(!wake.is_zero(), "it waits for nothing");
            self.clock
                .wait(wake.min(until.saturating_sub(self.clock.passed())));
        }
    }
}
