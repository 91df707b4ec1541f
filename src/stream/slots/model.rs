//! The ring against a reference that is as plain as can be: a list that is searched from the front
//! for everything, and counted anew after every step. No thread takes part, so ten thousand scripts
//! are a matter of seconds.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use super::losses::SEPARATE_LOSSES;
use super::{Destination, Outcome, Slots};
use crate::error::{Loss, SinkError, WriteError, WriteErrorKind};
use crate::segment::{ProducedSegment, SegmentInfo, Submission};
use crate::stream::config::{SegmentStreamConfig, WhenFull};
use crate::stream::stats::Tally;
use crate::stream::yielded::Yielded;

#[derive(Debug, Clone, Copy)]
enum Step {
    Offer {
        size: usize,
        path: usize,
        is_init: bool,
        line: bool,
    },
    Lose,
    Take,
    /// Of those that are being written, by place.
    Complete {
        which: usize,
        ends: Ends,
    },
    Pop,
    Discard,
    Abort,
    TakeFinished,
    Abandon,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Stored,
    Passed,
    Failed,
}

const PATHS: [Option<&str>; 7] = [
    None,
    Some("a"),
    Some("./a"),
    Some("A. "),
    Some("x/a"),
    Some("X/A"),
    Some("b"),
];
const LINE: &str = "#LINE";

/// The same text for all paths that may be one file.
fn folded(path: &Path) -> String {
    let text = path.to_str().unwrap().to_lowercase();
    let text = text.strip_prefix("./").unwrap_or(&text);
    text.trim_end_matches(['.', ' ']).to_owned()
}

fn step() -> impl Strategy<Value = Step> {
    let ends = prop_oneof![
        4 => Just(Ends::Stored), 1 => Just(Ends::Passed), 2 => Just(Ends::Failed)
    ];
    prop_oneof![
        10 => (0_usize..12, 0..PATHS.len(), prop::bool::weighted(0.15), prop::bool::weighted(0.2))
            .prop_map(|(size, path, is_init, line)| Step::Offer { size, path, is_init, line }),
        2 => Just(Step::Lose),
        7 => Just(Step::Take),
        6 => (0_usize..4, ends).prop_map(|(which, ends)| Step::Complete { which, ends }),
        5 => Just(Step::Pop),
        1 => prop_oneof![
            2 => Just(Step::Discard), 2 => Just(Step::Abort),
            2 => Just(Step::TakeFinished), 1 => Just(Step::Abandon)
        ],
    ]
}

/// What a reference entry is.
#[derive(Debug, Clone, PartialEq)]
enum Is {
    Queued,
    Writing,
    Done(Ends),
    Aborted,
    /// With how many segments, and how many payload bytes.
    Lost(WriteErrorKind, u64, u64),
}

#[derive(Debug, Clone)]
struct Ref {
    sequence: u64,
    size: usize,
    info: usize,
    path: Option<PathBuf>,
    is_init: bool,
    is: Is,
}

/// What came out: the number of the first segment, how many there are, and how it ended.
type Out = (u64, u64, Is);

struct Model {
    depth: u64,
    most: Option<u64>,
    when_full: WhenFull,
    list: Vec<Ref>,
    is_gone: bool,
    accepted: Tally,
    yielded: Tally,
    failed: Tally,
    discarded: Tally,
    dropped: Tally,
    given_up: Tally,
    passed: Tally,
}

impl Model {
    fn held(&self) -> (u64, u64) {
        let held = self.list.iter().filter(|it| !matches!(it.is, Is::Lost(..)));
        held.fold((0, 0), |(count, bytes), it| {
            (count + 1, bytes + (it.size + it.info) as u64)
        })
    }

    fn fits(&self, bytes: usize) -> bool {
        let (count, held) = self.held();
        count < self.depth
            && (count == 0 || self.most.is_none_or(|most| held + bytes as u64 <= most))
    }

