//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use segment_stream::Durability;

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

/// Where the stream comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Sample,
    StandardInput,
    File(PathBuf),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) source: Source,
    /// `None`: a new folder for temporary files.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) target: Duration,
    pub(crate) depth: usize,
    pub(crate) durability: Durability,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Record(Options),
}

impl Command {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in one line.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let mut options = Options {
            source: Source::Sample,
            folder: None,
            target: Duration::from_secs(6),
            depth: 8,
            durability: Durability::File,
        };
        let mut positional = Vec::new();
        while let Some(argument) = arguments.next() {
            let text = argument.to_string_lossy();
            if text == "--" {
                positional.extend(arguments.by_ref());
            } else if text == "-h" || text == "--help" {
                return Ok(Self::Help);
            } else if text == "-" || !text.starts_with('-') {
                positional.push(argument);
            } else {
                let (name, value) = match text.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (&*text, None),
                };
                options.set(name, || {
                    let next = || Some(arguments.next()?.to_string_lossy().into_owned());
                    value
                        .or_else(next)
                        .ok_or_else(|| format!("{name} needs a value"))
                })?;
            }
        }
        let mut positional = positional.into_iter();
        if let Some(input) = positional.next() {
            options.source = if input == "-" {
                Source::StandardInput
            } else {
                Source::File(input.into())
            };
        }
        options.folder = positional.next().map(PathBuf::from);
        match positional.next() {
            Some(extra) => Err(format!("one argument too many: {}", extra.display())),
            None => Ok(Self::Record(options)),
        }
    }
}

impl Options {
    fn set(
        &mut self,
        name: &str,
        value: impl FnOnce() -> Result<String, String>,
    ) -> Result<(), String> {
        match name {
            "--target" => {
                let value = value()?;
                let target = value
                    .parse()
                    .ok()
                    .and_then(|s| Duration::try_from_secs_f64(s).ok());
                self.target = target
                    .filter(|target| !target.is_zero())
                    .ok_or_else(|| format!("--target needs seconds, more than 0, not {value:?}"))?;
            }
            "--depth" => {
                let value = value()?;
                let depth = value.parse().ok().filter(|&depth| depth > 0);
                self.depth =
                    depth.ok_or_else(|| format!("--depth needs a number from 1, not {value:?}"))?;
            }
            "--durability" => {
                self.durability = match value()?.as_str() {
                    "none" => Durability::None,
                    "file" => Durability::File,
                    "full" => Durability::Full,
                    other => {
                        return Err(format!("--durability is none, file or full, not {other:?}"));
                    }
                };
            }
            _ => return Err(format!("unknown option {name}")),
        }
        Ok(())
    }
}
