//! What happens in a case, step by step, and how it ends.

use proptest::prelude::*;
use segment_stream::WhenFull;

use super::setup::{Parcel, Setup, parcel, setup};

/// A whole case.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) setup: Setup,
    pub(crate) steps: Vec<Step>,
    pub(crate) ending: Ending,
    /// What becomes of the writes that are under way and queued at the end, in turns.
    pub(crate) rest: Vec<(usize, Answer)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    TrySend(Parcel),
    /// With a timeout of zero.
    SendInNoTime(Parcel),
    /// On a thread of its own, which waits if it has to.
    Send {
        parcel: Parcel,
        /// By `send_timeout`, with a time that does not pass.
        is_timed: bool,
    },
    /// Many at once, of which the one at this place is an initialisation segment.
    Burst {
        parcel: Parcel,
        count: usize,
        init_at: usize,
    },
    /// One of the writes that are under way ends: the so-many-eth of them, in the order of
    /// acceptance.
    Answer(usize, Answer),
    Next,
    Close,
    DropSenders,
}

/// How a call of the sink ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Stored,
    /// It had nowhere to put it.
    Passed,
    /// It failed for good.
    Refused,
    /// It failed in a way that may heal.
    Busy,
    Panicked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Iterates to the end.
    DropSenders,
    /// Iterates to the end.
    Close,
    Finish,
    /// With a time that does not pass.
    FinishInTime,
    /// With no time at all.
    FinishAtOnce,
    Drain,
    DropStream,
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        60 => Just(Answer::Stored),
        6 => Just(Answer::Passed),
        12 => Just(Answer::Refused),
        18 => Just(Answer::Busy),
        1 => Just(Answer::Panicked),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => parcel().prop_map(Step::TrySend),
        8 => parcel().prop_map(Step::SendInNoTime),
        6 => (parcel(), any::<bool>()).prop_map(|(parcel, is_timed)| Step::Send { parcel, is_timed }),
        1 => (parcel(), 2..160_usize, 0..200_usize).prop_map(|(parcel, count, init_at)| Step::Burst {
            parcel: Parcel { is_init: false, ..parcel },
            count,
            init_at,
        }),
        30 => (0..16_usize, answer()).prop_map(|(which, answer)| Step::Answer(which, answer)),
        26 => Just(Step::Next),
    ]
}

/// Closing is for the last third, as little is left to happen after it.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let shut = prop_oneof![
        8 => Just(None),
        1 => Just(Some(Step::Close)),
        1 => Just(Some(Step::DropSenders)),
    ];
    let first = proptest::collection::vec(step(), 3..28);
    let last = proptest::collection::vec(step(), 0..10);
    (first, shut, last)
        .prop_map(|(first, shut, last)| first.into_iter().chain(shut).chain(last).collect())
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::DropSenders),
        Just(Ending::Close),
        Just(Ending::Finish),
        Just(Ending::FinishInTime),
        Just(Ending::FinishAtOnce),
        Just(Ending::Drain),
        Just(Ending::DropStream),
    ]
}

pub(crate) fn script(when_full: WhenFull) -> impl Strategy<Value = Script> {
    let rest = proptest::collection::vec((0..16_usize, answer()), 1..5);
    (setup(when_full), steps(), ending(), rest).prop_map(|(setup, steps, ending, rest)| Script {
        setup,
        steps,
        ending,
        rest,
    })
}
