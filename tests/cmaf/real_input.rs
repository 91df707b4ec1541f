//! The output of ffmpeg: no byte is lost, and each segment can be decoded behind its
//! initialisation.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use super::common::means::have_tools;
use super::common::thorough::has_time;
use super::made::{FRAGMENTED, Found, Made, SAMPLE, probe};
use super::*;

/// How that is cut at two seconds, up to the group that begins at 9.2 s.
const OF_SAMPLE: [f64; 5] = [2.0, 2.0, 2.0, 2.0, 1.2];
const H264: [&str; 6] = [
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-sc_threshold",
    "0",
];

/// Checks the sample as ffmpeg writes it with these arguments.
fn check_sample(test: &str, arguments: &[&str]) {
    if let Some(made) = Made::of_sample(test, arguments) {
        assert_eq!(made.check(), Found::new(&OF_SAMPLE, &["mfra"]));
    }
}

fn check_flags(test: &str, flags: &str) {
    check_sample(test, &["-movflags", flags]);
}

fn check_made(test: &str, arguments: &[&str], expected: &[f64]) {
    if let Some(made) = Made::of_nothing(test, arguments) {
        assert_eq!(made.check(), Found::new(expected, &["mfra"]));
    }
}

#[test]
fn a_fragment_at_each_key_frame() {
    check_flags("a_fragment_at_each_key_frame", FRAGMENTED);
}

#[test]
fn fragments_of_one_frame() {
    if !has_time("fragments_of_one_frame") {
        return;
    }
    let flags = "+frag_every_frame+empty_moov+default_base_moof";
    check_flags("fragments_of_one_frame", flags);
}

#[test]
fn fragments_of_one_track() {
    if !has_time("fragments_of_one_track") {
        return;
    }
    let flags = "+separate_moof+frag_keyframe+empty_moov+default_base_moof";
    check_flags("fragments_of_one_track", flags);
}

#[test]
fn fragments_shorter_than_groups() {
    if !has_time("fragments_shorter_than_groups") {
        return;
    }
    let arguments = ["-frag_duration", "300000", "-movflags", FRAGMENTED];
    check_sample("fragments_shorter_than_groups", &arguments);
}

/// Only by chance does one begin with a key frame.
#[test]
fn fragments_that_have_nothing_to_do_with_groups() {
    let test = "fragments_that_have_nothing_to_do_with_groups";
    let flags = "+empty_moov+default_base_moof";
    let arguments = ["-frag_duration", "300000", "-movflags", flags];
    if let Some(made) = Made::of_sample(test, &arguments) {
        assert_eq!(made.check(), Found::new(&[3.2, 4.8, 1.2], &["mfra"]));
    }
}

#[test]
fn cmaf_with_a_moov_that_waits_for_the_first_fragment() {
    let test = "cmaf_with_a_moov_that_waits_for_the_first_fragment";
    check_flags(test, "+cmaf+delay_moov+frag_keyframe");
}

/// The first track of a fragment counts from its `moof`, the next one from the end of the first
/// one's data.
#[test]
fn data_that_is_counted_without_saying_from_where() {
    let test = "data_that_is_counted_without_saying_from_where";
    check_flags(test, "+frag_keyframe+empty_moov+omit_tfhd_offset");
}

#[test]
fn negative_composition_offsets() {
    let flags = "+negative_cts_offsets+frag_keyframe+empty_moov+default_base_moof";
    check_flags("negative_composition_offsets", flags);
}

#[test]
fn the_smooth_streaming_kind_of_mp4() {
    if !has_time("the_smooth_streaming_kind_of_mp4") {
        return;
    }
    let flags = "+isml+frag_keyframe+empty_moov+default_base_moof";
    if let Some(made) = Made::of_sample("the_smooth_streaming_kind_of_mp4", &["-movflags", flags]) {
        assert_eq!(made.names()[1], "uuid");
        assert_eq!(made.check(), Found::new(&OF_SAMPLE, &["mfra"]));
    }
}

#[test]
fn the_clock_of_the_encoder() {
    if !has_time("the_clock_of_the_encoder") {
        return;
    }
    let arguments = ["-write_prft", "1", "-movflags", FRAGMENTED];
    if let Some(made) = Made::of_sample("the_clock_of_the_encoder", &arguments) {
        assert_eq!(made.names()[2..5], ["prft", "moof", "mdat"]);
        assert_eq!(made.check(), Found::new(&OF_SAMPLE, &["mfra"]));
    }
}

#[test]
fn an_index_of_each_fragment() {
    if !has_time("an_index_of_each_fragment") {
        return;
    }
    let flags = "+dash+frag_keyframe+empty_moov+default_base_moof";
    if let Some(made) = Made::of_sample("an_index_of_each_fragment", &["-movflags", flags]) {
        assert_eq!(made.names()[2..6], ["sidx", "sidx", "moof", "mdat"]);
        assert_eq!(made.check(), Found::new(&OF_SAMPLE, &["mfra"]));
    }
}

