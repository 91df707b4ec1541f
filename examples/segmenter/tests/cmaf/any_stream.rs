//! Properties of any stream: of ones made at random, and of real ones damaged at random.

use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;

use super::made::Made;
use super::maker::{
    NON_SYNC, Part, SYNC, Track, fragment, ftyp, initialisation, moov, plain, sidx, styp,
};
use super::*;

/// The next part of a stream.
#[derive(Clone, Debug)]
enum Piece {
    Sync(u32),
    NonSync(u32),
    Audio,
    Both(u32),
    Lead,
    Other,
    Index(usize),
    FileIndex,
    Repeated,
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => (1_u32..50).prop_map(Piece::Sync),
        4 => (1_u32..50).prop_map(Piece::NonSync),
        2 => Just(Piece::Audio),
        2 => (1_u32..50).prop_map(Piece::Both),
        1 => Just(Piece::Lead),
        1 => Just(Piece::Other),
        1 => (0_usize..3000).prop_map(Piece::Index),
        1 => Just(Piece::FileIndex),
        1 => Just(Piece::Repeated),
    ]
}

/// The stream, and how many pictures of 40 ms it has.
fn make(pieces: &[Piece]) -> (Vec<u8>, u32) {
    let tracks = [Track::video(), Track::audio()];
    let head = [ftyp(), moov(&tracks)].concat();
    let mut stream = head.clone();
    let mut pictures = 0;
    for piece in [Piece::Sync(1)].iter().chain(pieces) {
        let start = u64::from(pictures) * 40;
        let (bytes, count) = match piece {
            &Piece::Sync(count) => (fragment(&[Part::video(start, count, SYNC)]), count),
            &Piece::NonSync(count) => (fragment(&[Part::video(start, count, NON_SYNC)]), count),
            Piece::Audio => (fragment(&[Part::audio(start * 48, 10)]), 0),
            &Piece::Both(count) => {
                let parts = [Part::audio(start * 48, 10), Part::video(start, count, SYNC)];
                (fragment(&parts), count)
            }
            Piece::Lead => (styp(), 0),
            Piece::Other => (plain("free", &[&[0; 5]]), 0),
            &Piece::Index(counted) => (sidx(0, 0, &[counted]), 0),
            Piece::FileIndex => (plain("mfra", &[&[0; 5]]), 0),
            Piece::Repeated => (head.clone(), 0),
        };
        stream.extend(bytes);
        pictures += count;
    }
    (stream, pictures)
}

/// Inputs of several kinds, made by ffmpeg. Empty if there is no ffmpeg.
fn real() -> &'static [Vec<u8>] {
    static REAL: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    REAL.get_or_init(|| {
        let make = |flags| Made::of_sample("any_stream", &["-t", "5", "-movflags", flags]);
        let kinds = [
            "+frag_keyframe+empty_moov+default_base_moof",
            "+frag_every_frame+empty_moov+default_base_moof",
            "+frag_keyframe+empty_moov+default_base_moof+separate_moof+dash",
            "+frag_keyframe+empty_moov+default_base_moof+dash+global_sidx",
        ];
        kinds
            .into_iter()
            .filter_map(make)
            .map(|made| made.bytes)
            .collect()
    })
}

/// The parts of a stream that are not media data: only these can mean anything.
fn structure(stream: &[u8]) -> Vec<usize> {
    let outers = joined::boxes(stream);
    let of = |outer: joined::Outer| {
        let len = if outer.name == "mdat" {
            8
        } else {
            outer.at.len()
        };
        outer.at.start..outer.at.start + len
    };
    outers.into_iter().flat_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn nothing_is_lost_and_every_segment_can_be_entered(
        pieces in vec(piece(), 1..80),
        lens in vec(1_usize..2000, 1..20),
        frames in 1_u32..100,
    ) {
        let (stream, pictures) = make(&pieces);
        let target = Duration::from_millis(40) * frames;
        let (cuts, outcome) = cut_in(&stream, &lens, Cutter::new(target));
        prop_assert_eq!(outcome, Ok(()));
        let whole = try_cut(&stream, target);
        prop_assert_eq!(whole, (cuts.clone(), outcome), "the pieces matter");

        joined::check(&stream, &cuts);
        let lasted = durations(&cuts);
        let (last, others) = lasted.split_last().unwrap();
        prop_assert!(others.iter().all(|duration| *duration >= target));
        prop_assert!(*last > Duration::ZERO);
        let total: Duration = lasted.iter().sum();
        prop_assert_eq!(total, Duration::from_millis(40) * pictures);
    }

    #[test]
    fn damage_never_panics_and_the_pieces_never_matter(
        which in any::<prop::sample::Index>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        lens in vec(1_usize..50_000, 1..20),
        capacity in prop_oneof![Just(1_usize << 30), 1000_usize..200_000],
    ) {
        let kinds = real();
        if kinds.is_empty() {
            return Ok(());
        }
        let mut stream = which.get(kinds).clone();
        let places = structure(&stream);
        for (place, value) in damage {
            stream[*place.get(&places)] = value;
        }
        let cutter = || Cutter::new(Duration::from_secs(1)).capacity(capacity);
        let (cuts, outcome) = cut_in(&stream, &lens, cutter());
        let whole = cut_in(&stream, &[stream.len()], cutter());
        prop_assert!(whole == (cuts.clone(), outcome), "the pieces matter");
        for cut in &cuts {
            prop_assert!(data(cut).len() <= capacity);
        }
    }

    #[test]
    fn noise_in_boxes_never_panics(
        boxes in vec(("moov|moof|mdat|sidx|ftyp|mfra|free", vec(any::<u8>(), 0..60)), 0..20),
        lens in vec(1_usize..100, 1..9),
    ) {
        let mut stream = initialisation();
        for (name, body) in boxes {
            stream.extend(plain(&name, &[&body]));
        }
        let found = cut_in(&stream, &lens, Cutter::new(Duration::from_secs(1)));
        prop_assert_eq!(found, try_cut(&stream, Duration::from_secs(1)));
    }

    #[test]
    fn noise_never_panics(bytes in vec(any::<u8>(), 0..3000), lens in vec(1_usize..2000, 1..9)) {
        let stream = [initialisation(), bytes].concat();
        let (cuts, outcome) = cut_in(&stream, &lens, Cutter::new(Duration::from_secs(1)));
        prop_assert!(cuts.is_empty() && outcome.is_err());
    }
}
