//! Cameras on this machine: 2 s segments of 1 MB with a live window and retention. All streams in
//! one process, against a process of `ffmpeg` for each, and against `hlssink2` in one process.
//!
//! Processor time is that of the second half: a camera starts once and runs for months.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::figures::{Figures, Goal, Ratios, is_check, pairs};
use crate::places::Place;
use crate::programs::{Running, has_gstreamer, made};
use crate::roles::camera::{self, EACH, KEPT, LISTED};

/// More rounds take too long: each is twenty seconds for each side.
const ROUNDS: usize = 11;
/// As many processes of `ffmpeg`, and as many pipelines of `hlssink2`, as fit.
const MOST_PEERS: u32 = 100;
fn counts() -> &'static [u32] {
    if is_check() { &[10] } else { &[10, 100, 1_000] }
}

/// How long each side runs, and from when its processor time counts.
fn times() -> (Duration, Duration) {
    if is_check() {
        (Duration::from_secs(8), Duration::from_secs(4))
    } else {
        (Duration::from_secs(22), Duration::from_secs(10))
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Segments,
    Stream,
    Plain,
    Ffmpeg,
    Gstreamer,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Segments => "finished segments in one process",
            Self::Stream => "transport streams cut in one process",
            Self::Plain => "a plain loop that stores finished segments",
            Self::Ffmpeg => "a process of `ffmpeg -c copy -f hls` each",
            Self::Gstreamer => "`hlssink2` in one process of GStreamer",
        }
    }
}

/// Of one camera in one round.
#[derive(Clone, Copy)]
struct Cost {
    /// Milliseconds a second.
    processor: f64,
    /// MiB.
    memory: f64,
    /// Of all cameras.
    late: f64,
}

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    let input = made("INPUT_CAMERA")?;
    // Read from the page cache by all.
    let mut sides = vec![Side::Segments, Side::Stream, Side::Plain, Side::Ffmpeg];
    if has_gstreamer(&["hlssink2", "tsdemux", "mpegtsmux", "h264parse", "aacparse"]) {
        sides.push(Side::Gstreamer);
    }
    for &count in counts() {
        let mut found: Vec<Vec<Cost>> = sides.iter().map(|_| Vec::new()).collect();
        for round in 0..pairs().min(ROUNDS) {
            for turn in 0..sides.len() {
                let side = (round + turn) % sides.len();
                found[side].push(run(sides[side], count, &input)?);
            }
        }
        report(figures, count, &sides, &found);
    }
    Ok(())
}

fn report(figures: &mut Figures, count: u32, sides: &[Side], found: &[Vec<Cost>]) {
    let all = |costs: &[Cost], of: fn(&Cost) -> f64| costs.iter().map(of).collect::<Vec<_>>();
    for (side, costs) in sides.iter().zip(found) {
        let case = case(*side, count);
        let name = side.name();
        let processor = Ratios::new(all(costs, |it| it.processor));
        let number = f64::from(number_of(*side, count));
        if number >= f64::from(count) {
            figures.point("cameras", name, number, processor.median());
        }
        let what = format!("processor time of a camera: {name}");
        figures.amount(&what, &case, "ms a second", &processor, Goal::None);
        let memory = Ratios::new(all(costs, |it| it.memory));
        let what = format!("memory of a camera: {name}");
        figures.amount(&what, &case, "MiB", &memory, Goal::None);
        let late = Ratios::new(all(costs, |it| it.late));
        let ours = matches!(side, Side::Segments | Side::Stream);
        let goal = if ours { Goal::AtMost(0.0) } else { Goal::None };
        let what = format!("late by more than a segment: {name}");
        figures.amount(&what, &case, "segments", &late, goal);
    }
    for (peer, costs) in sides.iter().zip(found).skip(2) {
        if *peer == Side::Plain {
            continue;
        }
        for (side, ours) in sides.iter().zip(found).take(2) {
            let (processor, memory) = match peer {
                Side::Ffmpeg => (Goal::AtLeast(15.0), Goal::AtLeast(50.0)),
                _ => (Goal::None, Goal::None),
            };
            let case = case(*peer, count);
            let against = format!("{}, {count}", side.name());
            let of = |of: fn(&Cost) -> f64| Ratios::of(&all(costs, of), &all(ours, of));
            let what = format!("processor time of a camera: {}", peer.name());
            figures.ratio(&what, &against, &case, &of(|it| it.processor), processor);
            let what = format!("memory of a camera: {}", peer.name());
            figures.ratio(&what, &against, &case, &of(|it| it.memory), memory);
        }
    }
}

fn number_of(side: Side, count: u32) -> u32 {
    match side {
        Side::Segments | Side::Stream | Side::Plain => count,
        Side::Ffmpeg | Side::Gstreamer => count.min(MOST_PEERS),
    }
}

fn case(side: Side, count: u32) -> String {
    format!("tmpfs, {} cameras", number_of(side, count))
}

