//! The times between random access points.

mod common;

use std::time::Duration;

use common::means::have_tools;
use segmenter::Segmenter;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/sample.ts");

fn groups(bytes: &[u8]) -> Option<(Duration, Duration)> {
    let mut segmenter = Segmenter::new(Duration::from_secs(4)).for_players(None);
    segmenter.push(bytes, &mut Vec::new()).unwrap();
    segmenter.groups()
}

#[test]
fn of_either_format() {
    let milliseconds =
        |(shortest, longest): (Duration, Duration)| (shortest.as_millis(), longest.as_millis());
    let sample = std::fs::read(SAMPLE).unwrap();
    assert_eq!(groups(&sample).map(milliseconds), Some((600, 1400)));
    assert_eq!(groups(&sample[..20_000]), None);

    if !have_tools("of_either_format", &["ffmpeg"]) {
        return;
    }
    let flags = "+frag_keyframe+empty_moov+default_base_moof";
    let made = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i", SAMPLE, "-c", "copy"])
        .args(["-bsf:a", "aac_adtstoasc", "-movflags", flags])
        .args(["-f", "mp4", "-"])
        .output()
        .unwrap();
    assert_eq!(groups(&made.stdout).map(milliseconds), Some((600, 1400)));
}
