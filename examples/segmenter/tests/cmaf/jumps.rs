//! Decode times that do not continue those before.

use segmenter::{Notice, Segmenter};

use super::maker::{
    NON_SYNC, Part, SYNC, Track, fragment, ftyp, initialisation, moov, plain, second, styp,
};
use super::*;

/// A second of video for each: when it begins, in seconds, and the flags of its first picture.
fn stream(parts: &[(u64, u32)]) -> Vec<u8> {
    let fragments = parts.iter().flat_map(|&(at, flags)| second(at, flags));
    initialisation().into_iter().chain(fragments).collect()
}

/// The seconds of each segment, and whether it is a discontinuity and can be decoded alone.
fn told(cuts: &[Segment]) -> Vec<(f64, bool, bool)> {
    cuts.iter()
        .filter(|cut| cut.kind == SegmentKind::Media)
        .map(|cut| {
            (
                cut.length().as_secs_f64(),
                cut.discontinuity,
                cut.independent,
            )
        })
        .collect()
}

fn starts(cuts: &[Segment]) -> Vec<u64> {
    let media = cuts.iter().filter(|cut| cut.kind == SegmentKind::Media);
    media.map(|cut| cut.start).collect()
}

#[test]
fn decode_times_that_step_back_are_a_discontinuity() {
    let times = [0, 1, 2, 0, 1, 2].map(|at| (at, SYNC));
    let cuts = cut(&stream(&times), 2 * SECOND);
    assert_eq!(
        told(&cuts),
        [
            (2.0, false, true),
            (1.0, false, true),
            (2.0, true, true),
            (1.0, false, true)
        ]
    );
    assert_eq!(starts(&cuts), [0, 2000, 0, 2000]);
}

#[test]
fn ten_seconds_are_a_gap_and_more_is_a_discontinuity() {
    for (gap, expected) in [
        (10, vec![(11.0, false, true), (2.0, false, true)]),
        (11, vec![(1.0, false, true), (2.0, true, true)]),
    ] {
        let times = [0, 1 + gap, 2 + gap].map(|at| (at, SYNC));
        assert_eq!(told(&cut(&stream(&times), 2 * SECOND)), expected);
    }
}

/// The second sign makes the first one certain.
#[test]
fn after_a_repeated_initialisation_one_step_is_enough() {
    for last in [0, 1] {
        let input = [
            stream(&[(0, SYNC), (1, SYNC)]),
            initialisation(),
            second(last, SYNC),
        ];
        let cuts = cut(&input.concat(), 5 * SECOND);
        assert_eq!(told(&cuts), [(2.0, false, true), (1.0, true, true)]);
    }
    // It says nothing where the times go on.
    let input = [stream(&[(0, SYNC)]), initialisation(), second(1, SYNC)];
    let cuts = cut(&input.concat(), 5 * SECOND);
    assert_eq!(told(&cuts), [(2.0, false, true)]);
}

#[test]
fn one_wild_decode_time_is_not_believed() {
    for wild in [0, 5000] {
        let times = [100, 101, wild, 103, 104].map(|at| (at, SYNC));
        let cuts = cut(&stream(&times), SECOND);
        assert_eq!(told(&cuts), [(1.0, false, true); 5], "{wild}");
        assert_eq!(starts(&cuts), [100_000, 101_000, 102_000, 103_000, 104_000]);
        // As the last one it has no other beside it.
        let cuts = cut(&stream(&times[..3]), 2 * SECOND);
        assert_eq!(told(&cuts), [(2.0, false, true), (1.0, false, true)]);
    }
}

#[test]
fn a_step_that_repeats_is_time_that_passed() {
    let times = [0, 25, 50, 75, 100].map(|at| (at, SYNC));
    let cuts = cut(&stream(&times), SECOND);
    assert!(cuts.iter().all(|cut| !cut.discontinuity));
    assert_eq!(seconds(&cuts), [25.0, 25.0, 25.0, 25.0, 1.0]);
}

