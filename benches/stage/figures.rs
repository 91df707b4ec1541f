//! Ratios of sides that run in turn, amounts, and the files that keep them: one for each row.

#![allow(dead_code, reason = "each program that measures uses a part of it")]

use std::env;
use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The number of rounds: the machine does other things as well, so the median of many counts. One
/// if the run only checks that everything works.
pub(crate) fn pairs() -> usize {
    if is_check() { 1 } else { 15 }
}

/// `BENCH_CHECK` in the environment: small counts, and figures that mean nothing.
pub(crate) fn is_check() -> bool {
    env::var_os("BENCH_CHECK").is_some()
}

/// As many, or a tenth of it in a check.
pub(crate) fn few(count: u64) -> u64 {
    if is_check() {
        count.div_ceil(10)
    } else {
        count
    }
}

/// What a ratio should be.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// Of something else than the ratio, and whether it is met.
    Stated(&'static str, Verdict),
    /// It is there to explain another one.
    None,
}

#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    Met,
    NotMet,
}

impl Verdict {
    pub(crate) fn of(value: f64, most: f64) -> Self {
        if value <= most {
            Self::Met
        } else {
            Self::NotMet
        }
    }
}

impl Goal {
    fn is_met(self, median: f64) -> bool {
        match self {
            Self::AtMost(most) => median <= most,
            Self::AtLeast(least) => median >= least,
            Self::Stated(_, verdict) => matches!(verdict, Verdict::Met),
            Self::None => true,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::Stated(goal, _) => f.write_str(goal),
            Self::None => f.write_str("–"),
        }
    }
}

/// The ratios of the pairs, or the amounts of the rounds, in order of size.
pub(crate) struct Ratios(Vec<f64>);

impl Ratios {
    /// The ratio of each round's two numbers.
    pub(crate) fn of(ours: &[f64], theirs: &[f64]) -> Self {
        Self::new(
            ours.iter()
                .zip(theirs)
                .map(|(ours, theirs)| ours / theirs)
                .collect(),
        )
    }

    pub(crate) fn new(mut ratios: Vec<f64>) -> Self {
        ratios.sort_by(f64::total_cmp);
        Self(ratios)
    }

    pub(crate) fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }
}

/// A side of a comparison: returns the seconds that it took.
pub(crate) type Side<'a> = &'a mut dyn FnMut() -> io::Result<Duration>;

/// Runs all sides in turn, once without counting it, and returns the seconds of each side, round by
/// round. The first one changes from round to round, as a side finds memory that the one before it
/// has used.
pub(crate) fn rounds<const N: usize>(sides: &mut [Side<'_>; N]) -> io::Result<[Vec<f64>; N]> {
    let mut found = std::array::from_fn(|_| Vec::new());
    for round in 0..=pairs() {
        for turn in 0..N {
            let side = (round + turn) % N;
            let took = sides[side]()?.as_secs_f64();
            if round > 0 {
                found[side].push(took);
            }
        }
    }
    Ok(found)
}

/// The times of the first side divided by those of the second.
pub(crate) fn ratios(
    mut ours: impl FnMut() -> io::Result<Duration>,
    mut theirs: impl FnMut() -> io::Result<Duration>,
) -> io::Result<Ratios> {
    let [ours, theirs] = rounds(&mut [&mut ours, &mut theirs])?;
    Ok(Ratios::of(&ours, &theirs))
}

/// A row: what was measured, line by line.
#[derive(Default)]
pub(crate) struct Figures(String);

impl Figures {
    /// A ratio: of what, against what, and where.
    pub(crate) fn ratio(
        &mut self,
        what: &str,
        against: &str,
        case: &str,
        ratios: &Ratios,
        goal: Goal,
    ) {
        let figure = Figure::new(ratios, goal);
        println!("{what}, against {against}, {case}: {figure}");
        let fields = figure.fields();
        self.line(format_args!("ratio\t{what}\t{against}\t{case}\t{fields}"));
    }

    /// An amount: of what, where, and in which unit.
    pub(crate) fn amount(
        &mut self,
        what: &str,
        case: &str,
        unit: &str,
        amounts: &Ratios,
        goal: Goal,
    ) {
        let figure = Figure::new(amounts, goal);
        println!("{what}, {case}, in {unit}: {figure}");
        let fields = figure.fields();
        self.line(format_args!("amount\t{what}\t{unit}\t{case}\t{fields}"));
    }

    /// A point of a plot.
    pub(crate) fn point(&mut self, plot: &str, series: &str, x: f64, y: f64) {
        self.line(format_args!("point\t{plot}\t{series}\t{x}\t{y:.4}"));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    /// Keeps the row where the page of results is made from, with the machine.
    pub(crate) fn save(&self, row: &str) -> io::Result<()> {
        let folder = folder();
        fs::create_dir_all(&folder)?;
        let text = format!("machine\t{}\n{}", machine()?, self.0);
        fs::write(folder.join(format!("{row}.tsv")), text)
    }
}

/// One cell of the table.
struct Figure<'a> {
    found: &'a Ratios,
    goal: Goal,
}

impl<'a> Figure<'a> {
    fn new(found: &'a Ratios, goal: Goal) -> Self {
        Self { found, goal }
    }

    fn numbers(&self) -> (f64, f64, f64, usize) {
        let all = &self.found.0;
        (self.found.median(), all[0], all[all.len() - 1], all.len())
    }

    fn is_met(&self) -> bool {
        self.goal.is_met(self.found.median())
    }

    fn fields(&self) -> String {
        let (median, least, most, count) = self.numbers();
        let judged = if self.is_met() { "met" } else { "not met" };
        let goal = self.goal;
        format!("{median:.3}\t{least:.3}\t{most:.3}\t{count}\t{goal}\t{judged}")
    }
}

impl fmt::Display for Figure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, least, most, count) = self.numbers();
        let judged = if self.is_met() { "" } else { "  not reached" };
        let goal = self.goal;
        write!(
            f,
            "{median:.2} ({least:.2} to {most:.2}, {count} rounds), goal {goal}{judged}"
        )
    }
}

/// The folder of the rows: `FIGURES` in the environment, or `target/figures` beside the code.
fn folder() -> PathBuf {
    env::var_os("FIGURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/figures"),
        PathBuf::from,
    )
}

fn machine() -> io::Result<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let mut lines = processors.lines();
    let model = lines.find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("a processor without a name", |it| {
        it.trim_start_matches(['\t', ' ', ':'])
    });
    let is_virtual = processors
        .lines()
        .any(|line| line.starts_with("flags") && line.contains(" hypervisor"));
    let kind = if is_virtual {
        " of a virtual machine"
    } else {
        ""
    };
    let memory = read("/proc/meminfo");
    let memory = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let kib: u64 = memory.and_then(|it| it.parse().ok()).unwrap_or_default();
    let cores = thread::available_parallelism()?;
    let kernel: String = read("/proc/sys/kernel/osrelease")
        .chars()
        .take_while(|it| it.is_ascii_digit() || *it == '.')
        .collect();
    let kernel = kernel.trim_end_matches('.');
    let gib = (kib + (1 << 19)) >> 20;
    Ok(format!(
        "{cores} cores{kind} ({model}), {gib} GiB, Linux {kernel}"
    ))
}

/// A number of bytes as people say it.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}
