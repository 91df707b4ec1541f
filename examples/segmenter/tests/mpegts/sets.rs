//! Parameter sets that do not come at the start of a picture's own PES packet.

use super::common::muxer::{HEVC, MPEG2, MPEG4, VVC, picture as content};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn video_only(kind: u8) -> Muxer {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[Stream::new(kind, VIDEO)]);
    muxer
}

/// The pictures of a codec.
struct Codec {
    kind: u8,
    /// The parameter sets of an access point, and its slice.
    sets: Vec<u8>,
    slice: Vec<u8>,
    /// A picture that needs others.
    other: Vec<u8>,
    /// The first bytes of the sets without which they are not begun.
    start: usize,
}

impl Codec {
    /// `slice` and `start` count bytes.
    fn new(kind: u8, mut entry: Vec<u8>, slice: usize, other: &[u8], start: usize) -> Self {
        let slice = entry.split_off(entry.len() - slice);
        Self {
            kind,
            sets: entry,
            slice,
            other: other.to_vec(),
            start,
        }
    }

    fn h264() -> Self {
        Self::new(H264, content::h264_idr(), 6, &content::h264_other(), 7)
    }

    fn all() -> [Self; 5] {
        [
            Self::h264(),
            Self::new(HEVC, content::hevc(19), 6, &[0, 0, 1, 1 << 1, 1, 0x80], 7),
            Self::new(VVC, content::vvc(8), 6, &[0, 0, 1, 0, 1, 0x80], 7),
            Self::new(MPEG2, content::mpeg2(1), 7, &[0, 0, 1, 0, 0, 2 << 3, 0], 5),
            Self::new(MPEG4, content::mpeg4(0), 6, &[0, 0, 1, 0xB6, 1 << 6, 0], 4),
        ]
    }
}

fn long(mut content: Vec<u8>) -> Vec<u8> {
    content.resize(content.len() + 700, 0xAB);
    content
}

fn cut_all(bytes: &[u8]) -> (Vec<Segment>, Vec<Notice>) {
    let mut cutter = Cutter::new(SECOND).drop_undecodable();
    let mut cuts = Vec::new();
    cutter.push(bytes, &mut cuts).unwrap();
    cutter.finish(&mut cuts).unwrap();
    (cuts, cutter.take_notices())
}

/// The elementary stream: what is behind the headers of the PES packets.
fn elementary(bytes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    for packet in joined::packets(bytes).filter(|packet| joined::pid(packet) == VIDEO) {
        let start = match packet[3] & 0x20 {
            0 => 4,
            _ => 5 + usize::from(packet[4]),
        };
        let header = match packet[1] & 0x40 {
            0 => 0,
            _ => 9 + usize::from(packet[start + 8]),
        };
        stream.extend(&packet[start + header..]);
    }
    stream
}

/// Whether the counters of the video are without a gap.
fn check_counters(bytes: &[u8]) {
    let counters: Vec<u8> = joined::packets(bytes)
        .filter(|packet| joined::pid(packet) == VIDEO)
        .map(|packet| packet[3] & 0x0F)
        .collect();
    for (index, pair) in counters.windows(2).enumerate() {
        assert_eq!(pair[1], (pair[0] + 1) & 0x0F, "packet {index}");
    }
}

#[test]
fn in_a_pes_packet_of_their_own() {
    Codec::all()
        .iter()
        .for_each(in_a_pes_packet_of_their_own_of);
}

fn in_a_pes_packet_of_their_own_of(codec: &Codec) {
    let Codec {
        kind,
        sets,
        slice,
        other,
        start: _,
    } = codec;
    for stamp_of_sets in [true, false] {
        let mut muxer = video_only(*kind);
        for index in 0..100 {
            if index % 25 > 0 {
                muxer.pes(&Pes {
                    content: long(other.clone()),
                    ..picture(index, 0)
                });
                continue;
            }
            let of_sets = Pes {
                content: sets.clone(),
                ..picture(index, 0)
            };
            muxer.pes(&Pes {
                presented: of_sets.presented.filter(|_| stamp_of_sets),
                ..of_sets
            });
            muxer.pes(&Pes {
                content: long(slice.clone()),
                ..picture(index, 0)
            });
        }
        let (cuts, notices) = cut_all(&muxer.bytes);
        assert_eq!(seconds(&cuts), [1.0; 4]);
        assert_eq!(notices, [], "{kind:#x}");
        joined::check(&muxer.bytes, &data(&cuts));
        for cut in &cuts {
            assert!(cut.independent);
            assert!(elementary(&cut.data).starts_with(sets));
        }
    }
}

