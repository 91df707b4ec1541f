//! A live source of 25 segments a second against a sink that stalls: the cost of each way of
//! sending.
//!
//! Time is simulated, so the numbers are exact and no test waits for a clock.

mod common;

#[path = "endless/memory.rs"]
mod memory;
#[path = "stalls/simulation.rs"]
mod simulation;

use std::fmt::Write;
use std::fs;

use common::again::{again, must_pass};
use common::threads::must_end;
use memory::resident_bytes;
use segment_stream::{Tally, WhenFull};
use simulation::{Case, Millis, Outcome, SEGMENT, STALL_BEGINS, Way, due, run};

/// 20 s of the source, of which the sink stands still for 10 s, with the default depth of 8. The
/// documentation of [`WhenFull`] has the same.
const TABLE: &str = "\
| | delivered | lost | producer late by up to | what was queued when the stall ended |
|---|---|---|---|---|
| `send`, `Block` | 500 | 0 | 9.68 s | 9.96 to 9.72 s old |
| `send`, `DropOldest` | 258 | 242 | 0.00 s | 0.28 to 0.04 s old |
| `try_send` | 258 | 242 | 0.00 s | 9.96 to 9.72 s old |
| `send_timeout` of 20 ms | 258 | 242 | 0.02 s | 9.96 to 9.72 s old |
";

const WAYS: [(&str, Way); 4] = [
    ("`send`, `Block`", Way::Send(WhenFull::Block)),
    ("`send`, `DropOldest`", Way::Send(WhenFull::DropOldest)),
    ("`try_send`", Way::TrySend),
    ("`send_timeout` of 20 ms", Way::SendTimeout(20)),
];

/// Of each segment, where the numbers are what matters.
const PAYLOAD: usize = 64;

fn ten_seconds(way: Way) -> Outcome {
    run(
        Case {
            way,
            stall: 10_000,
            segments: 500,
            payload: PAYLOAD,
            may_wait: true,
        },
        |_| {},
    )
}

fn seconds(time: Millis) -> String {
    assert_eq!(time % 10, 0, "two decimals say it all");
    format!("{}.{:02}", time / 1_000, time % 1_000 / 10)
}

fn tally(segments: u64, payload: usize) -> Tally {
    Tally {
        segments,
        bytes: segments * payload as u64,
    }
}

/// Every segment that the source made is in exactly one of the books.
fn assert_accounted(outcome: &Outcome, case_segments: u64, payload: usize) {
    let Outcome {
        delivered,
        dropped,
        refused,
        stats,
        ..
    } = outcome;
    assert_eq!(delivered + dropped + refused, case_segments);
    assert_eq!(stats.accepted, tally(delivered + dropped, payload));
    assert_eq!(stats.yielded, tally(*delivered, payload));
    assert_eq!(stats.dropped, tally(*dropped, payload));
    assert_eq!(outcome.dropped_bytes, stats.dropped.bytes);
    let secs = f64::from(u32::try_from(*dropped).unwrap()) * 0.04;
    assert!((outcome.dropped_secs - secs).abs() < 1e-6);
    let others = [stats.failed, stats.discarded, stats.in_flight, stats.queued];
    assert_eq!(others, [Tally::default(); 4]);
    assert_eq!((stats.writing, stats.waiting_senders), (0, 0));
}

#[test]
fn ten_seconds_of_stall_cost_each_way_of_sending_what_the_table_says() {
    must_end(|| {
        let mut table: String = TABLE.split_inclusive('\n').take(2).collect();
        for (name, way) in WAYS {
            let outcome = ten_seconds(way);
            assert_accounted(&outcome, 500, PAYLOAD);
            // Not in the table: no segment is late at the end, and seven fit behind the stalled
            // one.
            assert_eq!((outcome.last_late, outcome.waited.len()), (0, 7), "{name}");
            let (oldest, newest) = outcome.ages();
            writeln!(
                table,
                "| {name} | {} | {} | {} s | {} to {} s old |",
                outcome.delivered,
                outcome.lost(),
                seconds(outcome.worst_late),
                seconds(oldest),
                seconds(newest),
            )
            .unwrap();
        }
        println!("{table}");
        assert_eq!(table, TABLE);
    });
}

#[test]
fn what_is_lost_is_dropped_or_refused_and_never_both() {
    must_end(|| {
        for (_, way) in WAYS {
            let outcome = ten_seconds(way);
            let expected = match way {
                // 63 by themselves and one for the rest.
                Way::Send(WhenFull::DropOldest) => (242, 0, 64),
                Way::Send(_) => (0, 0, 0),
                Way::TrySend | Way::SendTimeout(_) => (0, 242, 0),
            };
            let found = (outcome.dropped, outcome.refused, outcome.errors);
            assert_eq!(found, expected, "{way:?}");
        }
    });
}

#[test]
fn the_table_in_the_docs_is_what_was_measured() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/stream/config.rs");
    let source = fs::read_to_string(path).unwrap();
    let docs: Vec<&str> = source
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("/// "))
        .collect();
    for row in TABLE.lines() {
        assert!(docs.contains(&row), "not in the docs of WhenFull: {row}");
    }
}

const HOUR: Millis = 3_600_000;
const LARGE: usize = 16 * 1024;

#[test]
fn an_hour_of_stall_costs_no_memory() {
    // In a separate process, so that its memory is not shared with other tests.
    let output = must_pass(&mut again(&[], "stalls_for_an_hour", ""));
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
#[ignore = "a part of an_hour_of_stall_costs_no_memory"]
fn stalls_for_an_hour() {
    must_end(|| {
        // Until 10 s after the stall.
        let segments = (STALL_BEGINS + HOUR + 10_000) / SEGMENT;
        let case = Case {
            way: Way::Send(WhenFull::DropOldest),
            stall: HOUR,
            segments,
            payload: LARGE,
            may_wait: false,
        };
        let mut resident = Vec::new();
        let outcome = run(case, |number| {
            // A minute into the stall, when all there is has come to be, and at its end.
            if [STALL_BEGINS + 60_000, STALL_BEGINS + HOUR].contains(&due(number)) {
                resident.extend(resident_bytes());
            }
        });
        // All that were due in the stall, but for the seven that were queued at its end.
        let lost = HOUR / SEGMENT - 1 - 7;
        assert_accounted(&outcome, segments, LARGE);
        assert_eq!((outcome.dropped, outcome.refused), (lost, 0));
        assert_eq!(outcome.delivered, segments - lost);
        assert_eq!(outcome.errors, 64);
        assert_eq!((outcome.worst_late, outcome.ages()), (0, (280, 40)));
        if let [early, late] = resident[..] {
            println!("an hour of stall, {lost} dropped: {early} bytes resident, then {late}");
            assert!(late <= early + (256 << 10), "{early} bytes, then {late}");
        }
    });
}