#[test]
fn an_index_of_everything() {
    if !has_time("an_index_of_everything") {
        return;
    }
    let flags = "+dash+global_sidx+frag_keyframe+empty_moov+default_base_moof";
    if let Some(made) = Made::of_sample("an_index_of_everything", &["-movflags", flags]) {
        assert_eq!(made.names()[2..6], ["sidx", "sidx", "moof", "mdat"]);
        assert_eq!(
            made.check(),
            Found::new(&OF_SAMPLE, &["sidx", "sidx", "mfra"])
        );
    }
}

#[test]
fn video_alone() {
    if !has_time("video_alone") {
        return;
    }
    check_sample("video_alone", &["-an", "-movflags", FRAGMENTED]);
}

/// 23 frames of 1024 samples are as near to half a second as a fragment comes.
#[test]
fn audio_alone() {
    let arguments = ["-vn", "-frag_duration", "500000", "-movflags", FRAGMENTED];
    if let Some(made) = Made::of_sample("audio_alone", &arguments) {
        let found = made.check();
        assert_eq!(found.missing, ["mfra"]);
        let (last, others) = found.seconds.split_last().unwrap();
        assert_eq!(others.len(), 4);
        assert!(others.iter().all(|lasted| (2.0..2.1).contains(lasted)));
        assert!(*last < 2.1);
    }
}

#[test]
fn a_large_timescale() {
    if !has_time("a_large_timescale") {
        return;
    }
    let arguments = [
        "-video_track_timescale",
        "1000000000",
        "-movflags",
        FRAGMENTED,
    ];
    check_sample("a_large_timescale", &arguments);
}

/// As after days of a live stream: the times of both tracks do not fit into 32 bits.
#[test]
fn decode_times_far_from_zero() {
    let test = "decode_times_far_from_zero";
    let arguments = ["-video_track_timescale", "90000", "-movflags", FRAGMENTED];
    if let Some(mut made) = Made::of_sample(test, &arguments) {
        for outer in joined::boxes(&made.bytes) {
            if outer.name == "moof" {
                delay(&mut made.bytes[outer.at], 1_000_000);
            }
        }
        made.path = made.write("delayed.mp4", &made.bytes);
        assert!(probe(&made.path, "packet=pts_time")[0].starts_with("1000000."));
        assert_eq!(made.check(), Found::new(&OF_SAMPLE, &["mfra"]));
    }
}

/// Puts off the decode times in a `moof` of video and audio.
fn delay(moof: &mut [u8], seconds: u64) {
    let found = moof
        .windows(4)
        .enumerate()
        .filter(|(_, name)| *name == b"tfdt");
    let places: Vec<usize> = found.map(|(at, _)| at + 8).collect();
    for (at, timescale) in places.into_iter().zip([90_000, 48_000]) {
        assert_eq!(moof[at - 4], 1, "ffmpeg writes version 1");
        let field: &mut [u8; 8] = (&mut moof[at..at + 8]).try_into().unwrap();
        *field = (u64::from_be_bytes(*field) + seconds * timescale).to_be_bytes();
    }
}

#[test]
fn files_for_dash() {
    let arguments = [
        "-an",
        "-tag:v",
        "avc1",
        "-f",
        "dash",
        "-seg_duration",
        "0.5",
    ];
    let name = |number| format!("chunk-stream0-{number:05}.m4s");
    let names = [
        vec!["init-stream0.m4s".to_owned()],
        (1..=9).map(name).collect(),
    ]
    .concat();
    if let Some(made) = Made::of_files("files_for_dash", &arguments, &names) {
        assert_eq!(made.names()[2..6], ["styp", "sidx", "moof", "mdat"]);
        assert_eq!(made.check(), Found::new(&OF_SAMPLE, &[]));
    }
}

#[test]
fn files_for_hls() {
    let arguments = ["-f", "hls", "-hls_segment_type", "fmp4", "-hls_time", "0.5"];
    let name = |number| format!("input{number}.m4s");
    let names = [vec!["init.mp4".to_owned()], (0..=8).map(name).collect()].concat();
    if let Some(made) = Made::of_files("files_for_hls", &arguments, &names) {
        assert_eq!(made.names()[2..7], ["styp", "sidx", "sidx", "moof", "mdat"]);
        assert_eq!(made.check(), Found::new(&OF_SAMPLE, &[]));
    }
}

#[test]
fn groups_longer_than_the_target() {
    if !has_time("groups_longer_than_the_target") {
        return;
    }
    let arguments = [&H264[..], &["-g", "75", "-keyint_min", "75", "-bf", "3"]].concat();
    check_made(
        "groups_longer_than_the_target",
        &arguments,
        &[3.0, 3.0, 1.0],
    );
}

