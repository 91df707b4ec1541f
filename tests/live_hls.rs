//! `examples/live_hls`: the published playlist plays, and continues after trouble.
#![cfg(feature = "hls")]

mod common;

#[path = "live_hls/broadcaster.rs"]
mod broadcaster;
#[cfg(feature = "dash")]
#[path = "dash/check.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod check;
#[path = "live_hls/command.rs"]
mod command;
#[cfg(feature = "dash")]
#[path = "live_hls/dash.rs"]
mod dash;
#[cfg(feature = "dash")]
#[path = "dash/document.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod document;
#[path = "../examples/segmenter/tests/cmaf/maker.rs"]
#[allow(dead_code, reason = "the tests of the segmenter use the rest")]
mod fragments;
#[path = "live_hls/frames.rs"]
mod frames;
#[cfg(target_os = "linux")]
#[path = "live_hls/full_disk.rs"]
mod full_disk;
#[cfg(unix)]
#[path = "live_hls/interrupted.rs"]
mod interrupted;
#[path = "live_hls/keep.rs"]
mod keep;
#[path = "live_hls/live.rs"]
mod live;
#[path = "live_hls/plays.rs"]
mod plays;
#[path = "live_hls/restart.rs"]
mod restart;
#[path = "live_hls/server.rs"]
mod server;
#[path = "live_hls/splices.rs"]
mod splices;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use common::example::{TEMPORARY, example};
use common::means::have_tools;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample.ts");
const LIVE: &str = "live.m3u8";
const RECORDING: &str = "recording.m3u8";

/// The format of an input.
#[derive(Clone, Copy, Debug)]
enum Format {
    TransportStream,
    Mp4,
}

impl Format {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::TransportStream => &["-f", "mpegts"],
            Self::Mp4 => &[
                "-f",
                "mp4",
                "-movflags",
                "+frag_keyframe+empty_moov+default_base_moof",
            ],
        }
    }
}

fn packager() -> Command {
    let mut command = Command::new(example("live_hls"));
    command.stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

fn output(command: &mut Command) -> Output {
    command.output().expect("it can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Video and audio of so many seconds, with a random access point every fifth of a second, unless
/// ffmpeg is missing.
fn make(test: &str, format: Format, seconds: u32) -> Option<Vec<u8>> {
    static ENCODED: Mutex<BTreeMap<u32, Vec<u8>>> = Mutex::new(BTreeMap::new());
    if !have_tools(test, &["ffmpeg"]) {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let (encoded, file) = (folder.path().join("encoded"), folder.path().join("input"));
    {
        let mut all = ENCODED.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this_length = all.entry(seconds).or_insert_with(|| encode(seconds));
        fs::write(&encoded, of_this_length).unwrap();
    }
    let made = output(
        Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-i"])
            .arg(encoded)
            .args(["-c", "copy"])
            .args(format.arguments())
            .arg(&file),
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
    Some(fs::read(file).unwrap())
}

/// The streams that [`make`] puts into a format. It encodes each length once for all tests.
fn encode(seconds: u32) -> Vec<u8> {
    let video = format!("testsrc2=size=320x180:rate=25:duration={seconds}");
    let audio = format!("sine=frequency=440:beep_factor=4:sample_rate=48000:duration={seconds}");
    let encoded = output(
        Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error"])
            .args(["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio])
            .args(["-c:v", "libx264", "-preset", "veryfast"])
            .args(["-pix_fmt", "yuv420p", "-b:v", "150k"])
            .args(["-g", "5", "-bf", "2", "-sc_threshold", "0"])
            // Noise that the decoder makes up depends on where it began.
            .args(["-c:a", "aac", "-b:a", "64k", "-aac_pns", "0"])
            .args(["-f", "nut", "-"]),
    );
    assert!(encoded.status.success(), "{}", text(&encoded.stderr));
    encoded.stdout
}

/// The names in a folder, without what begins with a dot.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}