#[test]
fn in_two_pes_packets_of_one_picture() {
    Codec::all()
        .iter()
        .for_each(in_two_pes_packets_of_one_picture_of);
}

fn in_two_pes_packets_of_one_picture_of(codec: &Codec) {
    let Codec {
        kind,
        sets,
        slice,
        other,
        start,
    } = codec;
    for at in *start..sets.len() {
        let mut muxer = video_only(*kind);
        for index in 0..100 {
            let contents = if index % 25 > 0 {
                vec![other.clone()]
            } else {
                vec![sets[..at].to_vec(), [&sets[at..], slice].concat()]
            };
            for (part, content) in contents.into_iter().enumerate() {
                let whole = picture(index, 0);
                let presented = whole.presented.filter(|_| part == 0);
                muxer.pes(&Pes {
                    presented,
                    content,
                    ..whole
                });
            }
        }
        let (cuts, _) = cut_all(&muxer.bytes);
        assert_eq!(cuts.len(), 4, "split at {at}");
        assert!(elementary(&cuts[1].data).starts_with(&sets[..*start]));
        joined::check(&muxer.bytes, &data(&cuts));
    }
}

#[test]
fn at_the_end_of_the_pes_packet_before() {
    Codec::all()
        .iter()
        .for_each(at_the_end_of_the_pes_packet_before_of);
}

fn at_the_end_of_the_pes_packet_before_of(codec: &Codec) {
    let Codec {
        kind,
        sets,
        slice,
        other,
        start: _,
    } = codec;
    // The sets begin in the first packet, a middle one, and at the start of one.
    for len in [1, 100, 163, 164, 165, 166, 300, 700] {
        for split in [vec![], vec![50, 60, 70]] {
            let mut muxer = video_only(*kind);
            muxer.pes(&Pes {
                content: [&sets[..], slice].concat(),
                ..picture(0, 0)
            });
            for index in 1..100 {
                let content = match index % 25 {
                    0 => long(slice.clone()),
                    24 => {
                        let mut other = other.clone();
                        other.resize(other.len() + len, 0xAB);
                        [&other[..], sets].concat()
                    }
                    _ => long(other.clone()),
                };
                muxer.pes(&Pes {
                    content,
                    split: split.clone(),
                    ..picture(index, 0)
                });
            }
            let (cuts, notices) = cut_all(&muxer.bytes);
            assert_eq!(seconds(&cuts), [1.0; 4], "{len}");
            assert_eq!(notices, [], "{kind:#x}");
            for cut in &cuts {
                joined::check_beginning(&cut.data, VIDEO);
                assert!(elementary(&cut.data).starts_with(sets), "{len}");
                assert!(cut.independent);
            }
            let all: Vec<u8> = cuts.iter().flat_map(|cut| cut.data.clone()).collect();
            assert!(elementary(&all) == elementary(&muxer.bytes), "{len}");
            check_counters(&all);
            for cut in &cuts[1..] {
                assert_eq!(joined::stamps(&cut.data, VIDEO)[0], cut.start);
            }
        }
    }
}

#[test]
fn once_at_the_start() {
    Codec::all().iter().for_each(once_at_the_start_of);
}

