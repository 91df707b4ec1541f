//! `live_hls` on a whole file in memory, against `ffmpeg`, `hlssink2` and `cp`.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::figures::{Figures, Goal, Ratios, rounds};
use crate::places::Place;
use crate::programs::{has_gstreamer, made};

/// The target duration on all sides, in seconds.
const TARGET: &str = "2";

/// Few large pictures, and many small ones.
const INPUTS: [(&str, &str); 2] = [("INPUT_FAST", "50 Mbit/s"), ("INPUT_SLOW", "4 Mbit/s")];

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    let live_hls = made("LIVE_HLS")?;
    for (input, rate) in INPUTS {
        package(figures, &live_hls, &made(input)?, rate)?;
    }
    Ok(())
}

fn package(figures: &mut Figures, live_hls: &Path, input: &Path, rate: &str) -> io::Result<()> {
    let megabytes = fs::metadata(input)?.len() / 1_000_000;
    let case = format!("tmpfs, {megabytes} MB of MPEG-TS at {rate}");
    let mut ours = || {
        timed(|folder| {
            let mut command = Command::new(live_hls);
            command.args(["--target", TARGET, "--durability", "none", "--record"]);
            command.arg(input).arg(folder);
            command
        })
    };
    let mut ffmpeg = || {
        timed(|folder| {
            let mut command = Command::new("ffmpeg");
            command.args(["-loglevel", "error", "-i"]).arg(input);
            command.args(["-c", "copy", "-f", "hls", "-hls_list_size", "0"]);
            command.args(["-hls_time", TARGET]);
            command.arg(folder.join("live.m3u8"));
            command
        })
    };
    let mut copied = || {
        timed(|folder| {
            let mut command = Command::new("cp");
            command.arg(input).arg(folder);
            command
        })
    };
    let mut gstreamer = || timed(|folder| by_gstreamer(input, folder));
    let (ours, ffmpeg, copied, gstreamer) =
        if has_gstreamer(&["hlssink2", "tsdemux", "mpegtsmux", "h264parse", "aacparse"]) {
            let all = rounds(&mut [&mut ours, &mut ffmpeg, &mut copied, &mut gstreamer])?;
            let [ours, ffmpeg, copied, gstreamer] = all;
            (ours, ffmpeg, copied, Some(gstreamer))
        } else {
            let [ours, ffmpeg, copied] = rounds(&mut [&mut ours, &mut ffmpeg, &mut copied])?;
            (ours, ffmpeg, copied, None)
        };
    let found = Ratios::of(&ffmpeg, &ours);
    let goal = Goal::AtLeast(6.0);
    figures.ratio("`ffmpeg -c copy -f hls`", "`live_hls`", &case, &found, goal);
    if let Some(gstreamer) = gstreamer {
        let found = Ratios::of(&gstreamer, &ours);
        let goal = Goal::AtLeast(20.0);
        figures.ratio("GStreamer `hlssink2`", "`live_hls`", &case, &found, goal);
    }
    let found = Ratios::of(&ours, &copied);
    figures.ratio("`live_hls`", "`cp`", &case, &found, Goal::AtMost(1.25));
    Ok(())
}

fn by_gstreamer(input: &Path, folder: &Path) -> Command {
    let mut command = Command::new("gst-launch-1.0");
    let to = |name: &str| folder.join(name).display().to_string();
    command.args([
        "-q",
        "hlssink2",
        "name=h",
        "playlist-length=0",
        "max-files=0",
    ]);
    command.arg(format!("target-duration={TARGET}"));
    command.arg(format!("location={}", to("%05d.ts")));
    command.arg(format!("playlist-location={}", to("live.m3u8")));
    command.arg("filesrc");
    command.arg(format!("location={}", input.display()));
    command.args(["!", "tsdemux", "name=d"]);
    command.args(["d.", "!", "queue", "!", "h264parse", "!", "h.video"]);
    command.args(["d.", "!", "queue", "!", "aacparse", "!", "h.audio"]);
    command
}

/// How long a program takes that fills this folder. It leaves more than a few bytes there.
fn timed(command: impl FnOnce(&Path) -> Command) -> io::Result<Duration> {
    let folder = Place::Memory.folder()?;
    let mut command = command(folder.path());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let took = start.elapsed();
    if !status.success() {
        return Err(io::Error::other(format!("{command:?}: {status}")));
    }
    let mut stored = 0;
    for file in fs::read_dir(folder.path())? {
        stored += file?.metadata()?.len();
    }
    if stored < 1_000_000 {
        return Err(io::Error::other(format!(
            "{command:?}: stored {stored} bytes"
        )));
    }
    Ok(took)
}
