//! Ctrl-C ends a recording, and everything that was read is on the disk.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ExitStatus};

use super::common::joined;
use super::common::muxer::{H264, Muxer, Pes, RANDOM_ACCESS, Stream};
use super::common::threads::must_end;
use super::*;

const PMT: u16 = 0x1000;
const VIDEO: u16 = 0x100;

/// Pictures of two packets each, every one of them a segment where the target is one frame.
fn pictures(count: u64) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[Stream::new(H264, VIDEO)]);
    for index in 0..count {
        muxer.pes(&Pes {
            pid: VIDEO,
            presented: Some(index * 3600),
            flags: RANDOM_ACCESS,
            content: vec![0xAB; 300],
            ..Pes::default()
        });
    }
    muxer.bytes
}

fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started")
}

fn signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    // The shell's own, which is there wherever a shell is.
    let status = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", signal, &pid])
        .status();
    assert!(status.expect("a shell starts").success());
}

#[test]
fn while_it_waits_for_input() {
    must_end(interrupt_while_it_waits_for_input);
}

fn interrupt_while_it_waits_for_input() {
    for name in ["INT", "TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = recorder();
        command
            .args(["--target", "0.04", "-"])
            .arg(folder.path())
            .stdin(Stdio::piped());
        let mut child = start(&mut command);
        // So little goes through a pipe in one piece, the last packet's first half included.
        let stream = pictures(10);
        let whole = stream.len() - 188;
        let fed = &stream[..whole + 100];
        assert!(fed.len() <= 4096);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(fed).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..9 {
            lines.next().expect("a segment is stored").unwrap();
        }
        // Standard input stays open, and the program waits for more.
        signal(&child, name);
        assert_eq!(lines.count(), 1, "the segment that was still growing");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stderr).starts_with("recorded 10 segments, 0.400 s, "));
        joined::check(&stream[..whole], &segments(folder.path()));
        drop(stdin);
    }
}

/// Nobody reads the output, so at some point nothing moves: the main thread waits for room in the
/// pipe, and the reading thread in `send`.
fn stuck(folder: &Path, input: &Path) -> Child {
    let mut command = recorder();
    command
        .args(["--target", "0.04", "--depth", "1", "--durability", "none"])
        .args([input, folder]);
    start(&mut command)
}

#[test]
fn while_a_send_waits() {
    must_end(interrupt_while_a_send_waits);
}

fn interrupt_while_a_send_waits() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input.ts");
    let out = folder.path().join("out");
    let stream = pictures(4000);
    fs::write(&input, &stream).unwrap();

    let mut child = stuck(&out, &input);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    signal(&child, "INT");
    let lines = stdout.lines().count() + 1;
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let segments = segments(&out);
    assert_eq!(lines, segments.len());
    let is_table = |packet: &&[u8]| [0, PMT].contains(&joined::pid(packet));
    let recorded = segments.concat();
    let tables = joined::packets(&recorded).filter(is_table).count() - 2;
    let len = recorded.len() - tables * 188;
    joined::check(&stream[..len], &segments);
    // A file is read in whole chunks: what ends with a chunk, but for its last half packet, is all
    // that was read.
    let chunk = 64 * 1024;
    let chunks = len.div_ceil(chunk);
    assert_eq!(
        len,
        (chunks * chunk) / 188 * 188,
        "something that was read is lost"
    );
    assert!(len < stream.len(), "it was not interrupted");
}

#[test]
fn a_second_time_it_ends_at_once() {
    must_end(interrupt_twice);
}

fn interrupt_twice() {
    // A first signal that comes before the output is full lets the program end by itself, perhaps
    // before the second one: then there was no second time.
    let status = loop {
        let status = interrupted_until_it_ends();
        if status.code() != Some(0) {
            break status;
        }
    };
    assert_eq!(status.code(), Some(130));
}

fn interrupted_until_it_ends() -> ExitStatus {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input.ts");
    fs::write(&input, pictures(4000)).unwrap();
    let mut child = stuck(&folder.path().join("out"), &input);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    // The first one ends nothing, as nobody reads the output. (Two at the same time may be one.)
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        signal(&child, "INT");
    }
}
