//! Runs a scenario under many schedules.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler};
use shuttle::{Config, MaxSteps, Runner};

/// In all, where the environment says nothing.
const SCHEDULES: usize = 100_000;

/// The schedules are the same on every run, so that what fails is what was changed.
const SEED: u64 = 2190;

/// How many times a thread is overtaken by another, apart from when it waits: few moves in the
/// right places find most defects.
const MOVES: usize = 4;

/// Runs its share of the schedules, one half by chance, the other by priorities that seldom change.
pub(crate) fn explore(name: &str, scenarios: usize, scenario: fn()) {
    if let Ok(schedule) = env::var("SEGMENT_STREAM_SCHEDULE") {
        let scheduler = ReplayScheduler::new_from_encoded(&schedule);
        Runner::new(scheduler, config()).run(scenario);
        return;
    }
    let all = env::var("SEGMENT_STREAM_SCHEDULES").map_or(SCHEDULES, |all| {
        all.parse().expect("the number of schedules is a number")
    });
    let half = all.div_ceil(2 * scenarios);
    let counter = Counter {
        name,
        run: Arc::default(),
    };
    let run = {
        let run = Arc::clone(&counter.run);
        move || {
            run.fetch_add(1, Ordering::Relaxed);
            scenario();
        }
    };
    let by_chance = RandomScheduler::new_from_seed(SEED, half);
    Runner::new(by_chance, config()).run(run.clone());
    let by_priority = PctScheduler::new_from_seed(SEED, MOVES, half);
    Runner::new(by_priority, config()).run(run);
}

/// Says how many schedules there were, also when one of them fails.
struct Counter<'a> {
    name: &'a str,
    run: Arc<AtomicUsize>,
}

impl Drop for Counter<'_> {
    fn drop(&mut self) {
        let run = self.run.load(Ordering::Relaxed);
        let failed = if thread::panicking() {
            ", of which the last failed"
        } else {
            ""
        };
        println!("{run} schedules of {}{failed}", self.name);
    }
}

fn config() -> Config {
    let mut config = Config::new();
    // The default is tight where a message is formatted.
    config.stack_size = 1 << 17;
    // Some hundreds are usual; only threads that chase one another come to this.
    config.max_steps = MaxSteps::FailAfter(50_000);
    // A scenario that has failed would otherwise go on while it unwinds, and fail for other
    // reasons.
    config
        .ungraceful_shutdown_config
        .immediately_return_on_panic = true;
    config
}
