//! Every system call of the disk sink and of the playlist publisher, made to fail in every way that it can:
//! once, for ever, and together with another one.
//!
//! The calls are counted in a run in which nothing fails, so that a new one cannot escape. After each case
//! the whole of what is promised is checked. With `SEGMENT_STREAM_THOROUGH=1` every code is tried at every
//! call; without it every call is, with some of its codes.
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

mod common;
mod interposed;

#[path = "system_calls/store.rs"]
mod store;
#[path = "system_calls/table.rs"]
mod table;

use interposed::{Fault, Kind, alone};
use libc::EINTR;
use store::{Setup, is_as_clean, run};
use table::{At, Lasts, codes, may_be_interrupted};

fn is_thorough() -> bool {
    std::env::var_os("SEGMENT_STREAM_THOROUGH").is_some_and(|value| value == "1")
}

/// Of these codes all, or as many as there is time for: another choice at each position.
fn choice(codes: &'static [i32], position: usize, most: usize) -> Vec<i32> {
    if is_thorough() {
        return codes.to_vec();
    }
    let start = position * most;
    let chosen = (start..start + most.min(codes.len())).map(|it| codes[it % codes.len()]);
    chosen.collect()
}

#[test]
fn a_call_that_fails_once_costs_its_segment_and_no_other() {
    let _alone = alone();
    let mut tried = 0;
    for (number, setup) in Setup::all().iter().enumerate() {
        let clean = run(setup, &[]);
        for (position, call) in clean.calls.iter().enumerate() {
            for code in choice(codes(call), position + number, 2) {
                run(setup, &[At::once(position, code)]);
                tried += 1;
            }
        }
    }
    eprintln!("{tried} cases of a call that fails once");
}

#[test]
fn a_call_that_fails_for_ever_ends_and_nothing_false_is_said() {
    let _alone = alone();
    let mut tried = 0;
    for (number, setup) in Setup::all().iter().enumerate() {
        let clean = run(setup, &[]);
        for (position, call) in clean.calls.iter().enumerate() {
            for code in choice(codes(call), position + number, 1) {
                let at = At {
                    lasts: Lasts::ForEver,
                    ..At::once(position, code)
                };
                run(setup, &[at]);
                tried += 1;
            }
        }
    }
    eprintln!("{tried} cases of a call that fails for ever");
}

#[test]
fn interruptions_and_short_writes_are_not_seen() {
    let _alone = alone();
    let mut tried = 0;
    for setup in &Setup::all() {
        let clean = run(setup, &[]);
        for (position, call) in clean.calls.iter().enumerate() {
            let mut faults = Vec::new();
            if may_be_interrupted(call.kind) {
                faults.push((Fault::Code(EINTR), Lasts::Times(3)));
            }
            if call.kind == Kind::Write {
                let half = call.bytes.len() / 2;
                for length in [1, half] {
                    faults.push((Fault::Short(length), Lasts::Once));
                    faults.push((Fault::Short(length), Lasts::ForEver));
                }
            }
            for (fault, lasts) in faults {
                let ran = run(
                    setup,
                    &[At {
                        position,
                        fault,
                        lasts,
                    }],
                );
                assert!(
                    is_as_clean(&ran, &clean),
                    "{fault:?} at {position} was seen"
                );
                tried += 1;
            }
        }
    }
    eprintln!("{tried} cases of interruptions and short writes");
}
