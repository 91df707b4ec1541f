//! The stage against the plain loop: each figure is a ratio, of the sides in turn.
//!
//! ```text
//! cargo bench --bench stage                      # all rows
//! cargo bench --bench stage -- latency memory    # some rows
//! ```
//!
//! Figures go to standard output, and each row to a file of its own in `FIGURES` (by default
//! `target/figures`), of which `benches/run` makes the page of results.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are rounded in any case"
)]

#[path = "stage/durable.rs"]
mod durable;
#[path = "stage/figures.rs"]
mod figures;
#[path = "stage/idle.rs"]
mod idle;
#[path = "stage/latency.rs"]
mod latency;
#[path = "stage/memory.rs"]
mod memory;
#[path = "stage/overlap.rs"]
mod overlap;
#[path = "stage/places.rs"]
mod places;
#[path = "stage/plain.rs"]
mod plain;
#[path = "stage/streams.rs"]
mod streams;
#[path = "stage/throughput.rs"]
mod throughput;

use std::env;
use std::io;

use figures::Figures;

type Row = fn(&mut Figures) -> io::Result<()>;

const ROWS: [(&str, Row); 7] = [
    ("throughput", throughput::measure),
    ("overlap", overlap::measure),
    ("latency", latency::measure),
    ("memory", memory::measure),
    ("streams", streams::measure),
    ("durable", durable::measure),
    ("idle", idle::measure),
];

fn main() -> io::Result<()> {
    if memory::is_child()? || idle::is_child()? {
        return Ok(());
    }
    // Cargo itself passes `--bench`.
    let asked: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    for name in &asked {
        if !ROWS.iter().any(|(row, _)| row == name) {
            return Err(io::Error::other(format!("no row {name}")));
        }
    }
    for (name, measure) in ROWS {
        if asked.is_empty() || asked.iter().any(|it| it == name) {
            let mut figures = Figures::default();
            measure(&mut figures)?;
            figures.save(name)?;
        }
    }
    Ok(())
}
