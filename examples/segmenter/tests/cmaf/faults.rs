//! Bad input: one clear message, and no good segment is lost.

use super::maker::{
    NON_SYNC, Part, SYNC, Track, VIDEO, fragment, ftyp, initialisation, long, mdat, moof, moov,
    plain, second, sidx, stream, styp,
};
use super::*;

const FLAGS: &str = "-movflags +frag_keyframe+empty_moov+default_base_moof";

pub(super) fn kind(name: &str) -> Kind {
    Kind(name.as_bytes().try_into().unwrap())
}

/// Of an input of which nothing can be handed out.
pub(super) fn fault(bytes: &[u8]) -> CutError {
    let (cuts, outcome) = try_cut(bytes, SECOND);
    assert_eq!(cuts, [], "there is nothing good");
    outcome.expect_err("this is bad input")
}

/// Puts something bad behind two good seconds, which are not lost.
pub(super) fn fault_behind_good(bad: &[u8]) -> CutError {
    let good = stream(2);
    let input = [&good, bad].concat();
    let [one, both] = [SECOND, 5 * SECOND].map(|target| {
        let (cuts, outcome) = try_cut(&input, target);
        assert_eq!(joined(&cuts), good);
        outcome.expect_err("this is bad input")
    });
    assert_eq!(one, both);
    both
}

pub(super) fn good_len() -> u64 {
    stream(2).len() as u64
}

#[test]
fn what_is_no_mp4_is_said_to_be_none() {
    assert_eq!(fault(&[]), CutError::Empty);
    for other in [
        &b"not"[..],
        b"not an MP4 file, but a text",
        &[0x47; 1000],
        &[0; 1000],
        b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\x01",
        b"RIFF\0\0\0\0WAVEfmt ",
    ] {
        assert_eq!(fault(other), CutError::NotMp4, "{other:x?}");
        assert!(!looks_like_mp4(other));
    }
}

#[test]
fn every_beginning_of_an_mp4_looks_like_one() {
    let beginnings = [
        ftyp(),
        styp(),
        sidx(0, 0, &[1]),
        moof(&[]),
        moov(&[]),
        mdat(3),
        long("mdat", b"long"),
        plain("free", &[]),
        plain("wide", &[]),
    ];
    for beginning in beginnings {
        assert!(looks_like_mp4(&beginning[..8]));
        assert!(!looks_like_mp4(&beginning[..7]));
        assert_ne!(fault(&beginning), CutError::NotMp4);
    }
}

#[test]
fn files_that_are_not_fragmented_from_the_start_are_refused() {
    let offset = ftyp().len() as u64;
    for sizes in ["stsz", "stz2"] {
        let track = Track {
            samples: (1, sizes),
            ..Track::video()
        };
        for tracks in [
            vec![track.clone(), Track::audio()],
            vec![Track::audio(), track],
        ] {
            let file = [ftyp(), moov(&tracks), second(0, SYNC)].concat();
            assert_eq!(fault(&file), CutError::MovieWithSamples { offset });
        }
    }
    let mut unannounced = initialisation();
    let at = unannounced.windows(4).position(|name| name == b"mvex");
    unannounced[at.unwrap()..][..4].copy_from_slice(b"abcd");
    assert_eq!(fault(&unannounced), CutError::NotFragmented { offset });

    for first in ["mdat", "moof"] {
        let file = [ftyp(), plain(first, &[&[0; 8]])].concat();
        let expected = CutError::NoMovie {
            kind: kind(first),
            offset,
        };
        assert_eq!(fault(&file), expected);
        // It need not have come to be refused, however long it is.
        let huge = [&ftyp()[..], &[0, 0, 0, 1], first.as_bytes(), &[1; 8]].concat();
        assert_eq!(fault(&huge), expected);
        let nothing = [&ftyp()[..], &[0, 0, 0, 8], first.as_bytes()].concat();
        assert_eq!(fault(&nothing), expected);
    }
}

#[test]
fn a_movie_without_a_track_to_cut_at_is_refused() {
    let offset = ftyp().len() as u64;
    let unannounced = Track {
        defaults: None,
        ..Track::video()
    };
    let other = Track {
        handler: "text",
        ..Track::video()
    };
    for tracks in [vec![], vec![unannounced], vec![other]] {
        let file = [ftyp(), moov(&tracks), second(0, SYNC)].concat();
        assert_eq!(fault(&file), CutError::NoTrack { offset });
    }
}

