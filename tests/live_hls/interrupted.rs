//! Ctrl-C ends the work, and everything that was read is stored and listed.

use std::io::{BufRead, BufReader, Write};
use std::process::Child;
use std::time::{Duration, Instant};

use super::common::joined;
use super::common::listing::Listing;
use super::common::muxer::{H264, Muxer, Pes, RANDOM_ACCESS, Stream};
use super::common::threads::must_end;
use super::*;

fn start(arguments: &[&str], out: &Path) -> Child {
    let mut command = packager();
    command
        .args(["--target", "0.04"])
        .args(arguments)
        .arg("-")
        .arg(out);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until so many files are stored and listed, and then presses Ctrl-C. Returns the exit
/// code.
fn interrupt(mut child: Child, files: usize) -> Option<i32> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..files {
        lines.next().expect("a file is stored").unwrap();
    }
    let status = Command::new("sh")
        .args(["-c", "kill -s INT \"$0\"", &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
    lines.for_each(drop);
    child.wait().unwrap().code()
}

fn listed(out: &Path, listing: &Listing) -> Vec<Vec<u8>> {
    let read = |name: &str| fs::read(out.join(name)).unwrap();
    listing.files().map(read).collect()
}

/// Ten pictures, each of them a segment where the target is one frame.
fn pictures() -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, 0x1000)]);
    muxer.pmt(0x1000, 1, 0, &[Stream::new(H264, 0x100)]);
    for index in 0..10 {
        muxer.pes(&Pes {
            pid: 0x100,
            presented: Some(index * 3600),
            flags: RANDOM_ACCESS,
            content: vec![0xAB; 300],
            ..Pes::default()
        });
    }
    muxer.bytes
}

/// Feeds it, and interrupts while the program waits for more.
fn interrupt_while_it_waits(arguments: &'static [&str]) -> (tempfile::TempDir, Listing) {
    must_end(move || {
        let folder = tempfile::tempdir().unwrap();
        // So little goes through a pipe in one piece, the last packet's first half included.
        let stream = pictures();
        let whole = stream.len() - 188;
        let fed = &stream[..whole + 100];
        assert!(fed.len() <= 4096);
        let mut child = start(arguments, folder.path());
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(fed).unwrap();
        assert_eq!(interrupt(child, 9), Some(0));
        let listing = Listing::of_file(&folder.path().join(LIVE));
        assert_eq!(listing.segments.len(), 10, "one was still growing");
        joined::check(&stream[..whole], &listed(folder.path(), &listing));
        (folder, listing)
    })
}

#[test]
fn it_ends_the_playlist() {
    let (folder, listing) = interrupt_while_it_waits(&[]);
    assert!(listing.has_ended);
    assert_eq!(names(folder.path()).len(), 11);
}

#[test]
fn with_resume_it_leaves_the_playlist_open_and_another_session_goes_on_with_it() {
    let (folder, first) = interrupt_while_it_waits(&["--resume"]);
    let path = folder.path().join(LIVE);
    assert!(!first.has_ended);

    let stream = pictures();
    let mut child = start(&["--resume"], folder.path());
    child.stdin.take().unwrap().write_all(&stream).unwrap();
    let again = child.wait_with_output().unwrap();
    assert!(again.status.success(), "{}", text(&again.stderr));
    let both = Listing::of_file(&path);
    assert!(both.has_ended && both.segments.starts_with(&first.segments));
    let seam = first.segments.len();
    for (index, segment) in both.segments.iter().enumerate() {
        assert_eq!(segment.starts_discontinuity, index == seam, "{segment:?}");
    }
    let segments = listed(folder.path(), &both);
    joined::check(&stream, &segments[seam..]);
}

#[test]
fn what_waits_for_its_time_is_listed_at_once() {
    must_end(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = packager();
        command
            .args(["--realtime", "--target", "4", SAMPLE])
            .arg(folder.path());
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let began = Instant::now();
        assert_eq!(interrupt(child, 1), Some(0));
        // The second one is due four seconds after the first one.
        assert!(began.elapsed() < Duration::from_secs(4));
        let listing = Listing::of_file(&folder.path().join(LIVE));
        assert!(listing.has_ended && listing.segments.len() > 1);
    });
}

#[test]
fn realtime_is_as_long_as_the_media() {
    must_end(|| {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("input");
        fs::write(&input, &fs::read(SAMPLE).unwrap()[..400 * 188]).unwrap();
        let began = Instant::now();
        let mut command = packager();
        command
            .args(["--realtime", "--target", "0.5"])
            .args([&input, &folder.path().join("out")]);
        let packaged = output(&mut command);
        let took = began.elapsed();
        assert!(packaged.status.success(), "{}", text(&packaged.stderr));
        let listing = Listing::of_file(&folder.path().join("out").join(LIVE));
        let last = listing.segments.last().unwrap().micros;
        // The last one is handed on when those before it have been played.
        let played = Duration::from_micros(listing.micros() - last);
        assert!(played > Duration::from_secs(1), "{played:?}");
        assert!(took >= played, "{took:?} for {played:?}");
    });
}
