//! Random access points: by the indicator, and by the bitstream.

use super::common::muxer::{H264, HEVC, MPEG_AUDIO, MPEG2, MPEG4, PRIVATE_DATA, Pes, VVC, picture};
use super::*;

/// Which of five pictures a second apart, all of them `content` but for the first, begin a
/// segment. The first one is a random access point by its indicator.
fn cuts_at(kind: u8, content: &[u8], split: &[usize]) -> usize {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[Stream::new(kind, VIDEO)]);
    for second in 0..5 {
        let mut pes = super::picture(second * 25, if second == 0 { RANDOM_ACCESS } else { 0 });
        if second > 0 {
            pes.content = content.to_vec();
            pes.split = split.to_vec();
        }
        muxer.pes(&pes);
    }
    cut(&muxer.bytes, Duration::from_secs(1)).len()
}

const EACH: usize = 5;
const NONE: usize = 1;

#[test]
fn h264_is_cut_at_idr_pictures_and_recovery_points() {
    assert_eq!(cuts_at(H264, &picture::h264_idr(), &[]), EACH);
    assert_eq!(cuts_at(H264, &picture::h264_recovery_point(), &[]), EACH);
    assert_eq!(cuts_at(H264, &picture::h264_other(), &[]), NONE);
    assert_eq!(cuts_at(H264, &picture::h264_other_message(), &[]), NONE);
}

#[test]
fn who_begins_at_an_idr_picture_needs_its_parameter_sets() {
    assert_eq!(
        cuts_at(H264, &picture::h264_idr_without_parameters(), &[]),
        NONE
    );
}

#[test]
fn hevc_is_cut_at_irap_pictures() {
    for kind in 0..=31 {
        let expected = if (16..=23).contains(&kind) {
            EACH
        } else {
            NONE
        };
        assert_eq!(
            cuts_at(HEVC, &picture::hevc(kind), &[]),
            expected,
            "NAL unit type {kind}"
        );
    }
}

#[test]
fn vvc_is_cut_at_idr_cra_and_gdr_pictures() {
    for kind in 0..=11 {
        let expected = if (7..=10).contains(&kind) { EACH } else { NONE };
        assert_eq!(
            cuts_at(VVC, &picture::vvc(kind), &[]),
            expected,
            "NAL unit type {kind}"
        );
    }
}

#[test]
fn mpeg_2_and_mpeg_4_are_cut_at_intra_pictures() {
    assert_eq!(cuts_at(MPEG2, &picture::mpeg2(1), &[]), EACH);
    assert_eq!(cuts_at(MPEG2, &picture::mpeg2(2), &[]), NONE);
    assert_eq!(cuts_at(MPEG4, &picture::mpeg4(0), &[]), EACH);
    assert_eq!(cuts_at(MPEG4, &picture::mpeg4(1), &[]), NONE);
}

/// The header of the PES packet, the start codes, the units and their escapes may all be split
/// between transport packets.
#[test]
fn a_picture_may_be_split_anywhere() {
    for len in 1..40 {
        let split = vec![len; 80];
        assert_eq!(
            cuts_at(H264, &picture::h264_idr(), &split),
            EACH,
            "IDR in {len}s"
        );
        assert_eq!(
            cuts_at(H264, &picture::h264_recovery_point(), &split),
            EACH,
            "SEI in {len}s"
        );
        assert_eq!(
            cuts_at(H264, &picture::h264_other_message(), &split),
            NONE,
            "other in {len}s"
        );
        assert_eq!(
            cuts_at(HEVC, &picture::hevc(19), &split),
            EACH,
            "IRAP in {len}s"
        );
        assert_eq!(
            cuts_at(MPEG2, &picture::mpeg2(1), &split),
            EACH,
            "intra in {len}s"
        );
    }
}

/// The parameter sets are there, and so is the IDR slice, but what was between them is not.
#[test]
fn a_picture_with_a_hole_is_no_access_point() {
    let idr = picture::h264_idr();
    let (parameters, slice) = idr.split_at(idr.len() - 6);
    let between = [&[0, 0, 1, 0x0C][..], &[0xFF; 50]].concat();
    let header = 14;
    let split = vec![header + parameters.len(), between.len()];
    let content = [parameters, &between, slice].concat();
    assert_eq!(cuts_at(H264, &content, &split), EACH);

    let mut muxer = h264();
    muxer.pes(&super::picture(0, RANDOM_ACCESS));
    for second in 1..5 {
        let from = muxer.bytes.len();
        let (content, split) = (content.clone(), split.clone());
        muxer.pes(&Pes {
            content,
            split,
            ..super::picture(second * 25, 0)
        });
        muxer.bytes.drain(from + 188..from + 376);
    }
    assert_eq!(cut_at_seconds(&muxer.bytes, 1).len(), 1);
}

