//! The steps of a case.

use proptest::prelude::*;

use super::folder::{Answer, Faults};

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) act: Act,
    pub(crate) faults: Faults,
    /// How much time passes afterwards, in tenths of seconds.
    pub(crate) wait: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum Act {
    Media {
        name: Name,
        number: Number,
        secs: f64,
        is_lost: bool,
    },
    Init {
        name: Name,
        content: u8,
        is_lost: bool,
    },
    Discontinuity,
    /// So many milliseconds after the first date of all.
    DiscontinuityAt(i64),
    Tag(Tag),
    Crash,
    /// The process dies after so many more calls of the sink.
    DieAfter(u32),
    Suspend,
    Finish,
    DeleteDue,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Name {
    Fresh,
    /// A fresh one with what a URI or a line could stumble over.
    Odd(&'static str),
    /// One that was given before, counted from the last.
    Again(usize),
    /// One that no playlist can or may name.
    Unusable(Unusable),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Unusable {
    None,
    Playlist,
    State,
    Detour,
    Absolute,
    Empty,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Next,
    Hole(u64),
    Repeat,
    Lower(u64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Tag {
    DateRange,
    Comment,
    Key(u8),
    /// Without an IV.
    KeyOfNumbers,
    NoKey,
}

fn name() -> impl Strategy<Value = Name> {
    let odd = [
        "two\nlines",
        "a\"b",
        "#x",
        "50%",
        "50%25",
        "who?",
        "http:x",
        "a b",
        "ü€😀",
        "\r",
        "a\\b",
        "{}",
        "-",
        "~",
        "'",
        "#EXT-X-ENDLIST",
        "\u{feff}",
        "\u{85}",
    ];
    // Windows has no names with these, and a segment of such a name is none.
    let is_special = |it: char| it < ' ' || "<>:\"\\|?*".contains(it);
    let is_name = |it: &&str| cfg!(not(windows)) || !it.contains(is_special);
    let odd: Vec<_> = odd.into_iter().filter(is_name).collect();
    let unusable = [
        Unusable::None,
        Unusable::Playlist,
        Unusable::State,
        Unusable::Detour,
        Unusable::Absolute,
        Unusable::Empty,
    ];
    prop_oneof![
        16 => Just(Name::Fresh),
        2 => proptest::sample::select(odd).prop_map(Name::Odd),
        1 => (0..6_usize).prop_map(Name::Again),
        1 => proptest::sample::select(unusable.to_vec()).prop_map(Name::Unusable),
    ]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        16 => Just(Number::Next),
        1 => (1..5_u64).prop_map(Number::Hole),
        1 => Just(Number::Repeat),
        1 => (1..50_u64).prop_map(Number::Lower),
    ]
}

fn secs() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => Just(2.0),
        4 => proptest::sample::select(vec![4.0, 1.0 / 3.0, 2.002_002_002, 0.0, 1e-7, 6.4, 6.5, 5.999_999_6]),
        4 => 0.01..8.0_f64,
        1 => proptest::sample::select(vec![30.0, 59.94, 3600.0]),
        1 => proptest::sample::select(vec![
            f64::NAN, -1.0, f64::INFINITY, f64::NEG_INFINITY, 1e300, 3600.1, -1e-9,
        ]),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        18 => Just(Answer::Done),
        1 => Just(Answer::Refused),
        1 => Just(Answer::Unheard),
        1 => Just(Answer::NoSpace),
        1 => Just(Answer::NoSpaceOnce),
    ]
}

fn faults() -> impl Strategy<Value = Faults> {
    (answer(), answer(), answer()).prop_map(|(playlist, state, removal)| Faults {
        playlist,
        state,
        removal,
    })
}

fn is_rare() -> impl Strategy<Value = bool> {
    prop_oneof![9 => Just(false), 1 => Just(true)]
}

fn act() -> impl Strategy<Value = Act> {
    let media = (name(), number(), secs(), is_rare()).prop_map(|(name, number, secs, is_lost)| {
        Act::Media {
            name,
            number,
            secs,
            is_lost,
        }
    });
    let init = (name(), 0..3_u8, is_rare()).prop_map(|(name, content, is_lost)| Act::Init {
        name,
        content,
        is_lost,
    });
    let tag = proptest::sample::select(vec![
        Tag::DateRange,
        Tag::Comment,
        Tag::Key(0),
        Tag::Key(1),
        Tag::KeyOfNumbers,
        Tag::NoKey,
    ]);
    prop_oneof![
        40 => media,
        3 => init,
        2 => Just(Act::Discontinuity),
        1 => (-20_000..120_000_i64).prop_map(Act::DiscontinuityAt),
        2 => tag.prop_map(Act::Tag),
        2 => Just(Act::Crash),
        2 => (0..8_u32).prop_map(Act::DieAfter),
        1 => Just(Act::Suspend),
        1 => Just(Act::Finish),
        2 => Just(Act::DeleteDue),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![2 => Just(0_u64), 6 => Just(20), 3 => 0..80_u64, 1 => 300..900_u64];
    (act(), faults(), wait).prop_map(|(act, faults, wait)| Step { act, faults, wait })
}

/// The steps of a case; half of the cases begin with an initialisation segment.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let first = prop_oneof![
        Just(None),
        Just(Some(Step {
            act: Act::Init {
                name: Name::Fresh,
                content: 0,
                is_lost: false,
            },
            faults: Faults::default(),
            wait: 0,
        })),
    ];
    (first, proptest::collection::vec(step(), 1..40))
        .prop_map(|(first, rest)| first.into_iter().chain(rest).collect())
}