#[test]
fn groups_shorter_than_the_target() {
    if !has_time("groups_shorter_than_the_target") {
        return;
    }
    let arguments = [&H264[..], &["-g", "10"]].concat();
    check_made(
        "groups_shorter_than_the_target",
        &arguments,
        &[2.0, 2.0, 2.0, 1.0],
    );
}

#[test]
fn a_frame_rate_that_nanoseconds_cannot_express() {
    if !has_time("a_frame_rate_that_nanoseconds_cannot_express") {
        return;
    }
    let test = "a_frame_rate_that_nanoseconds_cannot_express";
    let arguments = [&H264[..], &["-g", "48", "-r", "24000/1001"]].concat();
    if let Some(made) = Made::of_nothing(test, &arguments) {
        let found = made.check().seconds;
        assert_eq!(found[..3], [2.002; 3]);
        assert_eq!(found.len(), 4);
    }
}

#[test]
fn hevc() {
    if !has_time("hevc") {
        return;
    }
    let x265 = "log-level=error:keyint=25:min-keyint=25:open-gop=0";
    let arguments = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-tag:v",
        "hvc1",
        "-x265-params",
        x265,
    ];
    check_made("hevc", &arguments, &[2.0, 2.0, 2.0, 1.0]);
}

#[test]
fn av1() {
    if !has_time("av1") {
        return;
    }
    let arguments = ["-an", "-c:v", "libsvtav1", "-preset", "12", "-g", "25"];
    check_made("av1", &arguments, &[2.0, 2.0, 2.0, 1.0]);
}

/// The error for the sample as ffmpeg writes it with these arguments: it cannot be cut.
fn refused(test: &str, arguments: &[&str]) -> Option<CutError> {
    let made = Made::of_sample(test, arguments)?;
    let (cuts, outcome) = try_cut(&made.bytes, Duration::from_secs(2));
    assert_eq!(cuts, []);
    Some(outcome.expect_err("this cannot be cut"))
}

#[test]
fn data_that_is_counted_from_the_start_of_the_file() {
    let test = "data_that_is_counted_from_the_start_of_the_file";
    let flags = ["-movflags", "+frag_keyframe+empty_moov"];
    if let Some(fault) = refused(test, &flags) {
        assert!(matches!(fault, CutError::AbsoluteOffset { .. }), "{fault}");
    }
}

#[test]
fn files_that_are_not_fragmented_or_not_from_the_start() {
    let test = "files_that_are_not_fragmented_or_not_from_the_start";
    for flags in ["+frag_keyframe+default_base_moof", "+faststart"] {
        if let Some(fault) = refused(test, &["-movflags", flags]) {
            assert!(
                matches!(fault, CutError::MovieWithSamples { .. }),
                "{fault}"
            );
        }
    }
    if let Some(fault) = refused(test, &[]) {
        assert!(matches!(fault, CutError::NoMovie { .. }), "{fault}");
    }
}

#[test]
fn fragments_without_a_decode_time() {
    let arguments = ["-f", "ismv", "-movflags", "+default_base_moof"];
    if let Some(fault) = refused("fragments_without_a_decode_time", &arguments) {
        assert!(matches!(fault, CutError::NoDecodeTime { .. }), "{fault}");
    }
}

#[test]
fn a_transport_stream_is_none() {
    let stream = fs::read(SAMPLE).unwrap();
    assert!(!looks_like_mp4(&stream));
    let (cuts, outcome) = try_cut(&stream, Duration::from_secs(2));
    assert_eq!((cuts, outcome), (vec![], Err(CutError::NotMp4)));
}

/// The bytes as they come from a pipe.
#[test]
fn straight_from_ffmpeg() {
    if !have_tools("straight_from_ffmpeg", &["ffmpeg"]) {
        return;
    }
    let mut ffmpeg = Command::new("ffmpeg")
        .args([
            "-nostdin", "-v", "error", "-i", SAMPLE, "-t", "9.12", "-c", "copy",
        ])
        .args([
            "-bsf:a",
            "aac_adtstoasc",
            "-movflags",
            FRAGMENTED,
            "-f",
            "mp4",
            "-",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg starts");
    let mut cutter = Cutter::new(Duration::from_secs(2));
    let mut cuts = Vec::new();
    let mut input = Vec::new();
    let mut chunk = vec![0; 10_000];
    let pipe = ffmpeg.stdout.as_mut().expect("a pipe");
    loop {
        let len = pipe.read(&mut chunk).expect("the pipe can be read");
        if len == 0 {
            break;
        }
        input.extend(&chunk[..len]);
        cutter.push(&chunk[..len], &mut cuts).expect("good input");
    }
    assert!(ffmpeg.wait().expect("ffmpeg ends").success());
    assert_eq!(cutter.finish(&mut cuts), Ok(()));
    joined::check(&input, &cuts);
    assert_eq!(seconds(&cuts), OF_SAMPLE);
}