    /// Tries it on a copy.
    fn has_room_for(&self, bytes: usize) -> bool {
        let mut list = self.list.clone();
        if self.when_full == WhenFull::DropOldest {
            list.retain(|it| it.is != Is::Queued || it.is_init);
        }
        let copy = Model { list, ..*self };
        self.fits(bytes) || copy.fits(bytes)
    }

    fn admit(&mut self, entry: Ref) -> usize {
        let mut dropped = 0;
        while !self.fits(entry.size + entry.info) {
            let at = self
                .list
                .iter()
                .position(|it| it.is == Is::Queued && !it.is_init);
            let at = at.expect("there is room, so there is something to drop");
            let size = self.list[at].size;
            self.dropped.add(size);
            self.list[at].is = Is::Lost(WriteErrorKind::Dropped, 1, size as u64);
            self.merge(at);
            dropped += 1;
        }
        self.accepted.add(entry.size);
        self.list.push(entry);
        dropped
    }

    fn merge(&mut self, at: usize) {
        let is_merged = at > 0 && self.merge_pair(at - 1);
        self.merge_pair(at - usize::from(is_merged));
    }

    fn merge_pair(&mut self, left: usize) -> bool {
        let losses = self
            .list
            .iter()
            .filter(|it| matches!(it.is, Is::Lost(..)))
            .count();
        let is = |at: usize| self.list.get(at).map(|it| it.is.clone());
        if losses > SEPARATE_LOSSES
            && let Some(Is::Lost(kind, count, bytes)) = is(left)
            && let Some(Is::Lost(_, more, more_bytes)) = is(left + 1)
        {
            self.list[left].is = Is::Lost(kind, count + more, bytes + more_bytes);
            self.list.remove(left + 1);
            return true;
        }
        false
    }

    fn take(&mut self) -> Option<u64> {
        let path = |it: &Ref| it.path.as_deref().map(folded);
        let busy: Vec<_> = self
            .list
            .iter()
            .filter(|it| it.is == Is::Writing)
            .filter_map(path)
            .collect();
        let is_free = |it: &&mut Ref| {
            it.is == Is::Queued
                && it
                    .path
                    .as_deref()
                    .is_none_or(|own| !busy.contains(&folded(own)))
        };
        let entry = self.list.iter_mut().find(is_free)?;
        entry.is = Is::Writing;
        Some(entry.sequence)
    }

    fn remove(&mut self, at: usize) -> Out {
        let entry = self.list.remove(at);
        match entry.is {
            Is::Done(Ends::Stored) => self.yielded.add(entry.size),
            Is::Done(Ends::Passed) => {
                self.yielded.add(entry.size);
                self.passed.add(entry.size);
            }
            Is::Done(Ends::Failed) | Is::Aborted => self.failed.add(entry.size),
            _ => {}
        }
        let count = if let Is::Lost(_, count, _) = entry.is {
            count
        } else {
            1
        };
        (entry.sequence, count, entry.is)
    }

    fn finished(&mut self) -> Vec<Out> {
        let mut out = Vec::new();
        while let Some(at) = self
            .list
            .iter()
            .position(|it| !matches!(it.is, Is::Queued | Is::Writing))
        {
            out.push(self.remove(at));
        }
        out
    }
}

fn out_of(yielded: Yielded) -> (Out, usize) {
    let lines = yielded.info.event_lines().count();
    let out = match yielded.result {
        // Whether it had a destination shows in the totals.
        Ok(segment) => (segment.sequence, 1, Is::Done(Ends::Stored)),
        Err(error) => {
            assert_eq!(error.info(), &yielded.info);
            let is = match error.kind() {
                WriteErrorKind::Failed => Is::Done(Ends::Failed),
                WriteErrorKind::Aborted => Is::Aborted,
                kind => Is::Lost(kind, error.segments(), error.byte_len()),
            };
            (error.sequence(), error.segments(), is)
        }
    };
    (out, lines)
}

fn same(out: Out) -> Out {
    match out {
        (first, count, Is::Done(Ends::Passed)) => (first, count, Is::Done(Ends::Stored)),
        out => out,
    }
}

