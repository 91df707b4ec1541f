//! Ratios of two sides that run in turn, and where they are kept.

#![allow(dead_code, reason = "the peers' measurements use another part of it")]

use std::env;
use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often both sides run. The machine does other things as well, so the median of many is what
/// counts.
pub(crate) const PAIRS: usize = 15;

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

/// The ratios of the pairs, in order of size.
pub(crate) struct Ratios(Vec<f64>);

impl Ratios {
    pub(crate) fn new(mut ratios: Vec<f64>) -> Self {
        ratios.sort_by(f64::total_cmp);
        Self(ratios)
    }

    pub(crate) fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }
}

/// Runs both sides in turn, once without counting it, and divides the first one's times by the
/// second one's. Which of them begins changes from pair to pair, as the second one finds memory
/// that the first one has used.
pub(crate) fn ratios<E>(
    mut ours: impl FnMut() -> Result<Duration, E>,
    mut theirs: impl FnMut() -> Result<Duration, E>,
) -> Result<Ratios, E> {
    let mut found = Vec::new();
    for pair in 0..=PAIRS {
        let (ours, theirs) = if pair % 2 == 0 {
            let ours = ours()?;
            (ours, theirs()?)
        } else {
            let theirs = theirs()?;
            (ours()?, theirs)
        };
        if pair > 0 {
            found.push(ours.as_secs_f64() / theirs.as_secs_f64());
        }
    }
    Ok(Ratios::new(found))
}

/// What was measured, line by line.
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
        let (least, median, most) = (ratios.0[0], ratios.median(), ratios.0[ratios.0.len() - 1]);
        let judged = if goal.is_met(median) {
            ""
        } else {
            "  not reached"
        };
        println!(
            "{what}, against {against}, {case}: {median:.2} ({least:.2} to {most:.2}, {} pairs), goal {goal}{judged}",
            ratios.0.len()
        );
        let judged = if goal.is_met(median) {
            "met"
        } else {
            "not met"
        };
        self.line(format_args!(
            "ratio\t{what}\t{against}\t{case}\t{median:.3}\t{least:.3}\t{most:.3}\t{}\t{goal}\t{judged}",
            ratios.0.len()
        ));
    }

    /// A point of a plot.
    pub(crate) fn point(&mut self, plot: &str, series: &str, x: f64, y: f64) {
        self.line(format_args!("point\t{plot}\t{series}\t{x}\t{y:.4}"));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    /// Keeps them where the page of results is made from.
    pub(crate) fn save(&self, name: &str) -> io::Result<()> {
        let folder = folder();
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{name}.tsv")), &self.0)
    }
}

/// `FIGURES` in the environment, or `target/figures` beside the code.
fn folder() -> PathBuf {
    env::var_os("FIGURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/figures"),
        PathBuf::from,
    )
}

/// A number of bytes as people say it.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}
