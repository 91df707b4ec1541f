//! The most memory that a process needs, against what the promises allow. Each case is a process of
//! its own.

use std::env;
use std::fs;
use std::io;
use std::process::Command;
use std::thread;

use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, sink};

use crate::figures::{Figures, Goal, Ratios, pairs, size};
use crate::plain::payload;

const CHILD: &str = "SEGMENT_STREAM_BENCH_MEMORY";
const LENGTH: usize = 4 << 20;
const SEGMENTS: u64 = 200;
/// What a process may need besides the segments.
const BESIDES: usize = 8 << 20;

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    for (depth, producers) in [(1, 1), (8, 1), (8, 4)] {
        // The allocator of the C library keeps memory for each thread that ever made a segment;
        // with one arena it is seen what the segments take.
        let allowed = (depth + producers + 1) * LENGTH + BESIDES;
        let mut found = Vec::new();
        for _ in 0..pairs() {
            let output = Command::new(env::current_exe()?)
                .env("MALLOC_ARENA_MAX", "1")
                .env(CHILD, format!("{depth} {producers}"))
                .output()?;
            let text = String::from_utf8_lossy(&output.stdout);
            let kib: usize = text.trim().parse().map_err(io::Error::other)?;
            found.push((kib << 10) as f64 / allowed as f64);
        }
        figures.ratio(
            "peak memory",
            "(depth + producers + 1) × segment + 8 MiB",
            &format!("{}, depth {depth} × {producers} producers", size(LENGTH)),
            &Ratios::new(found),
            Goal::AtMost(1.0),
        );
    }
    Ok(())
}

/// Whether this process is one that is measured. It prints its peak in KiB.
pub(crate) fn is_child() -> io::Result<bool> {
    let Ok(case) = env::var(CHILD) else {
        return Ok(false);
    };
    let numbers: Vec<usize> = case.split(' ').flat_map(str::parse).collect();
    let &[depth, producers] = &numbers[..] else {
        return Err(io::Error::other("the case is two numbers"));
    };
    work(depth, producers)?;
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|it| it.trim().strip_suffix(" kB"));
    println!("{}", kib.ok_or_else(|| io::Error::other("no VmHWM"))?);
    Ok(true)
}

fn work(depth: usize, producers: usize) -> io::Result<()> {
    let config = SegmentStreamConfig {
        channel_depth: depth,
        ..Default::default()
    };
    // Slower than the producers, so that the stream is always full.
    let slow = sink::from_fn(|segment| {
        let sum = segment
            .data
            .iter()
            .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        std::hint::black_box(sum);
        Ok(())
    });
    let (stream, sender) = SegmentStream::with_sink(config, slow)?;
    let each = SEGMENTS / producers as u64;
    let producers: Vec<_> = (0..producers)
        .map(|_| {
            let sender = sender.clone();
            thread::spawn(move || {
                for number in 0..each {
                    let segment = ProducedSegment::media(number, payload(number, LENGTH), 2.0);
                    sender.send(segment).expect("the stream is open");
                }
            })
        })
        .collect();
    drop(sender);
    for item in stream {
        item?;
    }
    for producer in producers {
        producer.join().expect("a producer ends by itself");
    }
    Ok(())
}
