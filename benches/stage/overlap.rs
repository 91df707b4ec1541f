//! A producer that works on each segment for as long as its write takes, against the larger of the
//! two alone: how much of the one is hidden behind the other.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use segment_stream::DiskSink;

use crate::figures::{Figures, Goal, Ratios, few, pairs, size};
use crate::places::Place;
use crate::plain::{payload, plain, store};
use crate::throughput::{SIZES, handed_over, staged};

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    for (length, segments) in SIZES {
        let segments = few(segments);
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for pair in 0..=pairs() {
            let writing = plain(Place::Memory.folder()?.path(), segments, length, store)?;
            let rounds = rounds_for(writing, segments, length);
            let busy = move |payload: &[u8]| work(payload, rounds);
            let longer = alone(segments, length, rounds).max(writing);
            let folder = Place::Memory.folder()?;
            let stage = staged(DiskSink::rooted(folder.path()), segments, length, busy)?;
            let folder = Place::Memory.folder()?;
            let channel = handed_over(folder.path(), segments, length, busy, store)?;
            if pair > 0 {
                ours.push(stage.as_secs_f64() / longer.as_secs_f64());
                bare.push(channel.as_secs_f64() / longer.as_secs_f64());
            }
        }
        let goal = Goal::AtMost(if length < 256 << 10 { 1.15 } else { 1.05 });
        let case = format!("tmpfs, {}", size(length));
        for (what, found, goal) in [
            (
                "the stage, with a producer as busy as the writer",
                ours,
                goal,
            ),
            (
                "the plain loop behind a bare channel, likewise",
                bare,
                Goal::None,
            ),
        ] {
            let against = "the longer of the two alone";
            figures.ratio(what, against, &case, &Ratios::new(found), goal);
        }
    }
    Ok(())
}

/// So many rounds of work make the producer take as long as the loop took.
fn rounds_for(writing: Duration, segments: u64, length: usize) -> u64 {
    const TRIED: u64 = 100_000;
    let without = alone(segments, length, 0);
    let start = Instant::now();
    work(&[1], TRIED);
    let each = start.elapsed().as_secs_f64() / TRIED as f64;
    let left = writing.saturating_sub(without).as_secs_f64() / segments as f64;
    (left / each) as u64
}

fn alone(segments: u64, length: usize, rounds: u64) -> Duration {
    let start = Instant::now();
    for number in 0..segments {
        work(&payload(number, length), rounds);
    }
    start.elapsed()
}

/// Something that keeps a processor busy and nothing else, as an encoder would.
fn work(payload: &[u8], rounds: u64) {
    let mut state = u64::from(payload[payload.len() / 2]) | 1;
    for _ in 0..rounds {
        state = black_box(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .rotate_left(17),
        );
    }
    black_box(state);
}
