//! Reused names of segments that are still listed, wait for deletion or are just gone.

use segment_stream::hls::{Notice, Retention};

use super::*;

/// The name and the number of each name that was told to come again.
fn reused(notices: &[Notice]) -> Vec<(u64, &str)> {
    let reused = notices.iter().filter_map(|notice| match notice {
        Notice::NameReused { sequence, path } => Some((*sequence, path.to_str()?)),
        _ => None,
    });
    reused.collect()
}

/// It waits for the time of its new use, and not of its old one.
#[test]
fn a_name_that_comes_again_while_it_waits_is_told_and_not_deleted() {
    let mut bench = Bench::new(live());
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
    }
    bench.wait(1000);
    let waiting = |bench: &Bench| bench.publisher.waiting_for_deletion().count();
    assert_eq!(waiting(&bench), 1);
    let pushed = bench.push_segment(media(4, 2.0).with_path("./0.ts"));
    assert_eq!(reused(&pushed.notices), [(4, "0.ts")]);
    assert!(bench.has("0.ts"));
    // It is listed up to the sixth push and stays for 8 s then, and for eight pushes more: the
    // next file of the name could be stored already.
    for number in 5..20 {
        bench.wait(2);
        let pushed = bench.push(number, 2.0);
        assert!(pushed.notices.is_empty(), "{:?}", pushed.notices);
        assert!(bench.has("0.ts"), "after {number}");
    }
    bench.wait(2);
    let _ = bench.push(20, 2.0);
    assert!(!bench.has("0.ts"));
}

/// The listed segment of that name plays as something else.
#[test]
fn a_name_that_comes_again_while_it_is_listed_is_told() {
    for playlist in [live(), event(), live().retention(Retention::Keep)] {
        let mut bench = Bench::new(playlist);
        let _ = bench.push(0, 2.0);
        let _ = bench.push(1, 2.0);
        let pushed = bench.push_segment(media(2, 2.0).with_path("0.ts"));
        assert_eq!(reused(&pushed.notices), [(2, "0.ts")]);
        // Once the older of the two has left, the other one is still listed.
        for number in 3..5 {
            bench.wait(1000);
            let _ = bench.push(number, 2.0);
        }
        assert!(bench.text().contains("\n0.ts\n") && bench.has("0.ts"));
    }
}

/// Nobody knows which playlist stands there.
#[test]
fn a_name_that_comes_again_before_its_end_was_published_is_told() {
    let mut bench = Bench::new(live());
    for number in 0..3 {
        let _ = bench.push(number, 2.0);
    }
    bench.fails(Answer::Refused);
    assert!(bench.publisher.push(&Ok(media(3, 2.0))).is_err());
    let again = Ok(media(4, 2.0).with_path("0.ts"));
    let error = bench.publisher.push(&again).expect_err("it fails");
    assert_eq!(reused(error.notices()), [(4, "0.ts")]);
    bench.fails(Answer::Done);
    let _ = bench.push(5, 2.0);
    let mut waiting = bench.publisher.waiting_for_deletion();
    assert!(!waiting.any(|file| file == Path::new("0.ts")));
}

/// Names segments in a ring, and stores them as many pushes ahead as a stream may. Returns the
/// numbers of which the name was told, and those whose file was missing when they were pushed.
fn ring(names: u64, ahead: u64) -> (Vec<u64>, Vec<u64>) {
    let mut bench = Bench::new(live());
    let segment = |number: u64| media(number, 2.0).with_path(format!("{}.ts", number % names));
    let store = |bench: &Bench, number| {
        let path = segment(number).path_hint.expect("it has one");
        bench.folder.store(&path, vec![1]);
    };
    (0..ahead).for_each(|number| store(&bench, number));
    let (mut told, mut missing) = (Vec::new(), Vec::new());
    for number in 0..60 {
        store(&bench, number + ahead);
        bench.wait(2);
        let pushed = bench.publisher.push(&Ok(segment(number)));
        let pushed = pushed.expect("published");
        told.extend(reused(&pushed.notices).iter().map(|it| it.0));
        let path = segment(number).path_hint.expect("it has one");
        if bench.folder.content(&path).is_none() {
            missing.push(number);
        }
    }
    (told, missing)
}

/// Three are listed and at most five wait.
#[test]
fn a_ring_that_is_long_enough_loses_nothing() {
    for ahead in [0, 1, 8] {
        assert_eq!(ring(3 + 5 + 8 + 1, ahead), (vec![], vec![]), "{ahead}");
    }
}

#[test]
fn a_ring_that_is_too_short_is_told_before_anybody_plays_it() {
    // A segment that is pushed as soon as it is stored is never deleted.
    for names in 1..8 {
        let (told, missing) = ring(names, 0);
        assert!(told.into_iter().eq(names..60), "{names}");
        assert!(missing.is_empty(), "{names}: {missing:?}");
    }
    // Segments stored ahead may be, until the first of them is pushed: 0.ts is deleted by the
    // seventh push at the earliest, and is reused when the ring is through.
    for (names, ahead) in [(8, 1), (8, 2), (9, 2), (12, 8), (15, 8)] {
        let (told, missing) = ring(names, ahead);
        assert!(told.into_iter().eq(names..60), "{names} {ahead}");
        assert!(
            missing.into_iter().eq(names..2 * names - 7),
            "{names} {ahead}"
        );
    }
}

/// The side file alone tells of it, as long as no entry needs it.
#[test]
fn a_reused_name_that_no_entry_needs_yet_is_not_forgotten_in_a_crash() {
    let mut bench = Bench::new(live());
    let _ = bench.push_segment(init(0, "0.mp4"));
    for number in 0..3 {
        let _ = bench.push(number, 2.0);
    }
    bench.fails(Answer::Refused);
    assert!(bench.publisher.push(&Ok(media(3, 2.0))).is_err());
    bench.fails(Answer::Done);
    let pushed = bench.push_segment(init(1, "0.ts"));
    assert_eq!(reused(&pushed.notices), [(0, "0.ts")]);
    assert!(bench.text().ends_with("\n3.ts\n"));
    assert_eq!(bench.publisher.waiting_for_deletion().count(), 0);
    bench.fails(Answer::Refused);
    assert!(bench.publisher.push(&Ok(media(4, 2.0))).is_err());
    bench.fails(Answer::Done);
    let bench = bench.restart();
    let waiting: Vec<_> = bench.publisher.waiting_for_deletion().collect();
    assert!(
        waiting.iter().any(|it| it == Path::new("0.ts")),
        "{waiting:?}"
    );
}
