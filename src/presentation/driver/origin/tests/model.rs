//! Random scripts: whatever an origin does, every document is accounted for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::world::{Answer, Call, TARGET, World, document, late, refused, secs, stored};
use crate::error::SinkError;
use crate::presentation::driver::document::{Document, Role};
use crate::presentation::driver::origin::options::OriginOptions;
use crate::presentation::driver::origin::report::{Fate, Report};
use crate::presentation::driver::origin::step::Note;

const SCRIPTS: u64 = 3_000;

/// A small generator of random numbers, the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    fn tenths(&mut self, end: u64) -> std::time::Duration {
        secs(0.1) * u32::try_from(self.below(end)).unwrap()
    }
}

const PATHS: [(&str, Role); 4] = [
    ("state", Role::State),
    ("video", Role::Rendition),
    ("audio", Role::Rendition),
    ("main", Role::Presentation),
];

fn answer(random: &mut Random, trouble: u64) -> Answer {
    let takes = random.tenths(30);
    if random.below(10) >= trouble {
        return stored(takes);
    }
    match random.below(4) {
        0 => refused(takes, SinkError::permanent("403")),
        1 => late(takes, random.tenths(21)),
        2 => {
            let busy = SinkError::transient("503").with_retry_after(random.tenths(50));
            refused(takes, busy)
        }
        _ => refused(takes, SinkError::transient("503")),
    }
}

/// What was submitted, by path.
type Submitted = HashMap<PathBuf, Vec<u64>>;

fn script(seed: u64) {
    let mut random = Random(seed);
    let is_in_order = random.below(3) == 0;
    let mut options = OriginOptions::new(TARGET);
    if is_in_order {
        options = options.in_order(usize::try_from(random.below(4)).unwrap());
    }
    if random.below(3) == 0 {
        options = options.min_interval(random.tenths(20));
    }
    let mut world = World::new(options);
    let mut submitted = Submitted::new();
    let mut at = secs(0.0);
    let versions = 1 + random.below(12);
    for version in 0..versions {
        at += random.tenths(40);
        let mut documents: Vec<Document> = PATHS
            .iter()
            .filter(|_| random.below(3) > 0)
            .map(|(path, role)| document(path, version, *role))
            .collect();
        let swapped = usize::try_from(random.below(4)).unwrap() % documents.len().max(1);
        if !documents.is_empty() {
            documents.swap(0, swapped);
        }
        for it in &documents {
            submitted.entry(it.path.clone()).or_default().push(version);
        }
        world.submit(at, version, documents);
    }
    let is_closed = random.below(2) == 0;
    if is_closed {
        at += random.tenths(40);
        let patience = random.tenths(200);
        world.close(at, Some(at + patience));
    }
    let trouble = random.below(10);
    let origin = world.origin.clone();
    let mut sink = origin.sink(|_| answer(&mut random, trouble));
    world.run(secs(400.0), &mut sink);
    assert_eq!(world.has_ended, is_closed);
    if !is_closed {
        // The trouble is over.
        let mut sink = origin.sink(|_| stored(secs(0.1)));
        world.run(secs(500.0), &mut sink);
        assert!(world.schedule.unsettled().is_empty());
    }
    assert_eq!(world.schedule.waiting(), 0);
    for version in &world.refused {
        assert!(is_in_order);
        submitted
            .values_mut()
            .for_each(|versions| versions.retain(|it| it != version));
    }
    let landed = account(&world, &submitted);
    let calls = origin.calls();
    check_order(&calls, is_in_order);
    // Otherwise the log says that an older version may appear.
    let is_certain = |note: &Note| !matches!(note, Note::NotRepeated { .. });
    if !is_closed && world.notes.iter().all(is_certain) {
        for (path, landed) in &landed {
            check_shown(&world, path, landed);
        }
    }
}

/// Each document has one report, or another one and then a landing. Returns what landed, in order.
fn account(world: &World, submitted: &Submitted) -> HashMap<PathBuf, Vec<u64>> {
    let mut first: HashMap<(&Path, u64), &Fate> = HashMap::new();
    let mut landed: HashMap<PathBuf, Vec<u64>> = HashMap::new();
    for report in &world.reports {
        let (path, version, fate) = match report {
            Report::Document {
                path,
                version,
                fate,
            } => (path, version, fate),
            Report::Settled { path, version } => {
                let last = landed.get(path).and_then(|versions| versions.last());
                assert_eq!(last, Some(version), "what has settled is what landed last");
                continue;
            }
            Report::Unreplaced { .. } => continue,
            Report::Removal { .. } => panic!("nothing was removed"),
        };
        if matches!(fate, Fate::Landed) {
            landed.entry(path.clone()).or_default().push(*version);
        }
        let before = first.insert((path, *version), fate);
        match (before, fate) {
            (None, _)
            | (Some(Fate::Failed(_) | Fate::Superseded | Fate::HeldBack { .. }), Fate::Landed) => {}
            (before, after) => {
                let path = path.display();
                panic!("{path} {version}: {before:?}, and then {after:?}");
            }
        }
    }
    let all = submitted.values().map(Vec::len).sum::<usize>();
    assert_eq!(first.len(), all, "every document has a report");
    for (path, versions) in submitted {
        assert!(versions.iter().all(|it| first.contains_key(&(path, *it))));
    }
    landed
}

/// Texts never go back, apart from one that replaces what was left in doubt.
fn check_order(calls: &[Call], is_in_order: bool) {
    for (path, _) in PATHS {
        let calls = calls.iter().filter(|it| it.path == Path::new(path));
        let mut newest = None;
        for call in calls {
            if is_in_order {
                newest = newest.max(Some(call.text));
            } else if call.attempt == 1 && Some(call.text) > newest {
                newest = Some(call.text);
            } else {
                assert!(Some(call.text) <= newest);
            }
        }
    }
}

/// The origin shows the last text that landed.
fn check_shown(world: &World, path: &Path, landed: &[u64]) {
    let path = path.to_str().unwrap();
    assert!(landed.is_sorted(), "{path}: {landed:?}");
    let shown = world.origin.shown(path, secs(500.0));
    assert_eq!(shown, landed.last().copied(), "{path}");
}

#[test]
fn every_document_is_accounted_for_whatever_an_origin_does() {
    for seed in 0..SCRIPTS {
        let script = std::panic::AssertUnwindSafe(|| script(seed));
        if let Err(panic) = std::panic::catch_unwind(script) {
            eprintln!("script {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
