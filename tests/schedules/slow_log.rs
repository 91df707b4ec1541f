//! A log that does not come to an end with one message.

use std::cell::RefCell;
use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

use crate::gate::Gate;

thread_local! {
    // All threads of a schedule run on one, and other scenarios on others.
    static HELD_UP: RefCell<Option<(String, Gate)>> = const { RefCell::new(None) };
}

/// From now on, whoever tells the log of a send of this segment that waits, passes the gate.
pub(crate) fn of_segment(sequence: u64) -> Gate {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        log::set_logger(&SlowLog).expect("nobody else sets one");
        log::set_max_level(LevelFilter::Warn);
    });
    let gate = Gate::default();
    let beginning = format!("a send of segment {sequence} has waited");
    HELD_UP.set(Some((beginning, gate.clone())));
    gate
}

struct SlowLog;

impl Log for SlowLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let held_up = HELD_UP.with_borrow(|held_up| {
            let (beginning, gate) = held_up.as_ref()?;
            let is_it = record.args().to_string().starts_with(beginning);
            is_it.then(|| gate.clone())
        });
        // Others run in there, and may tell the log too.
        held_up.iter().for_each(Gate::pass);
    }

    fn flush(&self) {}
}
