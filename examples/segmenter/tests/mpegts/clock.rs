//! Durations from the clocks that the stream has.

use super::common::muxer::DISCONTINUITY;
use super::*;

const WRAP: u64 = 1 << 33;

/// Ten seconds of pictures whose stamps `at` gives, in segments of two.
fn seconds_with(at: impl Fn(u64) -> Pes) -> Vec<f64> {
    let mut muxer = h264();
    for index in 0..250 {
        let mut pes = at(index);
        pes.flags |= if index % 25 == 0 { RANDOM_ACCESS } else { 0 };
        muxer.pes(&pes);
    }
    cut_at_seconds(&muxer.bytes, 2)
}

fn assert_five_times_two(seconds: &[f64]) {
    let rounded: Vec<f64> = seconds.iter().map(|s| (s * 1e6).round() / 1e6).collect();
    assert_eq!(rounded, [2.0; 5]);
}

#[test]
fn stamps_wrap_around() {
    assert_five_times_two(&seconds_with(|index| {
        let stamp = (WRAP - 4 * 90_000 + index * FRAME) % WRAP;
        Pes {
            presented: Some((stamp + 2 * FRAME) % WRAP),
            decoded: Some(stamp),
            ..picture(0, 0)
        }
    }));
}

#[test]
fn pictures_are_shown_in_another_order_than_they_come_in() {
    // I, P, B: shown are I, B, P.
    let order = [0, 2, 1];
    let mut muxer = h264();
    for index in 0..201 {
        let shown = index / 3 * 3 + order[usize::try_from(index % 3).unwrap()];
        let mut pes = picture(shown + 1, if index % 30 == 0 { RANDOM_ACCESS } else { 0 });
        pes.decoded = Some(START + index * FRAME);
        muxer.pes(&pes);
    }
    let seconds = cut_at_seconds(&muxer.bytes, 2);
    assert_eq!(seconds, [2.4, 2.4, 2.4, 0.84]);
}

#[test]
fn the_first_segment_begins_with_what_is_shown_first() {
    let mut muxer = h264();
    // An open group: two pictures that come after the first one are shown before it.
    for (index, flags) in [
        (2, RANDOM_ACCESS),
        (0, 0),
        (1, 0),
        (3, 0),
        (52, RANDOM_ACCESS),
    ] {
        muxer.pes(&picture(index, flags));
    }
    let seconds = cut_at_seconds(&muxer.bytes, 2);
    assert_eq!(seconds[..1], [2.08]);
}

#[test]
fn an_announcement_without_a_jump_changes_nothing() {
    assert_five_times_two(&seconds_with(|index| {
        let flags = if index % 40 == 0 { DISCONTINUITY } else { 0 };
        picture(index, flags)
    }));
}

#[test]
fn the_program_clock_says_nothing_of_when_a_picture_with_stamps_is_shown() {
    assert_five_times_two(&seconds_with(|index| {
        let pes = picture(index + 125, 0);
        let pcr = Some(START + index * FRAME);
        // The first pictures have no stamps; then there are some, five seconds after the clock.
        let presented = pes.presented.filter(|_| index >= 10);
        Pes {
            presented,
            pcr,
            ..pes
        }
    }));
}

#[test]
fn pictures_that_nobody_can_read_are_timed_by_the_program_clock() {
    let scramble = |packet: &mut [u8]| packet[3] |= 0x80;
    let overwrite = |packet: &mut [u8]| packet[12..14].fill(0xFF);
    for make_unreadable in [scramble as fn(&mut [u8]), overwrite] {
        let mut muxer = h264();
        for index in 0..50 {
            // Every other one has its last bit set.
            let pcr = Some(START + index * FRAME + index % 2);
            let flags = if index % 25 == 0 { RANDOM_ACCESS } else { 0 };
            muxer.pes(&Pes {
                pcr,
                ..picture(1000 - index, flags)
            });
        }
        for packet in muxer
            .bytes
            .chunks_mut(188)
            .filter(|packet| joined::pid(packet) == VIDEO)
        {
            make_unreadable(packet);
        }
        assert_eq!(cut_at_seconds(&muxer.bytes, 1), [1.000_011_111; 2]);
    }
}

