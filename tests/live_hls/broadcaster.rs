//! What a broadcaster sets: dates, the target duration, independent segments; and a silent input.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use segment_stream::hls::date_text;

use super::common::listing::Listing;
use super::common::muxer::{H264, Muxer, Pes, Stream, picture};
use super::*;

const VIDEO: u16 = 0x100;

/// So many seconds of five pictures each, with an access point at each multiple of `group`
/// seconds.
fn stream(seconds: u64, group: impl Fn(u64) -> bool) -> Vec<u8> {
    stream_at(18_000, seconds, group)
}

/// The same with pictures of so many ticks.
fn stream_at(ticks: u64, seconds: u64, group: impl Fn(u64) -> bool) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, 0x1000)]);
    muxer.pmt(0x1000, 1, 0, &[Stream::new(H264, VIDEO)]);
    for index in 0..seconds * 5 {
        let enters = index % 5 == 0 && group(index / 5);
        muxer.pes(&Pes {
            pid: VIDEO,
            presented: Some(index * ticks),
            content: if enters {
                picture::h264_idr()
            } else {
                picture::h264_other()
            },
            ..Pes::default()
        });
    }
    muxer.bytes
}

/// A folder with an input.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(input: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("input"), input).unwrap();
        Self(folder)
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("out")
    }

    /// Packages the input. Returns the playlist and what the program said.
    fn package(&self, options: &[&str]) -> (String, String) {
        let mut command = packager();
        command
            .args(options)
            .args([self.0.path().join("input"), self.out()]);
        let packaged = output(&mut command);
        let said = text(&packaged.stderr);
        assert!(packaged.status.success(), "{said}");
        (fs::read_to_string(self.out().join(LIVE)).unwrap(), said)
    }
}

fn target(playlist: &str) -> u64 {
    Listing::of(playlist.as_bytes()).target_secs
}

/// The dates in a playlist, as they are written.
fn dates(playlist: &str) -> Vec<&str> {
    let dates = playlist.lines();
    dates
        .filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"))
        .collect()
}

fn date(time: SystemTime) -> String {
    date_text(time).unwrap()
}

#[test]
fn the_target_duration_is_that_of_the_segments_if_the_groups_fit() {
    let folder = |input: Vec<u8>| Folder::with(&input);
    for (options, group, expected) in [
        (&[][..], 2, 4),
        (&[], 4, 4),
        (&[], 3, 6),
        (&["--target", "6"], 3, 6),
        (&["--max-segment", "5"], 4, 5),
    ] {
        let (playlist, said) = folder(stream(24, |at| at % group == 0)).package(options);
        assert_eq!(target(&playlist), expected, "{options:?} {group}");
        assert!(!said.contains("longer than"), "{said}");
    }
    // Only playlists of MP4 have the version in which durations may be rounded.
    let slower = stream_at(18_018, 24, |at| at % 4 == 0);
    let (playlist, said) = folder(slower).package(&[]);
    assert_eq!(target(&playlist), 5);
    assert!(!said.contains("longer than"), "{said}");
    // Groups that vary may become longer still.
    let varied = stream(24, |at| at % 4 == 0 || at % 4 == 1);
    assert_eq!(target(&folder(varied).package(&[]).0), 8);
}

#[test]
fn segments_are_dated_by_the_clock() {
    let input = stream(12, |at| at % 4 == 0);
    let before = SystemTime::now() - Duration::from_secs(4);
    let (playlist, _) = Folder::with(&input).package(&[]);
    let after = SystemTime::now() - Duration::from_secs(4);
    let dates = dates(&playlist);
    assert_eq!(dates.len(), 3, "{playlist}");
    assert!(dates.is_sorted());
    assert!((&*date(before)..=&*date(after)).contains(&dates[0]));

    let (playlist, _) = Folder::with(&input).package(&["--no-dates"]);
    assert!(!playlist.contains("DATE-TIME"), "{playlist}");
}

/// A player that is at the seam would wait for media of the time between.
#[test]
fn after_a_restart_the_dates_follow_the_clock_again() {
    let input = stream(12, |at| at % 4 == 0);
    let folder = Folder::with(&[&input[..], &[0; 100]].concat());
    let mut command = packager();
    command.args(["--resume", "-"]).arg(folder.out());
    command.stdin(fs::File::open(folder.0.path().join("input")).unwrap());
    output(&mut command);

    // The first session was long ago.
    let path = folder.out().join(LIVE);
    let first = fs::read_to_string(&path).unwrap();
    let mut long_ago = String::new();
    for (index, line) in first.lines().enumerate() {
        if line.starts_with("#EXT-X-ENDLIST") {
            continue;
        }
        let line = match line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            Some(_) => format!("#EXT-X-PROGRAM-DATE-TIME:2020-01-01T00:00:{index:02}.000Z"),
            None => line.to_owned(),
        };
        long_ago.push_str(&line);
        long_ago.push('\n');
    }
    fs::write(&path, long_ago).unwrap();

    let before = SystemTime::now() - Duration::from_secs(4);
    let (playlist, _) = folder.package(&["--resume"]);
    let after = SystemTime::now() - Duration::from_secs(4);
    let dates = dates(&playlist);
    let old = dates.iter().filter(|date| date.starts_with("2020")).count();
    assert_eq!((old, dates.len()), (3, 6), "{playlist}");
    assert!(
        (&*date(before)..=&*date(after)).contains(&dates[3]),
        "{playlist}"
    );
}

#[test]
fn independent_segments_are_declared_if_asked_for_and_looked_after() {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, 0x1000)]);
    muxer.pmt(0x1000, 1, 0, &[Stream::new(H264, VIDEO)]);
    for index in 0..30 {
        muxer.pes(&Pes {
            pid: VIDEO,
            presented: Some(index * 18_000),
            content: match index {
                0 => picture::h264_idr(),
                _ if index % 10 == 0 => picture::h264_idr_without_parameters(),
                _ => picture::h264_other(),
            },
            ..Pes::default()
        });
    }
    let tag = "#EXT-X-INDEPENDENT-SEGMENTS\n";
    let (playlist, said) = Folder::with(&muxer.bytes).package(&["--target", "2"]);
    assert!(!playlist.contains(tag) && !said.contains("by itself"));
    let (playlist, said) = Folder::with(&muxer.bytes).package(&["--target", "2", "--independent"]);
    assert!(playlist.contains(tag));
    assert!(
        said.contains("note: segment 1 cannot be decoded by itself\n"),
        "{said}"
    );
    assert!(!said.contains("segment 0"), "{said}");
}

#[test]
fn an_input_that_falls_silent_is_told() {
    let input = stream(12, |at| at % 4 == 0);
    let folder = tempfile::tempdir().unwrap();
    let mut command = packager();
    command
        .args(["--target", "0.2", "-"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut wait_for = |what: &str| {
        let is_it = |line: std::io::Result<String>| line.unwrap().contains(what);
        assert!(said.any(is_it), "{what}");
    };
    let (first, second) = input.split_at(input.len() / 2);
    stdin.write_all(first).unwrap();
    wait_for("live_hls: note: no input for ");
    stdin.write_all(second).unwrap();
    wait_for("live_hls: note: input again, after ");
    drop(stdin);
    wait_for("packaged 3 segments");
    assert!(child.wait().unwrap().success());
}
