//! Splice information in event messages: where it cuts, and the segment that it comes with.

use segmenter::Notice;
use segmenter::scte35::{Action, Command};

use super::common::splice::EventTime::{At, Behind};
use super::common::splice::{self, Cancel, EventTime, In, Out, OutFor, SCHEME, Segmentation};
use super::maker::{NON_SYNC, Part, SYNC, Track, fragment, full, initialisation, second, words};
use super::*;

const FOUR_SECONDS: Duration = Duration::from_secs(4);

/// An event on the clock of the video.
fn event(time: EventTime, id: u32, section: &[u8]) -> Vec<u8> {
    splice::emsg(SCHEME, 1000, time, id, section)
}

/// `count` seconds of video that each let a decoder in, and these boxes in front of the seconds of
/// these numbers.
fn stream(count: u64, boxes: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut stream = initialisation();
    for start in 0..count {
        let before = boxes.iter().filter(|(at, _)| *at == start);
        stream.extend(before.flat_map(|(_, bytes)| bytes));
        stream.extend(second(start, SYNC));
    }
    stream
}

/// For each segment its length in seconds, and the seconds from its start to each splice in it.
fn of(cuts: &[Segment]) -> Vec<(f64, Vec<f64>)> {
    let of = |cut: &Segment| {
        let start = i64::try_from(cut.start).unwrap();
        let seconds = |at: i64| f64::from(i32::try_from(at - start).unwrap()) / 1000.0;
        let splices = cut.splices.iter().map(|splice| seconds(splice.at));
        (cut.length().as_secs_f64(), splices.collect())
    };
    let media = cuts.iter().filter(|cut| cut.kind == SegmentKind::Media);
    media.map(of).collect()
}

fn told(bytes: &[u8]) -> Vec<(f64, Vec<f64>)> {
    of(&cut(bytes, FOUR_SECONDS))
}

/// The stamps of a section are those of another clock.
fn out() -> Vec<u8> {
    splice::insert(1, Out(Some(77)), 0)
}

fn back() -> Vec<u8> {
    splice::insert(1, In(Some(78)), 0)
}

#[test]
fn a_splice_cuts_short_of_the_target_and_comes_with_the_segment_before() {
    let boxes = [
        (1, event(At(6000), 1, &out())),
        (7, event(At(9000), 2, &back())),
    ];
    let bytes = stream(14, &boxes);
    assert_eq!(
        told(&bytes),
        [
            (4.0, vec![6.0]),
            (2.0, vec![]),
            (3.0, vec![3.0]),
            (4.0, vec![]),
            (1.0, vec![])
        ]
    );
    let cuts = cut(&bytes, FOUR_SECONDS);
    assert_eq!(cuts[1].splices[0].section, out());
    // The box stays where it was.
    assert_eq!(joined::names(&cuts[1].data)[2], "emsg");
}

#[test]
fn a_delta_counts_from_the_earliest_picture_of_the_fragment() {
    let boxes = [
        (1, event(Behind(5000), 1, &out())),
        (7, event(Behind(2000), 2, &back())),
    ];
    let expected = [4.0, 2.0, 3.0, 4.0, 1.0];
    let found = told(&stream(14, &boxes));
    let lengths: Vec<_> = found.iter().map(|(length, _)| *length).collect();
    assert_eq!(lengths, expected);
    assert_eq!((&found[0].1[..], &found[2].1[..]), (&[6.0][..], &[3.0][..]));
}

#[test]
fn the_clock_of_an_event_is_its_own() {
    let scaled = |time| splice::emsg(SCHEME, 90_000, time, 1, &out());
    for event in [scaled(At(6 * 90_000)), scaled(Behind(5 * 90_000))] {
        assert_eq!(
            told(&stream(8, &[(1, event)])),
            [(4.0, vec![6.0]), (2.0, vec![]), (2.0, vec![])]
        );
    }
}

#[test]
fn an_event_that_comes_again_counts_once() {
    let once = [(4.0, vec![6.0]), (2.0, vec![]), (2.0, vec![])];
    for time in [|_| At(6000), |second| Behind(1000 * (6 - second))] {
        let again = |second: u32| (u64::from(second), event(time(second), 1, &out()));
        assert_eq!(told(&stream(8, &[1, 2, 3, 5].map(again))), once);
    }
    // A packager may stamp each copy anew.
    let stamped = |second: u64| {
        let section = splice::insert(1, Out(Some(second)), 0);
        (second, event(At(6000), 1, &section))
    };
    assert_eq!(told(&stream(8, &[1, 3, 5].map(stamped))), once);
}

/// Some packagers number events by the splice, and others do not number them at all.
#[test]
fn an_identifier_that_says_something_else_is_another_event() {
    let boxes = [
        (1, event(At(2000), 0, &out())),
        (1, event(At(4000), 0, &back())),
    ];
    assert_eq!(
        told(&stream(8, &boxes)),
        [(2.0, vec![2.0, 4.0]), (2.0, vec![]), (4.0, vec![])]
    );
}

