//! The moments at which files become due, and the order.

use super::*;

const SECOND: Micros = 1_000_000;

fn at(media_secs: u64, clock_secs: u64) -> Moment {
    Moment {
        media: media_secs * SECOND,
        clock: Duration::from_secs(clock_secs),
    }
}

fn retired(file: &str, stays_secs: u64) -> Retired {
    Retired::new(file.into(), stays_secs * SECOND)
}

fn due(retention: &mut Retention, now: Moment) -> Vec<String> {
    retention.advance(now, 0);
    let mut behind = None;
    let next = || {
        let due = retention.next_due(behind)?;
        behind = Some(due.ticket);
        due.file.into_os_string().into_string().ok()
    };
    std::iter::from_fn(next).collect()
}

#[test]
fn a_file_is_due_when_both_clocks_say_so_and_the_margin_is_over() {
    for (media, clock, is_due) in [
        (100, 1_000, false),
        (109, 2_000, false),
        (200, 1_014, false),
        (110, 1_015, true),
    ] {
        let mut retention = Retention::new(Duration::from_secs(5));
        retention.add([retired("0.ts", 10)], at(100, 1_000));
        let found = due(&mut retention, at(media, clock));
        assert_eq!(!found.is_empty(), is_due, "{media} {clock}");
        // Not by the microsecond.
        let early = Moment {
            clock: Duration::from_secs(1_015) - Duration::from_nanos(1),
            ..at(200, 0)
        };
        assert_eq!(due(&mut retention, early).is_empty(), !is_due);
        retention.done(Path::new("0.ts"));
        assert!(due(&mut retention, at(1_000, 9_000)).is_empty());
    }
}

#[test]
fn a_file_that_stays_long_is_in_nobodys_way() {
    let mut retention = Retention::new(Duration::ZERO);
    let files = [retired("long.mp4", 100), retired("0.ts", 3)];
    retention.add(files, at(0, 0));
    retention.add([retired("1.ts", 3)], at(2, 2));
    assert_eq!(due(&mut retention, at(3, 9)), ["0.ts"]);
    retention.done(Path::new("0.ts"));
    assert_eq!(due(&mut retention, at(u64::MAX / SECOND, 5)), ["1.ts"]);
    assert_eq!(due(&mut retention, at(9, 100)), ["long.mp4", "1.ts"]);
}

#[test]
fn a_file_that_retires_again_waits_anew_and_for_the_longer_time() {
    let mut retention = Retention::new(Duration::ZERO);
    retention.add([retired("0.ts", 10)], at(0, 0));
    assert_eq!(due(&mut retention, at(10, 10)), ["0.ts"]);
    retention.add([retired("0.ts", 3)], at(20, 20));
    assert!(due(&mut retention, at(29, 29)).is_empty());
    assert_eq!(due(&mut retention, at(30, 30)), ["0.ts"]);
    assert_eq!(retention.count(), 1);
}

#[test]
fn what_is_postponed_goes_behind_all_others_and_stays_due() {
    let mut retention = Retention::new(Duration::ZERO);
    retention.add(
        ["0.ts", "1.ts", "2.ts"].map(|name| retired(name, 3)),
        at(0, 0),
    );
    assert_eq!(due(&mut retention, at(3, 3)).len(), 3);
    retention.postpone(Path::new("1.ts"));
    retention.postpone(Path::new("none.ts"));
    let files: Vec<_> = retention.files().collect();
    assert_eq!(files, ["0.ts", "2.ts", "1.ts"].map(Path::new));
    assert_eq!(due(&mut retention, at(3, 3)), ["0.ts", "2.ts", "1.ts"]);
}

#[test]
fn with_another_clock_all_wait_anew() {
    let mut retention = Retention::new(Duration::ZERO);
    retention.add([retired("0.ts", 3), retired("1.ts", 3)], at(0, 0));
    assert_eq!(due(&mut retention, at(3, 3)).len(), 2);
    retention.begin_at(Duration::from_secs(100));
    assert!(due(&mut retention, at(9, 102)).is_empty());
    assert_eq!(due(&mut retention, at(9, 103)), ["0.ts", "1.ts"]);
}