/// Between a jump and the next access point no decoder can begin.
#[test]
fn what_cannot_be_decoded_after_a_jump_is_kept_or_dropped() {
    let input = stream(&[
        (0, SYNC),
        (1, NON_SYNC),
        (500, NON_SYNC),
        (501, NON_SYNC),
        (502, SYNC),
        (503, SYNC),
    ]);
    let cuts = cut(&input, 5 * SECOND);
    assert_eq!(
        told(&cuts),
        [(2.0, false, true), (2.0, true, false), (2.0, false, true)]
    );

    let mut cutter = Cutter::new(5 * SECOND).drop_undecodable();
    let mut cuts = Vec::new();
    cutter.push(&input, &mut cuts).unwrap();
    cutter.finish(&mut cuts).unwrap();
    assert_eq!(told(&cuts), [(2.0, false, true), (2.0, true, true)]);
    let bytes = 2 * second(500, NON_SYNC).len() as u64;
    assert_eq!(
        cutter.take_notices(),
        [
            Notice::Jump {
                ticks: 498 * 90_000
            },
            Notice::Dropped { bytes }
        ]
    );
}

#[test]
fn what_leads_the_first_fragment_behind_a_jump_goes_with_it() {
    let input = [
        stream(&[(0, SYNC)]),
        styp(),
        second(700, SYNC),
        styp(),
        second(701, SYNC),
    ];
    let cuts = cut(&input.concat(), 5 * SECOND);
    assert_eq!(
        names(&cuts)[1..],
        [
            vec!["moof", "mdat"],
            vec!["styp", "moof", "mdat", "styp", "moof", "mdat"]
        ]
    );
}

/// The segments that the start of an input completes, if they are wanted at once.
fn promptly(input: &[u8], target: Duration) -> Vec<Segment> {
    let mut cutter = Cutter::new(target).promptly();
    let mut cuts = Vec::new();
    cutter.push(input, &mut cuts).unwrap();
    cuts
}

#[test]
fn a_segment_is_complete_with_its_last_fragment_if_all_begin_with_access_points() {
    let input = stream(&[(0, SYNC), (1, SYNC), (2, SYNC), (3, SYNC)]);
    let cuts = promptly(&input, 2 * SECOND);
    assert_eq!(told(&cuts), [(2.0, false, true), (2.0, false, true)]);
    // By default it waits for the next fragment, which tells the exact duration.
    let mut late = Vec::new();
    Cutter::new(2 * SECOND).push(&input, &mut late).unwrap();
    assert_eq!(told(&late), [(2.0, false, true)]);

    // One fragment shows no habit.
    assert_eq!(promptly(&stream(&[(0, SYNC)]), SECOND).len(), 1);
    let input = stream(&[(0, SYNC), (1, NON_SYNC), (2, SYNC)]);
    assert_eq!(told(&promptly(&input, 2 * SECOND)), [(2.0, false, true)]);
}

/// Fragments of several random access points may end anywhere.
#[test]
fn a_segment_waits_if_access_points_are_also_inside_of_fragments() {
    let inside = |at: u64| {
        let mut part = Part::video(1000 * at, 25, SYNC);
        let mut flags = vec![NON_SYNC; 25];
        (flags[0], flags[12]) = (SYNC, SYNC);
        part.runs[0].first_flags = None;
        part.runs[0].columns[2] = Some(flags);
        fragment(&[part])
    };
    let input = [initialisation(), inside(0), inside(1), inside(2)].concat();
    assert_eq!(told(&promptly(&input, SECOND)), [(1.0, false, true); 2]);
    // A second media data box may belong to the same fragment.
    let mut part = Part::video(1000, 25, SYNC);
    part.size = Some(8);
    let half = [
        initialisation(),
        second(0, SYNC),
        super::maker::moof(&[part]),
        plain("mdat", &[&[0xAB; 100]]),
    ];
    let rest = plain("mdat", &[&[0xAB; 100]]);
    assert_eq!(told(&promptly(&half.concat(), 2 * SECOND)), []);
    let whole = [half.concat(), rest].concat();
    assert_eq!(told(&promptly(&whole, 2 * SECOND)), [(2.0, false, true)]);
}

#[test]
fn audio_alone_is_complete_with_any_fragment() {
    let part = |at: u64| fragment(&[Part::audio(48_000 * at, 47)]);
    let input = [ftyp(), moov(&[Track::audio()]), part(0)].concat();
    assert_eq!(promptly(&input, SECOND / 2).len(), 2);
}

#[test]
fn a_habit_that_ends_makes_one_segment_that_cannot_be_decoded_alone() {
    let input = stream(&[(0, SYNC), (1, SYNC), (2, NON_SYNC), (3, SYNC), (4, SYNC)]);
    let cuts = promptly(&input, 2 * SECOND);
    // The fragment at 4 s shows where the segment before it ends.
    assert_eq!(told(&cuts), [(2.0, false, true), (2.0, false, false)]);
}

