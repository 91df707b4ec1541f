//! A recording is the input and nothing else, and each segment can be decoded alone.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::common::joined;
use super::common::means::{have_tools, skip};
use super::common::thorough::has_time;
use super::recording::{Decoder, FIRST_PID, Recording, packet_hashes};
use super::*;

const VIDEO: &str = "testsrc2=size=320x180:rate=25:duration=7";
const AUDIO: &str = "sine=frequency=440:beep_factor=4:sample_rate=48000:duration=7";
const H264: [&str; 12] = [
    "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "300k", "-g", "25",
    "-bf", "2",
];

/// The same packets without a single `random_access_indicator`, and how many there were.
fn without_indicators(packets: &[u8]) -> (Vec<u8>, usize) {
    let mut bytes = packets.to_vec();
    let mut cleared = 0;
    for packet in bytes.chunks_exact_mut(188) {
        if packet[3] & 0x20 != 0 && packet[4] > 0 && packet[5] & 0x40 != 0 {
            packet[5] &= !0x40;
            cleared += 1;
        }
    }
    (bytes, cleared)
}

/// An input without indicators gives the same segments, cut by the bitstream.
fn check_without_indicators(recording: &Recording) {
    let (bytes, count) = without_indicators(&fs::read(&recording.input).unwrap());
    assert!(count > 2, "there were some");
    let input = recording.input.with_extension("cleared.ts");
    fs::write(&input, bytes).unwrap();
    let cleared = Recording::new(input);
    assert_eq!(cleared.durations, recording.durations);
    let expected = segments(recording.folder.path());
    let expected: Vec<_> = expected.iter().map(|it| without_indicators(it).0).collect();
    assert!(segments(cleared.folder.path()) == expected);
}

/// Makes an input, unless ffmpeg is missing, or its encoder.
fn input(test: &str, folder: &tempfile::TempDir, arguments: &[&str]) -> Option<PathBuf> {
    static ENCODERS: OnceLock<BTreeSet<String>> = OnceLock::new();
    if !have_tools(test, &["ffmpeg", "ffprobe"]) {
        return None;
    }
    let encoders = ENCODERS.get_or_init(|| {
        let listed = output(Command::new("ffmpeg").args(["-v", "error", "-encoders"]));
        let words = text(&listed.stdout);
        words.split_whitespace().map(str::to_owned).collect()
    });
    for pair in arguments
        .windows(2)
        .filter(|pair| pair[0].starts_with("-c:"))
    {
        if !encoders.contains(pair[1]) {
            skip(test, &format!("ffmpeg has no {}", pair[1]));
            return None;
        }
    }
    Some(ffmpeg(arguments, &folder.path().join("input.ts")))
}

/// Records what ffmpeg makes of video and audio with these arguments.
fn check_video(test: &str, arguments: &[&str], decoder: Decoder) -> Option<(Recording, usize)> {
    let made = tempfile::tempdir().unwrap();
    let sources = ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO];
    let input = input(test, &made, &[&sources, arguments].concat())?;
    let recording = Recording::new(input);
    let with_tables = recording.check(decoder);
    check_without_indicators(&recording);
    Some((recording, with_tables))
}

fn check_audio(test: &str, encoder: &str) {
    let made = tempfile::tempdir().unwrap();
    let arguments = ["-f", "lavfi", "-i", AUDIO, "-c:a", encoder];
    if let Some(input) = input(test, &made, &arguments) {
        let recording = Recording::new(input);
        recording.check(Decoder::Silent);
        assert_eq!(recording.durations.len(), 4, "{:?}", recording.durations);
    }
}

#[test]
fn the_sample() {
    if !have_tools("the_sample", &["ffmpeg", "ffprobe"]) {
        return;
    }
    let made = tempfile::tempdir().unwrap();
    let input = made.path().join("sample.ts");
    fs::copy(SAMPLE, &input).unwrap();
    let recording = Recording::new(input);
    recording.check(Decoder::Silent);
    assert_eq!(
        recording.durations,
        [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.2, 2.8, 1.0]
    );
    check_without_indicators(&recording);
}

#[test]
fn constant_bit_rate_with_tables_on_a_clock_of_their_own() {
    let arguments = [&H264[..], &["-c:a", "aac", "-muxrate", "8M"]].concat();
    let test = "constant_bit_rate_with_tables_on_a_clock_of_their_own";
    if let Some((recording, with_tables)) = check_video(test, &arguments, Decoder::Silent) {
        assert!(with_tables > 0, "else this shows nothing");
        assert_eq!(recording.durations, [2.0, 2.0, 2.0, 1.0]);
    }
}

#[test]
fn tables_once_in_a_second() {
    if !has_time("tables_once_in_a_second") {
        return;
    }
    let arguments = [&H264[..], &["-c:a", "aac", "-pat_period", "0.9"]].concat();
    check_video("tables_once_in_a_second", &arguments, Decoder::Silent);
}

#[test]
fn hevc() {
    if !has_time("hevc") {
        return;
    }
    let x265 = "log-level=error:keyint=25:min-keyint=25:open-gop=1";
    let arguments = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        x265,
        "-c:a",
        "aac",
    ];
    check_video("hevc", &arguments, Decoder::Silent);
}

