//! The ledger, and the journal cut at every byte.

use super::*;
use crate::sink::ObjectKind;

fn object(number: u64) -> Object {
    Object {
        name: format!("{number}.ts").into(),
        kind: ObjectKind::MediaSegment,
        sequence: number,
        bytes: 10,
        duration_secs: 2.0,
    }
}

fn manifest() -> Object {
    Object {
        name: "all.m3u8".into(),
        kind: ObjectKind::Manifest,
        ..object(0)
    }
}

/// Recorded and missed.
fn missed(ledger: &mut Ledger, object: Object) -> Id {
    let (id, _) = ledger.owe(object);
    ledger.recorded(id, true);
    ledger.miss(id);
    id
}

fn read(text: &[u8], deletes_local: bool) -> Ledger {
    let mut ledger = Ledger::new(deletes_local);
    assert_eq!(
        ledger.read(text),
        Some(0),
        "{}",
        String::from_utf8_lossy(text)
    );
    ledger
}

#[test]
fn the_oldest_goes_first_and_a_manifest_after_all_before_it() {
    let mut ledger = Ledger::new(false);
    let ids = [0, 1].map(|number| missed(&mut ledger, object(number)));
    let all = missed(&mut ledger, manifest());
    let later = missed(&mut ledger, object(2));
    assert_eq!(ledger.next_upload(0), Some(ids[0]));
    assert_eq!(ledger.next_upload(ids[0] + 1), Some(ids[1]));
    ledger.settle(ids[0]);
    assert_eq!(ledger.next_upload(0), Some(ids[1]));
    ledger.settle(ids[1]);
    assert_eq!(ledger.next_upload(0), Some(all));
    ledger.settle(all);
    assert_eq!(ledger.next_upload(0), Some(later));
}

/// One that is on its way may fail.
#[test]
fn a_manifest_waits_for_the_live_edge_and_for_the_disk() {
    let mut ledger = Ledger::new(false);
    let (id, _) = ledger.owe(object(0));
    let all = missed(&mut ledger, manifest());
    assert!(!ledger.has_all_before(all));
    ledger.recorded(id, true);
    assert!(!ledger.has_all_before(all));
    ledger.settle(id);
    assert!(ledger.has_all_before(all));
}

#[test]
fn what_the_disk_refused_is_not_owed() {
    let mut ledger = Ledger::new(false);
    let (id, line) = ledger.owe(object(0));
    let dropped = ledger.recorded(id, false).unwrap();
    assert_eq!((ledger.owed(), ledger.owed_bytes()), (0, 0));
    let text = format!("{HEADER}\n{line}{dropped}");
    assert_eq!(read(text.as_bytes(), false).owed(), 0);
}

#[test]
fn beyond_the_limit_the_oldest_held_ones_are_lost() {
    let mut ledger = Ledger::new(false);
    let ids = [0, 1, 2, 3].map(|number| missed(&mut ledger, object(number)));
    let hold = |ledger: &mut Ledger, name: &str| ledger.hold(Path::new(name), 20).0;
    assert_eq!(hold(&mut ledger, "x.ts"), Hold::Pass);
    for name in ["1.ts", "2.ts", "2.ts"] {
        assert_eq!(hold(&mut ledger, name), Hold::Held(Vec::new()));
    }
    assert_eq!(ledger.held(), (2, 20));
    // The one that retention is about to delete is the oldest.
    let lost = Hold::Held(vec![(ids[0], "0.ts".into())]);
    assert_eq!(hold(&mut ledger, "0.ts"), lost);
    assert_eq!(hold(&mut ledger, "0.ts"), Hold::Pass);
    let lost = Hold::Held(vec![(ids[1], "1.ts".into())]);
    assert_eq!(hold(&mut ledger, "3.ts"), lost);
    assert_eq!((ledger.held(), ledger.owed()), ((2, 20), 2));
    assert_eq!(
        ledger.lost().collect::<Vec<_>>(),
        ["0.ts", "1.ts"].map(Path::new)
    );
    // The upload was under way.
    ledger.settle(ids[1]);
    assert_eq!(ledger.lost().count(), 1);
}

#[test]
fn a_held_file_goes_once_the_origin_has_it() {
    let mut ledger = Ledger::new(false);
    let ids = [0, 1].map(|number| missed(&mut ledger, object(number)));
    ledger.hold(Path::new("0.ts"), 100);
    for id in ids {
        ledger.settle(id);
    }
    assert_eq!(ledger.next_deletion(0), Some(ids[0]));
    assert_eq!((ledger.held(), ledger.len()), ((0, 0), 1));
    // Retention asks again, and the thread is at it.
    assert_eq!(
        ledger.hold(Path::new("0.ts"), 100).0,
        Hold::Held(Vec::new())
    );
    ledger.drop(ids[0]);
    assert_eq!(ledger.hold(Path::new("0.ts"), 100).0, Hold::Pass);
    assert!(ledger.is_done());
}

