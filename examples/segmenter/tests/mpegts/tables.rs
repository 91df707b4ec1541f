//! PAT and PMT: their insertion, and their changes.

use super::common::muxer::{HEVC, MPEG_AUDIO, pmt, seal, section};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn video(pid: u16) -> [Stream; 1] {
    [Stream::new(H264, pid)]
}

/// A second of pictures on a PID, the first one a random access point.
fn second(muxer: &mut Muxer, number: u64, pid: u16) {
    for index in 0..25 {
        let flags = if index == 0 { RANDOM_ACCESS } else { 0 };
        muxer.pes(&Pes {
            pid,
            ..picture(number * 25 + index, flags)
        });
    }
}

#[test]
fn tables_before_an_access_point_begin_the_segment() {
    let mut muxer = Muxer::default();
    for number in 0..4 {
        muxer.pat(0, &[(1, PMT)]);
        muxer.pmt(PMT, 1, 0, &video(VIDEO));
        second(&mut muxer, number, VIDEO);
    }
    let cuts = cut(&muxer.bytes, SECOND);
    assert_eq!(cuts.len(), 4);
    assert_eq!(
        joined::check(&muxer.bytes, &data(&cuts)),
        0,
        "nothing is inserted"
    );
    for cut in &cuts {
        assert_eq!(joined::check_beginning(&cut.data, VIDEO), 376..564);
    }
}

#[test]
fn tables_are_inserted_unless_both_are_there_in_order_and_next_to_it() {
    type Mux = fn(&mut Muxer);
    let between: [Mux; 7] = [
        |_| {},
        |muxer| muxer.pat(0, &[(1, PMT)]),
        |muxer| muxer.pmt(PMT, 1, 0, &video(VIDEO)),
        |muxer| {
            muxer.pmt(PMT, 1, 0, &video(VIDEO));
            muxer.pat(0, &[(1, PMT)]);
        },
        |muxer| {
            muxer.pat(0, &[(1, PMT)]);
            muxer.pmt(PMT, 1, 0, &video(VIDEO));
            muxer.null();
        },
        |muxer| {
            muxer.pat(0, &[(1, PMT)]);
            muxer.pmt(PMT, 1, 0, &video(VIDEO));
            muxer.repeat();
        },
        |muxer| {
            muxer.pat(0, &[(1, PMT)]);
            muxer.null();
            muxer.pmt(PMT, 1, 0, &video(VIDEO));
        },
    ];
    for (case, between) in between.into_iter().enumerate() {
        let mut muxer = Muxer::default();
        muxer.pat(0, &[(1, PMT)]);
        muxer.pmt(PMT, 1, 0, &video(VIDEO));
        for number in 0..20 {
            second(&mut muxer, number, VIDEO);
            between(&mut muxer);
        }
        let cuts = cut(&muxer.bytes, SECOND);
        assert_eq!(cuts.len(), 20, "case {case}");
        assert_eq!(joined::check(&muxer.bytes, &data(&cuts)), 19, "case {case}");
        for cut in &cuts[1..] {
            assert_eq!(
                joined::check_beginning(&cut.data, VIDEO),
                376..564,
                "case {case}"
            );
        }
    }
}

/// Twenty segments with inserted tables: the counters, which count to 16, go round.
#[test]
fn losses_and_repetitions_of_tables_stay_as_visible_as_they_were() {
    let mut muxer = h264();
    for number in 0..40 {
        second(&mut muxer, number, VIDEO);
        muxer.pat(0, &[(1, PMT)]);
        if number % 3 == 0 {
            muxer.repeat();
        }
        if number % 5 == 0 {
            muxer.lose(0);
        }
        muxer.null();
    }
    let cuts = cut(&muxer.bytes, SECOND * 2);
    assert_eq!(joined::check(&muxer.bytes, &data(&cuts)), 19);
}

#[test]
fn a_long_table_takes_several_packets() {
    let streams = || -> Vec<Stream> {
        let language = vec![0x0A, 4, b'e', b'n', b'g', 0];
        let audio = (0..40).map(|n| Stream {
            descriptors: language.clone(),
            ..Stream::new(MPEG_AUDIO, 0x200 + n)
        });
        video(VIDEO).into_iter().chain(audio).collect()
    };
    for in_front in [0, 1] {
        let mut muxer = Muxer::default();
        for number in 0..20 {
            if number == 0 || in_front == 1 {
                muxer.pat(0, &[(1, PMT)]);
                muxer.pmt(PMT, 1, 0, &streams());
            }
            second(&mut muxer, number, VIDEO);
        }
        let cuts = cut(&muxer.bytes, SECOND);
        let expected = if in_front == 1 { 0 } else { 19 };
        assert_eq!(joined::check(&muxer.bytes, &data(&cuts)), expected);
        for cut in &cuts {
            // 462 bytes with the pointer, in packets of 184.
            assert_eq!(joined::check_beginning(&cut.data, VIDEO).start, 4 * 188);
        }
    }
}