struct Case {
    slots: Slots,
    model: Model,
    writing: Vec<(u64, ProducedSegment)>,
    next: u64,
    now: Instant,
    lines_in: usize,
    lines_out: usize,
    has_ended: bool,
}

impl Case {
    fn new(depth: usize, most: Option<usize>, when_full: WhenFull) -> Self {
        let config = SegmentStreamConfig {
            channel_depth: depth,
            channel_bytes: most,
            when_full,
            ..Default::default()
        };
        let zero = Tally::default();
        Self {
            slots: Slots::new(&config),
            model: Model {
                depth: depth as u64,
                most: most.map(|it| it as u64),
                when_full,
                list: Vec::new(),
                is_gone: false,
                accepted: zero,
                yielded: zero,
                failed: zero,
                discarded: zero,
                dropped: zero,
                given_up: zero,
                passed: zero,
            },
            writing: Vec::new(),
            next: 0,
            now: Instant::now(),
            lines_in: 0,
            lines_out: 0,
            has_ended: false,
        }
    }

    fn check_out(&mut self, found: Vec<Yielded>, expected: Vec<Out>) {
        let found = found.into_iter().map(|yielded| {
            let (out, lines) = out_of(yielded);
            self.lines_out += lines;
            out
        });
        assert_eq!(
            found.collect::<Vec<_>>(),
            expected.into_iter().map(same).collect::<Vec<_>>()
        );
    }

    fn offer(&mut self, size: usize, path: Option<&str>, is_init: bool, has_line: bool) {
        let segment = ProducedSegment {
            is_init,
            path_hint: path.map(PathBuf::from),
            ..ProducedSegment::media(self.next, vec![7; size], 2.0)
        };
        let mut info = SegmentInfo::new();
        if has_line {
            info = info.event_line(LINE).unwrap();
        }
        let submission = Submission::from((segment, info));
        let bytes = submission.byte_len();
        let has_room = self.model.has_room_for(bytes);
        assert_eq!(self.slots.has_room_for(bytes), has_room);
        if has_room {
            let dropped = self.model.admit(Ref {
                sequence: self.next,
                size,
                info: if has_line { LINE.len() } else { 0 },
                path: path.map(PathBuf::from),
                is_init,
                is: Is::Queued,
            });
            assert_eq!(self.slots.admit(submission, self.now).len(), dropped);
            self.lines_in += usize::from(has_line);
            self.next += 1;
        }
    }

    fn lose(&mut self) {
        let first = ProducedSegment::media(self.next, Vec::new(), 2.0);
        self.slots
            .lose(Loss::of(first, SegmentInfo::new(), 5), self.now);
        self.model.given_up.add(5);
        self.model.list.push(Ref {
            sequence: self.next,
            size: 5,
            info: 0,
            path: None,
            is_init: false,
            is: Is::Lost(WriteErrorKind::GivenUp, 1, 5),
        });
        let at = self.model.list.len() - 1;
        self.model.merge(at);
        self.next += 1;
    }

    fn complete(&mut self, which: usize, ends: Ends) {
        if self.writing.is_empty() {
            return;
        }
        let (index, segment) = self.writing.remove(which % self.writing.len());
        let sequence = segment.sequence;
        let outcome: Outcome = match ends {
            Ends::Stored => Ok((segment, Destination::Stored)),
            Ends::Passed => Ok((segment, Destination::None)),
            Ends::Failed => {
                let cause = SinkError::permanent("no");
                Err(WriteError::new(segment, WriteErrorKind::Failed, cause, 1))
            }
        };
        let found = self.slots.complete(index, outcome);
        let at = self
            .model
            .list
            .iter()
            .position(|it| it.sequence == sequence)
            .unwrap();
        self.model.list[at].is = Is::Done(ends);
        let expected = if self.model.is_gone {
            vec![self.model.remove(at)]
        } else {
            Vec::new()
        };
        self.check_out(found.into_iter().collect(), expected);
    }