fn run(side: Side, count: u32, input: &Path) -> io::Result<Cost> {
    let folder = Place::Memory.folder()?;
    let count = number_of(side, count);
    let (end, warm) = times();
    let mut programs = match side {
        Side::Segments | Side::Stream | Side::Plain => {
            let kind = match side {
                Side::Stream => camera::STREAM,
                Side::Plain => camera::PLAIN,
                _ => camera::SEGMENTS,
            };
            // It ends by itself, after it was looked at.
            let time = end + EACH / 2;
            let mut command = camera::command(kind, count, time, folder.path(), input)?;
            vec![Running::start(command.stdout(Stdio::piped()))?]
        }
        Side::Ffmpeg => (0..count)
            .map(|number| {
                let folder = folder.path().join(number.to_string());
                fs::create_dir(&folder)?;
                Running::start(&mut by_ffmpeg(input, &folder))
            })
            .collect::<io::Result<_>>()?,
        Side::Gstreamer => {
            for number in 0..count {
                fs::create_dir(folder.path().join(number.to_string()))?;
            }
            vec![Running::start(&mut by_gstreamer(
                input,
                folder.path(),
                count,
            ))?]
        }
    };
    let start = Instant::now();
    thread::sleep(warm);
    let (began, before) = (start.elapsed(), processor(&programs)?);
    thread::sleep(end.saturating_sub(start.elapsed()));
    let (ended, after) = (start.elapsed(), processor(&programs)?);
    let mut memory = 0;
    for program in &programs {
        memory += program.memory()?;
    }
    let late = match side {
        Side::Segments | Side::Stream | Side::Plain => of_ours(&mut programs[0], count)?,
        Side::Ffmpeg | Side::Gstreamer => behind(folder.path(), count, start.elapsed()),
    };
    let cameras = f64::from(count);
    let processor =
        after.saturating_sub(before).as_secs_f64() / ended.saturating_sub(began).as_secs_f64();
    Ok(Cost {
        processor: processor * 1e3 / cameras,
        memory: memory as f64 / f64::from(1 << 20) / cameras,
        late,
    })
}

fn processor(programs: &[Running]) -> io::Result<Duration> {
    programs.iter().map(Running::processor).sum()
}

fn of_ours(program: &mut Running, cameras: u32) -> io::Result<f64> {
    let output = program.0.stdout.take().expect("it is piped");
    let text = io::read_to_string(output)?;
    let numbers: Vec<f64> = text.split_whitespace().flat_map(str::parse).collect();
    let [stored, late, worst] = numbers[..] else {
        return Err(io::Error::other(format!(
            "the cameras have failed: {text:?}"
        )));
    };
    println!("  {cameras} cameras: {stored} segments, {late} late, the latest by {worst:.3} s");
    if stored < f64::from(cameras) {
        return Err(io::Error::other("a camera has stored nothing"));
    }
    Ok(late)
}

/// The segments that no playlist lists though they should have been complete a segment's duration
/// ago.
fn behind(folder: &Path, cameras: u32, since: Duration) -> f64 {
    let expected = (since.as_secs_f64() / EACH.as_secs_f64()) as u64 - 1;
    let mut late = 0;
    for number in 0..cameras {
        let playlist = folder.join(number.to_string()).join("live.m3u8");
        let text = fs::read_to_string(playlist).unwrap_or_default();
        let last = text.lines().rfind(|line| !line.starts_with('#'));
        let listed = last.map_or(0, |name| {
            let digits: String = name.chars().filter(char::is_ascii_digit).collect();
            digits.parse::<u64>().map_or(0, |number| number + 1)
        });
        late += expected.saturating_sub(listed);
    }
    println!("  {cameras} cameras of a peer: {late} segments late");
    late as f64
}

fn by_ffmpeg(input: &Path, folder: &Path) -> Command {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-loglevel", "error", "-re", "-i"])
        .arg(input);
    command.args(["-c", "copy", "-f", "hls", "-hls_flags", "delete_segments"]);
    command.arg("-hls_time").arg(EACH.as_secs().to_string());
    command.arg("-hls_list_size").arg(LISTED.to_string());
    command.arg("-hls_delete_threshold").arg(KEPT.to_string());
    command
        .arg("-hls_segment_filename")
        .arg(folder.join("%05d.ts"));
    command.arg(folder.join("live.m3u8"));
    command
}

fn by_gstreamer(input: &Path, folder: &Path, cameras: u32) -> Command {
    let mut command = Command::new("gst-launch-1.0");
    command.arg("-q");
    for number in 0..cameras {
        let folder = folder.join(number.to_string());
        let to = |name: &str| folder.join(name).display().to_string();
        command.arg("hlssink2").arg(format!("name=h{number}"));
        command.arg(format!("playlist-length={LISTED}"));
        command.arg(format!("max-files={}", LISTED + KEPT));
        command.arg(format!("target-duration={}", EACH.as_secs()));
        command.arg(format!("location={}", to("%05d.ts")));
        command.arg(format!("playlist-location={}", to("live.m3u8")));
        command
            .arg("filesrc")
            .arg(format!("location={}", input.display()));
        command
            .args(["!", "tsdemux"])
            .arg(format!("name=d{number}"));
        for (parser, pad) in [("h264parse", "video"), ("aacparse", "audio")] {
            command
                .arg(format!("d{number}."))
                .args(["!", "queue", "!", parser]);
            command.args(["!", "identity", "sync=true", "!"]);
            command.arg(format!("h{number}.{pad}"));
        }
    }
    command.stdout(Stdio::null());
    command
}
