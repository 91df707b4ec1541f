//! A gate that the scenario opens.

use shuttle::sync::{Arc, Condvar, Mutex};

/// Whoever calls [`pass`](Gate::pass) waits until it is open.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    arrived: usize,
    open: bool,
}

impl Gate {
    /// Arrives, and waits until it is open.
    pub(crate) fn pass(&self) {
        let mut state = self.0.state.lock().unwrap();
        state.arrived += 1;
        self.0.changed.notify_all();
        while !state.open {
            state = self.0.changed.wait(state).unwrap();
        }
    }

    /// Waits until `count` have arrived, counted from the beginning.
    pub(crate) fn wait_for_arrivals(&self, count: usize) {
        let mut state = self.0.state.lock().unwrap();
        while state.arrived < count {
            state = self.0.changed.wait(state).unwrap();
        }
    }

    /// Lets everybody through from now on.
    pub(crate) fn open(&self) {
        self.0.state.lock().unwrap().open = true;
        self.0.changed.notify_all();
    }
}
