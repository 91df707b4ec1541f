//! Renditions of one presentation under random losses, lateness, discontinuities, dates, crashes
//! and restarts: what two of them both list agrees, and what was published never changes.
#![cfg(feature = "hls")]

#[path = "in_step/late.rs"]
mod late;
#[path = "hls_model/lost.rs"]
mod lost;
#[path = "in_step/memory.rs"]
mod memory;
#[path = "in_step/ranges.rs"]
mod ranges;
#[path = "in_step/resuming.rs"]
mod resuming;
#[path = "in_step/script.rs"]
mod script;
#[path = "hls_model/text.rs"]
#[allow(dead_code, reason = "the model test uses the rest")]
mod text;
#[path = "common/thorough.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod thorough;
#[path = "in_step/threads.rs"]
mod threads;

use std::env;

use thorough::cases;

/// As many scripts as `PROPTEST_CASES` says, else so many. They are the same on every run;
/// `PROPTEST_RNG_SEED` chooses the first one.
#[test]
fn what_two_renditions_list_agrees_and_never_changes() {
    let number = |name| env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let first = number("PROPTEST_RNG_SEED").unwrap_or(1);
    let cases = number("PROPTEST_CASES").unwrap_or_else(|| cases(100, 2_000));
    for seed in first..first + cases {
        if let Err(why) = script::run(seed) {
            panic!("script {seed}: {why}");
        }
    }
}
