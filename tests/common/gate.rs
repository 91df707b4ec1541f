//! A gate that the test opens, so that the order of events is certain and nothing sleeps.

use std::sync::Arc;

use super::sync::{Condvar, Mutex};

/// A caller of [`pass`](Gate::pass) waits until the test opens the gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    arrived: u64,
    admitted: u64,
    open: bool,
}

impl Gate {
    /// Arrives, and waits to be let through.
    pub fn pass(&self) {
        let mut state = self.0.state.lock().unwrap();
        state.arrived += 1;
        let ticket = state.arrived;
        self.0.changed.notify_all();
        while !state.open && state.admitted < ticket {
            state = self.0.changed.wait(state).unwrap();
        }
    }

    /// Waits until `count` have arrived, counted from the beginning.
    pub fn wait_for_arrivals(&self, count: u64) {
        let mut state = self.0.state.lock().unwrap();
        while state.arrived < count {
            state = self.0.changed.wait(state).unwrap();
        }
    }

    /// Lets `count` more through, those that have not yet arrived included.
    pub fn admit(&self, count: u64) {
        self.0.state.lock().unwrap().admitted += count;
        self.0.changed.notify_all();
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.0.state.lock().unwrap().open = true;
        self.0.changed.notify_all();
    }

    /// How many have arrived so far.
    pub fn arrivals(&self) -> u64 {
        self.0.state.lock().unwrap().arrived
    }
}