fn once_at_the_start_of(codec: &Codec) {
    let Codec {
        kind,
        sets,
        slice,
        other,
        start: _,
    } = codec;
    let mut muxer = video_only(*kind);
    for index in 0..100 {
        let content = match index {
            0 => [&sets[..], slice].concat(),
            _ if index % 25 == 0 => slice.clone(),
            _ => other.clone(),
        };
        muxer.pes(&Pes {
            content,
            ..picture(index, 0)
        });
    }
    let (cuts, notices) = cut_all(&muxer.bytes);
    assert_eq!(seconds(&cuts), [1.0; 4]);
    let alone: Vec<_> = cuts.iter().map(|cut| cut.independent).collect();
    assert_eq!(alone, [true, false, false, false]);
    assert_eq!(notices, [Notice::NotAlone { pid: VIDEO }]);
}

/// Segments that decode alone are worth a wait of one target.
#[test]
fn at_every_other_access_point() {
    let Codec { sets, slice, .. } = Codec::h264();
    let mut muxer = video_only(H264);
    for index in 0..200 {
        let content = match index % 50 {
            0 => [&sets[..], &slice].concat(),
            25 => slice.clone(),
            _ => content::h264_other(),
        };
        muxer.pes(&Pes {
            content,
            ..picture(index, 0)
        });
    }
    let (cuts, _) = cut_all(&muxer.bytes);
    // Until they come again it is not known that they do.
    assert_eq!(seconds(&cuts), [1.0, 1.0, 2.0, 2.0, 2.0]);
}

/// As dashcams do.
#[test]
fn the_indicator_on_every_picture_is_no_access_point() {
    for (kind, entry, other) in [
        (H264, content::h264_idr(), content::h264_other()),
        (HEVC, content::hevc(19), content::hevc(1)),
    ] {
        let mut muxer = video_only(kind);
        for index in 0..100 {
            let content = if index % 25 == 0 { &entry } else { &other };
            muxer.pes(&Pes {
                content: content.clone(),
                ..picture(index, RANDOM_ACCESS)
            });
        }
        let mut cutter = Cutter::new(Duration::from_millis(400));
        let mut cuts = Vec::new();
        cutter.push(&muxer.bytes, &mut cuts).unwrap();
        cutter.finish(&mut cuts).unwrap();
        assert_eq!(seconds(&cuts), [1.0; 4]);
    }
}

/// Slices of one picture in PES packets of their own.
#[test]
fn a_slice_that_begins_no_picture_is_no_access_point() {
    let Codec { sets, slice, .. } = Codec::h264();
    let entry = [&sets[..], &slice].concat();
    let rest = [0, 0, 1, 0x65, 0x48, 0x84];
    check_slices(H264, &entry, &content::h264_other(), &rest);

    let rest = [0, 0, 1, 19 << 1, 1, 0x40];
    check_slices(HEVC, &content::hevc(19), &content::hevc(1), &rest);

    // The picture header is a unit of its own if there are several slices.
    let [sets, header, first, rest, other] = [
        vec![0, 0, 1, 0, 15 << 3 | 1, 0x80, 0, 0, 1, 0, 16 << 3 | 1, 0x80],
        vec![0, 0, 1, 0, 19 << 3 | 1, 0x80],
        vec![0, 0, 1, 0, 8 << 3 | 1, 0x00],
        vec![0, 0, 1, 0, 8 << 3 | 1, 0x40],
        vec![0, 0, 1, 0, 1, 0x00],
    ];
    let entry = [&sets[..], &header, &first].concat();
    check_slices(VVC, &entry, &[header, other].concat(), &rest);
}

fn check_slices(kind: u8, entry: &[u8], other: &[u8], rest: &[u8]) {
    let mut muxer = video_only(kind);
    for index in 0..100 {
        let content = if index % 25 == 0 { entry } else { other };
        muxer.pes(&Pes {
            content: content.to_vec(),
            ..picture(index, 0)
        });
        muxer.pes(&Pes {
            content: rest.to_vec(),
            presented: None,
            ..picture(index, 0)
        });
    }
    let mut cutter = Cutter::new(Duration::from_millis(400));
    let mut cuts = Vec::new();
    cutter.push(&muxer.bytes, &mut cuts).unwrap();
    cutter.finish(&mut cuts).unwrap();
    assert_eq!(seconds(&cuts), [1.0; 4], "{kind:#x}");
    assert!(cuts.iter().all(|cut| cut.independent), "{kind:#x}");
}