#[test]
fn the_program_returns_by_itself_if_it_was_said_so() {
    for (auto_return, expected) in [(true, vec![2.0, 3.0, 3.0]), (false, vec![2.0, 4.0, 2.0])] {
        let section = splice::insert(1, OutFor(Some(5), 3 * 90_000, auto_return), 0);
        let bytes = stream(8, &[(1, event(At(2000), 1, &section))]);
        assert_eq!(seconds(&cut(&bytes, FOUR_SECONDS)), expected);
    }
}

#[test]
fn only_what_leaves_the_program_or_resumes_it_cuts() {
    for (kind, lengths) in [
        (0x34, vec![4.0, 2.0, 2.0]),
        (0x35, vec![4.0, 2.0, 2.0]),
        (0x10, vec![4.0, 4.0]),
    ] {
        let section = splice::time_signal(Some(5), &[Segmentation::new(1, kind, None)]);
        let bytes = stream(8, &[(1, event(At(6000), 1, &section))]);
        assert_eq!(seconds(&cut(&bytes, FOUR_SECONDS)), lengths, "{kind:#x}");
        assert_eq!(told(&bytes)[0].1, [6.0]);
    }
    let heartbeat = event(At(6000), 1, &splice::section(0, 0, &[], &[]));
    let none = [(4.0, vec![]), (4.0, vec![])];
    assert_eq!(told(&stream(8, &[(1, heartbeat)])), none);
}

#[test]
fn a_cancelled_splice_is_not_told_unless_it_was_already() {
    let cancel = |id| event(At(6000), id, &splice::insert(1, Cancel, 0));
    // Whether the cancellation has an identifier of its own or that of the splice.
    for id in [1, 2] {
        let boxes = [(1, event(At(6000), 1, &out())), (2, cancel(id))];
        let none = [(4.0, vec![]), (4.0, vec![])];
        assert_eq!(told(&stream(8, &boxes)), none);
    }
    let boxes = [(1, event(At(6000), 1, &out())), (5, cancel(2))];
    let cuts = cut(&stream(8, &boxes), FOUR_SECONDS);
    assert_eq!(seconds(&cuts), [4.0, 4.0]);
    let Command::Insert(insert) = cuts[2].splices[0].info.command else {
        panic!("{cuts:?}");
    };
    assert_eq!(insert.action, Action::Cancel);
}

#[test]
fn encrypted_information_comes_with_the_time_of_its_event() {
    let mut section = splice::insert(1, Out(Some(5)), 0);
    section.truncate(section.len() - 4);
    section[4] |= 0x80;
    let section = super::common::muxer::seal(section);
    let bytes = stream(8, &[(1, event(At(6000), 1, &section))]);
    assert_eq!(told(&bytes), [(4.0, vec![6.0]), (4.0, vec![])]);
    let cuts = cut(&bytes, FOUR_SECONDS);
    assert_eq!(cuts[1].splices[0].info.command, Command::Encrypted);
}

#[test]
fn what_cannot_be_read_is_ignored_and_reported() {
    let mut damaged = out();
    damaged[16] ^= 1;
    let cut_short = &out()[..20];
    let without_end = full("emsg", 0, 0, &[SCHEME.as_bytes(), &[0]]);
    let long = vec![0xFC; 5000];
    for unreadable in [
        event(At(6000), 1, &damaged),
        event(At(6000), 1, cut_short),
        event(At(6000), 1, &[]),
        event(At(6000), 1, &long),
        splice::emsg(SCHEME, 0, At(6), 1, &out()),
        without_end,
    ] {
        let bytes = stream(8, &[(1, unreadable)]);
        let offset = (initialisation().len() + second(0, SYNC).len()) as u64;
        let mut cutter = Cutter::new(FOUR_SECONDS);
        let mut cuts = Vec::new();
        cutter.push(&bytes, &mut cuts).unwrap();
        cutter.finish(&mut cuts).unwrap();
        assert_eq!(of(&cuts), [(4.0, vec![]), (4.0, vec![])]);
        assert_eq!(cutter.take_notices(), [Notice::UnreadableSplice { offset }]);
        joined::check(&bytes, &cuts);
    }
    // Another scheme is none of these, whatever it has.
    let other = splice::emsg("urn:scte:scte35:2013:xml", 0, At(6), 1, b"<x/>");
    let bytes = stream(8, &[(1, other)]);
    let mut cutter = Cutter::new(FOUR_SECONDS);
    let mut cuts = Vec::new();
    cutter.push(&bytes, &mut cuts).unwrap();
    assert_eq!(cutter.take_notices(), []);
}

