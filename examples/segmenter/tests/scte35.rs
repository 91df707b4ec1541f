//! Splice information sections.

mod common;

use proptest::prelude::*;

use common::splice::{self, Segmentation as Made};
use segmenter::scte35::{Action, Break, Command, Role, SegmentationKind, SpliceInfo};

/// Base64 as the examples of the standard are printed.
fn decode(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut len) = (0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = alphabet.iter().position(|it| *it == letter).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        len += 6;
        if len >= 8 {
            len -= 8;
            bytes.push(u8::try_from(bits >> len & 0xFF).unwrap());
        }
    }
    bytes
}

/// SCTE 35, 14.2: a `splice_insert` that leaves the program for 60.293567 s.
#[test]
fn the_example_of_the_standard_for_an_insert() {
    let section = decode("/DAvAAAAAAAA///wFAVIAACPf+/+c2nALv4AUsz1AAAAAAAKAAhDVUVJAAABNWLbowo=");
    let info = SpliceInfo::read(&section).unwrap();
    let Command::Insert(insert) = info.command else {
        panic!("{info:?}");
    };
    assert_eq!(insert.event, 0x4800_008F);
    let Action::Out {
        at,
        planned: Some(Break {
            ticks, auto_return, ..
        }),
    } = insert.action
    else {
        panic!("{insert:?}");
    };
    assert_eq!(at, Some(0x0_7369_C02E));
    assert_eq!((ticks, auto_return), (0x52_CCF5, true));
    assert_eq!(info.segmentations, []);
}

/// SCTE 35, 14.1: a `time_signal` with the start of a placement opportunity.
#[test]
fn the_example_of_the_standard_for_a_time_signal() {
    let section =
        decode("/DA0AAAAAAAA///wBQb+cr0AUAAeAhxDVUVJSAAAjn/PAAGlmbAICAAAAAAsoKGKNAIAmsnRfg==");
    let info = SpliceInfo::read(&section).unwrap();
    assert_eq!(info.command, Command::Time(Some(0x0_72BD_0050)));
    let [segmentation] = info.segmentations[..] else {
        panic!("{info:?}");
    };
    assert_eq!(segmentation.event, 0x4800_008E);
    let kind = segmentation.kind.unwrap();
    assert_eq!((kind.id, kind.ticks), (0x34, Some(0x01A5_99B0)));
    assert_eq!(kind.role(), Role::Out);
}

#[test]
fn stamps_are_adjusted_modulo_their_wrap() {
    let section = splice::insert(7, splice::Out(Some((1 << 33) - 90_000)), 180_000);
    let Some(Command::Insert(insert)) = SpliceInfo::read(&section).map(|it| it.command) else {
        panic!();
    };
    let out = Action::Out {
        at: Some(90_000),
        planned: None,
    };
    assert!(insert.action == out, "{insert:?}");
}

#[test]
fn every_form_of_an_insert() {
    let action = |section: Vec<u8>| match SpliceInfo::read(&section).unwrap().command {
        Command::Insert(insert) => insert.action,
        other => panic!("{other:?}"),
    };
    let now = splice::insert(1, splice::Out(None), 0);
    assert!(matches!(action(now), Action::Out { at: None, .. }));
    let back = splice::insert(1, splice::In(Some(5)), 0);
    assert!(matches!(action(back), Action::In { at: Some(5) }));
    let cancelled = splice::insert(1, splice::Cancel, 0);
    assert_eq!(action(cancelled), Action::Cancel);
    let planned = splice::insert(1, splice::OutFor(Some(5), 900_000, false), 0);
    let Action::Out { planned, .. } = action(planned) else {
        panic!();
    };
    let planned = planned.unwrap();
    assert_eq!((planned.ticks, planned.auto_return), (900_000, false));
}

#[test]
fn several_segmentations_come_in_one_section() {
    let section = splice::time_signal(
        Some(9),
        &[
            Made::new(1, 0x35, None),
            Made::new(2, 0x10, Some(90_000)),
            Made::cancelled(3),
        ],
    );
    let info = SpliceInfo::read(&section).unwrap();
    let kinds: Vec<_> = info
        .segmentations
        .iter()
        .map(|it| (it.event, it.kind))
        .collect();
    let kind = |index: usize| kinds[index].1.unwrap();
    assert_eq!(kinds.len(), 3);
    assert_eq!((kind(0).role(), kind(0).opening()), (Role::In, 0x34));
    assert_eq!((kind(1).role(), kind(1).ticks), (Role::Mark, Some(90_000)));
    assert_eq!(kinds[2], (3, None::<SegmentationKind>));
}

#[test]
fn what_cannot_be_read_is_refused_or_encrypted() {
    let section = splice::insert(1, splice::Out(Some(5)), 0);
    for len in 0..section.len() - 4 {
        let cut = SpliceInfo::read(&section[..len]);
        assert!(
            cut.is_none_or(|info| info.segmentations.is_empty()),
            "{len}"
        );
    }
    let mut other = section.clone();
    other[0] = 0;
    assert_eq!(SpliceInfo::read(&other), None);
    let mut encrypted = section;
    encrypted[4] |= 0x80;
    let info = SpliceInfo::read(&encrypted).unwrap();
    assert_eq!(info.command, Command::Encrypted);
    let heartbeat = splice::section(0, 0x00, &[], &[]);
    assert_eq!(
        SpliceInfo::read(&heartbeat).unwrap().command,
        Command::Nothing
    );
}

proptest! {
    #[test]
    fn any_bytes_behind_a_table_id(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = SpliceInfo::read(&[&[0xFC][..], &bytes].concat());
    }

    #[test]
    fn any_damage(at in 0_usize..60, value in any::<u8>(), len in 0_usize..80) {
        let kinds = [Made::new(1, 0x35, None), Made::new(2, 0x10, Some(90_000))];
        let mut section = splice::time_signal(Some(9), &kinds);
        let index = at % section.len();
        section[index] = value;
        let _ = SpliceInfo::read(&section[..len.min(section.len())]);
    }
}
