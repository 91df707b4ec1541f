//! What a cutter says of the tracks, on streams that ffmpeg made.

mod common;

use std::process::Command;
use std::time::Duration;

use common::means::have_tools;
use segmenter::{Segment, Segmenter, Track, TrackKind};

/// Two seconds of pictures and sound, encoded with these arguments, unless ffmpeg is missing.
fn make(test: &str, size: &str, rate: &str, layout: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let format = if arguments.contains(&"-movflags") {
        "mp4"
    } else {
        "mpegts"
    };
    if !have_tools(test, &["ffmpeg"]) {
        return None;
    }
    let video = format!("testsrc2=size={size}:rate={rate}:duration=2");
    let audio = "sine=frequency=440:sample_rate=48000:duration=2";
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &video])
        .args([
            "-f",
            "lavfi",
            "-i",
            audio,
            "-af",
            &format!("aformat=channel_layouts={layout}"),
        ])
        .args(["-pix_fmt", "yuv420p", "-g", "25"])
        .args(["-metadata:s:a:0", "language=deu"])
        .args(arguments)
        .args(["-f", format, "-"])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    Some(made.stdout)
}

fn cut(bytes: &[u8]) -> (Vec<Segment>, Vec<Track>) {
    let mut segmenter = Segmenter::new(Duration::from_secs(1));
    let mut segments = Vec::new();
    segmenter.push(bytes, &mut segments).unwrap();
    segmenter.finish(&mut segments).unwrap();
    (segments, segmenter.tracks())
}

#[expect(clippy::too_many_lines, reason = "most of it is a table")]
#[test]
fn codec_size_rate_channels_and_bandwidth() {
    let test = "codec_size_rate_channels_and_bandwidth";
    let cases: [(&[&str], &str, &str, &str); 7] = [
        (
            &[
                "-c:v",
                "libx264",
                "-profile:v",
                "high",
                "-level",
                "3.1",
                "-c:a",
                "aac",
            ],
            "avc1.64001F",
            "mp4a.40.2",
            "stereo",
        ),
        (
            &[
                "-c:v",
                "libx264",
                "-profile:v",
                "baseline",
                "-level",
                "3.0",
                "-c:a",
                "ac3",
            ],
            "avc1.42C01E",
            "ac-3",
            "5.1",
        ),
        (
            &[
                "-c:v",
                "libx264",
                "-profile:v",
                "main",
                "-flags",
                "+ildct+ilme",
                "-c:a",
                "eac3",
            ],
            "avc1.4D40",
            "ec-3",
            "5.1",
        ),
        (
            &[
                "-c:v",
                "libx265",
                "-x265-params",
                "log-level=error",
                "-c:a",
                "mp2",
            ],
            "hvc1.1.6.L",
            "mp4a.6B",
            "stereo",
        ),
        (
            &["-c:v", "mpeg2video", "-c:a", "libmp3lame"],
            "mp4v.61",
            "mp4a.40.34",
            "mono",
        ),
        (
            &["-c:v", "libx264", "-c:a", "aac", "-mpegts_flags", "latm"],
            "avc1.64",
            "mp4a.40.2",
            "mono",
        ),
        (
            &["-c:v", "libx264", "-c:a", "libopus"],
            "avc1.64",
            "opus",
            "stereo",
        ),
    ];
    for (arguments, video, audio, layout) in cases {
        // Neither is a multiple of 16.
        let Some(bytes) = make(test, "426x240", "30", layout, arguments) else {
            return;
        };
        let (_, tracks) = cut(&bytes);
        let [seen, heard] = &tracks[..] else {
            panic!("{tracks:?}");
        };
        assert_eq!(
            (seen.kind, heard.kind),
            (TrackKind::Video, TrackKind::Audio)
        );
        assert!(seen.codec.as_ref().unwrap().starts_with(video), "{seen:?}");
        assert_eq!(heard.codec.as_deref(), Some(audio));
        assert_eq!(seen.size, Some((426, 240)), "{video}");
        assert!((seen.rate.unwrap() - 30.0).abs() < 0.01, "{seen:?}");
        assert_eq!(heard.rate, Some(48_000.0));
        let channels = match layout {
            "mono" => 1,
            "stereo" => 2,
            _ => 6,
        };
        // Opus says it nowhere in its packets.
        let expected = (audio != "opus").then_some(channels);
        assert_eq!(heard.channels, expected, "{heard:?}");
        assert_eq!(heard.language.as_deref(), Some("deu"));
        let bits: u64 = tracks.iter().filter_map(|it| it.bandwidth).sum();
        let all = bytes.len() as u64 * 8 / 2;
        assert!(bits > all / 2 && bits < all * 2, "{bits} of {all}");
    }
}