/// Its file is that of the new one.
#[test]
fn a_name_that_is_used_again_is_not_deleted() {
    let mut ledger = Ledger::new(true);
    let id = missed(&mut ledger, object(0));
    let there = ledger.settle(id).unwrap();
    assert_eq!(ledger.next_deletion(0), Some(id));
    let (new, line) = ledger.owe(object(0));
    assert_eq!(ledger.next_deletion(0), None);
    assert_eq!(ledger.find(Path::new("0.ts")), Some(new));
    let text = format!(
        "{HEADER}\nowe 0 {}\n{there}{line}drop 0\n",
        object(0).words()
    );
    let ledger = read(text.as_bytes(), true);
    assert_eq!(ledger.next_upload(0), Some(new));
    assert_eq!(ledger.owed_bytes(), 10);
}

#[test]
fn one_error_for_many_is_a_miss_of_all_of_them() {
    let mut ledger = Ledger::new(false);
    let ids = [4, 5, 6, 7].map(|number| {
        let (id, _) = ledger.owe(object(number));
        ledger.recorded(id, true);
        id
    });
    ledger.miss_all(5, 6);
    let states = ids.map(|id| ledger.state(id).unwrap());
    assert_eq!(
        states,
        [State::Live, State::Missed, State::Missed, State::Live]
    );
}

/// A generator of numbers, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What a session that reads the journal has to know about each name.
type Known = BTreeMap<PathBuf, (Id, State, bool)>;

fn known(ledger: &Ledger) -> Known {
    let entries = ledger.entries.iter().map(|(id, entry)| {
        // The next session knows of no way to the disk or to the origin.
        let state = entry.state.max(State::Missed);
        (entry.object.name.clone(), (*id, state, entry.is_held))
    });
    entries.collect()
}

/// Sums and sets are those of a count of all entries.
fn check(ledger: &Ledger) {
    let owed = || {
        ledger
            .entries
            .values()
            .filter(|it| it.state <= State::Missed)
    };
    assert_eq!(ledger.owed(), owed().count());
    assert_eq!(
        ledger.owed_bytes(),
        owed().map(|it| it.object.bytes).sum::<u64>()
    );
    let held = || owed().filter(|it| it.is_held);
    let bytes = held().map(|it| it.object.bytes).sum();
    assert_eq!(ledger.held(), (held().count(), bytes));
    assert_eq!(ledger.names.len(), ledger.len());
    assert_eq!(ledger.states.len() + ledger.manifests.len(), ledger.len());
    for (name, id) in &ledger.names {
        assert_eq!(&ledger.entries[id].object.name, name);
    }
}

/// Random changes. A session that is killed after any byte of the journal knows what the lines
/// before said, and so does one that reads a compacted journal.
#[test]
fn a_journal_that_is_cut_at_any_byte_is_that_of_its_whole_lines() {
    for seed in 0..40 {
        let mut numbers = Numbers(seed);
        let deletes_local = seed % 2 == 1;
        let mut ledger = Ledger::new(deletes_local);
        let mut text = format!("{HEADER}\n");
        let mut states = vec![(text.len(), known(&ledger))];
        for _ in 0..60 {
            let number = numbers.below(8);
            let name = format!("{number}.ts");
            let id = ledger.find(Path::new(&name));
            let mut lines = String::new();
            match (numbers.below(8), id) {
                (0 | 1, _) => lines.push_str(&ledger.owe(object(number)).1),
                (2, Some(id)) => lines.extend(ledger.recorded(id, number != 3)),
                (3, Some(id)) => ledger.miss(id),
                (4, Some(id)) => lines.extend(ledger.settle(id)),
                (5, Some(id)) if ledger.state(id) >= Some(State::Leaving) => {
                    lines.extend(ledger.drop(id));
                }
                (6, Some(_)) => {
                    let (hold, line) = ledger.hold(Path::new(&name), 30);
                    lines.extend(line);
                    if let Hold::Held(over) = hold {
                        lines.extend(over.into_iter().filter_map(|(id, _)| ledger.lose(id)));
                    }
                }
                (7, _) => {
                    text = ledger.render();
                    states = vec![(text.len(), known(&ledger))];
                }
                _ => {}
            }
            check(&ledger);
            // Several lines may be written at once, and torn between.
            for line in lines.split_inclusive('\n') {
                text.push_str(line);
                states.push((text.len(), known(&read(text.as_bytes(), deletes_local))));
            }
            assert_eq!(states.last().unwrap().1, known(&ledger), "{text}");
        }
        for cut in 0..=text.len() {
            let known_then = states.iter().rfind(|(length, _)| *length <= cut);
            let found = known(&read(&text.as_bytes()[..cut], deletes_local));
            let compacted = states.first().unwrap().0;
            if let Some((_, expected)) = known_then {
                assert_eq!(&found, expected, "cut at {cut} of {text}");
            } else {
                assert!(cut < compacted);
            }
        }
    }
}

#[test]
fn lines_that_cannot_be_read_are_counted_and_the_others_hold() {
    let owe = |number| format!("owe {number} {}\n", object(number).words());
    let text = format!(
        "{HEADER}\n{}\0\0\0\nowe x\nhold 0 1\n{}drop 7\n",
        owe(0),
        owe(1)
    );
    let mut ledger = Ledger::new(false);
    assert_eq!(ledger.read(text.as_bytes()), Some(3));
    assert_eq!(ledger.owed(), 2);
    for other in ["#EXTM3U\n", "x", "segment-stream backfill 2\n"] {
        assert_eq!(Ledger::new(false).read(other.as_bytes()), None, "{other}");
    }
    assert_eq!(Ledger::new(false).read(b""), Some(0));
}
