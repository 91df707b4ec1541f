//! The command line.

use std::time::Duration;

use segment_stream::Durability;

use crate::support::arguments::{self, Value};

pub(crate) const HELP: &str = "\
Records an MPEG transport stream as segments that a player can begin with.

Usage: record [OPTIONS] [INPUT] [OUT]
       ffmpeg ... -f mpegts - | record - out/

Arguments:
  INPUT  A file, or - for standard input. Without it: the sample that comes with the source.
  OUT    The folder for the segments, made if it is not there. Segments that are there stay, and the
         numbers go on after theirs. Without it: a new folder for temporary files, which is kept.

Options:
      --target SECONDS     Cut at the first random access point from there [default: 6]
      --depth N            How many segments may wait to be written [default: 8]
      --durability LEVEL   What survives a power cut: none, file (whole files) or full (every
                           segment that was reported) [default: file]
  -h, --help               Print this and exit

Standard output gets one line for each segment that is stored: name, duration, size. Ctrl-C ends the
recording and stores all that was read; a second one ends the program at once.

Exit status: 0 if all was recorded, 1 if the input or a write failed (what was stored is whole), 2 if
the command line is wrong, 130 after a second Ctrl-C.
";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) target: Duration,
    pub(crate) depth: usize,
    pub(crate) durability: Durability,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: Duration::from_secs(6),
            depth: 8,
            durability: Durability::File,
        }
    }
}

impl arguments::Options for Options {
    fn set(&mut self, name: &str, value: Value<'_>) -> Result<(), String> {
        match name {
            "--target" => self.target = value.seconds()?,
            "--depth" => self.depth = value.count()?,
            "--durability" => self.durability = value.durability()?,
            _ => return Err(format!("unknown option {name}")),
        }
        Ok(())
    }
}