/// Bytes behind the section, which some packagers append, mean nothing.
#[test]
fn a_section_ends_where_it_says() {
    let padded = [out(), vec![0; 7]].concat();
    let cuts = cut(
        &stream(8, &[(1, event(At(6000), 1, &padded))]),
        FOUR_SECONDS,
    );
    assert_eq!(cuts[1].splices[0].section, out());
}

/// A second of pictures that are presented 80 ms after they are decoded.
fn reordered(start: u64) -> Vec<u8> {
    let mut part = Part::video(1000 * start, 25, SYNC);
    part.runs[0].columns[3] = Some(vec![80; 25]);
    fragment(&[part])
}

#[test]
fn an_event_has_the_time_of_presentation_and_a_segment_that_of_decoding() {
    let expected = [(4.0, vec![6.0]), (2.0, vec![]), (2.0, vec![])];
    let with_edit = |media_time| {
        let edit = full("elst", 0, 0, &[&words(&[1, 0, media_time, 0x1_0000])]);
        let edits = super::maker::plain("edts", &[&edit]);
        [
            super::maker::ftyp(),
            super::maker::moov_with(&[Track::video()], &edits),
        ]
        .concat()
    };
    for (head, time) in [
        (initialisation(), At(6080)),
        (initialisation(), Behind(5000)),
        (with_edit(80), At(6000)),
        (with_edit(80), Behind(5000)),
    ] {
        let mut bytes = head;
        for start in 0..8 {
            if start == 1 {
                bytes.extend(event(time, 1, &out()));
            }
            bytes.extend(reordered(start));
        }
        assert_eq!(told(&bytes), expected);
    }
}

/// A fragment may begin between two access points, with pictures in any order.
#[test]
fn a_delta_counts_from_fragments_that_begin_anywhere() {
    let mut bytes = initialisation();
    for tenth in 0..80_u64 {
        if tenth == 13 {
            bytes.extend(event(Behind(4700), 1, &out()));
        }
        let flags = if tenth % 10 == 0 { SYNC } else { NON_SYNC };
        let mut part = Part::video(100 * tenth, 1, flags);
        part.duration = Some(100);
        let offset = if tenth % 10 == 0 { 200 } else { 0 };
        part.runs[0].columns[3] = Some(vec![offset]);
        bytes.extend(fragment(&[part]));
    }
    // 1.3 s and 4.7 s are 6.0 s of presentation, before the access point that is presented at 6.2 s.
    assert_eq!(told(&bytes)[0], (4.0, vec![5.8]));
}

#[test]
fn segments_that_come_out_promptly_end_at_splices_too() {
    let boxes = [
        (1, event(At(6000), 1, &out())),
        (7, event(At(9000), 2, &back())),
    ];
    let bytes = stream(10, &boxes);
    let mut cutter = Cutter::new(FOUR_SECONDS).promptly();
    let mut cuts = Vec::new();
    // The last fragment of the segment before the splice is the last one that has come.
    let behind_six = bytes.len() - 4 * second(0, SYNC).len() - boxes[1].1.len();
    cutter.push(&bytes[..behind_six], &mut cuts).unwrap();
    assert_eq!(of(&cuts), [(4.0, vec![6.0]), (2.0, vec![])]);
    cutter.push(&bytes[behind_six..], &mut cuts).unwrap();
    cutter.finish(&mut cuts).unwrap();
    assert_eq!(of(&cuts)[2..], [(3.0, vec![3.0]), (1.0, vec![])]);
}

#[test]
fn behind_a_jump_the_events_are_those_of_the_new_clock() {
    let mut bytes = stream(3, &[(1, event(At(5000), 1, &out()))]);
    for start in 100..108 {
        if start == 100 {
            bytes.extend(event(Behind(2000), 2, &out()));
            bytes.extend(event(At(103_000), 3, &back()));
        }
        bytes.extend(second(start, SYNC));
    }
    let found = told(&bytes);
    assert_eq!(
        found,
        [
            (3.0, vec![5.0]),
            (2.0, vec![2.0, 3.0]),
            (1.0, vec![]),
            (4.0, vec![]),
            (1.0, vec![])
        ]
    );
}

#[test]
fn a_delta_behind_a_wrong_decode_time_counts_from_the_right_one() {
    let mut bytes = initialisation();
    for start in 0..8 {
        if start == 1 {
            bytes.extend(event(Behind(5000), 1, &out()));
        }
        bytes.extend(second(if start == 1 { 5000 } else { start }, SYNC));
    }
    assert_eq!(told(&bytes)[0], (4.0, vec![6.0]));
}

/// Nothing that an input sends without end is kept without end.
#[test]
fn of_many_events_some_are_left_out() {
    let many = (0..1000_u32).flat_map(|id| event(At(2000), id, &splice::insert(id, Out(None), 0)));
    let bytes = stream(4, &[(1, many.collect())]);
    let cuts = cut(&bytes, FOUR_SECONDS);
    assert_eq!(seconds(&cuts), [2.0, 2.0]);
    assert_eq!(cuts[1].splices.len(), 256);
}
