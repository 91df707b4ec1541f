//! The side file: the state of the manifest and the pending deletions, for a later session.
//!
//! It holds the newest lines of each log, and names the parts that hold the others.

use std::time::UNIX_EPOCH;

use super::entry::Size;
use super::fingerprint::{Fingerprints, Reach};
use super::parts::{Level, Log, PartName, Parts, Position};
use super::pins::Pins;
use super::retired::Retired;
use super::time::Micros;
use crate::uri;

pub(crate) use read::objects_of;

mod read;

/// The contents of a side file and of its parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) published: Published,
    /// The texts that the manifest may have.
    pub(crate) texts: Fingerprints,
    /// How far the newest of them goes.
    pub(crate) newest: Option<Reach>,
    /// The files that leave the manifest next, after the newest of these texts.
    pub(crate) leaving: Vec<Retired>,
    /// The files that wait for deletion, by their position in the log; then those of the side file
    /// itself.
    pub(crate) sealed: Vec<(Position, Retired)>,
    pub(crate) retired: Vec<Retired>,
    /// The lengths of listed segments.
    pub(crate) sizes: Vec<(u64, Size)>,
    /// The clips that were not released.
    pub(crate) clips: Vec<Pins>,
    /// The parts of each log, if there may be any.
    pub(crate) parts: Vec<(Log, Parts)>,
}

/// The publications that certainly succeeded.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Published {
    /// The number after the last published one.
    pub(crate) number: u64,
    /// The duration of the longest published manifest.
    pub(crate) longest: Micros,
}

/// The lines about the manifest that begin a side file.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) published: Published,
    pub(crate) texts: &'a Fingerprints,
    pub(crate) newest: Reach,
    pub(crate) leaving: Vec<Retired>,
}

/// The text of a side file, with the lines that are in no part. `first_live` is the first position
/// of a log that counts.
pub(crate) fn render<'a>(
    header: &str,
    head: &Head<'_>,
    logs: &[(&Parts, Position)],
    clips: &[Pins],
    sizes: impl Iterator<Item = (u64, Size)>,
    retired: impl Iterator<Item = &'a Retired>,
) -> Vec<u8> {
    let Published { number, longest } = head.published;
    let texts = head.texts.print();
    let mut text = format!("{header}\npublished {number} {longest}\ntexts {texts}\n");
    let Reach { number, ranges } = head.newest;
    text.extend([format!("newest {number} {ranges}\n")]);
    let leaving = head.leaving.iter().map(Retired::line);
    text.extend(leaving.map(|line| line.replacen("delete ", "next ", 1)));
    for (parts, first_live) in logs.iter().filter(|(parts, _)| parts.are_named()) {
        for (level, run) in parts.runs() {
            let letter = letter(parts.log(), level);
            let (oldest, first, end) = (run.oldest, run.first, run.end());
            text.extend([format!("parts {letter} {oldest} {first} {end}\n")]);
        }
        let letter = letter(parts.log(), Level::Small);
        text.extend([format!("live {letter} {first_live}\n")]);
    }
    text.extend(clips.iter().map(clip_line));
    text.extend(sizes.map(|(number, size)| listed(number, size)));
    text.extend(retired.map(Retired::line));
    text.push_str("end\n");
    text.into_bytes()
}

/// The text of a part of the log of waiting files.
pub(crate) fn render_waiting<'a>(
    header: &str,
    name: PartName,
    lines: impl Iterator<Item = (Position, &'a Retired)>,
) -> Vec<u8> {
    let lines = lines.filter(|(_, retired)| !retired.line().is_empty());
    let lines = lines.map(|(position, retired)| format!("{position} {}", retired.line()));
    render_part(header, name, lines)
}

/// The text of a part of the log of lengths.
pub(crate) fn render_sizes(
    header: &str,
    name: PartName,
    lines: impl Iterator<Item = (u64, Size)>,
) -> Vec<u8> {
    let lines = lines.map(|(number, size)| format!("{number} {}", listed(number, size)));
    render_part(header, name, lines)
}

/// The list of the files that a clip pins. It is written before the clip.
pub(crate) fn render_pins(header: &str, pins: &Pins) -> Vec<u8> {
    let mut names: Vec<_> = pins
        .files
        .iter()
        .filter_map(|it| uri::from_root(it).ok())
        .collect();
    names.sort_unstable();
    let mut text = format!("{header} {}\n", pins.word());
    text.extend(names.into_iter().map(|name| format!("pin {name}\n")));
    text.push_str("end\n");
    text.into_bytes()
}

/// `clip UNTIL STAYS NAME`, in seconds since 1970 and in microseconds.
fn clip_line(clip: &Pins) -> String {
    let Pins { name, stays, .. } = clip;
    let until = clip
        .until
        .map(|it| it.duration_since(UNIX_EPOCH).unwrap_or_default());
    // Rounded up, so that no later session releases it earlier.
    let until = until.map(|it| it.as_secs() + u64::from(it.subsec_nanos() > 0));
    let until = until.map_or_else(|| "-".to_owned(), |it| it.to_string());
    format!("clip {until} {stays} {name}\n")
}

fn render_part(header: &str, name: PartName, lines: impl Iterator<Item = String>) -> Vec<u8> {
    let mut text = format!("{header} {}\n", name.word());
    text.extend(lines);
    text.push_str("end\n");
    text.into_bytes()
}

fn listed(number: u64, size: Size) -> String {
    format!("listed {number} {} {}\n", size.segment, size.map)
}

fn letter(log: Log, level: Level) -> char {
    PartName {
        log,
        level,
        number: 0,
    }
    .letter()
}

#[cfg(test)]
mod tests;
