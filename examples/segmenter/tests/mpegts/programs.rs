//! Several programs, low PIDs, and streams of every type.

use super::common::muxer::{MPEG_AUDIO, PRIVATE_DATA, picture as content};
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const OTHER_PMT: u16 = 0x1001;
const OTHER_VIDEO: u16 = 0x200;
const OTHER_AUDIO: u16 = 0x201;

/// Two programs side by side, with tables in each second.
fn two_programs() -> Vec<u8> {
    let mut muxer = Muxer::default();
    for index in 0..250 {
        if index % 25 == 0 {
            muxer.pat(0, &[(1, PMT), (7, OTHER_PMT)]);
            let of = |video, audio| [Stream::new(H264, video), Stream::new(MPEG_AUDIO, audio)];
            muxer.pmt(PMT, 1, 0, &of(VIDEO, AUDIO));
            muxer.pmt(OTHER_PMT, 7, 0, &of(OTHER_VIDEO, OTHER_AUDIO));
        }
        for (video, audio) in [(VIDEO, AUDIO), (OTHER_VIDEO, OTHER_AUDIO)] {
            let flags = if index % 25 == 0 { RANDOM_ACCESS } else { 0 };
            muxer.pes(&Pes {
                pid: video,
                ..picture(index, flags)
            });
            muxer.pes(&Pes {
                pid: audio,
                content: vec![1; 50],
                ..picture(index, 0)
            });
        }
    }
    muxer.bytes
}

