//! `examples/record` on real input, made by ffmpeg and looked at by ffprobe.

mod common;

#[path = "record/command.rs"]
mod command;
#[cfg(unix)]
#[path = "record/interrupted.rs"]
mod interrupted;
#[path = "record/real_input.rs"]
mod real_input;
#[path = "record/recording.rs"]
mod recording;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::example::{TEMPORARY, example};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample.ts");

fn recorder() -> Command {
    let mut command = Command::new(example("record"));
    command.stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

fn segments(folder: &Path) -> Vec<Vec<u8>> {
    names(folder)
        .iter()
        .map(|name| fs::read(folder.join(name)).unwrap())
        .collect()
}

/// Every name in the folder, in order. Nothing but whole segments may be there.
fn names(folder: &Path) -> Vec<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    for name in &names {
        let path = Path::new(name);
        let is_segment =
            name.starts_with("segment-") && path.extension().is_some_and(|end| end == "ts");
        assert!(is_segment, "{name} is left in the folder");
    }
    names
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn output(command: &mut Command) -> Output {
    command.output().expect("it can be started")
}

/// The durations on standard output: name, seconds, "s", bytes, "bytes".
fn durations(stdout: &[u8]) -> Vec<f64> {
    text(stdout)
        .lines()
        .map(|line| line.split_whitespace().nth(1).unwrap().parse().unwrap())
        .collect()
}

fn ffmpeg(arguments: &[&str], output: &Path) -> PathBuf {
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments)
        .args(["-f", "mpegts"])
        .arg(output)
        .status()
        .expect("ffmpeg starts");
    assert!(status.success(), "ffmpeg {}", arguments.join(" "));
    output.to_path_buf()
}
