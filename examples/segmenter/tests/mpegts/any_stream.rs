//! Properties of any stream: of ones made at random, and of a real one damaged at random.

use proptest::collection::vec;
use proptest::prelude::*;

use super::common::muxer::picture as content;
use super::*;

const SAMPLE: &[u8] = include_bytes!("../../../../tests/data/sample.ts");

/// The next part of a stream.
#[derive(Clone, Debug)]
enum Piece {
    Pat,
    Pmt,
    Null,
    Repeat,
    Audio(usize),
    /// A picture that is a random access point by its indicator, by its bitstream, or none.
    Indicated,
    Idr(usize),
    Other(usize),
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        1 => Just(Piece::Pat),
        1 => Just(Piece::Pmt),
        1 => Just(Piece::Null),
        1 => Just(Piece::Repeat),
        2 => (1_usize..500).prop_map(Piece::Audio),
        1 => Just(Piece::Indicated),
        1 => (1_usize..60).prop_map(Piece::Idr),
        3 => (1_usize..60).prop_map(Piece::Other),
    ]
}

/// The stream, and its pictures' number.
fn mux(pieces: &[Piece]) -> (Vec<u8>, u64) {
    let mut muxer = h264();
    let mut pictures = 0;
    for piece in [Piece::Indicated].iter().chain(pieces) {
        let (content, flags, split) = match piece {
            Piece::Pat => {
                muxer.pat(0, &[(1, PMT)]);
                continue;
            }
            Piece::Pmt => {
                muxer.pmt(
                    PMT,
                    1,
                    0,
                    &[Stream::new(H264, VIDEO), Stream::new(0x0F, AUDIO)],
                );
                continue;
            }
            Piece::Null => {
                muxer.null();
                continue;
            }
            Piece::Repeat => {
                muxer.repeat();
                continue;
            }
            &Piece::Audio(len) => {
                muxer.pes(&Pes {
                    pid: AUDIO,
                    content: vec![1; len],
                    ..picture(pictures, 0)
                });
                continue;
            }
            Piece::Indicated => (content::h264_other(), RANDOM_ACCESS, 184),
            &Piece::Idr(split) => (content::h264_idr(), 0, split),
            &Piece::Other(split) => (content::h264_other(), 0, split),
        };
        muxer.pes(&Pes {
            content,
            split: vec![split; 60],
            ..picture(pictures, flags)
        });
        pictures += 1;
    }
    (muxer.bytes, pictures)
}

fn cut_in(
    bytes: &[u8],
    chunks: &[usize],
    target: Duration,
) -> (Vec<Segment>, Result<(), CutError>) {
    let mut cutter = Cutter::new(target);
    let mut cuts = Vec::new();
    let mut rest = bytes;
    let mut lens = chunks.iter().cycle();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min(*lens.next().unwrap()));
        if cutter.push(now, &mut cuts).is_err() {
            break;
        }
        rest = later;
    }
    let outcome = cutter.finish(&mut cuts);
    (cuts, outcome)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn nothing_is_lost_and_every_segment_can_be_entered(
        pieces in vec(piece(), 1..300),
        chunks in vec(1_usize..2000, 1..20),
        frames in 1_u32..40,
    ) {
        let (stream, pictures) = mux(&pieces);
        let target = Duration::from_millis(40) * frames;
        let (cuts, outcome) = cut_in(&stream, &chunks, target);
        prop_assert_eq!(outcome, Ok(()));
        joined::check(&stream, &data(&cuts));
        for cut in &cuts[1..] {
            joined::check_beginning(&cut.data, VIDEO);
        }
        let (last, others) = cuts.split_last().unwrap();
        prop_assert!(others.iter().all(|cut| cut.length() >= target));
        prop_assert!(last.length() > Duration::ZERO);
        let total: Duration = cuts.iter().map(Segment::length).sum();
        let expected = Duration::from_millis(40) * u32::try_from(pictures).unwrap();
        prop_assert!(total.abs_diff(expected) < Duration::from_micros(1), "{total:?} of {expected:?}");
    }

    #[test]
    fn it_does_not_matter_in_which_pieces_the_input_comes(
        pieces in vec(piece(), 1..200),
        chunks in vec(1_usize..2000, 1..20),
    ) {
        let (stream, _) = mux(&pieces);
        let second = Duration::from_secs(1);
        prop_assert_eq!(cut_in(&stream, &chunks, second), cut_in(&stream, &[stream.len()], second));
    }

    #[test]
    fn damage_never_panics_and_loses_nothing_that_is_in_step(
        damage in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..200),
        chunks in vec(1_usize..20_000, 1..20),
        len in 100_000_usize..SAMPLE.len(),
    ) {
        let mut stream = SAMPLE[..len / 188 * 188].to_vec();
        for (at, value) in damage {
            let at = at.index(stream.len());
            // The sync bytes and the tables stay: without them there is nothing to go by.
            let packet = at / 188 * 188;
            let pid = u16::from_be_bytes([stream[packet + 1] & 0x1F, stream[packet + 2]]);
            if at % 188 > 2 && pid != 0 && pid != PMT {
                stream[at] = value;
            }
        }
        let (cuts, outcome) = cut_in(&stream, &chunks, Duration::from_secs(2));
        prop_assert_eq!(outcome, Ok(()));
        joined::check_each(&stream, &data(&cuts));
        let total: Duration = cuts.iter().map(Segment::length).sum();
        prop_assert!(total < Duration::from_secs(60), "{total:?}");
    }

    #[test]
    fn noise_never_panics(bytes in vec(any::<u8>(), 0..5000), chunks in vec(1_usize..2000, 1..9)) {
        let mut noise = bytes;
        noise.iter_mut().step_by(188).for_each(|byte| *byte = 0x47);
        let (cuts, outcome) = cut_in(&noise, &chunks, Duration::from_secs(2));
        prop_assert!(cuts.is_empty() && outcome.is_err());
    }
}