/// RFC 8216, 3.2: a segment must hold one program.
#[test]
fn one_program_is_kept_and_the_others_are_dropped() {
    let bytes = two_programs();
    for (wanted, number, pids) in [
        (None, 1, [0, AUDIO, VIDEO, PMT]),
        (Some(1), 1, [0, AUDIO, VIDEO, PMT]),
        (Some(7), 7, [0, OTHER_AUDIO, OTHER_VIDEO, OTHER_PMT]),
    ] {
        let mut cutter = Cutter::new(SECOND).one_program(wanted);
        let mut cuts = Vec::new();
        for piece in bytes.chunks(1000) {
            cutter.push(piece, &mut cuts).unwrap();
        }
        cutter.finish(&mut cuts).unwrap();
        assert_eq!(seconds(&cuts), [1.0; 10]);
        let kept = Notice::SeveralPrograms {
            count: 2,
            kept: Some(number),
        };
        assert_eq!(cutter.take_notices(), [kept]);
        let mut counters = std::collections::BTreeMap::new();
        for cut in &cuts {
            joined::check_beginning(&cut.data, pids[2]);
            assert_eq!(joined::pmt_pids(&cut.data), [pids[3]].into());
            for packet in joined::packets(&cut.data) {
                let pid = joined::pid(packet);
                assert!(pids.contains(&pid), "{pid:#x}");
                let counter = packet[3] & 0x0F;
                if let Some(last) = counters.insert(pid, counter) {
                    assert_eq!(counter, (last + 1) & 0x0F, "{pid:#x}");
                }
            }
        }
        // Every packet of the program is there.
        let of = |bytes: &[u8], pid: u16| {
            joined::packets(bytes)
                .filter(|it| joined::pid(it) == pid)
                .count()
        };
        let all = data(&cuts).concat();
        for pid in &pids[1..3] {
            assert_eq!(of(&all, *pid), of(&bytes, *pid));
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_no_track() {
    let mut cutter = Cutter::new(SECOND).one_program(Some(3));
    let mut cuts = Vec::new();
    cutter.push(&two_programs(), &mut cuts).unwrap();
    assert_eq!(cutter.finish(&mut cuts), Err(CutError::NoTrack));
}

/// PIDs up to 0x1F are those of tables, unless a program has its streams there.
#[test]
fn low_pids_of_streams_are_not_those_of_tables() {
    let (pmt, video, audio) = (0x10, 0x11, 0x14);
    let mut muxer = Muxer::default();
    // It begins with video.
    muxer.pes(&Pes {
        pid: video,
        ..picture(0, RANDOM_ACCESS)
    });
    muxer.pat(0, &[(1, pmt)]);
    muxer.pmt(
        pmt,
        1,
        0,
        &[Stream::new(H264, video), Stream::new(MPEG_AUDIO, audio)],
    );
    for index in 1..75 {
        let flags = if index % 25 == 0 { RANDOM_ACCESS } else { 0 };
        muxer.pes(&Pes {
            pid: video,
            ..picture(index, flags)
        });
    }
    let cuts = cut(&muxer.bytes, SECOND);
    assert_eq!(seconds(&cuts), [1.0; 3]);
    for cut in &cuts {
        joined::check_beginning(&cut.data, video);
    }
}

/// The stream types of audio, and descriptors for private data.
fn audio_types() -> Vec<(u8, Vec<u8>)> {
    let registered = |name: &[u8; 4]| [&[0x05, 4][..], name].concat();
    let plain = [
        0x03, 0x04, 0x0F, 0x11, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x8A, 0xA1, 0xA2,
    ];
    let private = [
        registered(b"AC-3"),
        registered(b"EAC3"),
        registered(b"Opus"),
        registered(b"DTS1"),
        vec![0x6A, 1, 0],
        vec![0x7A, 1, 0],
        vec![0x7B, 1, 0],
        vec![0x7F, 2, 0x80, 2],
    ];
    let private = private.map(|descriptors| (PRIVATE_DATA, descriptors));
    plain
        .into_iter()
        .map(|kind| (kind, Vec::new()))
        .chain(private)
        .collect()
}

#[test]
fn audio_of_every_type_is_cut_alone() {
    for (kind, descriptors) in audio_types() {
        let mut muxer = Muxer::default();
        muxer.pat(0, &[(1, PMT)]);
        let stream = Stream {
            descriptors,
            ..Stream::new(kind, AUDIO)
        };
        muxer.pmt(PMT, 1, 0, &[stream]);
        for index in 0..100 {
            muxer.pes(&Pes {
                pid: AUDIO,
                content: vec![1; 100],
                ..picture(index, 0)
            });
        }
        let cuts = cut(&muxer.bytes, SECOND);
        assert_eq!(cuts.len(), 4, "stream type {kind:#x}");
    }
}

/// Splice information, KLV, teletext and subtitles, by stream type and descriptors.
fn others() -> [(u8, Vec<u8>); 5] {
    [
        (0x86, vec![]),
        (0x15, vec![]),
        (PRIVATE_DATA, vec![0x05, 4, b'K', b'L', b'V', b'A']),
        (PRIVATE_DATA, vec![0x56, 5, b'e', b'n', b'g', 8, 1]),
        (
            PRIVATE_DATA,
            vec![0x59, 8, b'e', b'n', b'g', 0x10, 0, 1, 0, 1],
        ),
    ]
}

/// They have times, and none of them decides where to cut.
#[test]
fn audio_beside_any_of_the_others_is_cut_by_the_audio() {
    // In a program with splice information, 0x86 is not DTS.
    for (kind, descriptors) in audio_types().into_iter().filter(|(kind, _)| *kind != 0x86) {
        for (other, of_other) in others() {
            let mut muxer = Muxer::default();
            muxer.pat(0, &[(1, PMT)]);
            let other = Stream {
                descriptors: of_other,
                ..Stream::new(other, 0x300)
            };
            let audio = Stream {
                descriptors: descriptors.clone(),
                ..Stream::new(kind, AUDIO)
            };
            muxer.cueing_pmt(PMT, 1, &[other, audio]);
            for index in 0..100 {
                if index % 10 == 3 {
                    muxer.pes(&Pes {
                        pid: 0x300,
                        content: vec![7; 300],
                        ..picture(index, 0)
                    });
                }
                muxer.pes(&Pes {
                    pid: AUDIO,
                    content: vec![1; 100],
                    ..picture(index, 0)
                });
            }
            let cuts = cut(&muxer.bytes, SECOND);
            assert_eq!(cuts.len(), 4, "stream type {kind:#x}");
            for cut in &cuts {
                joined::check_beginning(&cut.data, AUDIO);
            }
        }
    }
}

/// A stream wins over the table of a program that another one names there.
#[test]
fn a_pid_that_the_map_names_as_a_stream_is_no_table() {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT), (2, AUDIO)]);
    let streams = [Stream::new(H264, VIDEO), Stream::new(MPEG_AUDIO, AUDIO)];
    muxer.pmt(PMT, 1, 0, &streams);
    for index in 0..100 {
        let flags = if index % 25 == 0 { RANDOM_ACCESS } else { 0 };
        muxer.pes(&picture(index, flags));
        muxer.pes(&Pes {
            pid: AUDIO,
            content: vec![2; 400],
            ..picture(index, 0)
        });
    }
    let cuts = cut(&muxer.bytes, SECOND);
    assert_eq!(seconds(&cuts), [1.0; 4]);
    // The counters of a table would be changed.
    let all = data(&cuts).concat();
    let of = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let audio = joined::packets(bytes).filter(|it| joined::pid(it) == AUDIO);
        audio.map(<[u8]>::to_vec).collect()
    };
    assert!(of(&all) == of(&muxer.bytes));
}

#[test]
fn everything_else_is_carried_through() {
    let others = others();
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT)]);
    let mut streams = vec![Stream::new(H264, VIDEO)];
    for (pid, (kind, descriptors)) in (0x300..).zip(others.clone()) {
        streams.push(Stream {
            descriptors,
            ..Stream::new(kind, pid)
        });
    }
    muxer.cueing_pmt(PMT, 1, &streams);
    for index in 0..100 {
        muxer.pes(&Pes {
            content: if index % 25 == 0 {
                content::h264_idr()
            } else {
                content::h264_other()
            },
            ..picture(index, 0)
        });
        for (pid, _) in (0x300..).zip(&others) {
            muxer.pes(&Pes {
                pid,
                content: vec![7; 300],
                ..picture(index.saturating_sub(10), 0)
            });
        }
    }
    let cuts = cut(&muxer.bytes, SECOND);
    assert_eq!(seconds(&cuts), [1.0; 4]);
    // In the order in which they came.
    let kept: Vec<u8> = cuts.iter().flat_map(|cut| cut.data.clone()).collect();
    let others = |bytes: &[u8]| -> Vec<Vec<u8>> {
        joined::packets(bytes)
            .filter(|packet| joined::pid(packet) >= 0x100 && joined::pid(packet) < 0x400)
            .map(<[u8]>::to_vec)
            .collect()
    };
    assert!(others(&kept) == others(&muxer.bytes));
}
