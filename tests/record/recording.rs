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

        for (index, name) in names(folder).iter().enumerate() {
            if index > 0 {
                joined::check_beginning(&segments[index], FIRST_PID);
            }
            check_alone(&folder.join(name), decoder);
        }
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

/// A segment on its own: nothing to complain of, and a decoder can begin with it.
fn check_alone(segment: &Path, decoder: Decoder) {
    let name = segment.display();
    let entries = ["-v", "warning", "-show_entries", "packet=codec_type,flags"];
    let probed = output(
        Command::new("ffprobe")
            .args(entries)
            .args(["-of", "csv=print_section=0"])
            .arg(segment),
    );
    assert_eq!(text(&probed.stderr), "", "ffprobe on {name}");
    // Of the video, and of the audio where there is none.
    let packets = text(&probed.stdout);
    let mut of_video = packets.lines().filter(|it| it.starts_with("video,"));
    let first = of_video.next().or(packets.lines().next());
    let flags = first.and_then(|it| it.split(',').nth(1)).expect("packets");
    assert!(
        flags.starts_with('K'),
        "{name} begins with no random access point"
    );

    let arguments = ["-nostdin", "-v", "error", "-i"];
    let decoding = output(
        Command::new("ffmpeg")
            .args(arguments)
            .arg(segment)
            .args(["-f", "null", "-"]),
    );
    let complaints = text(&decoding.stderr);
    let is_expected = |line: &str| {
        decoder == Decoder::MissesReferences
            && (line.contains("mmco: unref short failure")
                || line.contains("Last message repeated"))
    };
    assert!(complaints.lines().all(is_expected), "{name}: {complaints}");
    assert!(decoding.status.success());
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