/// As ISO/IEC 13818-1, 2.4.3.3 allows.
#[test]
fn every_packet_may_come_twice() {
    let mut muxer = Muxer::default();
    let audio = (0..90).map(|n| Stream::new(MPEG_AUDIO, 0x200 + n));
    let streams: Vec<Stream> = [Stream::new(H264, VIDEO)]
        .into_iter()
        .chain(audio)
        .collect();
    muxer.pat(0, &[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &streams);
    for index in 0..100 {
        let content = if index % 25 == 0 {
            picture::h264_idr()
        } else {
            picture::h264_other()
        };
        muxer.pes(&Pes {
            content,
            split: vec![20; 9],
            ..super::picture(index, 0)
        });
    }
    let twice: Vec<u8> = muxer
        .bytes
        .chunks(188)
        .flat_map(|packet| [packet, packet].concat())
        .collect();
    assert_eq!(cut_at_seconds(&twice, 1), [1.0; 4]);
}

#[test]
fn a_picture_ends_where_the_program_moves_to_another_pid() {
    let mut muxer = h264();
    muxer.pes(&super::picture(0, RANDOM_ACCESS));
    // The parameter sets on one PID, and what may look like the rest of the picture on another.
    let idr = picture::h264_idr();
    let (parameters, slice) = idr.split_at(idr.len() - 6);
    muxer.pes(&Pes {
        content: parameters.to_vec(),
        ..super::picture(25, 0)
    });
    muxer.pmt(PMT, 1, 1, &[Stream::new(H264, 0x300)]);
    let rest = muxer.bytes.len();
    let content = [&[0; 9][..], slice].concat();
    muxer.pes(&Pes {
        pid: 0x300,
        content,
        split: vec![14],
        ..Pes::default()
    });
    muxer.bytes.drain(rest..rest + 188);
    let cuts = cut(&muxer.bytes, Duration::from_secs(1));
    // The other track begins after a discontinuity, and nothing of it can be entered.
    let entered: Vec<_> = cuts.iter().map(|cut| cut.independent).collect();
    assert_eq!(entered, [true, false]);
}

#[test]
fn a_new_pid_may_begin_with_the_counter_that_the_old_one_had() {
    let mut muxer = h264();
    muxer.pes(&Pes {
        content: vec![0xAB; 100],
        ..super::picture(0, RANDOM_ACCESS)
    });
    muxer.pmt(PMT, 1, 1, &[Stream::new(H264, 0x300)]);
    muxer.pes(&Pes {
        pid: 0x300,
        ..super::picture(25, RANDOM_ACCESS)
    });
    assert_eq!(cut_at_seconds(&muxer.bytes, 1).len(), 2);
}

#[test]
fn a_target_between_two_ticks_is_not_reached_before_it() {
    let mut muxer = h264();
    pictures(&mut muxer, 100);
    let target = Duration::from_secs(1) + Duration::from_nanos(1);
    assert_eq!(seconds(&cut(&muxer.bytes, target)), [2.0, 2.0]);
}

#[test]
fn what_comes_while_a_picture_is_looked_at_stays_behind_it() {
    let mut muxer = h264();
    for second in 0..4 {
        let pes = Pes {
            content: picture::h264_idr(),
            split: vec![14, 3],
            ..super::picture(second * 25, 0)
        };
        let mut of_picture = Muxer::default();
        std::mem::swap(&mut of_picture, &mut muxer);
        let from = of_picture.bytes.len();
        of_picture.pes(&pes);
        // Tables and nothing between the packets of the picture.
        let parts: Vec<Vec<u8>> = of_picture
            .bytes
            .split_off(from)
            .chunks(188)
            .map(<[u8]>::to_vec)
            .collect();
        muxer = of_picture;
        for part in parts {
            muxer.bytes.extend(part);
            muxer.pat(0, &[(1, PMT)]);
            muxer.null();
        }
    }
    let cuts = cut(&muxer.bytes, Duration::from_secs(1));
    assert_eq!(cuts.len(), 4);
    for cut in &cuts[1..] {
        joined::check_beginning(&cut.data, VIDEO);
    }
}

#[test]
fn a_segment_ends_at_the_first_access_point_from_its_target_on() {
    let mut muxer = h264();
    for (index, flags) in [
        (0, 1),
        (49, 1),
        (50, 1),
        (75, 1),
        (100, 0),
        (101, 1),
        (150, 1),
    ] {
        muxer.pes(&super::picture(index, flags * RANDOM_ACCESS));
    }
    assert_eq!(cut_at_seconds(&muxer.bytes, 2)[..2], [2.0, 2.04]);
}

#[test]
fn audio_alone_is_cut_at_any_packet_with_a_time() {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[Stream::new(MPEG_AUDIO, AUDIO)]);
    for index in 0..100 {
        let presented = (index % 10 != 5).then_some(START + index * FRAME);
        muxer.pes(&Pes {
            pid: AUDIO,
            pcr: Some(index * FRAME),
            presented,
            content: vec![1; 400],
            ..Pes::default()
        });
    }
    let cuts = cut(&muxer.bytes, Duration::from_millis(1400));
    // The first 1.4 s are over at a packet without a time.
    assert_eq!(seconds(&cuts), [1.44, 1.4, 1.16]);
    for cut in &cuts[1..] {
        joined::check_beginning(&cut.data, AUDIO);
    }
}

#[test]
fn private_data_is_audio_if_a_descriptor_says_so() {
    let audio = [
        &[0x6A, 1, 0][..],
        &[0x7A, 1, 0],
        &[0x0A, 0, 0x05, 4, b'O', b'p', b'u', b's'],
    ];
    let other = [
        &[0x56, 1, 0][..],
        &[0x05, 4, b'K', b'L', b'V', b'A'],
        &[0x6A, 9],
        &[],
    ];
    for (descriptors, is_audio) in audio
        .map(|a| (a, true))
        .into_iter()
        .chain(other.map(|o| (o, false)))
    {
        let mut muxer = Muxer::default();
        muxer.pat(0, &[(1, PMT)]);
        let stream = Stream {
            descriptors: descriptors.to_vec(),
            ..Stream::new(PRIVATE_DATA, AUDIO)
        };
        muxer.pmt(PMT, 1, 0, &[stream]);
        for index in 0..50 {
            muxer.pes(&Pes {
                pid: AUDIO,
                ..super::picture(index, 0)
            });
        }
        let (cuts, outcome) = try_cut(&muxer.bytes, Duration::from_secs(1));
        assert_eq!(
            (cuts.len(), outcome.is_ok()),
            if is_audio { (2, true) } else { (0, false) }
        );
    }
}
