//! The stage against the plain loop: each figure is a ratio, of the two sides in turn.
//!
//! ```text
//! cargo bench --bench stage                      # everything, some minutes
//! cargo bench --bench stage -- latency memory    # some of it
//! ```
//!
//! Figures go to standard output, and to `target/figures/stage.tsv` for `benches/run`, which makes
//! the page of results of them.

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

type Group = fn(&mut Figures) -> io::Result<()>;

const GROUPS: [(&str, Group); 6] = [
    ("throughput", throughput::measure),
    ("overlap", overlap::measure),
    ("latency", latency::measure),
    ("memory", memory::measure),
    ("streams", streams::measure),
    ("durable", durable::measure),
];

fn main() -> io::Result<()> {
    if memory::is_child()? {
        return Ok(());
    }
    // Cargo itself passes `--bench`.
    let asked: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|it| it == name);
    let mut figures = Figures::default();
    for (name, measure) in GROUPS {
        if is_asked(name) {
            measure(&mut figures)?;
        }
    }
    figures.save("stage")
}
