//! Video that is announced and does not come, or falls silent.

use segmenter::Segmenter;

use super::common::muxer::section;
use super::*;

const TWO_SECONDS: Duration = Duration::from_secs(2);

/// A PES packet of audio beside the picture of this index.
fn audio(index: u64) -> Pes {
    Pes {
        pid: AUDIO,
        presented: Some(START + index * FRAME),
        content: vec![1; 100],
        ..Pes::default()
    }
}

/// Audio beside every picture, and the pictures for which `is_there`.
fn stream(count: u64, is_there: impl Fn(u64) -> bool) -> Vec<u8> {
    let mut muxer = h264();
    for index in 0..count {
        if is_there(index) {
            let flags = if index % 25 == 0 { RANDOM_ACCESS } else { 0 };
            muxer.pes(&picture(index, flags));
        }
        muxer.pes(&audio(index));
    }
    muxer.bytes
}

fn cut_all(bytes: &[u8]) -> (Vec<Segment>, Vec<Notice>) {
    let mut cutter = Cutter::new(TWO_SECONDS).drop_undecodable();
    let mut cuts = Vec::new();
    cutter.push(bytes, &mut cuts).unwrap();
    cutter.finish(&mut cuts).unwrap();
    (cuts, cutter.take_notices())
}

const SILENT: Notice = Notice::VideoSilent {
    pid: VIDEO,
    audio: AUDIO,
};
const BACK: Notice = Notice::VideoBack { pid: VIDEO };

#[test]
fn audio_decides_if_the_video_never_comes() {
    let bytes = stream(500, |_| false);
    let (cuts, notices) = cut_all(&bytes);
    assert_eq!(notices, [SILENT]);
    // After two targets the first segment ends.
    let lengths = seconds(&cuts);
    assert!(lengths[0] <= 4.2, "{lengths:?}");
    assert!(
        lengths[1..lengths.len() - 1]
            .iter()
            .all(|it| (it - 2.0).abs() < 1e-6)
    );
    assert!((lengths.iter().sum::<f64>() - 20.0).abs() < 0.1);
    assert!(cuts.iter().all(|cut| cut.independent && !cut.discontinuity));
    joined::check_each(&bytes, &data(&cuts));
    for cut in &cuts[1..] {
        joined::check_beginning(&cut.data, AUDIO);
    }
}

#[test]
fn video_that_falls_silent_may_come_back() {
    let bytes = stream(1000, |index| !(300..600).contains(&index));
    let (cuts, notices) = cut_all(&bytes);
    assert_eq!(notices, [SILENT, BACK]);
    joined::check_each(&bytes, &data(&cuts));
    let total: f64 = seconds(&cuts).iter().sum();
    assert!((total - 40.0).abs() < 0.1, "{total}");
    // The tracks change twice.
    let breaks = cuts.iter().filter(|cut| cut.discontinuity);
    let starts: Vec<_> = breaks.map(|cut| (cut.start - START) / 90_000).collect();
    assert_eq!(starts, [16, 24]);
    assert!(cuts.iter().all(|cut| cut.length().as_secs_f64() <= 6.2));
    let back = cuts.iter().rfind(|cut| cut.discontinuity).unwrap();
    joined::check_beginning(&back.data, VIDEO);
}

#[test]
fn video_that_comes_late_takes_over() {
    let bytes = stream(500, |index| index >= 250);
    let (cuts, notices) = cut_all(&bytes);
    assert_eq!(notices, [SILENT, BACK]);
    let first = cuts.iter().find(|cut| cut.discontinuity).unwrap();
    assert_eq!(first.start, START + 250 * FRAME);
    joined::check_beginning(&first.data, VIDEO);
    joined::check_each(&bytes, &data(&cuts));
}

/// A picture every 12 seconds, beside audio.
#[test]
fn pictures_far_apart_are_not_silent() {
    let bytes = stream(3000, |index| index % 300 == 0);
    let (cuts, notices) = cut_all(&bytes);
    assert_eq!(seconds(&cuts), [12.0; 10]);
    assert_eq!(notices, []);
}

#[test]
fn a_short_silence_changes_nothing() {
    let bytes = stream(500, |index| !(110..175).contains(&index));
    let (cuts, notices) = cut_all(&bytes);
    assert_eq!(notices, []);
    assert!(cuts.iter().all(|cut| !cut.discontinuity));
    joined::check(&bytes, &data(&cuts));
}

/// The packets of a PID.
fn packets(bytes: &[u8], pid: u16) -> Vec<&[u8]> {
    let of_pid = |packet: &&[u8]| u16::from_be_bytes([packet[1] & 0x1F, packet[2]]) == pid;
    bytes.chunks(188).filter(of_pid).collect()
}

#[test]
fn players_are_told_of_no_video_that_a_segment_lacks() {
    let bytes = stream(1000, |index| !(300..600).contains(&index));
    let mut segmenter = Segmenter::new(TWO_SECONDS).for_players(None);
    let mut cuts = Vec::new();
    segmenter.push(&bytes, &mut cuts).unwrap();
    segmenter.finish(&mut cuts).unwrap();
    // As if the video had never been announced.
    let mut silent = Muxer::default();
    silent.pat(0, &[(1, PMT)]);
    // Its PID stays that of the PCR.
    let pcr = (VIDEO | 0xE000).to_be_bytes();
    let audio = (AUDIO | 0xE000).to_be_bytes();
    let body = [&pcr[..], &[0xF0, 0, 0x0F], &audio, &[0xF0, 0]].concat();
    silent.section(PMT, &section(2, 1, 0, &body));
    let (without, with) = (packets(&silent.bytes, PMT), stream(0, |_| false));
    let with = packets(&with, PMT);
    let mut lacking = 0;
    for cut in &cuts {
        let has_video = !packets(&cut.data, VIDEO).is_empty();
        lacking += u32::from(!has_video);
        let expected = if has_video { &with } else { &without };
        for packet in packets(&cut.data, PMT) {
            // Behind the counter.
            assert_eq!(packet[4..], expected[0][4..]);
        }
    }
    assert_eq!(lacking, 4);
    joined::check_each(&bytes, &data(&cuts));
}