/// The file of the real report: the same file twice.
#[test]
fn a_restarted_encoder_is_a_discontinuity_for_players() {
    let Some(made) = made::Made::of_sample("a_restart", &["-movflags", made::FRAGMENTED]) else {
        return;
    };
    let twice = [&made.bytes[..], &made.bytes].concat();
    let mut segmenter = Segmenter::new(2 * SECOND).for_players(None);
    let mut segments = Vec::new();
    segmenter.push(&twice, &mut segments).unwrap();
    segmenter.finish(&mut segments).unwrap();
    let breaks = segments.iter().filter(|segment| segment.discontinuity);
    assert_eq!(breaks.count(), 1);
    assert!(matches!(
        segmenter.take_notices()[..],
        [Notice::Jump { .. }]
    ));
}

/// As muxers write them that have a fragment for each track: audio of the new time comes first.
#[test]
fn fragments_of_audio_before_a_jump_of_the_video_go_with_it() {
    let audio = |at: u64| fragment(&[Part::audio(48_000 * at, 47)]);
    let head = [ftyp(), moov(&[Track::video(), Track::audio()])].concat();
    for (is_repeated, restart) in [(false, 0), (true, 0), (false, 500), (true, 500)] {
        let mut input = head.clone();
        let mut len = 0;
        for at in [0, 1, 2, restart, restart + 1, restart + 2] {
            if at == restart && input.len() > head.len() * 2 {
                len = input.len() - head.len();
                if is_repeated {
                    input.extend(&head);
                }
                input.extend(styp());
            }
            input.extend(audio(at));
            input.extend(second(at, SYNC));
        }
        let cuts = cut(&input, 5 * SECOND);
        assert_eq!(told(&cuts), [(3.0, false, true), (3.0, true, true)]);
        assert_eq!(starts(&cuts), [0, 1000 * restart]);
        assert_eq!(cuts[1].data.len(), len, "{is_repeated}, {restart}");
        assert_eq!(names(&cuts)[2][0], "styp");
    }
    // Audio that jumps alone stays where it is.
    let mut input = head;
    for at in 0..6 {
        input.extend(audio(if at < 3 { at } else { at + 500 }));
        input.extend(second(at, SYNC));
    }
    let cuts = cut(&input, 3 * SECOND);
    assert_eq!(told(&cuts), [(3.0, false, true), (3.0, false, true)]);
    assert_eq!(cuts[1].data.len() - cuts[2].data.len(), 2 * audio(0).len());
}

#[test]
fn one_wild_decode_time_between_fragments_of_audio_is_not_believed() {
    let mut input = [ftyp(), moov(&[Track::video(), Track::audio()])].concat();
    for (at, video) in [(0, 0), (1, 1), (2, 5000), (3, 3), (4, 4)] {
        input.extend(fragment(&[Part::audio(48_000 * at, 47)]));
        input.extend(second(video, SYNC));
    }
    let cuts = cut(&input, SECOND);
    assert_eq!(told(&cuts), [(1.0, false, true); 5]);
}

/// Else it would lead the next segment, and players would wait for the video of its time.
#[test]
fn a_segment_is_complete_with_the_audio_of_its_last_fragment() {
    let audio = |at: u64| fragment(&[Part::audio(48_000 * at, 47)]);
    let head = [ftyp(), moov(&[Track::video(), Track::audio()])].concat();
    for audio_first in [true, false] {
        let mut input = head.clone();
        for at in 0..4 {
            let parts = [audio(at), second(at, SYNC)];
            let parts = if audio_first {
                parts
            } else {
                [parts[1].clone(), parts[0].clone()]
            };
            input.extend(parts.concat());
        }
        let cuts = promptly(&input, 2 * SECOND);
        assert_eq!(told(&cuts), [(2.0, false, true); 2], "{audio_first}");
        assert_eq!(
            cuts[1].data.len(),
            2 * (audio(0).len() + second(0, SYNC).len())
        );
    }
    // Audio that has ended is not waited for longer than for the next fragment.
    let input = [
        &head[..],
        &audio(0),
        &second(0, SYNC),
        &second(1, SYNC),
        &second(2, SYNC),
    ];
    assert_eq!(
        told(&promptly(&input.concat(), 2 * SECOND)),
        [(2.0, false, true)]
    );
}
