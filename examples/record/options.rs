//! The command line.

use std::time::Duration;

use segment_stream::Durability;

use support::arguments::{self, Value};

pub(crate) const HELP: &str = "\
Records an MPEG transport stream as segments, each of which a player can start with.

Usage: record [OPTIONS] [INPUT] [OUT]
       ffmpeg ... -f mpegts - | record - out/

Arguments:
  INPUT  A file, or - for standard input [default: the sample that comes with the source]
  OUT    The directory for the segments, created if missing. Existing segments are kept, and the numbers
         continue after theirs. [default: a new temporary directory, which is kept]

Options:
      --target SECONDS     Cut at the first random access point after this time [default: 6]
      --depth N            The number of segments that may wait to be written [default: 8]
      --durability LEVEL   The files that survive a power cut: none, file (those there are whole) or
                           full (every reported segment) [default: file]
  -h, --help               Print this and exit

Standard output gets one line for each segment that is stored: name, duration, size. Ctrl-C ends the
recording and stores everything that was read. A second one ends the program at once.

Exit status: 0 if everything was recorded, 1 if the input or a write failed (stored segments are whole), 2
if the command line is wrong, 130 after a second Ctrl-C.
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
