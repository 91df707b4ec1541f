//! Splice information: where it cuts, and the segment that it comes with.

use segmenter::scte35::{Action, Command};

use super::common::splice::{self, Cancel, In, Out, OutFor, Segmentation};
use super::*;

const CUES: u16 = 0x102;
const SECOND: u64 = 90_000;
const FOUR_SECONDS: Duration = Duration::from_secs(4);

/// `count` seconds of pictures with an access point in each, and these sections in front of the
/// pictures of these numbers. The stamp of the first picture is `first`.
fn stream(first: u64, count: u64, sections: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT)]);
    let streams = [Stream::new(H264, VIDEO), Stream::new(0x86, CUES)];
    muxer.cueing_pmt(PMT, 1, &streams);
    for index in 0..count * 25 {
        for (_, section) in sections.iter().filter(|(before, _)| *before == index) {
            muxer.section(CUES, section);
        }
        muxer.pes(&Pes {
            presented: Some((first + index * FRAME) % (1 << 33)),
            ..picture(0, if index % 25 == 0 { RANDOM_ACCESS } else { 0 })
        });
    }
    muxer.bytes
}

/// For each segment its length in seconds, and the seconds from its start to each splice in it.
fn told(bytes: &[u8]) -> Vec<(f64, Vec<f64>)> {
    let cuts = cut(bytes, FOUR_SECONDS);
    let of = |cut: &Segment| {
        let start = i64::try_from(cut.start).unwrap();
        let seconds = |at: i64| f64::from(i32::try_from(at - start).unwrap()) / 90_000.0;
        let splices = cut.splices.iter().map(|splice| seconds(splice.at));
        (cut.length().as_secs_f64(), splices.collect())
    };
    cuts.iter().map(of).collect()
}

#[test]
fn a_splice_cuts_short_of_the_target_and_comes_with_the_segment_before() {
    let at = |seconds: u64| Some(START + seconds * SECOND);
    let sections = [
        (10, splice::insert(1, Out(at(6)), 0)),
        (160, splice::insert(1, In(at(9)), 0)),
    ];
    assert_eq!(
        told(&stream(START, 14, &sections)),
        [
            (4.0, vec![6.0]),
            (2.0, vec![]),
            (3.0, vec![3.0]),
            (4.0, vec![]),
            (1.0, vec![])
        ]
    );
    let bytes = stream(START, 14, &sections);
    let cuts = cut(&bytes, FOUR_SECONDS);
    assert_eq!(cuts[0].splices[0].section, sections[0].1);
    joined::check(&bytes, &data(&cuts));
}

#[test]
fn a_segment_that_ends_at_the_splice_anyway_is_not_cut_again() {
    let section = splice::insert(1, Out(Some(START + 4 * SECOND)), 0);
    assert_eq!(
        told(&stream(START, 8, &[(10, section)])),
        [(4.0, vec![4.0]), (4.0, vec![])]
    );
}

#[test]
fn an_adjusted_stamp_and_one_behind_the_wrap() {
    let first = (1 << 33) - 2 * SECOND;
    for (stamp, adjustment) in [(first + 3 * SECOND, 0), (first, 3 * SECOND)] {
        let section = splice::insert(1, Out(Some(stamp % (1 << 33))), adjustment);
        assert_eq!(
            told(&stream(first, 7, &[(10, section)])),
            [(3.0, vec![3.0]), (4.0, vec![])]
        );
    }
}

#[test]
fn the_program_returns_by_itself_if_it_was_said_so() {
    for (auto_return, expected) in [(true, vec![2.0, 3.0, 3.0]), (false, vec![2.0, 4.0, 2.0])] {
        let out = OutFor(Some(START + 2 * SECOND), 3 * SECOND, auto_return);
        let section = splice::insert(1, out, 0);
        let lengths: Vec<_> = told(&stream(START, 8, &[(10, section)]))
            .into_iter()
            .map(|(length, _)| length)
            .collect();
        assert_eq!(lengths, expected);
    }
}

