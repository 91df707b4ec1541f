//! Uploads: the stage over the HTTP sink against a loop of `ureq` and `object_store` on tokio, and
//! `push_hls` against `ffmpeg` on the same stream, to nginx on this machine; and many writers over an
//! origin that is far away.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::figures::{Figures, Goal, Ratios, few, pairs, size};
use crate::origin::{Distant, Nginx};
use crate::programs::{Used, made, run};
use crate::roles::upload;

/// The size of a segment, the number, and the transport stream with segments of about that size.
const SIZES: [(usize, u64, &str); 2] = [(256 << 10, 400, "INPUT_256K"), (4 << 20, 60, "INPUT_4M")];
const WRITERS: [u64; 2] = [1, 8];

/// The seconds, the processor time and the peak of each round.
#[derive(Default)]
struct Side {
    seconds: Vec<f64>,
    /// Milliseconds.
    processor: Vec<f64>,
    /// MiB.
    peak: Vec<f64>,
}

impl Side {
    fn enter(&mut self, seconds: f64, used: &Used, segments: u64) {
        self.seconds.push(seconds);
        let processor = used.processor.as_secs_f64() * 1e3 / segments as f64;
        self.processor.push(processor);
        self.peak.push(used.peak as f64 / f64::from(1 << 20));
    }
}

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    let nginx = Nginx::start()?;
    for (length, segments, _) in SIZES {
        let segments = few(segments);
        for writers in WRITERS {
            objects(figures, &nginx, length, segments, writers)?;
        }
    }
    for (length, _, input) in SIZES {
        let input = made(input)?;
        for writers in WRITERS {
            streams(figures, &nginx, length, &input, writers)?;
        }
    }
    Ok(())
}

/// Objects of one size, and nothing else.
fn objects(
    figures: &mut Figures,
    nginx: &Nginx,
    length: usize,
    segments: u64,
    writers: u64,
) -> io::Result<()> {
    let kinds = [
        ("the stage over `HttpSink`", Goal::None, upload::STAGE),
        ("a loop of `ureq`", Goal::AtLeast(0.95), upload::UREQ),
        (
            "`object_store` on tokio",
            Goal::AtLeast(1.0),
            upload::OBJECT_STORE,
        ),
    ];
    let mut sides = kinds.map(|_| Side::default());
    for round in 0..=pairs() {
        for turn in 0..kinds.len() {
            let side = (round + turn) % kinds.len();
            let mut command =
                upload::command(kinds[side].2, length, segments, writers, &nginx.url())?;
            let used = run(&mut command)?;
            let stored = nginx.take()?;
            if stored != segments {
                return Err(io::Error::other(format!(
                    "{stored} of {segments} are stored"
                )));
            }
            if round > 0 {
                let seconds = used.output.trim().parse().map_err(io::Error::other)?;
                sides[side].enter(seconds, &used, segments);
            }
        }
    }
    let case = format!("nginx, {}, {}", size(length), concurrency(writers));
    report(
        figures,
        &case,
        &kinds.map(|(name, goal, _)| (name, goal)),
        &sides,
    );
    Ok(())
}

/// A whole stream with its playlist.
fn streams(
    figures: &mut Figures,
    nginx: &Nginx,
    length: usize,
    input: &Path,
    writers: u64,
) -> io::Result<()> {
    let push_hls = made("PUSH_HLS")?;
    let kinds = [
        ("`push_hls`", Goal::None),
        ("`ffmpeg -f hls -method PUT`", Goal::AtLeast(1.0)),
    ];
    let mut sides = kinds.map(|_| Side::default());
    for round in 0..=pairs() {
        for turn in 0..kinds.len() {
            let side = (round + turn) % kinds.len();
            let mut command;
            if side == 0 {
                command = Command::new(&push_hls);
                command.args(["--target", "1", "--window", "3600"]);
                command.arg("--writers").arg(writers.to_string());
                command.arg(input).arg(nginx.url());
            } else {
                command = Command::new("ffmpeg");
                command
                    .args(["-nostdin", "-loglevel", "error", "-i"])
                    .arg(input);
                command.args(["-c", "copy", "-f", "hls", "-hls_list_size", "0"]);
                command.args(["-hls_time", "1", "-method", "PUT", "-http_persistent", "1"]);
                command.arg(format!("{}live.m3u8", nginx.url()));
            }
            let used = run(&mut command)?;
            let stored = nginx.take()?;
            if round > 0 {
                sides[side].enter(used.wall.as_secs_f64(), &used, stored);
            }
        }
    }
    let writers = concurrency(writers);
    let case = format!(
        "nginx, stream, segments of about {}, {writers}",
        size(length)
    );
    report(figures, &case, &kinds, &sides);
    Ok(())
}

fn concurrency(writers: u64) -> String {
    match writers {
        1 => "one writer".into(),
        _ => format!("{writers} writers"),
    }
}

/// All against the first: how many times as fast the first one is.
fn report(figures: &mut Figures, case: &str, kinds: &[(&str, Goal)], sides: &[Side]) {
    let (ours, _) = kinds[0];
    for ((name, goal), side) in kinds.iter().zip(sides).skip(1) {
        let found = Ratios::of(&side.seconds, &sides[0].seconds);
        figures.ratio(&format!("time of {name}"), ours, case, &found, *goal);
    }
    for ((name, _), side) in kinds.iter().zip(sides) {
        let what = format!("processor time of {name}");
        let amounts = Ratios::new(side.processor.clone());
        figures.amount(&what, case, "ms an object", &amounts, Goal::None);
        let what = format!("peak memory of {name}");
        let amounts = Ratios::new(side.peak.clone());
        figures.amount(&what, case, "MiB", &amounts, Goal::None);
    }
}

const LATENCY: Duration = Duration::from_millis(50);
const AT_A_DISTANCE: usize = 256 << 10;

pub(crate) fn measure_at_a_distance(figures: &mut Figures) -> io::Result<()> {
    let origin = Distant::start(LATENCY)?;
    // A whole number for each of the writers.
    let segments = few(80).max(16);
    let mut connections = Vec::new();
    let mut timed = |writers| -> io::Result<f64> {
        let url = origin.url();
        let used = run(&mut upload::command(
            upload::STAGE,
            AT_A_DISTANCE,
            segments,
            writers,
            &url,
        )?)?;
        let made = origin.connections();
        if writers > 1 {
            connections.push(made as f64);
        }
        used.output.trim().parse().map_err(io::Error::other)
    };
    let [one, many] = WRITERS;
    let mut found = Vec::new();
    for round in 0..=pairs() {
        let (alone, together) = if round % 2 == 0 {
            let alone = timed(one)?;
            (alone, timed(many)?)
        } else {
            let together = timed(many)?;
            (timed(one)?, together)
        };
        if round > 0 {
            found.push(alone / together);
        }
    }
    let case = format!(
        "an origin that answers after {} ms, {}",
        LATENCY.as_millis(),
        size(AT_A_DISTANCE)
    );
    let goal = Goal::AtLeast(7.0);
    figures.ratio(
        "time with one writer",
        "8 writers",
        &case,
        &Ratios::new(found),
        goal,
    );
    figures.amount(
        "connections of 8 writers, counted by the server",
        &case,
        "connections",
        &Ratios::new(connections),
        Goal::AtMost(9.0),
    );
    Ok(())
}
