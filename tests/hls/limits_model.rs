//! Limits by age and by bytes against a plain model: random segments, waits, full disks and
//! restarts.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use segment_stream::hls::Quota;

use super::*;

#[derive(Debug, Clone, Copy)]
struct Limits {
    /// In seconds.
    age: Option<u64>,
    bytes: Option<u64>,
    quota: Quota,
    lines: usize,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Of so many half seconds, and of so many bytes; then so many tenths of a second pass.
    Segment(u64, usize, u64),
    /// The next push finds no space once.
    FullDisk,
    Restart,
    /// The process dies after so many calls, and another one resumes.
    Dies(u32),
}

/// All that a plain list says.
#[derive(Debug, Clone, Copy)]
struct Listed {
    micros: u64,
    bytes: u64,
    since: Duration,
}

#[derive(Debug, Default)]
struct Model {
    first: u64,
    listed: Vec<Listed>,
    was_resumed: bool,
}

const TARGET: u64 = 2_000_000;

impl Model {
    fn total(&self) -> u64 {
        self.listed.iter().map(|it| it.micros).sum()
    }

    /// The rules of the documentation, read from a plain list each time.
    fn slide(&mut self, limits: Limits, now: Duration) {
        while let Some(first) = self.listed.first().copied() {
            let behind = self.total() - first.micros;
            if behind < 3 * TARGET {
                break;
            }
            let by_clock = now.saturating_sub(first.since).as_micros();
            let by_clock = u64::try_from(by_clock).expect("hours");
            let is_old = limits
                .age
                .is_some_and(|age| behind.max(by_clock) >= age * 1_000_000);
            let bytes: u64 = self.listed.iter().map(|it| it.bytes).sum();
            let more = match limits.quota {
                Quota::Hard => self.listed.last().map_or(0, |it| it.bytes),
                _ => bytes * (self.total() + 2 * first.micros) / self.total(),
            };
            let are_many = limits.bytes.is_some_and(|most| bytes + more > most);
            if !is_old && !are_many {
                break;
            }
            self.listed.remove(0);
            self.first += 1;
        }
    }
}

fn run(limits: Limits, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut playlist = MediaPlaylist::recording("live.m3u8")
        .target_duration(Duration::from_secs(2))
        .quota(limits.quota)
        .side_file_lines(limits.lines);
    if let Some(age) = limits.age {
        playlist = playlist.max_age(Duration::from_secs(age));
    }
    if let Some(bytes) = limits.bytes {
        playlist = playlist.max_bytes(bytes);
    }
    let mut bench = Bench::new(playlist);
    let mut model = Model::default();
    let mut number = 0;
    let mut is_published = false;
    for step in steps {
        let now = (bench.folder.clock())();
        match *step {
            Step::Segment(halves, length, wait) => {
                let secs = Duration::from_millis(500 * halves).as_secs_f64();
                let path = format!("{number}.ts");
                bench.folder.store(Path::new(&path), vec![7; length]);
                let segment = ProducedSegment::media(number, vec![7; length], secs);
                let pushed = bench.publisher.push(&Ok(segment.with_path(path)));
                model.listed.push(Listed {
                    micros: halves * 500_000,
                    bytes: length as u64,
                    since: now,
                });
                number += 1;
                model.slide(limits, now);
                is_published = pushed.is_ok();
                match pushed {
                    Ok(_) => check(&bench, &model, limits)?,
                    // The next push publishes it.
                    Err(_) => prop_assert!(bench.folder.failures() > 0),
                }
                bench.folder.set_faults(Faults::default());
                bench.folder.wait(Duration::from_millis(100 * wait));
            }
            Step::FullDisk => bench.folder.set_faults(Faults {
                state: Answer::NoSpaceOnce,
                ..Faults::default()
            }),
            // A session would not know what was never published.
            Step::Restart | Step::Dies(_) if !is_published => {}
            Step::Restart => {
                bench = bench.restart();
                model.was_resumed = true;
                model.listed.iter_mut().for_each(|it| it.since = now);
            }
            Step::Dies(calls) => {
                bench.folder.die_after(calls);
                let segment = ProducedSegment::media(number, vec![7; 10], 1.0);
                let segment = segment.with_path(format!("{number}.ts"));
                bench
                    .folder
                    .store(Path::new(&format!("{number}.ts")), vec![7; 10]);
                let _ = bench.publisher.push(&Ok(segment));
                bench = bench.restart();
                model.was_resumed = true;
                // It is listed, or it is not.
                if bench.publisher.next_sequence() > number {
                    model.listed.push(Listed {
                        micros: 1_000_000,
                        bytes: 10,
                        since: now,
                    });
                    number += 1;
                    model.slide(limits, now);
                }
                model.listed.iter_mut().for_each(|it| it.since = now);
            }
        }
    }
    Ok(())
}

fn check(bench: &Bench, model: &Model, limits: Limits) -> Result<(), TestCaseError> {
    let text = bench.text();
    let header = format!("#EXT-X-MEDIA-SEQUENCE:{}\n", model.first);
    prop_assert!(text.contains(&header), "{header}{text}");
    prop_assert_eq!(text.matches("#EXTINF").count(), model.listed.len());
    for uri in text.lines().filter(|line| !line.starts_with('#')) {
        prop_assert!(bench.has(uri), "{} is missing", uri);
    }
    let usage = bench.publisher.usage();
    if let Some(most) = limits.bytes {
        let listed: u64 = model.listed.iter().map(|it| it.bytes).sum();
        prop_assert_eq!(usage.listed_bytes, listed);
        if !model.was_resumed {
            // A later session may take a file that was deleted already for one that waits.
            prop_assert_eq!(usage.total_bytes(), bench.folder.segment_bytes());
        }
        if limits.quota == Quota::Hard {
            // What no rule keeps is gone, but for a push's bound of deletions.
            let kept = listed.max(most);
            prop_assert!(usage.total_bytes() <= kept, "{usage:?} {limits:?}");
        }
    }
    Ok(())
}

fn limits() -> impl Strategy<Value = Limits> {
    let quota = prop_oneof![Just(Quota::Standard), Just(Quota::Hard)];
    let age = proptest::option::of(5..60_u64);
    let bytes = proptest::option::of(500..20_000_u64);
    let lines = proptest::sample::select(&[2, 4, 32][..]);
    (age, bytes, quota, lines).prop_map(|(age, bytes, quota, lines)| Limits {
        age,
        bytes,
        quota,
        lines,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let segment = (1..5_u64, 1..1_500_usize, 0..40_u64);
    let step = prop_oneof![
        20 => segment.prop_map(|(halves, length, wait)| Step::Segment(halves, length, wait)),
        1 => Just(Step::Segment(4, 100, 10_000)),
        1 => Just(Step::Restart),
        1 => (0..6_u32).prop_map(Step::Dies),
        1 => Just(Step::FullDisk),
    ];
    proptest::collection::vec(step, 1..80)
}

/// The same on every run; with `SEGMENT_STREAM_THOROUGH=1` more of them.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: thorough::cases(150, 5_000),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(8216),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_leaves_and_what_stays_is_as_a_plain_list_says(limits in limits(), steps in steps()) {
        run(limits, &steps)?;
    }
}