    fn step(&mut self, step: Step) {
        self.now += Duration::from_millis(1);
        self.has_ended |= matches!(step, Step::Discard | Step::TakeFinished | Step::Abandon);
        match step {
            Step::Offer {
                size,
                path,
                is_init,
                line,
            } => self.offer(size, PATHS[path], is_init, line),
            Step::Lose => self.lose(),
            Step::Take => {
                let job = self.slots.take(self.now);
                let expected = self.model.take();
                assert_eq!(job.as_ref().map(|it| it.segment.sequence), expected);
                self.writing.extend(job.map(|it| (it.index, it.segment)));
            }
            Step::Complete { which, ends } => self.complete(which, ends),
            Step::Pop => {
                let front = self.model.list.first();
                let is_ready = front.is_some_and(|it| !matches!(it.is, Is::Queued | Is::Writing));
                assert_eq!(self.slots.is_front_ready(), is_ready);
                let found = self.slots.pop();
                let expected = is_ready.then(|| self.model.remove(0));
                self.check_out(found.into_iter().collect(), expected.into_iter().collect());
            }
            Step::Discard => {
                let found = self.slots.discard_queued();
                let mut expected = Vec::new();
                self.model.list.retain(|it| {
                    let is_queued = it.is == Is::Queued;
                    expected.extend(is_queued.then_some(it.sequence));
                    !is_queued
                });
                for it in &found {
                    self.model.discarded.add(it.segment.data.len());
                    self.lines_out += it.info.event_lines().count();
                }
                let found: Vec<_> = found.iter().map(|it| it.segment.sequence).collect();
                assert_eq!(found, expected);
            }
            Step::Abort => {
                let (count, untaken) = self.slots.abort_queued();
                let queued = self.model.list.iter_mut().filter(|it| it.is == Is::Queued);
                assert_eq!(count, queued.map(|it| it.is = Is::Aborted).count() as u64);
                let expected = if self.model.is_gone {
                    self.model.finished()
                } else {
                    Vec::new()
                };
                self.check_out(untaken, expected);
            }
            Step::TakeFinished => {
                let expected = self.model.finished();
                let found = self.slots.take_finished();
                self.check_out(found, expected);
            }
            Step::Abandon => {
                self.model.is_gone = true;
                let expected = self.model.finished();
                let found = self.slots.abandon();
                self.check_out(found, expected);
            }
        }
        self.audit();
    }

    fn audit(&self) {
        let stats = self.slots.stats(self.now);
        let model = &self.model;
        let sum = |of: &dyn Fn(&Ref) -> bool| {
            let mut tally = Tally::default();
            model
                .list
                .iter()
                .filter(|it| of(it))
                .for_each(|it| tally.add(it.size));
            tally
        };
        assert_eq!(stats.accepted, model.accepted);
        assert_eq!(stats.yielded, model.yielded);
        assert_eq!(stats.failed, model.failed);
        assert_eq!(stats.discarded, model.discarded);
        assert_eq!(stats.dropped, model.dropped);
        assert_eq!(stats.given_up, model.given_up);
        assert_eq!(stats.without_destination, model.passed);
        assert_eq!(stats.queued, sum(&|it| it.is == Is::Queued));
        assert_eq!(stats.in_flight, sum(&|it| !matches!(it.is, Is::Lost(..))));
        assert_eq!(stats.writing, self.writing.len() as u64);
        assert!(stats.in_flight.segments <= model.depth);
        let balance = [
            stats.yielded,
            stats.failed,
            stats.discarded,
            stats.dropped,
            stats.in_flight,
        ];
        assert_eq!(
            stats.accepted.segments,
            balance.iter().map(|it| it.segments).sum::<u64>()
        );
        assert_eq!(
            stats.accepted.bytes,
            balance.iter().map(|it| it.bytes).sum::<u64>()
        );
        let in_doubt = self.slots.in_doubt();
        let in_doubt: Vec<_> = in_doubt.iter().map(|it| it.segment.sequence).collect();
        let writing = model.list.iter().filter(|it| it.is == Is::Writing);
        assert_eq!(in_doubt, writing.map(|it| it.sequence).collect::<Vec<_>>());
        let losses = model
            .list
            .iter()
            .filter(|it| matches!(it.is, Is::Lost(..)))
            .count() as u64;
        // What is taken out of the middle is taken out at the end, and may leave neighbours.
        assert!(
            self.has_ended || losses <= SEPARATE_LOSSES as u64 + model.depth,
            "{losses} records"
        );
        assert_eq!(self.slots.ring.len(), model.list.len());
    }

