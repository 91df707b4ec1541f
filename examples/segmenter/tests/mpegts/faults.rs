//! Bad input: one clear message, and no good segment is lost.

use super::*;

const TWO_SECONDS: Duration = Duration::from_secs(2);

fn five_seconds() -> Vec<u8> {
    let mut muxer = h264();
    pictures(&mut muxer, 125);
    muxer.bytes
}

fn fault(bytes: &[u8]) -> CutError {
    let (cuts, outcome) = try_cut(bytes, TWO_SECONDS);
    assert!(cuts.is_empty(), "there is nothing to record");
    outcome.expect_err("this is bad input")
}

#[test]
fn what_is_no_transport_stream_is_said_to_be_none() {
    assert_eq!(fault(&[]), CutError::Empty);
    assert_eq!(
        fault(b"not a stream"),
        CutError::NotTransportStream { found: b'n' }
    );
    // Begins with a sync byte as well.
    let image = [&b"GIF89a"[..], &[0; 1000]].concat();
    assert_eq!(fault(&image), CutError::NotTransportStream { found: b'G' });
    assert_eq!(
        fault(&image[..200]),
        CutError::NotTransportStream { found: b'G' }
    );
    assert_eq!(
        fault(&image[..100]),
        CutError::EndsInsidePacket {
            offset: 0,
            len: 100
        }
    );
}

#[test]
fn a_stream_without_tables_cannot_be_cut() {
    let stream = five_seconds();
    let len = stream.len() as u64;
    let without = |pid: u16| -> Vec<u8> {
        joined::packets(&stream)
            .filter(|packet| joined::pid(packet) != pid)
            .flatten()
            .copied()
            .collect()
    };
    assert_eq!(
        fault(&without(0)),
        CutError::NoProgramAssociation { bytes: len - 188 }
    );
    assert_eq!(
        fault(&without(PMT)),
        CutError::NoProgramMap { bytes: len - 188 }
    );
}

#[test]
fn a_program_without_video_and_audio_cannot_be_cut() {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[Stream::new(0x05, VIDEO)]);
    pictures(&mut muxer, 10);
    assert_eq!(fault(&muxer.bytes), CutError::NoTrack);
}

#[test]
fn a_stream_that_lets_no_decoder_in_is_kept_or_refused() {
    let mut muxer = h264();
    for index in 0..100 {
        muxer.pes(&picture(index, 0));
    }
    let bytes = muxer.bytes.len() as u64;
    let mut cutter = Cutter::new(TWO_SECONDS);
    let mut cuts = Vec::new();
    cutter.push(&muxer.bytes, &mut cuts).unwrap();
    assert_eq!(cutter.finish(&mut cuts), Ok(()));
    assert_eq!(seconds(&cuts), [4.0]);
    assert!(!cuts[0].independent);
    joined::check(&muxer.bytes, &data(&cuts));
    assert_eq!(
        cutter.take_notices(),
        [Notice::NoRandomAccess { pid: VIDEO }]
    );

    let mut cutter = Cutter::new(TWO_SECONDS).drop_undecodable();
    let mut cuts = Vec::new();
    cutter.push(&muxer.bytes, &mut cuts).unwrap();
    assert_eq!(
        cutter.finish(&mut cuts),
        Err(CutError::NoRandomAccess { pid: VIDEO, bytes })
    );
    assert!(cuts.is_empty());
}

#[test]
fn what_was_good_before_a_cut_short_packet_is_handed_out() {
    let stream = five_seconds();
    let packet = 200 * 188;
    let (cuts, outcome) = try_cut(&stream[..packet + 100], TWO_SECONDS);
    assert_eq!(
        outcome,
        Err(CutError::EndsInsidePacket {
            offset: packet as u64,
            len: 100
        })
    );
    joined::check(&stream[..packet], &data(&cuts));
}

#[test]
fn a_segment_is_cut_before_its_target_rather_than_held_for_ever() {
    let stream = five_seconds();
    let second = stream.len() / 5;
    let mut cutter = Cutter::new(Duration::from_secs(3600)).capacity(3 * second);
    let mut cuts = Vec::new();
    cutter.push(&stream, &mut cuts).expect("a group fits");
    cutter.finish(&mut cuts).expect("a whole stream");
    assert_eq!(seconds(&cuts), [2.0, 2.0, 1.0]);
    joined::check(&stream, &data(&cuts));
}

#[test]
fn a_full_segment_is_not_cut_where_it_would_last_no_time() {
    let mut muxer = h264();
    for _ in 0..15 {
        muxer.pes(&picture(0, RANDOM_ACCESS));
    }
    let mut cutter = Cutter::new(TWO_SECONDS).capacity(7000);
    let mut cuts = Vec::new();
    cutter.push(&muxer.bytes, &mut cuts).expect("it fits");
    assert!(cuts.is_empty());
}

#[test]
fn a_segment_that_never_ends_is_cut_anywhere() {
    let mut muxer = h264();
    muxer.pes(&picture(0, RANDOM_ACCESS));
    for index in 1..1000 {
        muxer.pes(&picture(index, 0));
    }
    let mut cutter = Cutter::new(TWO_SECONDS).capacity(10_000);
    let mut cuts = Vec::new();
    for packet in muxer.bytes.chunks(188) {
        cutter.push(packet, &mut cuts).unwrap();
    }
    cutter.finish(&mut cuts).unwrap();
    assert!(cuts.iter().all(|cut| cut.data.len() <= 10_000));
    assert!(cuts[0].independent && !cuts[1].independent);
    joined::check(&muxer.bytes, &data(&cuts));
    let total: f64 = seconds(&cuts).iter().sum();
    assert!((total - 40.0).abs() < 0.001, "{total}");
    let is_said = |it: &Notice| matches!(it, Notice::CutAnywhere { pid: VIDEO, .. });
    assert!(cutter.take_notices().iter().any(is_said));
}

#[test]
fn stopping_in_the_middle_hands_out_everything() {
    let stream = five_seconds();
    for packets in [0, 1, 3, 50, 200] {
        let len = packets * 188;
        let mut cutter = Cutter::new(TWO_SECONDS);
        let mut cuts = Vec::new();
        cutter
            .push(&stream[..len + 100], &mut cuts)
            .expect("good so far");
        cutter.stop(&mut cuts);
        joined::check(&stream[..len], &data(&cuts));
    }
}

#[test]
fn an_error_is_one_line_that_says_where() {
    let error = CutError::EndsInsidePacket {
        offset: 376,
        len: 7,
    };
    assert_eq!(
        error.to_string(),
        "the input is cut short: of the packet that begins at byte 376 only 7 of 188 bytes are there"
    );
}
