//! No line is lost, and no object.

use super::*;

/// Lines come and go in order; at each step all live lines must be in the tail or in a part
/// that the side file names, and the objects must be few.
#[test]
fn every_live_line_is_in_one_part_and_dead_parts_are_deleted() {
    let mut parts = Parts::new(Log::Waiting, 4);
    assert_eq!(
        parts.due(0, 4, 4),
        None,
        "no side file says that it may be there"
    );
    parts.announce(2);
    assert_eq!(parts.due(0, 4, 4), None, "none landed");
    parts.landed();
    let mut objects: std::collections::BTreeMap<PartName, Range<Position>> =
        std::collections::BTreeMap::new();
    let mut written = 0;
    let live = 200;
    for next in 1..2_000_u64 {
        let first = next.saturating_sub(live);
        parts.advance(first);
        while let Some(seal) = parts.due(
            first,
            usize::try_from(next - parts.sealed().max(first)).unwrap(),
            next,
        ) {
            let range = seal.range.start.max(first)..seal.range.end;
            let lines = usize::try_from(range.end - range.start).unwrap();
            written += lines;
            assert!(objects.insert(seal.name, range).is_none(), "{seal:?}");
            parts.was_stored(&seal, lines);
        }
        parts.landed();
        while let Some(name) = parts.garbage() {
            assert!(objects.remove(&name).is_some(), "{name:?}");
            parts.was_deleted(name);
        }
        let mut found: Vec<_> = objects.values().flat_map(Clone::clone).collect();
        found.sort_unstable();
        let expected: Vec<_> = (first..parts.sealed()).collect();
        found.retain(|it| *it >= first);
        assert_eq!(found, expected, "at {next}");
        assert!(next - parts.sealed() < 4 && objects.len() <= 20);
    }
    assert!(written <= 2 * 2_000, "each line twice: {written}");
}

#[test]
fn what_is_given_up_is_garbage_once_no_side_file_names_it() {
    let mut parts = Parts::new(Log::Sizes, 2);
    parts.announce(1);
    parts.landed();
    let seal = parts.due(0, 2, 2).unwrap();
    assert_eq!(seal.name.word(), "c0");
    parts.was_stored(&seal, 2);
    parts.give_up();
    assert_eq!(parts.garbage(), None, "the standing one names it");
    assert!(parts.are_named() && parts.may_be_named());
    parts.landed();
    let mut deleted = Vec::new();
    while let Some(name) = parts.garbage() {
        deleted.push(name.word());
        parts.was_deleted(name);
    }
    // The last part of each level may have been stored, and not named yet.
    assert_eq!(deleted, ["c0", "c1", "d0"]);
    assert!(!parts.are_named() && !parts.may_be_named());
}
