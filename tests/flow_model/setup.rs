//! What a case begins with.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use segment_stream::{ProducedSegment, RetryPolicy, SegmentStreamConfig, WhenFull};

use super::common::segments::payload;

#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) when_full: WhenFull,
    pub(crate) depth: usize,
    pub(crate) bytes: Option<usize>,
    pub(crate) writers: usize,
    pub(crate) retries: Retries,
}

/// Policies that leave nothing to the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retries {
    Never,
    AtOnce,
    /// After a pause that only a shutdown ends.
    AfterShutdown,
    /// After a pause that is longer than any segment is worth trying.
    TooLate,
}

impl Setup {
    pub(crate) fn config(&self) -> SegmentStreamConfig {
        SegmentStreamConfig {
            channel_depth: self.depth,
            channel_bytes: self.bytes,
            when_full: self.when_full,
            retry: self.retries.policy(),
            // Whoever talks to the log is not in the line meanwhile.
            stall_warning: Duration::MAX,
            ..Default::default()
        }
    }
}

impl Retries {
    fn policy(self) -> RetryPolicy {
        let hours = |count: u64| Duration::from_secs(3600 * count);
        let (deadline, pause) = match self {
            Self::Never => return RetryPolicy::never(),
            Self::AtOnce => (hours(10), Duration::ZERO),
            Self::AfterShutdown => (hours(10), hours(1)),
            Self::TooLate => (hours(1), hours(10)),
        };
        RetryPolicy {
            least: deadline,
            most: deadline,
            fallback: deadline,
            first_pause: pause,
            longest_pause: pause,
            ..RetryPolicy::default()
        }
    }
}

/// Path hints, each with the number of its path: some are spelled in several ways that count as
/// equal, and some lead to the same file and do not.
pub(crate) const HINTS: [(&str, u8); 7] = [
    ("v/a.ts", 0),
    ("v/b.ts", 1),
    ("v//a.ts", 0),
    ("v/./a.ts", 0),
    ("V/a.ts", 0),
    ("./v/a.ts", 0),
    ("v/../v/a.ts", 2),
];

/// What a segment is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parcel {
    pub(crate) size: usize,
    pub(crate) is_init: bool,
    /// Into [`HINTS`].
    pub(crate) hint: Option<usize>,
    pub(crate) secs: f64,
}

impl Parcel {
    /// The segment with this number, which its payload tells as well.
    pub(crate) fn segment(&self, sequence: u64) -> ProducedSegment {
        ProducedSegment {
            sequence,
            data: payload(sequence, self.size),
            duration_secs: self.secs,
            is_init: self.is_init,
            path_hint: self.hint.map(|hint| HINTS[hint].0.into()),
        }
    }

    pub(crate) fn path(&self) -> Option<u8> {
        self.hint.map(|hint| HINTS[hint].1)
    }
}

/// Mostly whole tens, so that sums often come to just the bound.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        2 => Just(0),
        12 => (1..=4_usize).prop_map(|tens| 10 * tens),
        4 => (5..=12_usize).prop_map(|tens| 10 * tens),
        3 => 1..=130_usize,
        1 => 400..=450_usize,
    ]
}

pub(crate) fn parcel() -> impl Strategy<Value = Parcel> {
    let hint = prop_oneof![
        4 => Just(None),
        3 => (0..2_usize).prop_map(Some),
        2 => (0..HINTS.len()).prop_map(Some),
    ];
    let secs = prop_oneof![
        4 => Just(2.0),
        2 => select(vec![0.5, 6.006, 0.0, 3600.0]),
        1 => select(vec![f64::NAN, -1.0, f64::INFINITY, 3600.1, 1e300, -0.0]),
    ];
    let is_init = prop_oneof![5 => Just(false), 1 => Just(true)];
    (size(), is_init, hint, secs).prop_map(|(size, is_init, hint, secs)| Parcel {
        size,
        is_init,
        hint,
        secs,
    })
}

pub(crate) fn setup(when_full: WhenFull) -> impl Strategy<Value = Setup> {
    let bytes = prop_oneof![
        4 => Just(None),
        1 => Just(Some(0)),
        4 => (1..=8_usize).prop_map(|tens| Some(10 * tens)),
        4 => (9..=40_usize).prop_map(|tens| Some(10 * tens)),
        1 => Just(Some(usize::MAX)),
    ];
    let retries = prop_oneof![
        5 => Just(Retries::Never),
        3 => Just(Retries::AtOnce),
        1 => Just(Retries::AfterShutdown),
        1 => Just(Retries::TooLate),
    ];
    let writers = prop_oneof![12 => Just(1), 7 => Just(2), 4 => Just(4), 1 => Just(16)];
    (1..=12_usize, bytes, writers, retries).prop_map(move |(depth, bytes, writers, retries)| {
        Setup {
            when_full,
            // Never below the number of writers.
            depth: if depth < writers {
                writers + depth - 1
            } else {
                depth
            },
            bytes,
            writers,
            retries,
        }
    })
}