#[test]
fn the_first_segment_gets_tables_in_front_if_media_lead() {
    let mut muxer = Muxer::default();
    muxer.pes(&picture(0, 0));
    muxer.pat(0, &[(1, PMT)]);
    muxer.pes(&picture(1, RANDOM_ACCESS));
    muxer.pmt(PMT, 1, 0, &video(VIDEO));
    muxer.pes(&picture(26, RANDOM_ACCESS));
    muxer.pes(&picture(51, RANDOM_ACCESS));
    let cuts = cut(&muxer.bytes, SECOND);
    assert_eq!(joined::check_beginning(&cuts[0].data, VIDEO), 376..564);
    for pid in [0, PMT] {
        let of_pid = joined::packets(&cuts[0].data).filter(|packet| joined::pid(packet) == pid);
        assert_eq!(
            of_pid.map(|packet| packet[3] & 0x0F).collect::<Vec<_>>(),
            [0, 1]
        );
    }
    // The first access point came before the PMT, and the first picture counts too.
    assert_eq!(seconds(&cuts[..2]), [1.04, 1.0]);
}

#[test]
fn what_leads_the_stream_stays_in_the_first_segment() {
    let mut muxer = Muxer::default();
    muxer.section(0x11, &section(0x42, 1, 0, &[0; 8]));
    muxer.null();
    muxer.bytes.extend(h264().bytes);
    pictures(&mut muxer, 50);
    let cuts = cut(&muxer.bytes, SECOND);
    assert_eq!(cuts[0].data[..188], muxer.bytes[..188]);
    assert_eq!(
        joined::check(&muxer.bytes, &data(&cuts)),
        1,
        "only the second segment needs tables"
    );
}

#[test]
fn a_program_may_move_and_change() {
    let moves: [&[(u16, u16, u8, u16)]; 3] = [
        // PMT PID, program, version, video PID: another video, another PMT PID, another program.
        &[(PMT, 1, 0, VIDEO), (PMT, 1, 1, 0x300)],
        &[
            (PMT, 1, 0, VIDEO),
            (0x1001, 1, 1, VIDEO),
            (PMT, 1, 2, 0x300),
        ],
        &[(PMT, 1, 0, VIDEO), (0x1001, 2, 0, 0x300)],
    ];
    for moves in moves {
        let mut muxer = Muxer::default();
        let mut number = 0;
        for (version, &(pmt_pid, program, pmt_version, pid)) in (0..).zip(moves) {
            muxer.pat(version, &[(program, pmt_pid)]);
            muxer.pmt(pmt_pid, program, pmt_version, &video(pid));
            for _ in 0..3 {
                second(&mut muxer, number, pid);
                number += 1;
            }
        }
        let cuts = cut(&muxer.bytes, SECOND);
        assert_eq!(seconds(&cuts), vec![1.0; moves.len() * 3]);
        for (cut, number) in cuts.iter().zip(0..) {
            joined::check_beginning(&cut.data, moves[number / 3].3);
        }
    }
}

#[test]
fn until_the_map_table_has_moved_the_old_tables_hold() {
    let mut muxer = h264();
    second(&mut muxer, 0, VIDEO);
    muxer.pat(1, &[(1, 0x1001)]);
    second(&mut muxer, 1, VIDEO);
    for _ in 0..5 {
        muxer.lose(0x1001);
    }
    muxer.pmt(0x1001, 1, 0, &video(VIDEO));
    second(&mut muxer, 2, VIDEO);
    let cuts = cut(&muxer.bytes, SECOND);
    assert_eq!(cuts.len(), 3);
    let pids = |cut: &Segment| {
        joined::packets(&cut.data)
            .take(3)
            .map(joined::pid)
            .collect::<Vec<_>>()
    };
    assert_eq!(pids(&cuts[1]), [0, PMT, VIDEO]);
    assert_eq!(pids(&cuts[2]), [0, 0x1001, VIDEO]);
}

#[test]
fn a_table_that_shares_its_packet_with_half_of_another_is_not_whole() {
    let mut muxer = h264();
    second(&mut muxer, 0, VIDEO);
    muxer.pat(0, &[(1, PMT)]);
    let from = muxer.bytes.len();
    muxer.packed_sections(
        PMT,
        &[pmt(1, 0, &video(VIDEO)), section(0x80, 0, 0, &[0; 250])],
    );
    let rest = muxer.bytes.split_off(from + 188);
    second(&mut muxer, 1, VIDEO);
    muxer.bytes.extend(rest);
    let cuts = cut(&muxer.bytes, SECOND);
    assert_eq!(cuts.len(), 2);
    assert_eq!(joined::check(&muxer.bytes, &data(&cuts)), 1);
}

