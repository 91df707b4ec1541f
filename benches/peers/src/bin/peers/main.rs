//! The stage and its applications against peers that do the same job.
//!
//! ```text
//! peers ROW...    the rows below; `benches/run` prepares what they need
//! ```
//!
//! This process only starts others and reads what they used: the peak of a child's memory includes
//! that of its parent when it was started.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are rounded in any case"
)]

mod cameras;
mod instructions;
mod live_hls;
mod origin;
mod original;
mod programs;
mod roles;
mod uploads;

#[path = "../../../../stage/figures.rs"]
mod figures;
#[path = "../../../../stage/places.rs"]
mod places;
#[path = "../../../../stage/plain.rs"]
mod plain;

use std::env;
use std::io;

use figures::Figures;

type Row = fn(&mut Figures) -> io::Result<()>;

const ROWS: [(&str, Row); 6] = [
    ("uploads", uploads::measure),
    ("distance", uploads::measure_at_a_distance),
    ("live_hls", live_hls::measure),
    ("cameras", cameras::measure),
    ("instructions", instructions::measure),
    ("original", original::measure),
];

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [role, arguments @ ..] = &arguments[..]
        && role == roles::ROLE
    {
        return roles::play(arguments);
    }
    for name in &arguments {
        let row = ROWS.iter().find(|(row, _)| row == name);
        let (_, measure) = row.ok_or_else(|| io::Error::other(format!("no row {name}")))?;
        let mut figures = Figures::default();
        measure(&mut figures)?;
        figures.save(name)?;
    }
    Ok(())
}