#[test]
fn a_program_may_go_from_audio_to_video() {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[Stream::new(0x03, AUDIO)]);
    for index in 0..25 {
        muxer.pes(&Pes {
            pid: AUDIO,
            ..picture(index, 0)
        });
    }
    muxer.pmt(PMT, 1, 1, &[Stream::new(H264, VIDEO)]);
    muxer.pes(&picture(25, RANDOM_ACCESS));
    assert_eq!(cut_at_seconds(&muxer.bytes, 1), [1.0, 0.04]);
}

#[test]
fn a_gap_is_time_that_passed() {
    let seconds = seconds_with(|index| Pes {
        // One byte of stuffing without flags, and then what looks like one that announces a break.
        split: vec![100, 183],
        ..picture(if index < 60 { index } else { index + 100 }, 0)
    });
    assert_eq!(seconds, [2.0, 5.0, 2.0, 2.0, 2.0, 1.0]);
}

#[test]
fn not_every_picture_needs_a_time() {
    assert_five_times_two(&seconds_with(|index| {
        let mut pes = picture(index, 0);
        pes.presented = pes.presented.filter(|_| index % 7 == 0);
        pes
    }));
}

#[test]
fn without_stamps_the_program_clock_counts() {
    let seconds = seconds_with(|index| Pes {
        presented: None,
        pcr: (index % 2 == 0).then_some((WRAP - 90_000 * 3 + index * FRAME) % WRAP),
        ..picture(0, 0)
    });
    // A picture between two clock references counts as the earlier one's.
    let last = seconds.len() - 1;
    assert!((seconds[last] - 1.96).abs() < 1e-6, "{seconds:?}");
    assert_five_times_two(&[&seconds[..last], &[2.0]].concat());
}

#[test]
fn a_time_from_before_the_segment_is_no_reason_to_cut() {
    let seconds = seconds_with(|index| match index {
        // A picture that would make the segment negative.
        25 => picture(0, 0),
        _ => picture(index + 20, 0),
    });
    assert!(
        seconds
            .iter()
            .all(|&seconds| seconds > 0.0 && seconds < 5.0),
        "{seconds:?}"
    );
}

#[test]
fn one_picture_lasts_a_moment() {
    let mut muxer = h264();
    muxer.pes(&picture(0, RANDOM_ACCESS));
    assert_eq!(cut_at_seconds(&muxer.bytes, 2), [0.04]);
}

/// AAC frames vary in size, and how many are in the last PES packet nobody says.
#[test]
fn the_last_audio_packet_lasts_as_long_as_its_frames() {
    let frame = |len: u16| {
        let [high, low] = (len << 5 | 0x1F).to_be_bytes();
        let mut frame = [
            0xFF,
            0xF1,
            0x4C,
            0x80 | u8::try_from(len >> 11).unwrap(),
            high,
            low,
            0xFC,
        ];
        frame[4] = u8::try_from(len >> 3 & 0xFF).unwrap();
        // Inside, more of what looks like the beginning of one.
        frame
            .iter()
            .copied()
            .cycle()
            .take(usize::from(len))
            .collect::<Vec<u8>>()
    };
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[Stream::new(0x0F, AUDIO)]);
    let mut at = START;
    for lens in [
        &[100, 200, 300, 400][..],
        &[50; 8],
        &[300, 10, 10, 10],
        &[500, 8],
    ] {
        let content = lens.iter().flat_map(|&len| frame(len)).collect();
        muxer.pes(&Pes {
            pid: AUDIO,
            presented: Some(at),
            content,
            ..Pes::default()
        });
        at += lens.len() as u64 * 1920;
    }
    assert_eq!(cut_at_seconds(&muxer.bytes, 2), [18.0 * 1920.0 / 90_000.0]);
}
