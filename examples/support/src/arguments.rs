//! A command line of the form `[OPTIONS] [INPUT] [OUT]`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser};
use segment_stream::Durability;

use super::input::Source;

/// The options of a program. They begin with their defaults.
pub trait Options: Sized {
    /// Sets the option of this name, its dashes included.
    ///
    /// # Errors
    ///
    /// The fault, in one line.
    fn set(&mut self, name: &str, value: Value<'_>) -> Result<(), String>;
}

/// The request of the command line.
#[derive(Debug)]
pub enum Command<O> {
    Help,
    Run {
        options: O,
        source: Source,
        /// `None`: a new temporary directory.
        folder: Option<PathBuf>,
    },
}

impl<O: Options> Command<O> {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    ///
    /// The fault, in one line.
    pub fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        mut options: O,
    ) -> Result<Self, String> {
        let mut parser = Parser::from_args(arguments);
        let mut positional = Vec::new();
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            let name = match argument {
                Arg::Value(value) => {
                    positional.push(value);
                    continue;
                }
                Arg::Short('h') | Arg::Long("help") => return Ok(Self::Help),
                Arg::Short(letter) => format!("-{letter}"),
                Arg::Long(name) => format!("--{name}"),
            };
            let value = Value {
                name: &name,
                parser: &mut parser,
            };
            options.set(&name, value)?;
        }
        let mut positional = positional.into_iter();
        let source = match positional.next() {
            None => Source::Sample,
            Some(input) if input == "-" => Source::StandardInput,
            Some(input) => Source::File(input.into()),
        };
        let folder = positional.next().map(PathBuf::from);
        match positional.next() {
            Some(extra) => Err(format!("one argument too many: {}", extra.display())),
            None => Ok(Self::Run {
                options,
                source,
                folder,
            }),
        }
    }
}

/// The value of an option: `--name=value` or `--name value`.
pub struct Value<'a> {
    name: &'a str,
    parser: &'a mut Parser,
}

impl Value<'_> {
    /// Checks that the option has no value.
    ///
    /// # Errors
    ///
    /// The fault, in one line, as of all the others.
    pub fn none(self) -> Result<(), String> {
        match self.parser.optional_value() {
            None => Ok(()),
            Some(_) => Err(format!("{} takes no value", self.name)),
        }
    }

    /// Any text.
    ///
    /// # Errors
    ///
    /// There is no value.
    pub fn text(self) -> Result<String, String> {
        let value = self.parser.value();
        let value = value.map_err(|_| format!("{} needs a value", self.name))?;
        Ok(value.to_string_lossy().into_owned())
    }

    pub fn seconds(self) -> Result<Duration, String> {
        let name = self.name;
        let value = self.text()?;
        let seconds = value.parse().ok();
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|duration| !duration.is_zero())
            .ok_or_else(|| format!("{name} needs seconds, more than 0, not {value:?}"))
    }

    pub fn count(self) -> Result<usize, String> {
        let name = self.name;
        let value = self.text()?;
        let count = value.parse().ok().filter(|&count| count > 0);
        count.ok_or_else(|| format!("{name} needs a number from 1, not {value:?}"))
    }

    pub fn program(self) -> Result<u16, String> {
        let name = self.name;
        let value = self.text()?;
        let number = value.parse().ok().filter(|&number| number > 0);
        number.ok_or_else(|| format!("{name} needs a program number, 1 to 65535, not {value:?}"))
    }

    pub fn durability(self) -> Result<Durability, String> {
        let name = self.name;
        match self.text()?.as_str() {
            "none" => Ok(Durability::None),
            "file" => Ok(Durability::File),
            "full" => Ok(Durability::Full),
            other => Err(format!("{name} is none, file or full, not {other:?}")),
        }
    }
}
