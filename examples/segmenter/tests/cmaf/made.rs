//! Inputs that ffmpeg makes, and the check of everything that is promised of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::common::means::have_tools;
use super::*;

/// H.264 and AAC, 20 s, with B-frames, and pictures to begin with 0.8 to 1.4 s apart.
pub(crate) const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/sample.ts");
const VIDEO: &str = "testsrc2=size=192x108:rate=25:duration=7";
const AUDIO: &str = "sine=frequency=440:beep_factor=4:sample_rate=48000:duration=7";
pub(crate) const FRAGMENTED: &str = "+frag_keyframe+empty_moov+default_base_moof";

fn run(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .expect("the tool starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file that ffmpeg made, for the lifetime of this value.
pub(crate) struct Made {
    folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl Made {
    /// None where the test cannot run.
    pub(crate) fn new(test: &str, arguments: &[&str]) -> Option<Self> {
        if !have_tools(test, &["ffmpeg", "ffprobe"]) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("input.mp4");
        let output = run(Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y"])
            .args(arguments)
            .arg(&path));
        assert!(output.status.success(), "{}", text(&output.stderr));
        let bytes = fs::read(&path).unwrap();
        Some(Self {
            folder,
            path,
            bytes,
        })
    }

    /// The sample, its pictures and sounds as they are.
    pub(crate) fn of_sample(test: &str, arguments: &[&str]) -> Option<Self> {
        let copied = [
            "-i",
            SAMPLE,
            "-t",
            "9.12",
            "-c",
            "copy",
            "-bsf:a",
            "aac_adtstoasc",
        ];
        Self::new(test, &[&copied[..], &["-f", "mp4"], arguments].concat())
    }

    /// Seven seconds of what ffmpeg can make up by itself.
    pub(crate) fn of_nothing(test: &str, arguments: &[&str]) -> Option<Self> {
        let sources = ["-f", "lavfi", "-i", VIDEO, "-f", "lavfi", "-i", AUDIO];
        let fragmented = ["-movflags", FRAGMENTED, "-f", "mp4"];
        Self::new(test, &[&sources, arguments, &fragmented].concat())
    }

    /// Several files of ffmpeg, which play as one.
    pub(crate) fn of_files(test: &str, arguments: &[&str], names: &[String]) -> Option<Self> {
        let mut made = Self::of_sample(test, arguments)?;
        let read = |name| fs::read(made.folder.path().join(name)).unwrap();
        made.bytes = names.iter().flat_map(read).collect();
        made.path = made.write("joined-files.mp4", &made.bytes);
        Some(made)
    }

    /// Cuts it, and checks everything that is promised of every input.
    pub(crate) fn check(&self) -> Found {
        assert!(looks_like_mp4(&self.bytes[..8]));
        let target = Duration::from_secs(2);
        let (cuts, outcome) = try_cut(&self.bytes, target);
        assert_eq!(outcome, Ok(()));
        let in_pieces = cut_in(&self.bytes, &[1, 7, 1000, 64 << 10], Cutter::new(target));
        assert!(in_pieces == (cuts.clone(), Ok(())), "the pieces matter");

        let missing = joined::check(&self.bytes, &cuts);
        let joined = self.write("joined.mp4", &joined(&cuts));
        assert_eq!(packet_hashes(&joined), packet_hashes(&self.path));
        let (initialisation, segments) = cuts.split_first().unwrap();
        let alone = |(index, segment)| {
            let bytes = [data(initialisation), data(segment)].concat();
            self.write(&format!("{index}.mp4"), &bytes)
        };
        let alone: Vec<_> = segments.iter().enumerate().map(alone).collect();
        assert_eq!(begin_with_key_frames(&alone), vec![true; alone.len()]);
        let of_all = complaints(std::slice::from_ref(&self.path));
        let new: Vec<_> = complaints(&alone).difference(&of_all).cloned().collect();
        assert_eq!(new, [""; 0]);
        let found = Found {
            missing,
            seconds: seconds(&cuts),
        };
        self.check_durations(&found.seconds);
        found
    }

    /// The durations add up to that of the packets, within one of them.
    fn check_durations(&self, durations: &[f64]) {
        let lines = probe(&self.path, "packet=pts_time");
        let mut times: Vec<f64> = lines.iter().map(|line| line.parse().unwrap()).collect();
        times.sort_by(f64::total_cmp);
        let lasted = times[times.len() - 1] - times[0];
        let frame = lasted / f64::from(u32::try_from(times.len() - 1).unwrap());
        let total: f64 = durations.iter().sum();
        assert!(lasted > 6.0);
        let difference = total - (lasted + frame);
        assert!(difference.abs() <= frame + 1e-6, "{total} s of {lasted} s");
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn names(&self) -> Vec<String> {
        joined::names(&self.bytes)
    }
}

/// The outcome of an input.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) seconds: Vec<f64>,
    /// The names of the boxes that were left out.
    pub(crate) missing: Vec<String>,
}

impl Found {
    pub(crate) fn new(seconds: &[f64], missing: &[&str]) -> Self {
        Self {
            seconds: seconds.to_vec(),
            missing: missing.iter().copied().map(str::to_owned).collect(),
        }
    }
}

/// ffmpeg, and all of these to read.
fn reading(inputs: &[PathBuf]) -> Command {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error"]);
    inputs.iter().for_each(|input| {
        ffmpeg.arg("-i").arg(input);
    });
    ffmpeg
}

/// The complaints of a decoder about each input, without their numbers. ffmpeg complains about
/// some inputs that it has written itself.
fn complaints(inputs: &[PathBuf]) -> BTreeSet<String> {
    let mut ffmpeg = reading(inputs);
    (0..inputs.len()).for_each(|input| {
        ffmpeg.args(["-map", &input.to_string()]);
    });
    let output = run(ffmpeg.args(["-f", "null", "-"]));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let without_numbers = |line: &str| line.replace(|c: char| c.is_ascii_hexdigit(), "");
    text(&output.stderr).lines().map(without_numbers).collect()
}

/// Whether the first stream of each, which is the video where there is some, begins with a key
/// frame.
fn begin_with_key_frames(inputs: &[PathBuf]) -> Vec<bool> {
    let mut ffmpeg = reading(inputs);
    (0..inputs.len()).for_each(|input| {
        ffmpeg.args(["-map", &format!("{input}:0")]);
    });
    // Without the option, ffmpeg would leave out what comes before the first key frame.
    let output = run(ffmpeg.args(["-c", "copy", "-copyinkf", "-f", "framecrc", "-"]));
    assert!(output.status.success(), "{}", text(&output.stderr));
    // A line for each packet, the number of the stream in front; its flags are there if it is no
    // key frame.
    let packets = text(&output.stdout);
    let first = |input: usize| {
        let of = format!("{input},");
        let is_packet = |line: &&str| line.starts_with(&of);
        packets.lines().find(is_packet).expect("a packet")
    };
    (0..inputs.len())
        .map(|input| !first(input).contains(", F=0x"))
        .collect()
}

/// A line for each packet of the first video stream, or of the first stream where there is none.
pub(crate) fn probe(input: &Path, entries: &str) -> Vec<String> {
    let of = |stream: &str| {
        let output = run(Command::new("ffprobe")
            .args(["-v", "error", "-select_streams", stream])
            .args(["-of", "default=nk=1:nw=1", "-show_entries", entries])
            .arg(input));
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let video = of("v:0");
    let lines = if video.is_empty() { of("0") } else { video };
    lines.lines().map(str::to_owned).collect()
}

/// Every packet of every stream with its times, so that none may be missing, another or elsewhere.
fn packet_hashes(input: &Path) -> String {
    let output = run(Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-copyts", "-i"])
        .arg(input)
        .args(["-map", "0", "-c", "copy", "-f", "framemd5", "-"]));
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}
