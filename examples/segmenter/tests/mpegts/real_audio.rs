//! Audio alone, of each codec that ffmpeg can put into a transport stream.

use std::process::Command;

use super::common::means::have_tools;
use super::*;

const CODECS: [(&str, &[&str]); 9] = [
    ("AAC", &["aac"]),
    ("AAC in LATM", &["aac", "-mpegts_flags", "latm"]),
    ("MPEG-1 layer II", &["mp2"]),
    ("MPEG-1 layer III", &["libmp3lame"]),
    ("AC-3", &["ac3"]),
    ("E-AC-3", &["eac3"]),
    ("DTS", &["dca", "-strict", "-2"]),
    ("TrueHD", &["truehd", "-strict", "-2"]),
    ("Opus", &["libopus"]),
];

/// Six seconds, unless ffmpeg is missing.
fn make(arguments: &[&str]) -> Option<Vec<u8>> {
    if !have_tools("audio_alone_of_each_codec_is_cut", &["ffmpeg"]) {
        return None;
    }
    let source = "sine=frequency=440:beep_factor=4:sample_rate=48000:duration=6";
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", source])
        .args(["-ac", "2", "-c:a"])
        .args(arguments)
        .args(["-f", "mpegts", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{arguments:?}: {said}");
    Some(made.stdout)
}

#[test]
fn audio_alone_of_each_codec_is_cut() {
    for (name, arguments) in CODECS {
        let Some(bytes) = make(arguments) else { return };
        let cuts = cut(&bytes, Duration::from_secs(1));
        let lengths = seconds(&cuts);
        assert!((4..=7).contains(&cuts.len()), "{name}: {lengths:?}");
        let (_, whole) = lengths.split_last().unwrap();
        // ffmpeg puts up to 0.36 s into a PES packet.
        let is_right = |length: &f64| (1.0..1.4).contains(length);
        assert!(whole.iter().all(is_right), "{name}: {lengths:?}");
        let total: f64 = lengths.iter().sum();
        assert!((total - 6.0).abs() < 0.1, "{name}: {total}");
        assert!(cuts.iter().all(|cut| cut.independent && !cut.discontinuity));
        for cut in &cuts[1..] {
            // The PID that ffmpeg gives the first stream.
            joined::check_beginning(&cut.data, VIDEO);
        }
    }
}
