//! Streams on PIDs that DVB reserves for its tables.

use std::collections::BTreeMap;

use segmenter::Segmenter;

use super::common::muxer::{MPEG_AUDIO, picture as content};
use super::*;

const LOW_PMT: u16 = 0x10;
const LOW_VIDEO: u16 = 0x11;
const LOW_AUDIO: u16 = 0x14;
const TARGET: Duration = Duration::from_secs(1);

/// Three seconds on these PIDs, with tables and a foreign section in each.
fn stream(pmt: u16, video: u16, audio: u16, descriptors: &[u8]) -> Vec<u8> {
    let mut muxer = Muxer::default();
    let streams = [
        Stream {
            descriptors: descriptors.to_vec(),
            ..Stream::new(H264, video)
        },
        Stream::new(MPEG_AUDIO, audio),
    ];
    for index in 0..75 {
        if index % 25 == 0 {
            muxer.pat(0, &[(1, pmt)]);
            muxer.pmt(pmt, 1, 0, &streams);
            // A network information table.
            muxer.section(0x15, &[0x40, 0x70, 0]);
        }
        muxer.pes(&Pes {
            pid: video,
            content: if index % 25 == 0 {
                content::h264_idr()
            } else {
                content::h264_other()
            },
            ..picture(index, 0)
        });
        muxer.pes(&Pes {
            pid: audio,
            content: vec![1; 50],
            ..picture(index, 0)
        });
    }
    muxer.bytes
}

fn for_players(bytes: &[u8]) -> Vec<u8> {
    let mut segmenter = Segmenter::new(TARGET).for_players(None);
    let mut cuts = Vec::new();
    for piece in bytes.chunks(1000) {
        segmenter.push(piece, &mut cuts).unwrap();
    }
    segmenter.finish(&mut cuts).unwrap();
    assert_eq!(seconds(&cuts), [1.0; 3]);
    joined(&cuts)
}

fn joined(cuts: &[Segment]) -> Vec<u8> {
    cuts.iter().flat_map(|cut| cut.data.clone()).collect()
}

/// Whether they have the same packets of each PID, in the same order, the tables aside.
fn has_the_packets_of(bytes: &[u8], input: &[u8], pmt: u16) -> bool {
    let by_pid = |bytes: &[u8]| {
        let mut packets: BTreeMap<u16, Vec<Vec<u8>>> = BTreeMap::new();
        for packet in bytes.chunks(188) {
            let pid = u16::from_be_bytes([packet[1] & 0x1F, packet[2]]);
            packets.entry(pid).or_default().push(packet.to_vec());
        }
        packets.retain(|pid, _| ![0, pmt].contains(pid));
        packets
    };
    by_pid(bytes) == by_pid(input)
}

#[test]
fn streams_on_reserved_pids_move_and_the_tables_say_so() {
    // The second kind of map takes three packets.
    let long: Vec<u8> = [[0x0A, 98].as_slice(), &[b'x'; 98]].concat().repeat(4);
    for descriptors in [&[][..], &long] {
        let low = for_players(&stream(LOW_PMT, LOW_VIDEO, LOW_AUDIO, descriptors));
        // As if they had never been elsewhere.
        let high = for_players(&stream(0x1F10, 0x1F11, 0x1F14, descriptors));
        assert!(low == high);
    }
}

#[test]
fn a_recording_keeps_the_pids() {
    let bytes = stream(LOW_PMT, LOW_VIDEO, LOW_AUDIO, &[]);
    let cuts = cut(&bytes, TARGET);
    assert!(has_the_packets_of(&joined(&cuts), &bytes, LOW_PMT));
}

#[test]
fn other_streams_and_the_tables_of_dvb_stay() {
    let bytes = stream(PMT, VIDEO, AUDIO, &[]);
    assert!(has_the_packets_of(&for_players(&bytes), &bytes, PMT));
    // The other PID is taken.
    let bytes = stream(PMT, LOW_VIDEO, LOW_VIDEO | 0x1F00, &[]);
    assert!(has_the_packets_of(&for_players(&bytes), &bytes, PMT));
}