    /// Everything comes out in the end, and no line of information is lost on the way.
    fn end(mut self) {
        while !self.writing.is_empty() {
            self.step(Step::Complete {
                which: 0,
                ends: Ends::Stored,
            });
        }
        self.step(Step::Discard);
        self.step(Step::TakeFinished);
        assert!(self.slots.ring.is_empty());
        assert_eq!(self.slots.held_bytes(), 0);
        assert_eq!(self.lines_in, self.lines_out);
    }
}

#[test]
fn the_ring_does_what_a_plain_list_does() {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let are_all = std::env::var_os("PROPTEST_CASES").is_none();
    if are_all {
        config.cases = 10_000;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(2190);
    }
    let cases = (
        1_usize..6,
        proptest::option::weighted(0.4, 0_usize..30),
        prop_oneof![Just(WhenFull::Block), Just(WhenFull::DropOldest)],
        proptest::collection::vec(step(), 1..80),
    );
    let merged = Cell::new(0_u64);
    let result = TestRunner::new(config).run(&cases, |(depth, most, when_full, steps)| {
        let mut case = Case::new(depth, most, when_full);
        for step in steps {
            case.step(step);
            let several = |it: &Ref| matches!(it.is, Is::Lost(_, 2.., _));
            merged.set(merged.get() + u64::from(case.model.list.iter().any(several)));
        }
        case.end();
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        merged.get() > 1_000 || !are_all,
        "losses shared a record {} times only",
        merged.get()
    );
}

/// A consumer that does not come leaves what is done in the ring; that makes nothing slower.
#[test]
fn no_step_looks_at_more_than_a_few_entries_however_deep_the_ring() {
    const DEPTH: usize = 100_000;
    for when_full in [WhenFull::Block, WhenFull::DropOldest] {
        let mut case = Case::new(DEPTH, None, when_full);
        let now = case.now;
        let mut most = 0;
        let mut visits = |slots: &Slots| most = most.max(slots.visited.take());
        // Two writers, one of which has a path that others wait for.
        for number in 0..DEPTH as u64 {
            let path = if number % 1000 == 0 {
                "busy".to_owned()
            } else {
                number.to_string()
            };
            let segment = ProducedSegment::media(number, Vec::new(), 2.0).with_path(path);
            assert!(case.slots.has_room_for(0));
            case.slots.admit(segment.into(), now);
            visits(&case.slots);
        }
        let first = case.slots.take(now).expect("there are many");
        visits(&case.slots);
        for _ in 1..DEPTH / 2 {
            let job = case.slots.take(now).expect("there are many");
            visits(&case.slots);
            let untaken = case
                .slots
                .complete(job.index, Ok((job.segment, Destination::Stored)));
            assert!(untaken.is_none());
            visits(&case.slots);
        }
        if when_full == WhenFull::DropOldest {
            for number in 0..1_000 {
                assert!(case.slots.has_room_for(0));
                case.slots
                    .admit(ProducedSegment::media(number, Vec::new(), 2.0).into(), now);
                visits(&case.slots);
            }
        }
        assert!(
            case.slots
                .complete(first.index, Ok((first.segment, Destination::Stored)))
                .is_none()
        );
        // A search among a hundred thousand takes 17, for each of the 50 that wait for the busy
        // path.
        assert!(most < 50 * 2 * 20, "a step looked at {most} entries");
    }
}
