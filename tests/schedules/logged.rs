//! What the log is told in a schedule, and one that does not come to an end with one message.

use std::cell::RefCell;
use std::sync::Once;

use log::kv::{Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};

use crate::gate::Gate;

thread_local! {
    // All threads of a schedule run on one, and other scenarios on others.
    static HELD_UP: RefCell<Option<(String, Gate)>> = const { RefCell::new(None) };
    static MESSAGES: RefCell<Vec<Message>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) text: String,
    /// How many like it were held back before.
    pub(crate) held_back: u64,
}

/// Forgets what other schedules told.
pub(crate) fn start() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        log::set_logger(&ScheduledLog).expect("nobody else sets one");
        log::set_max_level(LevelFilter::Info);
    });
    HELD_UP.set(None);
    MESSAGES.take();
}

/// What it was told that has this in it.
pub(crate) fn told(part: &str) -> Vec<Message> {
    let is_it = |message: &&Message| message.text.contains(part);
    MESSAGES.with_borrow(|all| all.iter().filter(is_it).cloned().collect())
}

/// From now on, whoever tells the log of a send of this segment that waits, passes the gate.
pub(crate) fn of_segment(sequence: u64) -> Gate {
    start();
    let gate = Gate::default();
    let beginning = format!("a send of segment {sequence} has waited");
    HELD_UP.set(Some((beginning, gate.clone())));
    gate
}

struct ScheduledLog;

/// Of a message.
struct HeldBack(u64);

impl<'kvs> VisitSource<'kvs> for HeldBack {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        if key.as_str() == "held_back" {
            self.0 = value.to_u64().expect("it is a number");
        }
        Ok(())
    }
}

impl Log for ScheduledLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut held_back = HeldBack(0);
        let visited = record.key_values().visit(&mut held_back);
        visited.expect("it takes everything");
        let message = Message {
            text: record.args().to_string(),
            held_back: held_back.0,
        };
        MESSAGES.with_borrow_mut(|all| all.push(message));
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