#[test]
fn tables_for_later_and_damaged_ones_change_nothing() {
    let good = pmt(1, 1, &[Stream::new(HEVC, 0x300)]);
    let mut next = good[..good.len() - 4].to_vec();
    next[5] &= !1;
    let mut damaged = good;
    damaged[14] ^= 1;
    for table in [seal(next), damaged] {
        let mut muxer = h264();
        muxer.section(PMT, &table);
        pictures(&mut muxer, 75);
        assert_eq!(cut_at_seconds(&muxer.bytes, 1), [1.0; 3]);
    }
}

#[test]
fn the_first_program_with_video_is_cut_and_audio_only_where_there_is_none() {
    let audio = || [Stream::new(MPEG_AUDIO, AUDIO)];
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(0, 0x10), (1, 0x1001), (2, PMT), (3, 0x1003)]);
    muxer.pmt(0x1001, 1, 0, &audio());
    muxer.pmt(PMT, 2, 0, &video(VIDEO));
    pictures(&mut muxer, 50);
    let mut cutter = Cutter::new(SECOND);
    let mut cuts = Vec::new();
    cutter
        .push(&muxer.bytes, &mut cuts)
        .expect("one program is enough");
    assert_eq!(
        cutter.take_notices(),
        [Notice::SeveralPrograms {
            count: 3,
            kept: None
        }]
    );
    assert_eq!(cuts.len(), 1);

    // The program that never shows its PMT might have had video.
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT), (2, 0x1002)]);
    for index in 0..50 {
        muxer.pmt(PMT, 1, 0, &audio());
        muxer.pes(&Pes {
            pid: AUDIO,
            ..picture(index, 0)
        });
    }
    assert_eq!(cut_at_seconds(&muxer.bytes, 1), [1.0, 1.0]);
}

#[test]
fn a_pat_may_have_several_sections() {
    let mut muxer = Muxer::default();
    let part = |version: u8, number: u8, program: u16, pid: u16| {
        let body = [program.to_be_bytes(), (pid | 0xE000).to_be_bytes()].concat();
        let mut bytes = section(0, 1, version, &body);
        bytes.truncate(bytes.len() - 4);
        (bytes[6], bytes[7]) = (number, 1);
        seal(bytes)
    };
    muxer.section(0, &part(0, 1, 2, PMT));
    muxer.section(0, &part(0, 0, 1, 0x1001));
    muxer.pmt(PMT, 2, 0, &video(VIDEO));
    pictures(&mut muxer, 50);
    let cuts = cut(&muxer.bytes, SECOND);
    assert_eq!(
        joined::check_beginning(&cuts[1].data[188..], VIDEO).start,
        376
    );
    let parts = |cut: &Segment| -> Vec<(u8, u8)> {
        cut.data
            .chunks(188)
            .take(2)
            .map(|packet| (packet[5 + 5] >> 1 & 0x1F, packet[5 + 6]))
            .collect()
    };
    assert_eq!(
        parts(&cuts[1]),
        [(0, 0), (0, 1)],
        "version and number: both sections, in order"
    );

    // Half of the next version changes nothing.
    muxer.section(0, &part(1, 0, 1, 0x1002));
    for index in 50..100 {
        muxer.pes(&picture(
            index,
            if index % 25 == 0 { RANDOM_ACCESS } else { 0 },
        ));
    }
    let cuts = cut(&muxer.bytes, SECOND);
    assert_eq!(parts(&cuts[3]), [(0, 0), (0, 1)]);
}

#[test]
fn sections_may_follow_each_other_directly() {
    let audio = (0..50)
        .map(|n| Stream::new(MPEG_AUDIO, 0x200 + n))
        .collect::<Vec<_>>();
    let other = || section(0x80, 0, 0, &[0; 160]);
    for sections in [
        vec![pmt(2, 0, &audio), pmt(1, 0, &video(VIDEO)), other()],
        vec![other(), pmt(1, 0, &video(VIDEO)), pmt(2, 0, &audio)],
    ] {
        let mut muxer = Muxer::default();
        muxer.pat(0, &[(1, PMT), (2, PMT)]);
        muxer.packed_sections(PMT, &sections);
        pictures(&mut muxer, 50);
        let cuts = cut(&muxer.bytes, SECOND);
        assert_eq!(cuts.len(), 2);
        joined::check_beginning(&cuts[1].data, VIDEO);
    }
}

#[test]
fn a_program_is_cut_by_its_first_video() {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT)]);
    let second_video = Stream::new(H264, 0x300);
    let [first_video] = video(VIDEO);
    muxer.pmt(
        PMT,
        1,
        0,
        &[Stream::new(MPEG_AUDIO, AUDIO), first_video, second_video],
    );
    for number in 0..3 {
        second(&mut muxer, number, 0x300);
        muxer.pes(&Pes {
            pid: AUDIO,
            ..picture(number * 25, 0)
        });
        second(&mut muxer, number, VIDEO);
    }
    let cuts = cut(&muxer.bytes, SECOND);
    assert_eq!(cuts.len(), 3);
    for cut in &cuts[1..] {
        joined::check_beginning(&cut.data, VIDEO);
    }
}