#[test]
fn input_without_a_fragment_is_refused() {
    let other = Track {
        timescale: 7,
        ..Track::video()
    };
    for rest in [
        vec![],
        plain("free", &[&[0; 20]]),
        moov(&[Track::video()]),
        initialisation(),
        [ftyp(), moov(&[other])].concat(),
    ] {
        let file = [initialisation(), rest].concat();
        let bytes = file.len() as u64;
        assert_eq!(fault(&file), CutError::NoFragment { bytes });
    }
    let bytes = ftyp().len() as u64;
    assert_eq!(fault(&ftyp()), CutError::NoFragment { bytes });
}

#[test]
fn a_stream_that_lets_no_decoder_in_is_refused() {
    let stream = [initialisation(), second(0, NON_SYNC), second(1, NON_SYNC)];
    let bytes = stream.concat().len() as u64;
    let expected = CutError::NoSyncSample {
        track: VIDEO,
        bytes,
    };
    assert_eq!(fault(&stream.concat()), expected);
}

#[test]
fn fragments_that_cannot_be_moved_are_refused() {
    let offset = good_len();
    let part = || Part::video(2000, 25, SYNC);
    let absolute = Part {
        base_data_offset: Some(0),
        ..part()
    };
    let timeless = Part {
        start: None,
        ..part()
    };
    let mut backward = part();
    backward.runs[0].data_offset = Some(-1);
    for (bad, expected) in [
        (absolute, CutError::AbsoluteOffset { offset }),
        (timeless, CutError::NoDecodeTime { offset }),
        (backward, CutError::DataInFront { offset }),
    ] {
        for parts in [vec![bad.clone(), part()], vec![part(), bad]] {
            assert_eq!(fault_behind_good(&fragment(&parts)), expected);
        }
    }
}

#[test]
fn an_error_is_one_line_that_says_where_and_how_to_mend_it() {
    let offset = 1880;
    let moof = kind("moof");
    let size = 7;
    let said = [
        (CutError::Empty, "empty", ""),
        (CutError::NotMp4, "not an MP4", ""),
        (CutError::Damaged { offset }, "1880", ""),
        (
            CutError::WrongSize {
                kind: moof,
                offset,
                size,
            },
            "'moof' box at byte 1880",
            "",
        ),
        (
            CutError::TooLarge {
                kind: moof,
                offset,
                size,
                capacity: 4,
            },
            "7 bytes long",
            "",
        ),
        (
            CutError::Unreadable { kind: moof, offset },
            "'moof' box at byte 1880",
            "",
        ),
        (
            CutError::EndsInsideBox { offset, len: 12 },
            "only 12 bytes",
            "",
        ),
        (CutError::NoData { offset }, "mdat", ""),
        (
            CutError::NoMovie { kind: moof, offset },
            "before any 'moov'",
            FLAGS,
        ),
        (
            CutError::MovieWithSamples { offset },
            "samples of its own",
            FLAGS,
        ),
        (CutError::NotFragmented { offset }, "no fragments", FLAGS),
        (CutError::NoTrack { offset }, "no fragmented video", ""),
        (CutError::NoFragment { bytes: 5 }, "in 5 bytes", ""),
        (
            CutError::AbsoluteOffset { offset },
            "start of the file",
            "-movflags +default_base_moof",
        ),
        (CutError::DataInFront { offset }, "before itself", FLAGS),
        (CutError::NoDecodeTime { offset }, "tfdt", FLAGS),
        (
            CutError::NoSyncSample { track: 3, bytes: 5 },
            "track 3",
            "-movflags +frag_keyframe",
        ),
        (
            CutError::TooLong {
                track: 3,
                offset,
                bytes: 5,
            },
            "byte 1880",
            "-movflags +frag_keyframe",
        ),
    ];
    for (error, what, mend) in said {
        let line = error.to_string();
        assert!(
            !line.contains('\n') && line.contains(what) && line.contains(mend),
            "{line}"
        );
    }
    assert_eq!(Kind(*b"a\n\xFFd").to_string(), "'a\\n\\xffd'");
}
