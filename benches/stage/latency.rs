//! What a `send` takes where there is room: in a burst, while the sink stalls, and one at a time
//! with a writer that sleeps in between.

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, sink};

use crate::figures::{Figures, Goal, Ratios, Verdict, pairs};
use crate::places::Place;
use crate::plain::{payload, store};

const STALL: Duration = Duration::from_millis(200);
/// For that long the producer makes a segment, in the case where its writer sleeps in between.
const BETWEEN: Duration = Duration::from_micros(300);
/// Of each run.
const SENDS: usize = 1_000;
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];

#[derive(Clone, Copy)]
enum Case {
    Burst,
    Stalled,
    OneAtATime,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Self::Burst => "a burst",
            Self::Stalled => "while a write stalls for 200 ms",
            Self::OneAtATime => "one at a time with the writer asleep",
        }
    }

    /// In nanoseconds. To wake a thread that sleeps takes what it takes.
    fn goal(self, quantile: f64, nanos: f64) -> Goal {
        match self {
            Self::OneAtATime => Goal::None,
            _ if quantile < 0.9 => Goal::Stated("< 1 µs", Verdict::of(nanos, 1e3)),
            _ if quantile > 0.99 => Goal::Stated("< 20 µs", Verdict::of(nanos, 2e4)),
            _ => Goal::None,
        }
    }

    fn between(self) {
        if matches!(self, Self::OneAtATime) {
            let start = Instant::now();
            while start.elapsed() < BETWEEN {
                std::hint::spin_loop();
            }
        }
    }
}

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    for case in [Case::Burst, Case::Stalled, Case::OneAtATime] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..pairs() {
            ours.push(of_send(case)?);
            theirs.push(of_channel(case)?);
        }
        let (all_ours, all_theirs) = (pooled(&ours), pooled(&theirs));
        for (name, quantile) in QUANTILES {
            let nanos = at(&all_ours, quantile);
            let pairs = ours.iter().zip(&theirs);
            let found = pairs.map(|(ours, theirs)| at(ours, quantile) / at(theirs, quantile));
            figures.ratio(
                &format!("a send with a free slot, {name}"),
                "that of a bare channel",
                &format!("16 KiB, {} ({nanos:.0} ns)", case.name()),
                &Ratios::new(found.collect()),
                case.goal(quantile, nanos),
            );
        }
        for step in 0..=60 {
            // Evenly spread over the nines.
            let nines = f64::from(step) / 20.0;
            let quantile = 1.0 - 10_f64.powf(-nines);
            figures.point("latency", case.name(), nines, at(&all_ours, quantile));
            let series = format!("bare channel, {}", case.name());
            figures.point("latency", &series, nines, at(&all_theirs, quantile));
        }
    }
    Ok(())
}

/// Of all runs together, in order of size.
fn pooled(runs: &[Vec<f64>]) -> Vec<f64> {
    let mut all = runs.concat();
    all.sort_by(f64::total_cmp);
    all
}

fn at(sorted: &[f64], quantile: f64) -> f64 {
    let place = (sorted.len() as f64 * quantile) as usize;
    sorted[place.min(sorted.len() - 1)]
}

const LENGTH: usize = 16 << 10;

/// The times of the sends in nanoseconds, in order of size.
fn timed(case: Case, mut send: impl FnMut(u64, Vec<u8>)) -> Vec<f64> {
    let payloads: Vec<_> = (0..SENDS).map(|it| payload(it as u64, LENGTH)).collect();
    let mut times = Vec::with_capacity(payloads.len());
    for (number, payload) in (0..).zip(payloads) {
        let start = Instant::now();
        send(number, payload);
        times.push(start.elapsed().as_secs_f64() * 1e9);
        case.between();
    }
    times.sort_by(f64::total_cmp);
    times
}

/// Stores it, and stalls before the first if that is the case.
fn storing(case: Case, folder: &Path) -> impl FnMut(u64, &[u8]) -> io::Result<()> + Send + 'static {
    let folder = folder.to_path_buf();
    move |number, payload| {
        if number == 0 && matches!(case, Case::Stalled) {
            thread::sleep(STALL);
        }
        store(&folder, number, payload)
    }
}

fn config() -> SegmentStreamConfig {
    SegmentStreamConfig {
        // There is always room.
        channel_depth: SENDS + 1,
        ..Default::default()
    }
}

fn of_send(case: Case) -> io::Result<Vec<f64>> {
    let folder = Place::Memory.folder()?;
    let mut store = storing(case, folder.path());
    let sink = sink::from_fn(move |segment| store(segment.sequence, &segment.data));
    let (mut stream, sender) = SegmentStream::with_sink(config(), sink)?;
    let consumer = thread::spawn(move || stream.by_ref().flatten().count());
    let mut refused = 0;
    let times = timed(case, |number, payload| {
        let sent = sender.send(ProducedSegment::media(number, payload, 2.0));
        refused += usize::from(sent.is_err());
    });
    drop(sender);
    let stored = consumer.join().expect("the consumer ends by itself");
    assert_eq!((stored, refused), (SENDS, 0));
    Ok(times)
}

/// The same into a channel, with a thread that stores what comes out.
fn of_channel(case: Case) -> io::Result<Vec<f64>> {
    let folder = Place::Memory.folder()?;
    let mut store = storing(case, folder.path());
    let (sender, receiver) = bounded::<(u64, Vec<u8>)>(config().channel_depth);
    let writer = thread::spawn(move || {
        receiver
            .iter()
            .try_for_each(|(number, payload)| store(number, &payload))
    });
    let times = timed(case, |number, payload| {
        sender.send((number, payload)).expect("it is taken");
    });
    drop(sender);
    writer.join().expect("the writer ends by itself")?;
    Ok(times)
}
