//! The instructions of a segment, as `.ci/instructions` counts them.

use std::io;
use std::path::Path;
use std::process::Command;

use crate::figures::{Figures, Goal, Ratios};
use crate::programs::run;

const MOST: f64 = 2453.0;

pub(crate) fn measure(figures: &mut Figures) -> io::Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/instructions");
    let output = run(&mut Command::new(script))?.output;
    let counted = output.split(' ').next().and_then(|it| it.parse().ok());
    let counted = counted.ok_or_else(|| io::Error::other(output.clone()))?;
    figures.amount(
        "instructions of a segment, from `send` to the iteration",
        "a sink that does nothing",
        "instructions",
        &Ratios::new(vec![counted]),
        Goal::AtMost(MOST),
    );
    Ok(())
}