#[test]
fn an_immediate_splice_cuts_at_the_next_access_point() {
    let section = splice::insert(1, Out(None), 0);
    let cuts = told(&stream(START, 8, &[(30, section)]));
    assert_eq!((cuts[0].0, cuts[1].0), (2.0, 4.0));
    // The picture before it is not decided on yet.
    assert_eq!(cuts[0].1, [28.0 / 25.0]);
}

#[test]
fn a_repeated_section_counts_once_and_a_cancelled_one_not_at_all() {
    let out = || splice::insert(1, Out(Some(START + 6 * SECOND)), 0);
    let repeated = [(10, out()), (40, out()), (140, out())];
    assert_eq!(
        told(&stream(START, 8, &repeated)),
        [(4.0, vec![6.0]), (2.0, vec![]), (2.0, vec![])]
    );
    let cancelled = [(10, out()), (40, splice::insert(1, Cancel, 0))];
    let none = [(4.0, vec![]), (4.0, vec![])];
    assert_eq!(told(&stream(START, 8, &cancelled)), none);
    let signal = |segmentation| {
        let at = Some(START + 6 * SECOND);
        splice::time_signal(at, &[segmentation])
    };
    let cancelled = [
        (10, signal(Segmentation::new(5, 0x34, None))),
        (40, signal(Segmentation::cancelled(5))),
    ];
    assert_eq!(told(&stream(START, 8, &cancelled)), none);
}

/// A splice that was told already is cancelled by a splice of its own.
#[test]
fn a_late_cancellation_is_told() {
    let out = splice::insert(1, Out(Some(START + 7 * SECOND)), 0);
    let sections = [(10, out), (120, splice::insert(1, Cancel, 0))];
    let cuts = cut(&stream(START, 8, &sections), FOUR_SECONDS);
    assert_eq!(cuts.len(), 2);
    let Command::Insert(insert) = cuts[1].splices[0].info.command else {
        panic!();
    };
    assert_eq!(insert.action, Action::Cancel);
}

#[test]
fn only_what_leaves_the_program_or_resumes_it_cuts() {
    let at = Some(START + 6 * SECOND);
    for (kind, lengths) in [
        (0x34, vec![4.0, 2.0, 2.0]),
        (0x35, vec![4.0, 2.0, 2.0]),
        (0x10, vec![4.0, 4.0]),
    ] {
        let section = splice::time_signal(at, &[Segmentation::new(1, kind, None)]);
        let found = told(&stream(START, 8, &[(10, section)]));
        let found_lengths: Vec<_> = found.iter().map(|(length, _)| *length).collect();
        assert_eq!(found_lengths, lengths, "{kind:#x}");
        assert_eq!(found[0].1, [6.0]);
    }
    // Heartbeats say nothing.
    let found = told(&stream(START, 8, &[(10, splice::section(0, 0, &[], &[]))]));
    assert_eq!(found, [(4.0, vec![]), (4.0, vec![])]);
}

#[test]
fn a_damaged_section_is_ignored() {
    let mut section = splice::insert(1, Out(Some(START + 6 * SECOND)), 0);
    section[16] ^= 1;
    assert_eq!(
        told(&stream(START, 8, &[(10, section)])),
        [(4.0, vec![]), (4.0, vec![])]
    );
}

#[test]
fn encrypted_information_comes_with_the_time_at_which_it_came() {
    let mut section = splice::insert(1, Out(Some(START + 6 * SECOND)), 0);
    section.truncate(section.len() - 4);
    section[4] |= 0x80;
    let section = super::common::muxer::seal(section);
    let bytes = stream(START, 8, &[(26, section)]);
    assert_eq!(told(&bytes)[0], (4.0, vec![1.0]));
    assert_eq!(
        cut(&bytes, FOUR_SECONDS)[0].splices[0].info.command,
        Command::Encrypted
    );
}
