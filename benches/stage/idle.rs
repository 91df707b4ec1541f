//! A thousand streams at one segment in two seconds against as many threads that each receive from
//! a bare channel: the processor time and the memory of each. Each side is a process of its own.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use segment_stream::{
    DiskSink, NoNext, ProducedSegment, SegmentSender, SegmentStream, SegmentStreamConfig,
};

use crate::figures::{Figures, Goal, Ratios, is_check, pairs, size};
use crate::places::Place;
use crate::plain::{payload, store};

const CHILD: &str = "SEGMENT_STREAM_BENCH_IDLE";
const LENGTH: usize = 16 << 10;
const EACH: Duration = Duration::from_secs(2);
/// Turns until a segment is stored: 32 ms of a thousand streams.
const TURNS: usize = 16;
/// The first ones of a thread find no memory that was used before.
const BEFORE: u64 = 2;

fn streams() -> u32 {
    if is_check() { 100 } else { 1_000 }
}

/// Of those that count.
fn segments() -> u64 {
    if is_check() { 1 } else { 5 }
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    /// A thread that iterates for each stream, besides its writer.
    ThreadsThatIterate,
    /// One thread asks all streams in turn, as often as a segment is sent.
    OneThreadThatAsks,
    Bare,
}

const SIDES: [(&str, Side); 3] = [
    (
        "streams, each with a thread that iterates",
        Side::ThreadsThatIterate,
    ),
    (
        "streams, and one thread that asks them all",
        Side::OneThreadThatAsks,
    ),
    ("threads on a bare channel", Side::Bare),
];

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    let mut found = SIDES.map(|_| (Vec::new(), Vec::new()));
    for round in 0..pairs() {
        for turn in 0..SIDES.len() {
            let side = (round + turn) % SIDES.len();
            let (processor, memory) = in_child(SIDES[side].0)?;
            found[side].0.push(processor);
            found[side].1.push(memory);
        }
    }
    let case = format!("{} segments each 2 s, {} of each", size(LENGTH), streams());
    let (bare_name, _) = SIDES[2];
    for (side, (name, _)) in SIDES.iter().enumerate() {
        let (processor, memory) = &found[side];
        let processor_of = format!("processor time of {name}");
        if side != 2 {
            let ratios = Ratios::of(processor, &found[2].0);
            figures.ratio(&processor_of, bare_name, &case, &ratios, Goal::AtMost(1.1));
        }
        let amounts = Ratios::new(processor.clone());
        figures.amount(&processor_of, &case, "µs a segment", &amounts, Goal::None);
        let amounts = Ratios::new(memory.clone());
        let what = format!("memory of {name}");
        figures.amount(&what, &case, "KiB of each", &amounts, Goal::None);
    }
    Ok(())
}

fn in_child(side: &str) -> io::Result<(f64, f64)> {
    let output = Command::new(env::current_exe()?)
        .env(CHILD, side)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().flat_map(str::parse).collect();
    match numbers[..] {
        [processor, memory] => Ok((processor, memory)),
        _ => Err(io::Error::other(format!(
            "{side}: {text:?}, {}",
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}

/// Whether this process is one that is measured. It prints microseconds a segment, and KiB of each
/// stream.
pub(crate) fn is_child() -> io::Result<bool> {
    let Ok(name) = env::var(CHILD) else {
        return Ok(false);
    };
    let side = SIDES.iter().find(|(it, _)| *it == name);
    let (_, side) = side.ok_or_else(|| io::Error::other("no such side"))?;
    let before = memory()?;
    let folder = Place::Memory.folder()?;
    let mut receivers = Receivers::default();
    let mut senders = Vec::new();
    for number in 0..streams() {
        let folder = folder.path().join(number.to_string());
        fs::create_dir(&folder)?;
        senders.push(receivers.open(*side, &folder)?);
    }
    let mut used = Duration::ZERO;
    let start = Instant::now();
    for turn in 0..BEFORE + segments() {
        if turn == BEFORE {
            used = processor_time()?;
        }
        for (number, sender) in (0..).zip(&mut senders) {
            let due = EACH * u32::try_from(turn).expect("few") + EACH * number / streams();
            thread::sleep(due.saturating_sub(start.elapsed()));
            sender(turn, payload(turn, LENGTH));
            receivers.ask()?;
        }
    }
    // The last ones are stored by then.
    thread::sleep(EACH / 4);
    let used = processor_time()?.saturating_sub(used);
    let each = used.as_secs_f64() * 1e6 / f64::from(streams()) / segments() as f64;
    let memory = memory()?.saturating_sub(before) as f64 / f64::from(streams());
    println!("{each} {memory}");
    drop(senders);
    receivers.end()?;
    Ok(true)
}

type Send = Box<dyn FnMut(u64, Vec<u8>)>;

#[derive(Default)]
struct Receivers {
    threads: Vec<JoinHandle<io::Result<()>>>,
    asked: Vec<SegmentStream>,
    next: usize,
}

impl Receivers {
    fn open(&mut self, side: Side, folder: &Path) -> io::Result<Send> {
        Ok(match side {
            Side::ThreadsThatIterate => {
                let (stream, sender) = stream(folder)?;
                self.threads.push(thread::spawn(move || {
                    for item in stream {
                        item?;
                    }
                    Ok(())
                }));
                send(sender)
            }
            Side::OneThreadThatAsks => {
                let (stream, sender) = stream(folder)?;
                self.asked.push(stream);
                send(sender)
            }
            Side::Bare => {
                let (sender, receiver) = bounded(SegmentStreamConfig::default().channel_depth);
                let folder: PathBuf = folder.into();
                self.threads.push(thread::spawn(move || {
                    for (number, payload) in receiver {
                        let payload: Vec<u8> = payload;
                        store(&folder, number, &payload)?;
                    }
                    Ok(())
                }));
                Box::new(move |number, payload| {
                    sender.send((number, payload)).expect("it is received");
                })
            }
        })
    }

    /// Asks the stream that was sent to some turns ago, so that its segment is stored.
    fn ask(&mut self) -> io::Result<()> {
        if self.asked.is_empty() {
            return Ok(());
        }
        let stream = (self.next + self.asked.len() - TURNS) % self.asked.len();
        self.next += 1;
        match self.asked[stream].try_next() {
            Ok(item) => item.map(drop).map_err(io::Error::other),
            Err(NoNext::NotYet) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn end(self) -> io::Result<()> {
        for stream in self.asked {
            stream.finish()?;
        }
        for thread in self.threads {
            thread.join().expect("it ends by itself")?;
        }
        Ok(())
    }
}

fn stream(folder: &Path) -> io::Result<(SegmentStream, SegmentSender)> {
    SegmentStream::with_sink(SegmentStreamConfig::default(), DiskSink::rooted(folder))
}

fn send(sender: SegmentSender) -> Send {
    Box::new(move |number, payload| {
        let segment = ProducedSegment::media(number, payload, 2.0);
        let sent = sender.send(segment.with_path(crate::plain::name(number)));
        sent.expect("the stream is open");
    })
}

/// Of all threads, to the nanosecond.
fn processor_time() -> io::Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let first = text.split(' ').next().and_then(|it| it.parse::<u64>().ok());
        nanos += first.ok_or_else(|| io::Error::other("no processor time"))?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// In KiB, what is shared with other processes divided among them.
fn memory() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|it| it.trim().strip_suffix(" kB")?.parse().ok());
    kib.ok_or_else(|| io::Error::other("no Pss"))
}
