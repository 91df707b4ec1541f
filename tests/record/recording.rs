//! A recording, and everything that is promised of every one of them.

use super::common::joined;
use super::*;

/// The PID of ffmpeg's first stream.
pub(crate) const FIRST_PID: u16 = 0x100;

/// The complaints of a decoder that begins with a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decoder {
    Silent,
    /// An open group begins with pictures that refer to the group before it. A decoder leaves them
    /// out, but ffmpeg's remarks on the references that they would have dropped.
    MissesReferences,
}

/// A recording under test.
pub(crate) struct Recording {
    pub(crate) input: PathBuf,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) durations: Vec<f64>,
    pub(crate) stderr: String,
}

impl Recording {
    pub(crate) fn new(input: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = output(
            recorder()
                .args(["--target", "2"])
                .arg(&input)
                .arg(folder.path()),
        );
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        Self {
            input,
            folder,
            durations: durations(&output.stdout),
            stderr,
        }
    }

    /// Everything that is promised of every recording. Returns how many segments got tables
    /// inserted.
    pub(crate) fn check(&self, decoder: Decoder) -> usize {
        let folder = self.folder.path();
        let input = fs::read(&self.input).unwrap();
        let segments = segments(folder);
        assert!(segments.len() > 2, "one is too few to show anything");
        assert_eq!(segments.len(), self.durations.len());
        let with_tables = joined::check(&input, &segments);

        let joined = folder.join("joined");
        fs::write(&joined, segments.concat()).unwrap();
        assert_eq!(packet_hashes(&joined), packet_hashes(&self.input));
        fs::remove_file(joined).unwrap();

        for segment in &segments[1..] {
            joined::check_beginning(segment, FIRST_PID);
        }
        let alone: Vec<_> = names(folder).iter().map(|it| folder.join(it)).collect();
        begin_with_access(&alone);
        can_be_decoded(&alone, decoder);
        self.check_durations();
        with_tables
    }

    /// The durations add up to that of the packets, within one of them.
    fn check_durations(&self) {
        let packets: Vec<Vec<f64>> = probe(&self.input, "packet=pts_time,duration_time")
            .iter()
            .map(|line| {
                line.split(',')
                    .filter_map(|field| field.parse().ok())
                    .collect()
            })
            .collect();
        let start = packets
            .iter()
            .map(|packet| packet[0])
            .fold(f64::INFINITY, f64::min);
        let end = packets
            .iter()
            .map(|packet| packet[0] + packet[1])
            .fold(0.0, f64::max);
        let total: f64 = self.durations.iter().sum();
        let frame = packets[0][1];
        assert!(frame > 0.0 && end > start + 6.0);
        // Each of them is rounded to milliseconds where it is printed.
        let difference = (total - (end - start)).abs();
        assert!(
            difference <= frame + 0.005,
            "{total} s of {} s",
            end - start
        );
    }
}

/// ffmpeg, and each of these as an input of its own: its demuxer and its decoders are its own too.
fn reading(segments: &[PathBuf], level: &str) -> Command {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", level]);
    segments.iter().for_each(|segment| {
        ffmpeg.arg("-i").arg(segment);
    });
    ffmpeg
}

/// Each segment begins with a random access point of its first stream, which is the video if there
/// is one, and a demuxer has no remark on it.
fn begin_with_access(segments: &[PathBuf]) {
    let mut ffmpeg = reading(segments, "warning");
    for input in 0..segments.len() {
        ffmpeg.args(["-map", &format!("{input}:0")]);
    }
    // Without this option, ffmpeg would leave out what comes before the first key frame.
    let read = output(ffmpeg.args(["-c", "copy", "-copyinkf", "-f", "framecrc", "-"]));
    assert_eq!(text(&read.stderr), "");
    assert!(read.status.success());
    // A line for each packet, the number of the input in front; its flags are there if it is no
    // key frame.
    let packets = text(&read.stdout);
    for (input, segment) in segments.iter().enumerate() {
        let of = format!("{input},");
        let first = packets.lines().find(|line| line.starts_with(&of));
        assert!(
            !first.expect("packets").contains(", F=0x"),
            "{} begins with no random access point",
            segment.display()
        );
    }
}

/// A decoder that begins with a segment has nothing to complain of.
fn can_be_decoded(segments: &[PathBuf], decoder: Decoder) {
    let mut ffmpeg = reading(segments, "error");
    for input in 0..segments.len() {
        ffmpeg.args(["-map", &input.to_string()]);
    }
    let ended = output(ffmpeg.args(["-f", "null", "-"]));
    let complaints = text(&ended.stderr);
    let is_expected = |line: &str| {
        decoder == Decoder::MissesReferences
            && (line.contains("mmco: unref short failure")
                || line.contains("Last message repeated"))
    };
    assert!(complaints.lines().all(is_expected), "{complaints}");
    assert!(ended.status.success());
}

/// A line for each packet of the first video stream, or of the first stream where there is none.
fn probe(input: &Path, entries: &str) -> Vec<String> {
    let of = |stream: &str| {
        let probed = output(
            Command::new("ffprobe")
                .args([
                    "-v",
                    "error",
                    "-select_streams",
                    stream,
                    "-show_entries",
                    entries,
                ])
                .args(["-of", "csv=print_section=0"])
                .arg(input),
        );
        let lines = text(&probed.stdout);
        lines
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let video = of("v:0");
    if video.is_empty() { of("a:0") } else { video }
}

/// ffmpeg's hash of each packet of each stream, with its times.
pub(crate) fn packet_hashes(input: &Path) -> String {
    let arguments = ["-map", "0", "-c", "copy", "-f", "framemd5", "-"];
    let hashed = output(
        Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-i"])
            .arg(input)
            .args(arguments),
    );
    assert!(hashed.status.success(), "{}", text(&hashed.stderr));
    text(&hashed.stdout)
}
