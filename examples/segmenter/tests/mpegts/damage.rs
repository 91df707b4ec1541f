//! Damage, padding and other packet sizes.

use super::*;

const TWO_SECONDS: Duration = Duration::from_secs(2);

fn stream() -> Vec<u8> {
    let mut muxer = h264();
    pictures(&mut muxer, 250);
    muxer.bytes
}

/// Cuts in pieces of a length that has nothing to do with that of a packet, and checks that the
/// pieces make no difference.
fn cut_all(bytes: &[u8]) -> (Vec<Segment>, Vec<Notice>) {
    let run = |len: usize| {
        let mut cutter = Cutter::new(TWO_SECONDS);
        let mut cuts = Vec::new();
        for piece in bytes.chunks(len) {
            cutter.push(piece, &mut cuts).unwrap();
        }
        assert_eq!(cutter.finish(&mut cuts), Ok(()));
        (cuts, cutter.take_notices())
    };
    let whole = run(bytes.len());
    for len in [1, 7, 187, 189, 1000, 5000] {
        assert!(run(len) == whole, "in pieces of {len}");
    }
    whole
}

#[test]
fn a_wrong_sync_byte_loses_one_packet() {
    let mut bytes = stream();
    // The second packet of a picture.
    let at = 201 * 188;
    bytes[at] = 0x46;
    let (cuts, notices) = cut_all(&bytes);
    assert_eq!(seconds(&cuts), [2.0; 5]);
    let offset = at as u64;
    assert_eq!(notices, [Notice::Skipped { offset, len: 188 }]);
    bytes.drain(at..at + 188);
    joined::check(&bytes, &data(&cuts));
}

#[test]
fn lost_bytes_lose_the_packet_that_they_were_in() {
    let whole = stream();
    for len in [1, 100, 187, 300] {
        let mut bytes = whole.clone();
        let at = 200 * 188 + 20;
        bytes.drain(at..at + len);
        let (cuts, notices) = cut_all(&bytes);
        assert_eq!(cuts.len(), 5, "{len}");
        // The rest of the first packet, whose sync byte was right, is another one's.
        let skipped: u64 = notices
            .iter()
            .map(|notice| match notice {
                Notice::Skipped { len, .. } => *len,
                other => panic!("{other}"),
            })
            .sum();
        let kept: usize = cuts.iter().map(|cut| cut.data.len()).sum();
        let inserted = 4 * 2 * 188;
        assert_eq!(
            kept - inserted + usize::try_from(skipped).unwrap(),
            bytes.len(),
            "{len}"
        );
        assert!(skipped < 2 * 188, "{skipped}");
    }
}

#[test]
fn a_stream_may_begin_inside_a_packet() {
    let whole = stream();
    let tables = [&whole[..376], &whole].concat();
    for len in [1, 100, 187] {
        let (cuts, notices) = cut_all(&tables[188 - len..]);
        let len = len as u64;
        assert_eq!(notices, [Notice::Skipped { offset: 0, len }]);
        assert_eq!(seconds(&cuts), [2.0; 5]);
    }
}

#[test]
fn padding_between_packets_is_skipped() {
    for padding in [1, 188, 1000, 70_000] {
        let mut bytes = stream();
        for packet in [400, 300, 100] {
            let at = packet * 188;
            bytes.splice(at..at, vec![0; padding]);
        }
        let (cuts, notices) = cut_all(&bytes);
        assert_eq!(seconds(&cuts), [2.0; 5]);
        assert_eq!(notices.len(), 3);
        joined::check(&stream(), &data(&cuts));
    }
}

#[test]
fn packets_of_192_and_204_bytes_are_read() {
    let plain = stream();
    let with = |before: usize, behind: usize| -> Vec<u8> {
        plain
            .chunks(188)
            .flat_map(|packet| [&vec![0x11; before][..], packet, &vec![0x22; behind]].concat())
            .collect()
    };
    for bytes in [with(4, 0), with(0, 16), with(0, 4)] {
        let (cuts, notices) = cut_all(&bytes);
        assert_eq!(seconds(&cuts), [2.0; 5]);
        assert_eq!(notices, []);
        joined::check(&plain, &data(&cuts));
    }
}

#[test]
fn what_is_behind_the_last_packet_is_reported() {
    let whole = stream();
    for rest in [&[0; 50][..], &[0; 1000]] {
        let (cuts, notices) = cut_all(&[&whole[..], rest].concat());
        assert_eq!(seconds(&cuts), [2.0; 5]);
        let (offset, len) = (whole.len() as u64, rest.len() as u64);
        assert_eq!(notices, [Notice::Skipped { offset, len }]);
    }
}