#[test]
fn the_same_of_a_fragmented_mp4() {
    let test = "the_same_of_a_fragmented_mp4";
    let cases: [(&[&str], &str, &str, u32); 4] = [
        (
            &[
                "-c:v",
                "libx264",
                "-profile:v",
                "high",
                "-level",
                "3.1",
                "-c:a",
                "aac",
            ],
            "avc1.64001F",
            "mp4a.40.2",
            2,
        ),
        (
            &[
                "-c:v",
                "libx265",
                "-x265-params",
                "log-level=error",
                "-tag:v",
                "hvc1",
                "-c:a",
                "ac3",
            ],
            "hvc1.1.6.L",
            "ac-3",
            2,
        ),
        (
            &["-c:v", "libx264", "-c:a", "libopus"],
            "avc1.64",
            "opus",
            2,
        ),
        (&["-c:v", "libx264", "-c:a", "eac3"], "avc1.64", "ec-3", 2),
    ];
    for (arguments, video, audio, channels) in cases {
        let flags = ["-movflags", "+frag_keyframe+delay_moov+default_base_moof"];
        let arguments = [arguments, &flags].concat();
        let Some(bytes) = make(test, "426x240", "30", "stereo", &arguments) else {
            return;
        };
        let mut segmenter = Segmenter::new(Duration::from_secs(1));
        let mut segments = Vec::new();
        segmenter.push(&bytes, &mut segments).unwrap();
        let tracks = segmenter.tracks();
        let [seen, heard] = &tracks[..] else {
            panic!("{tracks:?}");
        };
        assert!(seen.codec.as_ref().unwrap().starts_with(video), "{seen:?}");
        assert_eq!(heard.codec.as_deref(), Some(audio));
        assert_eq!(seen.size, Some((426, 240)));
        assert!((seen.rate.unwrap() - 30.0).abs() < 0.01, "{seen:?}");
        assert_eq!(heard.rate, Some(48_000.0));
        assert_eq!(heard.channels, Some(channels));
        assert_eq!(heard.language.as_deref(), Some("deu"));
        let bits: u64 = tracks.iter().filter_map(|it| it.bandwidth).sum();
        let all = bytes.len() as u64 * 8 / 2;
        assert!(bits > all / 2 && bits < all * 2, "{bits} of {all}");
    }
}

/// RFC 8216, 4.3.2.3: a change of the encoding parameters should be a discontinuity.
#[test]
fn another_size_begins_a_segment_after_a_discontinuity() {
    let test = "another_size_begins_a_segment_after_a_discontinuity";
    let arguments = ["-c:v", "libx264", "-c:a", "aac"];
    let of = |size: &str, offset: &str| {
        let arguments = [&arguments[..], &["-output_ts_offset", offset]].concat();
        make(test, size, "25", "mono", &arguments)
    };
    let (Some(small), Some(large)) = (of("192x108", "0"), of("320x180", "2.02")) else {
        return;
    };
    let mut segmenter = Segmenter::new(Duration::from_secs(10));
    let mut segments = Vec::new();
    segmenter
        .push(&[small, large].concat(), &mut segments)
        .unwrap();
    segmenter.finish(&mut segments).unwrap();
    let breaks: Vec<_> = segments.iter().map(|it| it.discontinuity).collect();
    assert_eq!(breaks, [false, true]);
    assert_eq!(segmenter.tracks()[0].size, Some((320, 180)));
}
