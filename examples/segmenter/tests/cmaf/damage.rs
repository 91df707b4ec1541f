//! Damaged input: boxes with impossible contents.

use super::faults::{fault, fault_behind_good, good_len, kind};
use super::maker::{
    Part, SYNC, Track, VIDEO, fragment, ftyp, full, initialisation, moov, plain, second, words,
};
use super::*;

/// Every length of every box that is read, one byte too short: the offset is that of the box.
#[test]
fn boxes_that_are_too_short_are_refused() {
    let part = Part {
        duration: Some(40),
        flags: Some(SYNC),
        ..Part::video(2000, 25, SYNC)
    };
    let whole = fragment(&[part]);
    for name in ["tfhd", "tfdt", "trun"] {
        let at = find(&whole, name);
        let len = usize::from(whole[at + 3]);
        let expected = CutError::Unreadable {
            kind: kind(name),
            offset: good_len() + at as u64,
        };
        assert_eq!(fault_behind_good(&shorten(&whole, at, len - 1)), expected);
    }
    let whole = initialisation();
    for (name, needed) in [
        ("tkhd", 24),
        ("mdhd", 24),
        ("hdlr", 20),
        ("stsz", 20),
        ("trex", 32),
    ] {
        let at = find(&whole, name);
        let expected = CutError::Unreadable {
            kind: kind(name),
            offset: at as u64,
        };
        assert_eq!(fault(&shorten(&whole, at, needed - 1)), expected);
        let enough = [shorten(&whole, at, needed), second(0, SYNC)].concat();
        assert_eq!(cut_at_seconds(&enough, 1), [1.0]);
    }
}

/// Where the box with this name begins.
fn find(bytes: &[u8], name: &str) -> usize {
    let names = bytes.windows(4);
    names
        .enumerate()
        .find(|(_, found)| *found == name.as_bytes())
        .unwrap()
        .0
        - 4
}

/// Makes the box at `at` end after `len` bytes: the rest of it becomes a box, or the padding in
/// one, that has no meaning.
fn shorten(bytes: &[u8], at: usize, len: usize) -> Vec<u8> {
    let size = usize::from(bytes[at + 3]);
    let mut bytes = bytes.to_vec();
    bytes[at + 3] = u8::try_from(len).unwrap();
    let rest = at + len..at + size;
    if rest.len() >= 8 {
        let padding = plain("free", &[&vec![0; rest.len() - 8]]);
        bytes.splice(rest, padding);
        return bytes;
    }
    // Too short for a box: the boxes around it, which are named here from within, get shorter too.
    let removed = rest.len();
    for outer in [
        "moof", "traf", "moov", "trak", "mdia", "minf", "stbl", "mvex",
    ] {
        let Some(start) = bytes.windows(4).position(|name| name == outer.as_bytes()) else {
            continue;
        };
        let start = start - 4;
        let size = u32::from_be_bytes(bytes[start..start + 4].try_into().unwrap());
        if start < at && at < start + size as usize {
            let size = size - u32::try_from(removed).unwrap();
            bytes[start..start + 4].copy_from_slice(&size.to_be_bytes());
        }
    }
    bytes.drain(rest);
    bytes
}

#[test]
fn boxes_that_cannot_be_right_are_refused() {
    let offset = good_len();
    let at = |name: &str, within: usize| CutError::Unreadable {
        kind: kind(name),
        offset: offset + within as u64,
    };
    let unknown_track = Part {
        track: 99,
        ..Part::video(2000, 25, SYNC)
    };
    assert_eq!(
        fault_behind_good(&fragment(&[unknown_track])),
        at("tfhd", 32)
    );
    let nothing = plain("moof", &[&plain("traf", &[])]);
    assert_eq!(fault_behind_good(&nothing), at("traf", 8));
    let overlong = plain("moof", &[&[0, 0, 0, 9], b"traf"]);
    assert_eq!(fault_behind_good(&overlong), at("moof", 0));
    let endless = plain("moof", &[&[0, 0, 0, 0], b"traf"]);
    assert_eq!(fault_behind_good(&endless), at("moof", 0));
    let tiny = plain("moof", &[&[0, 0, 0, 7], b"traf"]);
    assert_eq!(fault_behind_good(&tiny), at("moof", 0));

    let version = full("tfdt", 2, 0, &[&[0; 16]]);
    let head = full("tfhd", 0, 0, &[&words(&[VIDEO])]);
    let moof = plain("moof", &[&plain("traf", &[&head, &version])]);
    assert_eq!(fault_behind_good(&moof), at("tfdt", 16 + head.len()));

    // More samples than 64 bits of time can hold.
    let mut endless = Part::video(2000, u32::MAX, SYNC);
    endless.duration = Some(u32::MAX);
    endless.runs.extend(endless.runs.clone());
    let moof = fragment(&[endless]);
    let CutError::Unreadable { kind: found, .. } = fault_behind_good(&moof) else {
        panic!("it is to be refused");
    };
    assert_eq!(found, kind("trun"));

    let timeless = Track {
        timescale: 0,
        ..Track::video()
    };
    let file = [ftyp(), moov(&[timeless])].concat();
    let offset = find(&file, "mdhd") as u64;
    let expected = CutError::Unreadable {
        kind: kind("mdhd"),
        offset,
    };
    assert_eq!(fault(&file), expected);
}

#[test]
fn boxes_of_a_size_that_cannot_be_are_refused() {
    let offset = good_len();
    for (size, name) in [(2, "mdat"), (7, "abcd"), (0, "moof"), (0, "free")] {
        let bad = [&[0, 0, 0, size], name.as_bytes(), &[0; 20]].concat();
        let expected = CutError::WrongSize {
            kind: kind(name),
            offset,
            size: size.into(),
        };
        assert_eq!(fault_behind_good(&bad), expected);
    }
    for (size, expected) in [
        (
            15,
            CutError::WrongSize {
                kind: kind("mdat"),
                offset,
                size: 15,
            },
        ),
        (
            u64::MAX,
            CutError::TooLarge {
                kind: kind("mdat"),
                offset,
                size: u64::MAX,
                capacity: 256 << 20,
            },
        ),
    ] {
        let bad = [&[0, 0, 0, 1], &b"mdat"[..], &u64::to_be_bytes(size)].concat();
        assert_eq!(fault_behind_good(&bad), expected);
    }
    for noise in [&[0; 8][..], &[0xFF; 8], b"\0\0\0\x20ab\x07d"] {
        assert_eq!(fault_behind_good(noise), CutError::Damaged { offset });
    }
}