#[test]
fn mpeg_2_video() {
    if !has_time("mpeg_2_video") {
        return;
    }
    let arguments = ["-c:v", "mpeg2video", "-g", "12", "-bf", "2", "-c:a", "mp2"];
    check_video("mpeg_2_video", &arguments, Decoder::Silent);
}

#[test]
fn mpeg_4_part_2() {
    if !has_time("mpeg_4_part_2") {
        return;
    }
    check_video(
        "mpeg_4_part_2",
        &["-c:v", "mpeg4", "-g", "25", "-c:a", "aac"],
        Decoder::Silent,
    );
}

#[test]
fn open_groups() {
    let arguments = [&H264[..], &["-x264-params", "open-gop=1", "-c:a", "aac"]].concat();
    check_video("open_groups", &arguments, Decoder::MissesReferences);
}

#[test]
fn recovery_points_without_a_whole_picture() {
    let x264 = ["-x264-params", "intra-refresh=1:bframes=0", "-c:a", "aac"];
    let test = "recovery_points_without_a_whole_picture";
    check_video(test, &[&H264[..], &x264].concat(), Decoder::Silent);
}

#[test]
fn stamps_that_wrap_around() {
    // 2^33 ticks are over at 95443.7 s.
    let arguments = [&H264[..], &["-c:a", "aac", "-output_ts_offset", "95439"]].concat();
    check_video("stamps_that_wrap_around", &arguments, Decoder::Silent);
}

#[test]
fn a_frame_rate_that_ticks_cannot_express() {
    if !has_time("a_frame_rate_that_ticks_cannot_express") {
        return;
    }
    let arguments = [&H264[..], &["-r", "24000/1001", "-c:a", "aac"]].concat();
    check_video(
        "a_frame_rate_that_ticks_cannot_express",
        &arguments,
        Decoder::Silent,
    );
}

#[test]
fn a_map_table_longer_than_a_packet() {
    let mut arguments = vec!["-map", "0:v"];
    let languages: Vec<String> = (0..20)
        .map(|index| format!("-metadata:s:a:{index}"))
        .collect();
    for language in &languages {
        arguments.extend(["-map", "1:a", language, "language=eng"]);
    }
    arguments.extend(H264);
    arguments.extend(["-c:a", "mp2", "-b:a", "64k"]);
    let test = "a_map_table_longer_than_a_packet";
    if let Some((recording, _)) = check_video(test, &arguments, Decoder::Silent) {
        let segment = &segments(recording.folder.path())[1];
        assert_eq!(
            joined::check_beginning(segment, FIRST_PID).start,
            3 * 188,
            "PAT and two of PMT"
        );
    }
}

#[test]
fn several_programs() {
    if !has_time("several_programs") {
        return;
    }
    let programs = [
        "-program",
        "title=one:st=0:st=2",
        "-program",
        "title=two:st=1:st=3",
    ];
    let maps = ["-map", "0:v", "-map", "0:v", "-map", "1:a", "-map", "1:a"];
    let arguments = [&maps[..], &H264[..], &["-c:a", "aac"], &programs].concat();
    if let Some((recording, _)) = check_video("several_programs", &arguments, Decoder::Silent) {
        assert!(
            recording.stderr.contains("note: all 2 programs are kept"),
            "{}",
            recording.stderr
        );
    }
}

#[test]
fn aac_alone() {
    check_audio("aac_alone", "aac");
}

#[test]
fn mpeg_audio_alone() {
    if !has_time("mpeg_audio_alone") {
        return;
    }
    check_audio("mpeg_audio_alone", "mp2");
}

#[test]
fn ac_3_alone() {
    if !has_time("ac_3_alone") {
        return;
    }
    check_audio("ac_3_alone", "ac3");
}

/// The first segment begins as the input does, with the end of a group. It has the tables in
/// front, which the input has later; the pictures that nobody can decode stay.
#[test]
fn input_that_begins_in_the_middle_of_a_group() {
    let whole = fs::read(SAMPLE).unwrap();
    let middle = &whole[100 * 188..];
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("middle.ts");
    let out = folder.path().join("out");
    fs::write(&input, middle).unwrap();
    let output = output(recorder().args(["--target", "2"]).args([&input, &out]));
    assert!(output.status.success(), "{}", text(&output.stderr));

    let segments = segments(&out);
    joined::check(middle, &segments);
    assert_eq!(
        joined::packets(&segments[0])
            .take(2)
            .map(joined::pid)
            .collect::<Vec<_>>(),
        [0, 0x1000]
    );
    for segment in &segments[1..] {
        joined::check_beginning(segment, FIRST_PID);
    }
    if have_tools("input_that_begins_in_the_middle_of_a_group", &["ffmpeg"]) {
        let joined = folder.path().join("joined.ts");
        fs::write(&joined, segments.concat()).unwrap();
        assert_eq!(packet_hashes(&joined), packet_hashes(&input));
    }
}

#[test]
fn straight_from_ffmpeg() {
    if !have_tools("straight_from_ffmpeg", &["ffmpeg"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i", SAMPLE])
        .args(["-c", "copy", "-f", "mpegts", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg starts");
    let output = output(
        recorder()
            .args(["--target", "2", "-"])
            .arg(folder.path())
            .stdin(ffmpeg.stdout.take().expect("it is piped")),
    );
    assert!(ffmpeg.wait().expect("it was started").success());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        durations(&output.stdout),
        [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.2, 2.8, 1.0]
    );
}
